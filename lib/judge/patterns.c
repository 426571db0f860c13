/* patterns - users' patterns, compiled: the last few that were matched. */
#include "patterns.h"

#include <stdlib.h>

static void forget(struct kv_pattern *p)
{
    free(p->text);
    kv_re_close(p->compiled);
    *p = (struct kv_pattern){0};
}

static struct kv_pattern *find(struct kv_patterns *p, struct kv_slice text, unsigned flags)
{
    for (size_t i = 0; i < KV_PATTERNS; i++) {
        struct kv_pattern *one = &p->last[i];
        if (one->text && one->flags == flags &&
            kv_slice_eq((struct kv_slice){one->text, one->n}, text))
            return one;
    }
    return NULL;
}

const struct kv_re *kv_patterns_find(
    struct kv_patterns *p, struct kv_slice text, unsigned flags, struct kv_err *err)
{
    struct kv_pattern *one = find(p, text, flags);
    if (one && (one->compiled || p->bounded))
        return one->compiled;
    if (!one) {
        one = &p->last[p->next++ % KV_PATTERNS];
        forget(one);
        *one = (struct kv_pattern){kv_slice_dup(text), text.n, flags, NULL};
    }
    one->compiled =
        p->bounded ? kv_re_open_bounded(text, flags, err) : kv_re_open(text, flags, err);
    return one->compiled;
}

void kv_patterns_release(struct kv_patterns *p)
{
    for (size_t i = 0; i < KV_PATTERNS; i++)
        forget(&p->last[i]);
}
