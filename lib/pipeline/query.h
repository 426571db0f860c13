/* query - what the stages of a task ask of a model, and what comes back: the border between the
 * pipeline, which knows what to say, and the run, which knows how to say it to whom.
 */
#ifndef KV_QUERY_H
#define KV_QUERY_H

#include "buf.h"
#include "config.h"
#include "outcome.h"
#include "request.h"
#include "usage.h"

#include <stdbool.h>
#include <stdint.h>

enum { KV_QUERY_MESSAGES_MAX = 4 };

/* One call of a model. Everything in it is borrowed from the stage that made it and stays until
 * that stage is told the response. */
struct kv_query {
    bool judge;        /* of the parsing model, else of the answering model */
    const char *stage; /* its name in usage_metadata: "answer_generation", "parsing", … */
    struct kv_message messages[KV_QUERY_MESSAGES_MAX];
    size_t count;
    double temperature;
    const char *schema_name; /* NULL: free text is wanted */
    struct kv_slice schema;
    int room;              /* it may say so many times what the configuration allows; 0: as much */
    struct kv_slice given; /* a body that is sent as it is, in the place of all the above … */
    const char *url;       /* … there … */
    struct kv_slice path;  /* … which the user calls so … */
    enum kv_protocol_kind wire; /* … in this protocol: KV_PROTOCOL_OPENAI also for none of them */
    const char *trait; /* what it is about, where the stage has more than one call; or NULL */
    int number;        /* of the queries before it that it repeats, as they were of no use */
};

enum kv_answer_kind {
    KV_ANSWER_TEXT,     /* an answer */
    KV_ANSWER_FAILED,   /* an error, after all retries it was worth */
    KV_ANSWER_REFUSED,  /* the server will not have this request: not the model's failure */
    KV_ANSWER_WITHHELD, /* not to be had in this run: it is being stopped */
    KV_ANSWER_DEFERRED, /* likewise: it is asked for elsewhere, and given to a later run */
};

struct kv_answer {
    enum kv_answer_kind kind;
    struct kv_slice text;         /* of an answer; of a failure, what had arrived of one … */
    bool partial;                 /* … that is to be kept, cut as it is */
    enum kv_outcome outcome;      /* of an answer: whether it was cut, declined, or blocked */
    struct kv_usage used;         /* by all its requests; KV_USAGE_UNKNOWN: nobody said */
    struct kv_slice served;       /* the model that answered, where it is not the one asked */
    struct kv_slice adjusted;     /* how it was asked, where not as configured: "without top_p" */
    bool only_remarks;            /* the model called all it said remarks on the way */
    struct kv_slice asked_at;     /* JSON string: where, if not where the configuration says */
    struct kv_slice tier;         /* of service, where it is not the standard one */
    struct kv_slice finish;       /* how it ended, where that is not the ordinary end: length,
                                     content_filter, refusal, or the service's word */
    bool another;                 /* what served is no other name for the model asked */
    bool thought;                 /* there was reasoning beside the text */
    bool no_temperature;          /* asked without the one configured */
    bool folded_system;           /* … with the system text in front of the question */
    enum kv_retry_class category; /* of a failure; KV_RETRY_NEVER: permanent */
    struct kv_slice error_type;   /* of a failure: "RateLimitError" */
    struct kv_slice error;        /* its message, for people */
    int64_t retries[KV_RETRY_CLASSES];
    int attempts;                       /* requests it took */
    bool measured;                      /* it was streamed, and … */
    double first_token_s, tokens_per_s; /* … 0: not to be told */
};

#endif
