/* error_body - what a server said when it refused, out of any of the bodies servers use for it.
 *
 * Error objects of OpenAI, Anthropic, Google and their imitators, bare strings, FastAPI's details,
 * gateways' HTML: all become the same few texts, which outcome.h then judges. Nothing here is
 * redacted yet. Source: lib/model/README.md.
 */
#ifndef KV_ERROR_BODY_H
#define KV_ERROR_BODY_H

#include "buf.h"
#include "outcome.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_error_body_text {
    struct kv_buf type, code, param, message, detail;
    int status;       /* a status named inside the body; 0: none */
    int64_t delay_ms; /* a wait asked for inside the body; -1: none */
};
void kv_error_body_release(struct kv_error_body_text *t);

/* Reads a body of any kind; what is missing stays empty. */
void kv_error_body_read(struct kv_error_body_text *t, struct kv_slice body);
/* Reads the value of an "error" member (checked JSON). */
void kv_error_body_read_error(struct kv_error_body_text *t, struct kv_slice error);

/* The view of it that outcome.h takes. */
struct kv_error_body kv_error_body_of(
    const struct kv_error_body_text *t, int status, int64_t retry_after_ms, bool google);

#endif
