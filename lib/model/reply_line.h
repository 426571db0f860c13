/* reply_line - what became of a request that went elsewhere, as a line in any form in use.
 *
 *     OpenAI and most others   custom_id, response {status_code,request_id,body}, error
 *     vLLM                     the same with an error reply inside error; or a completion as response
 *     Anthropic                custom_id, result {type,message,error}
 *     Gemini                   key, response or error
 *     xAI                      batch_request_id, batch_result or error_message
 *
 * A line is taken apart, not judged: status and body are given to kv_response_decode like those of a
 * direct reply, so that the same words mean the same. Members that are not named here are passed
 * over, but for "kv", which kv-batch adds. Pure.
 *
 *     struct kv_reply_line r = {0};
 *     if (kv_reply_line_read(&r, line, &err) == 0 && r.end == KV_REPLY_CAME)
 *         kv_response_decode(&response, &to, r.status, r.body, now);
 *     kv_reply_line_release(&r);
 */
#ifndef KV_REPLY_LINE_H
#define KV_REPLY_LINE_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

enum kv_reply_end {
    KV_REPLY_CAME,      /* a reply, of a status */
    KV_REPLY_EXPIRED,   /* it was not its turn in time: no attempt was made */
    KV_REPLY_CANCELLED, /* likewise, as somebody wished */
};

struct kv_reply_line {
    struct kv_buf id; /* of the call, as text */
    enum kv_reply_end end;
    bool success;               /* CAME, and status and body both say so */
    int status;                 /* HTTP; of a failure without one, what its words stand for */
    struct kv_slice body;       /* JSON: the reply, or an error reply; may be empty */
    struct kv_slice request_id; /* JSON string or empty */
    bool chat;                  /* the body is a chat completion, whatever was asked (xAI) */
    struct kv_slice part, batch, wire, tier, at; /* of "kv": JSON values or empty */
    struct kv_buf made;                          /* private: a body put together */
};
void kv_reply_line_release(struct kv_reply_line *r);

/* Reads a line (checked JSON, which the slices point into). KV_INPUT if it is in none of the forms. */
int kv_reply_line_read(struct kv_reply_line *r, struct kv_slice line, struct kv_err *err);

/* Where a reply came from: the member "kv". Texts that are NULL are left out. */
struct kv_reply_from {
    int64_t part; /* 0: none */
    const char *batch, *wire, *tier;
    const char *at; /* RFC 3339 */
};
/* Appends the reply in OpenAI's form with its LF; `from` may be NULL. */
void kv_reply_line_write(
    struct kv_buf *out, const struct kv_reply_line *r, const struct kv_reply_from *from);

#endif
