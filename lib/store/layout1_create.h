/* layout1_create - a new pair of layout 1.0: both files or neither, in our growing form.
 *
 *     struct kv_store_plan plan = {.output_path = "results.json", …};
 *     if (kv_store_create(&plan, &err)) …
 *
 * What is in the plan is borrowed for the call. What the manifest and the configuration are is the
 * caller's business (task.h, config.h); adding results is store.h.
 */
#ifndef KV_LAYOUT1_CREATE_H
#define KV_LAYOUT1_CREATE_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>

struct kv_store_plan {
    const char *output_path;    /* results.json */
    const char *benchmark_path; /* exactly as the user gave it */
    struct kv_slice config;     /* full dump in the .state spelling: one JSON object */
    const char *config_hash;    /* "" for none */
    /* The key of task i, unescaped, in the order of the manifest; borrowed until the next call. It is
     * asked for more than once. No two are alike. */
    struct kv_slice (*task)(void *tasks, size_t i);
    void *tasks;
    size_t manifest_count;
    struct kv_slice models;  /* metadata.verification_config of the export; empty: from config */
    struct kv_slice rubric;  /* shared_data.rubric_definition; empty: null */
    struct kv_slice members; /* private top-level members of .state: a JSON object, or empty */
    double start_time;       /* POSIX seconds */
    bool replace;            /* overwrite a pair that is there */
    const char *way_out;     /* ends the message where results without a state are there; or NULL */
    /* Rows to begin with, oldest first (extending a finished run): 1 with a row, 0 at the end, -1.
     * It is gone through twice: after a 0 the next call answers the first row again. NULL: none. A
     * row that is no result, or whose key is not in the manifest, is an error; of rows that
     * supersede one another the newest is taken. */
    int (*next_row)(void *closure, struct kv_slice *row, struct kv_err *err);
    void *closure;
};

/* A `task` whose `tasks` are an array of slices. */
struct kv_slice kv_store_plan_listed(void *tasks, size_t i);

/* Writes the pair, both files or neither, durable. KV_INPUT if a pair (or one file of it) is there
 * and not to be replaced, or if two keys of the manifest are alike. */
int kv_store_create(const struct kv_store_plan *plan, struct kv_err *err);

#endif
