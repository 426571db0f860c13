/* jail - runs jq programs that users wrote, with bounds on what they can do.
 *
 * A worker process, forked before it knows any secret worth having, compiles and runs them. It has
 * no environment, no descriptors but its two pipes, no files, and limits on memory, processor time
 * and wall-clock time. A program that loops or eats memory takes its worker along and fails its own
 * task; the next one gets a new worker. Programs that read input, modules, files or the environment
 * are refused by name or see nothing.
 *
 * The worker is started at the first use and kept: a run then costs a round trip over a pipe.
 */
#ifndef KV_JAIL_H
#define KV_JAIL_H

#include "buf.h"
#include "err.h"

struct kv_jail;

struct kv_jail_limits {
    long time_ms;   /* wall clock and processor, per run */
    long memory_mb; /* address space of the worker */
    size_t output;  /* bytes of one result */
};

struct kv_jail *kv_jail_open(const struct kv_jail_limits *limits); /* NULL: the defaults */
void kv_jail_close(struct kv_jail *j);                             /* NULL is fine */

/* Runs `filter` on `input` with $expected bound, and appends its one result, compact. -1, kind
 * KV_INPUT, with the reason if it has an error, no result, or passes a bound; KV_SYSTEM if no
 * worker can be started. */
int kv_jail_run(struct kv_jail *j, struct kv_slice filter, struct kv_slice input,
    struct kv_slice expected, struct kv_buf *out, struct kv_err *err);

#endif
