/* prior - the rows of a finished export, to begin a run with: read over and over, one at a time.
 *
 *     struct kv_prior prior = {.path = "results.json"};
 *     while ((got = kv_prior_next(&prior, &row, &err)) == 1) …
 *     kv_prior_end(&prior);
 */
#ifndef KV_PRIOR_H
#define KV_PRIOR_H

#include "rows.h"

#include <stdbool.h>

struct kv_prior {
    const char *path;
    struct kv_rows rows;
    size_t line; /* of the row given last */
    bool open;
};

/* 1 and a row, 0 at the end, -1, also where the file is no export, without results; the call after
 * a 0 begins again (create.h wants it so). The first argument is a struct kv_prior. */
int kv_prior_next(void *closure, struct kv_slice *row, struct kv_err *err);
void kv_prior_end(struct kv_prior *p); /* twice is fine */

#endif
