/* jail - runs jq programs that users wrote, with bounds on what they can do.
 *
 * A worker process compiles and runs them. It has no environment, may open no file and start no
 * process, and has limits on memory, processor time and wall-clock time. A program that loops or
 * eats memory takes its worker along and fails its own task; the next run gets a new worker. The
 * worker is started at the first use and kept: a run then costs a round trip over a socket.
 */
#ifndef KV_JAIL_H
#define KV_JAIL_H

#include "buf.h"
#include "err.h"

struct kv_jail;

struct kv_jail_limits {
    long time_ms;   /* of one run: processor time, and twice that by the clock */
    long memory_mb; /* beyond what the worker had when it was started */
    size_t output;  /* bytes of one result */
};

/* limits NULL: one second, 128 MB, 1 MB. */
struct kv_jail *kv_jail_open(const struct kv_jail_limits *limits);
void kv_jail_close(struct kv_jail *j); /* NULL is fine */

/* Runs `filter` on `input` with $expected bound, and appends its first result, compact. -1, kind
 * KV_INPUT, with the reason if it does not compile, raises, has no result or passes a bound;
 * KV_SYSTEM if no worker can be started. */
int kv_jail_run(struct kv_jail *j, struct kv_slice filter, struct kv_slice input,
    struct kv_slice expected, struct kv_buf *out, struct kv_err *err);

#endif
