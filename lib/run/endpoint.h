/* endpoint - one model of the configuration as a run talks to it: over HTTP, or by a command.
 *
 * Holds what is learned about it during the run (the step of the structured-output ladder, the
 * quirks of its server), its lane in the scheduler, its price, and the account of what it cost. It
 * knows how a query is sent and what a reply means for the scheduler; it starts nothing itself.
 */
#ifndef KV_ENDPOINT_H
#define KV_ENDPOINT_H

#include "account.h"
#include "cache_keys.h"
#include "child.h"
#include "config.h"
#include "digest.h"
#include "pricing.h"
#include "provider.h"
#include "query.h"
#include "response.h"
#include "sched.h"

/* How calls are streamed: of the whole run. Seconds; 0: the usual. */
struct kv_streaming {
    enum kv_stream_when { KV_STREAM_AUTO, KV_STREAM_ALWAYS, KV_STREAM_NEVER } when;
    double first_s, idle_s, total_s;
};

/* The ids of the last answers, and what they answer. */
enum { KV_ENDPOINT_IDS = 64 };
struct kv_endpoint_ids {
    struct kv_endpoint_id {
        uint64_t id, asked; /* kv_digest_quick */
    } last[KV_ENDPOINT_IDS];
    size_t n;
    bool vary, repeat;
};

struct kv_endpoint {
    const struct kv_model *model;
    bool judge;
    char *name;                   /* display string, for messages */
    const char *command;          /* borrowed; NULL: over HTTP */
    struct kv_endpoint *fallback; /* of a judge: who is asked when it is down; NULL: nobody */
    bool silent;                  /* interface manual, or not wanted: never asked */
    struct kv_provider provider;
    struct kv_lane *lane;
    enum kv_step step;
    int looked_at, unusable; /* private: replies to this step, and those without an object */
    unsigned quirks;
    const char *effort, *verbosity; /* those the server takes instead of the user's; or NULL */
    enum kv_step first_step;        /* before anything was learned; */
    unsigned first_quirks;          /* likewise */
    bool deferred;                  /* its calls are written down, not made (defer.h) */
    bool background;                /* answers are worked on in the background, and fetched */
    struct kv_buf adjusted;         /* how its requests differ from what is configured, for rows */
    struct kv_streaming streaming;
    const struct kv_pricing *pricing;      /* borrowed; NULL: a command for tasks */
    const struct kv_pricing_model *priced; /* what it costs; in `pricing` */
    struct kv_account account;
    int64_t answers;
    size_t jobs; /* for which it may be asked in this run; 0: not known */
    struct kv_cache_keys keys;
    int held;             /* calls that wait for one that begins alike */
    int refusals;         /* requests in a row that were refused, with no answer between */
    double last_cost;     /* of the last reply by the price file; NAN: not known, or no file */
    double reserved;      /* what the calls under way may cost, as was thought when they began */
    int reserving;        /* how many of them there are */
    double put_off;       /* tokens that the deferred calls may use */
    bool limited;         /* a limit of tokens or money is set */
    struct kv_buf remark; /* something to tell once, for people; cleared by who tells it */
    unsigned remarked;    /* private: what was told */
    struct kv_endpoint_ids ids; /* private */
    struct kv_buf trouble;      /* the last error, for people */
    bool key_trouble;           /* … has to do with the key or its account */
};

struct kv_endpoint_options {
    const char *answer_command, *judge_command; /* NULL: over HTTP */
    kv_env_fn *env;
    struct kv_secrets *ring;
    struct kv_streaming streaming;
    bool deferred;        /* no key is needed: they are not asked by this run */
    bool only_batches;    /* … but for those whose service has no batches */
    const char *batch_as; /* shape of batches that all services are said to have; or NULL */
    const bool *wanted;   /* by model: those that are not stay silent; NULL: all are */
    const struct kv_pricing *pricing;
    bool limited; /* tokens or money are */
};

/* Opens all models of one role, each with its lane. On failure nothing is left open. */
int kv_endpoints_open(struct kv_endpoint **all, const struct kv_config *config, bool judges,
    const struct kv_endpoint_options *options, struct kv_sched *sched, struct kv_err *err);
void kv_endpoints_close(struct kv_endpoint *all, size_t n);

/* A command that is given tasks instead of queries (--exec). Closed like an array of one. */
struct kv_endpoint *kv_endpoint_open_command(const char *command, struct kv_sched *sched);

/* True if the service of a model has batches that can be ordered; `batch_as` as above. */
bool kv_endpoint_has_batches(const struct kv_endpoint *e, const char *batch_as);

/* Writes the request for a query: the body of an HTTP request, or the input of the command. */
void kv_endpoint_write(
    const struct kv_endpoint *e, const struct kv_query *q, bool stream, struct kv_buf *body);
double kv_endpoint_estimate(const struct kv_endpoint *e, const struct kv_query *q); /* tokens */
/* What a call of this query may cost before its answer is known: an estimate on the high side. */
double kv_endpoint_reserve(const struct kv_endpoint *e, const struct kv_query *q);
double kv_endpoint_reserve_tokens(const struct kv_endpoint *e, const struct kv_query *q);
/* Names the beginning that the prompt shares with others, if the service caches it. */
bool kv_endpoint_beginning(
    const struct kv_endpoint *e, const struct kv_query *q, struct kv_digest128 *id);
/* How long this attempt may take: longer after timeouts, if the policy says so
 * (lib/pipeline/README.md).
 */
long kv_endpoint_timeout_ms(const struct kv_endpoint *e, const struct kv_call *call);

enum kv_endpoint_next {
    KV_ENDPOINT_ANSWERED, /* `end` and `response` say what came */
    KV_ENDPOINT_AGAIN,    /* the server wants it put differently: ask again at once */
};

/* Takes an HTTP reply in: accounts for it, learns from it, and says what it means. The response
 * borrows from the reply. */
enum kv_endpoint_next kv_endpoint_take(struct kv_endpoint *e, const struct kv_query *q,
    const struct kv_response *reply, enum kv_step step, unsigned quirks, struct kv_call_end *end,
    struct kv_answer *response);

/* Notes a request that was refused for reasons that are not the model's and that no workaround
 * helps. Returns the fate of the call: this request only or, after several in a row, the whole
 * lane. */
enum kv_fate kv_endpoint_refused(struct kv_endpoint *e);

/* Accounts for an answer that an earlier run has paid for and the pair does not know of yet. */
void kv_endpoint_recall(struct kv_endpoint *e, const struct kv_answer *answer);

/* The same as kv_endpoint_take for a command that has ended. 126 and 127 are sh's word for one that
 * cannot be started; 75, 255 and death by a signal say that it was not done, not how it failed. */
void kv_endpoint_collect(struct kv_endpoint *e, const struct kv_child *child,
    struct kv_call_end *end, struct kv_answer *response);

#endif
