/* sink - where a report goes that is too long to be held: bytes collected, and written in large
 * pieces.
 *
 *     struct kv_sink s = {.fd = fd};
 *     kv_buf_add_str(&s.held, …);
 *     kv_sink_step(&s);                     now and then
 *     kv_sink_end(&s, &err);                the first failure of any step
 */
#ifndef KV_SINK_H
#define KV_SINK_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_sink {
    int fd;
    struct kv_buf held; /* what is added here is written */
    uint64_t written;   /* bytes that are out */
    bool failed;
    struct kv_err err;
};

/* Writes if much is held, all but the last byte: whoever adds JSON looks at it (json_out.h). */
void kv_sink_step(struct kv_sink *s);
int kv_sink_end(struct kv_sink *s, struct kv_err *err);

#endif
