/* manifest - the tasks of a run are listed, from a benchmark or from jobs of any kind.
 *
 *     struct kv_manifest m = {0};
 *     if (kv_manifest_plan(&m, &options, &err) != 0) … m.config_problems …
 *     if (options.print)
 *         for (size_t i = 0; i < m.count; i++) kv_manifest_add_task(&m, i, &line);
 *     else
 *         kv_begin(&m, &options, &out, &err);          begin.h
 *     kv_manifest_release(&m);
 *
 * kv_manifest_plan reads and checks everything and writes nothing; all that is wrong with the two
 * files is in m.config_problems and m.bench_problems, one sentence of it in *err.
 */
#ifndef KV_MANIFEST_H
#define KV_MANIFEST_H

#include "inputs.h"
#include "plan.h"
#include "requests.h"
#include "same_run.h"
#include "shard.h"

struct kv_manifest_options {
    struct kv_inputs inputs;
    const char *benchmark, *config, *output; /* as the user gave them */
    const char *questions, *question_ids;    /* selections; NULL: all */
    const char *shard;                       /* I/N, @/N or NULL */
    const char *tasks;                       /* a list of jobs instead of a benchmark, or NULL */
    const char *requests;                    /* … whose jobs are requests (requests.h), or NULL */
    const char *extend_from;            /* a finished export whose rows to begin with, or NULL */
    const char *manual_traces, *replay; /* recorded answers, or NULL */
    bool if_absent, force;
    /* Not NULL: what cannot change a result stays as the run that is there began with it, and this says
     * whether there was any. */
    bool *as_begun;
    bool layout2; /* a pair of karenina's layout 2.0 */
    double now;   /* POSIX seconds */
};

struct kv_manifest {
    struct kv_problems config_problems, bench_problems;
    struct kv_problems job_problems;   /* of a list of jobs; paths are numbers of lines */
    struct kv_problems remarks;        /* on the benchmark: legal, but will fail its tasks */
    struct kv_problems config_remarks; /* on the configuration: what kv-run does not do */
    struct kv_config *config;          /* NULL: jobs of any kind */
    struct kv_bench *bench;
    struct kv_shard shard; /* count 0: none was asked for */
    struct kv_plan plan;
    size_t planned, count; /* keys up to `planned` are the plan's (or jobs), those beyond come
                                * from the export that is extended */
    uint32_t *numbers;     /* private: of a shard, which tasks of the plan; NULL: all, in order */
    struct kv_buf text;    /* private: the keys that are not the plan's, one behind another, */
    size_t *ends, listed;  /* private: where each of them ends, and how many they are */
    struct kv_buf jobs_config; /* the configuration of a list of jobs, canonical; {} if none */
    bool has_jobs_config;
    char requests[KV_REQUESTS_DIGEST + 1]; /* the digest of a file of requests; "" for none */
};

/* Reads the configuration of a list of jobs (NULL: none): any JSON object, appended canonically. */
int kv_manifest_jobs_config(const char *path, struct kv_buf *canonical, struct kv_err *err);

int kv_manifest_plan(
    struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_err *err);

/* The key of task i: borrowed from `scratch`, or from the manifest. */
struct kv_slice kv_manifest_key(const struct kv_manifest *m, size_t i, struct kv_buf *scratch);

/* Appends a task as one line of JSON, without its end. */
void kv_manifest_add_task(const struct kv_manifest *m, size_t i, struct kv_buf *out);

void kv_manifest_release(struct kv_manifest *m);

#endif
