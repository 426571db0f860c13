/* request_line - a request as a line of OpenAI's batch input, which services and engines read.
 *
 *     {"custom_id":"…","method":"POST","url":"/v1/chat/completions","body":{…}}
 *
 * Exactly these four members are written, as nobody says what a service does with a fifth. The URL
 * is a path, with /v1, also where a service has another prefix. Pure.
 */
#ifndef KV_REQUEST_LINE_H
#define KV_REQUEST_LINE_H

#include "buf.h"
#include "err.h"
#include "services.h"

/* What a line says; slices of it, JSON values as they stand there. */
struct kv_request_line {
    struct kv_slice id;    /* JSON string */
    struct kv_slice url;   /* JSON string */
    struct kv_slice body;  /* JSON object */
    struct kv_slice model; /* of the body; empty if it names none */
};

/* Reads a line (checked JSON). KV_INPUT says which members are wrong; *r is untouched then. Other
 * members are passed over. */
int kv_request_line_read(struct kv_request_line *r, struct kv_slice line, struct kv_err *err);

/* Appends a line with its LF. `body` is a JSON object. */
void kv_request_line_write(
    struct kv_buf *out, struct kv_slice id, struct kv_slice url, struct kv_slice body);

/* Appends the path that requests of a protocol go to; `model` stands in that of Gemini. */
void kv_request_line_add_url(struct kv_buf *out, enum kv_protocol_kind wire, struct kv_slice model);
/* The protocol of a path. False for another one, as of embeddings. */
bool kv_request_line_wire(struct kv_slice url, enum kv_protocol_kind *wire);

/* How files of requests and replies name a protocol: "chat", "messages", "responses", "gemini". */
const char *kv_request_line_wire_name(enum kv_protocol_kind wire);

#endif
