/* session - everything a run needs, opened from a state and the user's options, in one go.
 *
 * Reads the state, takes its run lock, loads the benchmark and the recorded answers it names,
 * compiles the rules, collects the work, and opens the models. It refuses what does not fit
 * together: a benchmark whose content is not the one the state was made for, a manifest of any jobs
 * without a command to run them.
 */
#ifndef KV_SESSION_H
#define KV_SESSION_H

#include "exec_tasks.h"
#include "models.h"
#include "requests.h"
#include "run.h"
#include "spending.h"

struct kv_session_options {
    const char *state;     /* as the user gave it */
    const char *tasks;     /* file, "-" or NULL */
    struct kv_shard shard; /* only its tasks; count 0: all */
    const char *share;
    int jobs; /* 0: what the configuration says */
    bool adaptive;
    double rpm, tpm;
    bool retry_failed;
    const char *categories;
    long give_up; /* after so many failures for the infrastructure; 0: never */
    const char *manual_traces, *replay; /* in place of those the state names; or NULL */
    const char *exec_command, *answer_command, *judge_command, *template_command;
    const char *judge_fallback; /* id or name of a judge that stands in for others; NULL: none */
    const char *prices;         /* file or NULL */
    struct kv_moves moves;      /* models that are asked elsewhere than the configuration says */
    bool cost_limited, tokens_limited;
    struct kv_streaming streaming;
    const char *defer; /* a directory where calls go that are asked elsewhere; NULL: none are */
    bool defer_answers, defer_judges; /* which */
    bool only_batches;                /* … only of models whose service has batches, … */
    const char *batch_as;             /* … as this shape says of all of them; or NULL */
    const char *const *replies;       /* files of what came of them */
    size_t reply_count;
    bool heed_batches; /* hold back what is ordered in batches, take what came of them */
    bool race;         /* … but ask also what is ordered */
    void (*say)(void *closure, const char *text); /* of these files; not NULL if there are any */
    bool lock;                                    /* take the run lock */
    bool journal;                                 /* … and keep replies (journal.h) */
    bool offline;                                 /* open no models: for --dry-run */
    bool every_model; /* also models that nothing is to be asked of: for --check */
    uint64_t seed;
    kv_env_fn *env;
    const char *pass_keys; /* names of keys that commands may see; NULL: none */
};

struct kv_session {
    struct kv_state *state;
    int run_lock;
    struct kv_config *config; /* NULL: a manifest of any jobs */
    struct kv_bench *bench;
    struct kv_plan plan;
    struct kv_model_names *names;
    struct kv_prompts *prompts;
    struct kv_verifier *verifier;
    struct kv_scorer *scorer; /* NULL if no rubric is evaluated */
    struct kv_traces *traces;
    struct kv_recorded *replay;
    struct kv_pipeline_shared shared;
    struct kv_jobs work;
    struct kv_secrets *ring;
    struct kv_buf withheld;     /* names of keys that commands do not see */
    struct kv_journal *journal; /* NULL: none */
    kv_env_fn *env;
    struct kv_pricing pricing;
    struct kv_models models;
    bool rows_loaded;                         /* of the state: it tells who failed, and where */
    bool idle;                                /* nothing is pending: nothing else was opened */
    bool by_command;                          /* whole tasks: no model is asked */
    bool answer_by_command, judge_by_command; /* only that model is not */
    struct kv_translator *translator;         /* NULL: no command was given */
    struct kv_exec_tasks tasks;
    struct kv_requests requests; /* path NULL: jobs are no requests */
    struct kv_tries *tries;
    struct kv_defer *defer;
    struct kv_replies *replies;
    bool replies_collected;        /* … by kv-batch, and not given */
    struct kv_batch_ids *held;     /* calls that open batches have; NULL: none */
    char nonce[KV_CALL_NONCE + 1]; /* in names of calls */
    struct kv_ledger *ledger;      /* NULL: no model is asked in the background */
};

/* On failure everything is released again. */
int kv_session_open(
    struct kv_session *s, const struct kv_session_options *options, struct kv_err *err);
void kv_session_close(struct kv_session *s);

/* Fills the part of a run's setup that is known here. */
void kv_session_setup(struct kv_session *s, struct kv_run_setup *setup);

/* What earlier runs of the state have used, for limits that hold for all runs. Release it in any
 * case. */
int kv_session_spent(struct kv_session *s, struct kv_spending *spent, struct kv_err *err);

/* Appends the task of a key as JSON: for commands, and as kv-status prints it. */
int kv_session_task(struct kv_session *s, struct kv_slice key, struct kv_buf *json);

#endif
