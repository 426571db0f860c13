/* patterns - users' patterns, compiled: the last few that were matched. */
#ifndef KV_PATTERNS_H
#define KV_PATTERNS_H

#include "buf.h"
#include "err.h"
#include "re.h"

enum { KV_PATTERNS = 64 };

struct kv_patterns {
    bool bounded; /* those whose cost is known beforehand, and no others (re.h) */
    struct kv_pattern {
        char *text; /* NULL: free */
        size_t n;
        unsigned flags;
        struct kv_re *compiled; /* NULL: it does not compile, or is not bounded */
    } last[KV_PATTERNS];
    size_t next;
};

/* The pattern, from the last few or compiled anew; theirs, and good until the next call. NULL, with
 * re's words in *err, if it does not compile. With `bounded` NULL says too that it is of another
 * kind, and nothing is said in *err. */
const struct kv_re *kv_patterns_find(
    struct kv_patterns *p, struct kv_slice text, unsigned flags, struct kv_err *err);

void kv_patterns_release(struct kv_patterns *p);

#endif
