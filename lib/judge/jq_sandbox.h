/* jq_sandbox - runs jq programs and patterns that users wrote, with bounds on what they can do.
 *
 * A worker process compiles and runs them. It has no environment, may open no file and start no
 * process, and has limits on memory, processor time and wall-clock time. A program that loops or
 * eats memory takes its worker along and fails its own task; the next run gets a new worker. The
 * worker is started at the first use and kept: a run then costs a round trip over a socket.
 */
#ifndef KV_JQ_SANDBOX_H
#define KV_JQ_SANDBOX_H

#include "buf.h"
#include "err.h"

struct kv_jq_sandbox;

struct kv_jq_sandbox_limits {
    long time_ms;   /* of one run: processor time, and twice that by the clock */
    long memory_mb; /* beyond what the worker had when it was started */
    size_t output;  /* bytes of one result */
};

/* limits NULL: one second, 128 MB, 1 MB. */
struct kv_jq_sandbox *kv_jq_sandbox_open(const struct kv_jq_sandbox_limits *limits);
void kv_jq_sandbox_close(struct kv_jq_sandbox *j); /* NULL is fine */

/* Runs `filter` on `input` with $expected bound, and appends its first result, compact. -1, kind
 * KV_INPUT, with the reason if it does not compile, raises, has no result or passes a bound;
 * KV_SYSTEM if no worker can be started. */
int kv_jq_sandbox_run(struct kv_jq_sandbox *j, struct kv_slice filter, struct kv_slice input,
    struct kv_slice expected, struct kv_buf *out, struct kv_err *err);

/* How often a pattern of Python's matches in a text, at most `most` times (re.h). -1, KV_INPUT: it
 * does not compile, in re's words, or matching was given up: it took too many steps, or too long. */
int kv_jq_sandbox_count(struct kv_jq_sandbox *j, struct kv_slice pattern, unsigned flags,
    struct kv_slice text, long most, long *count, struct kv_err *err);

#endif
