/* state - how far a run has come: manifest, completed, failed; read without a lock.
 *
 * A run is a pair of files beside its output path, here results.json:
 *
 *     layout 1.0   results.json.state   results.json.tmp             (ours, and karenina's)
 *     layout 2.0   results.json.state   results.json.results.jsonl   (karenina's)
 *
 * This module finds the pair, reads it whatever its white space and key order, and answers what is
 * pending. It never waits and never writes: any number of readers may run beside a writer. Writing
 * is store.h. It does not know what a configuration means (config.h) nor what a row says beyond
 * its key, its failure and whether it settles its task (result.h).
 *
 *     struct kv_state *s = kv_state_open("results.json.state", &err);   the head: counts, times
 *     kv_state_load(s, KV_LOAD_TASKS | KV_LOAD_ROWS, &err);             who is done
 *     struct kv_tasks walk;
 *     kv_tasks_begin(&walk, s, KV_KEYS_MANIFEST, &err);
 *     while ((got = kv_tasks_next(&walk, &task, &err)) == 1)
 *         if (!task.completed) …
 *     kv_tasks_end(&walk);
 *     kv_state_close(s);
 *
 * Formats: kv-state(5).
 */
#ifndef KV_STATE_H
#define KV_STATE_H

#include "buf.h"
#include "err.h"
#include "key_index.h"
#include "keys.h"
#include "outcomes.h"
#include "paths.h"
#include "result.h"
#include "rows.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- opening ---- */

/* What the .state file says of itself. Strings are "" where the file has none; slices are JSON as
 * it stands in the file, empty where absent. All borrowed from the state. */
struct kv_state_info {
    enum kv_layout layout;
    bool finished; /* no pair: told from the export at results_path; nothing can be added */
    bool growing;  /* in the layout of store.h: the counts below came from its first block */
    const struct kv_paths *paths;
    const char *results_path; /* paths->tmp or paths->jsonl */
    struct kv_slice config;   /* object */
    const char *config_hash, *benchmark_path;
    const char *created_at, *last_updated_at; /* "" if they are no strings */
    bool has_start;
    double start_time;                    /* POSIX seconds */
    struct kv_slice start_text;           /* its number as spelled; "null" if there is none */
    int64_t total_tasks, completed_count; /* as recorded; for a file without them, as counted */
    int64_t
        pending_count;    /* distinct keys of the manifest not recorded; -1 until known: see load */
    int64_t failed_count; /* keys whose newest row is a failure other than a wrong answer; -1 until
                             known */
    struct kv_outcomes outcomes; /* of the newest rows of completed keys; once failed_count is */
    int64_t row_count;           /* rows of the results file; -1 until known */
    int64_t manifest_length, recorded_count; /* as counted: keys of the manifest with repetitions,
                                              * distinct completed ones; -1 until loaded */
    int64_t adopted_count;                   /* completed by a row alone; 0 until rows are loaded */
    int64_t hole_count; /* tasks of the manifest that are recorded as completed and have no row:
                         * they are pending; 0 until rows are loaded */
    int64_t adopted_pending; /* those of them that are in the manifest */
};

struct kv_state;

/* Opens and reads all but the two arrays: milliseconds for a growing pair of any size. The results
 * file need not exist. NULL with KV_INPUT: no such file, not JSON (with the place), no object,
 * a version other than 1.0 and 2.0, or a member of a type that cannot be. */
struct kv_state *kv_state_open(const char *operand, struct kv_err *err);

/* The same, and where the pair is gone and a finished export stands in its place (or is what was
 * named), that, told as a complete run: info->finished. For those who only look. */
struct kv_state *kv_state_open_any(const char *operand, struct kv_err *err);
void kv_state_close(struct kv_state *s); /* NULL is fine */

/* 1 if only the export of the run is left, of whatever kind, 0 if not; -1. Of a CSV (finished_csv.h)
 * nothing can be opened. Reads a header at most. */
int kv_state_is_finished(const char *operand, struct kv_err *err);

const struct kv_state_info *kv_state_info(const struct kv_state *s);

/* A further top-level member, for instance one that kv_store_create was given as private. False if
 * there is none. */
bool kv_state_member(const struct kv_state *s, const char *name, struct kv_slice *value);

/* Replaces *text by what KV_MEMBER_QUESTIONS says, which is as long as the benchmark: it is not held,
 * and kv_state_member does not find it. 1; 0 if there is none; -1 if it cannot be read. */
int kv_state_questions(const struct kv_state *s, struct kv_buf *text, struct kv_err *err);
bool kv_state_has_questions(const struct kv_state *s);

/* Appends an object of all top-level members but the two arrays, as they stand. */
int kv_state_add_members(const struct kv_state *s, struct kv_buf *out, struct kv_err *err);

/* The descriptor of the .state as it was opened, for kv_keys_begin. It stays the state's. */
int kv_state_file(const struct kv_state *s);

/* Checks that the run can go on from here. KV_INPUT if the results file of a 1.0 pair is missing, or
 * the .state lacks what a resume needs (config, benchmark_path, task_manifest,
 * completed_task_ids). */
int kv_state_check(const struct kv_state *s, struct kv_err *err);

/* True if the results file of a growing pair has rows that its .state does not know of, because a
 * writer died, or is at work, between the two. Then only KV_LOAD_ROWS tells who is done. True as
 * well where that cannot be seen. */
bool kv_state_has_more_rows(const struct kv_state *s);

/* True if the results file of a growing pair has fewer rows than its .state tells of. Then there are
 * holes, which only KV_LOAD_ROWS tells. False where that cannot be seen. */
bool kv_state_lacks_rows(const struct kv_state *s);

/* ---- who is done ---- */

enum kv_load {
    KV_LOAD_TASKS = 1, /* the manifest and the completed keys; sets pending_count */
    KV_LOAD_ROWS =
        2, /* the rows as well: which tasks failed, and which are completed although their
            * key is not recorded (a writer died between the two files): the next writer
            * will record them. Every row of a 1.0 pair must be a result (KV_INPUT); one
            * of a 2.0 pair that is not is passed over. Implies KV_LOAD_TASKS. */
};

/* Memory: 32 bytes a task at most four-fold. May be called again with more; what is loaded stays. A
 * missing results file is KV_INPUT for a 1.0 pair with KV_LOAD_ROWS, and no rows for a 2.0 pair. */
int kv_state_load(struct kv_state *s, unsigned what, struct kv_err *err);

/* Gives back what was loaded, which is most of what a state holds: kv_state_find knows nothing then,
 * and kv_state_load loads it again. What kv_state_info says stays. */
void kv_state_forget(struct kv_state *s);

struct kv_task_state {
    struct kv_slice key; /* unescaped; in a walk borrowed until the next step */
    bool in_manifest;
    bool completed;  /* recorded, or settled by a row; not a hole, once rows are loaded */
    bool recorded;   /* its key is among the completed ones of .state */
    bool failed;     /* its newest row is a failure (needs KV_LOAD_ROWS) */
    bool has_row;    /* (needs KV_LOAD_ROWS) */
    uint64_t offset; /* of its newest row in the results file */
};

/* Looks one key up; all false if it is unknown. After kv_state_load. */
void kv_state_find(const struct kv_state *s, struct kv_slice key, struct kv_task_state *task);

/* The keys of one array, each once, a repeated one where it first stands. Among the completed ones,
 * those not in_manifest are orphans and those without a row are holes. A walk reads the file again,
 * piece by piece: memory stays flat. After kv_state_load. */
struct kv_tasks {
    const struct kv_state *state;
    struct kv_keys keys;
    struct kv_key_index *seen; /* only where keys repeat */
};
int kv_tasks_begin(
    struct kv_tasks *t, const struct kv_state *s, enum kv_keys_of which, struct kv_err *err);
int kv_tasks_next(
    struct kv_tasks *t, struct kv_task_state *task, struct kv_err *err); /* 1, 0, -1 */
void kv_tasks_end(struct kv_tasks *t);                                   /* twice is fine */

/* The key a row belongs to in this pair (replaces what *key holds): that of the row itself, but for
 * a scenario's turn in layout 2.0 (keys.h). */
int kv_state_row_key(
    struct kv_state *s, const struct kv_result *row, struct kv_buf *key, struct kv_err *err);

#endif
