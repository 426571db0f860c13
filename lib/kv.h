/* kv - keep the results of a long benchmark run so that it can be stopped at any moment and
 * resumed.
 *
 * The C interface of libkv: what kv-manifest, kv-append, kv-status, kv-check-compat and kv-finalize
 * do to the pair of files of a run, for programs that make their results themselves. kv(7) is the
 * tour, kv-state(5) and kv-results(5) are the files, which karenina reads and writes too.
 *
 *     struct kv_error error;
 *     struct kv_save *save = kv_save_initialize("results.json", &run, &error);
 *     kv_save_add_result(save, row, strlen(row), &error);      durable when it returns
 *     kv_save_close(save);
 *     …
 *     save = kv_save_load_for_resume("results.json.state", &error);    in another process, later
 *     kv_save_each_pending(save, work_on, closure, &error);
 *     kv_save_finalize(save, &error);                          results.json remains
 *     kv_save_close(save);
 *
 * Conventions. Text is UTF-8; a `const char *` without a length ends in NUL; what a function
 * returns as `const char *` belongs to the save, lasts until the next call on it, and is never
 * freed by the caller. Functions that can fail return 0 or -1 (a pointer or NULL) and fill *error
 * on failure only; `error` may be NULL. A save is used by one thread at a time; different saves are
 * independent, in threads and in processes: writers of one run wait for one another (a lock that
 * dies with its holder), readers never wait. The library starts no thread, takes no signal, reads
 * no environment, does not depend on the locale, and writes to no descriptor it did not open. Only
 * when memory runs out does it end the process, with one line on descriptor 2 and status 4; what
 * was acknowledged is on disk then.
 */
#ifndef KV_H
#define KV_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define KV_API __attribute__((visibility("default")))
#else
#define KV_API
#endif

/* ---- failures ---- */

/* `status` is the exit status that kv's programs give such a failure: 1 the answer is no (tasks
 * remain), 3 the input is not acceptable, 4 the system refused, 6 another process holds the run. */
struct kv_error {
    int status;
    char text[1024]; /* one line, no full stop */
};

/* ---- beginning, resuming, leaving ---- */

struct kv_save;

struct kv_save_run {
    const char *benchmark_path;       /* remembered and compared, not opened */
    const char *config;               /* a preset or VerificationConfig as JSON: kv-config(5) */
    size_t config_size;               /* its bytes */
    const char *const *task_manifest; /* task keys (kv_task_key), in order, no two alike */
    size_t task_count;
};

/* Writes a new pair beside `output_path`, OUTPUT.state and OUTPUT.tmp, both or neither, durable.
 * Fails with 3 if there is a run already, if the configuration is none, or if two keys are alike.
 * Close what is returned with kv_save_close. */
KV_API struct kv_save *kv_save_initialize(
    const char *output_path, const struct kv_save_run *run, struct kv_error *error);

/* Opens the pair of a run that exists, by its .state file or its output path, whoever wrote it.
 * Fails with 3 if it is missing, damaged (the place is told) or of an unknown version. */
KV_API struct kv_save *kv_save_load_for_resume(const char *state_path, struct kv_error *error);

/* Frees the save. The files stay: every result that was added is in them. NULL is accepted. */
KV_API void kv_save_close(struct kv_save *save);

/* ---- results ---- */

/* Adds one result, one JSON object of `size` bytes kept as they are (kv-results(5)), and completes
 * its task. When 0 is returned the result survives kill -9 and a power cut. The task of a result is
 * its member task_id, or what its metadata say. A result of a task that is completed already is
 * skipped, which is no failure; one of a task that failed supersedes the failure. Fails with 3 if
 * it is no result or its task is not in the manifest; nothing has changed then. */
KV_API int kv_save_add_result(
    struct kv_save *save, const char *result, size_t size, struct kv_error *error);

/* The same for many at once, one JSON object a line, made durable together: a line costs much less
 * than a call of kv_save_add_result. Either all lines are accepted or none; the text of a failure
 * begins with the number of the line. */
KV_API int kv_save_add_results(
    struct kv_save *save, const char *lines, size_t size, struct kv_error *error);

/* ---- how far it is: as of the last call of initialize, load_for_resume, add or each_pending ----
 */

KV_API int64_t kv_save_total_tasks(const struct kv_save *save);
KV_API int64_t kv_save_completed_count(const struct kv_save *save);
KV_API int64_t kv_save_pending_count(const struct kv_save *save);

/* Calls `visit` with each pending task key, in the order of the manifest, `size` bytes followed by
 * a NUL, lent for the call. Stops early when it returns other than 0, and returns that; else 0, or
 * -1. */
KV_API int kv_save_each_pending(struct kv_save *save,
    int (*visit)(void *closure, const char *task_key, size_t size), void *closure,
    struct kv_error *error);

KV_API const char *kv_save_state_path(const struct kv_save *save);
KV_API const char *kv_save_tmp_path(const struct kv_save *save);

/* ---- whether a configuration may go on with this run ---- */

/* 1 if it may; 0 if not, with karenina's reason in *reason (lent; "" if compatible; `reason` may be
 * NULL); -1 if the configuration is none. The rule is karenina's: the same benchmark path and the
 * same configuration hash. A system prompt that the configuration leaves to the default is taken
 * from the run. */
KV_API int kv_save_is_compatible(struct kv_save *save, const char *config, size_t config_size,
    const char *benchmark_path, const char **reason, struct kv_error *error);

/* ---- the end ---- */

/* Writes the results to the output path, whole or not at all, and removes the pair. Fails with 1
 * while tasks remain (nothing is touched). Only kv_save_close may follow. */
KV_API int kv_save_finalize(struct kv_save *save, struct kv_error *error);

/* ---- without opening a run ---- */

struct kv_inspection {
    int64_t total_tasks, completed_count, pending_count;
    double progress_percent; /* completed of total, 0 to 100; 0 if there are no tasks */
    int tmp_file_exists;
    int64_t tmp_file_size; /* bytes; 0 if it does not exist */
};

/* Looks at a .state file without a lock, also while it is written to. Milliseconds at any size. */
KV_API int kv_inspect_state_file(
    const char *state_path, struct kv_inspection *out, struct kv_error *error);

#define KV_TASK_NO_REPLICATE (-1)

/* Writes the key of a task, "QUESTION\tANSWERING\tPARSING[\trepN]", and a NUL to `key` as far as
 * `size` allows, and returns its length without the NUL, as snprintf does. The models are canonical
 * model keys (kv-state(5)). */
KV_API size_t kv_task_key(char *key, size_t size, const char *question_id,
    const char *answering_canonical_key, const char *parsing_canonical_key, int64_t replicate);

/* The version of the library, "0.1.0". */
KV_API const char *kv_version(void);

#ifdef __cplusplus
}
#endif

#endif
