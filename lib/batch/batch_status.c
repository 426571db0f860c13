/* batch_status - how far a batch is, in one set of words for what services say in many. */
#include "batch_status.h"

#include <string.h>
#include <strings.h>

static const char *const names[] = {
    [KV_BATCH_UNKNOWN] = "unknown",
    [KV_BATCH_VALIDATING] = "validating",
    [KV_BATCH_IN_PROGRESS] = "in_progress",
    [KV_BATCH_FINALIZING] = "finalizing",
    [KV_BATCH_CANCELLING] = "cancelling",
    [KV_BATCH_COMPLETED] = "completed",
    [KV_BATCH_EXPIRED] = "expired",
    [KV_BATCH_CANCELLED] = "cancelled",
    [KV_BATCH_FAILED] = "failed",
};

static const struct {
    const char *word;
    enum kv_batch_status status;
} others[] = {
    {"success", KV_BATCH_COMPLETED},
    {"succeeded", KV_BATCH_COMPLETED},
    {"ended", KV_BATCH_COMPLETED},
    {"progress", KV_BATCH_IN_PROGRESS},
    {"running", KV_BATCH_IN_PROGRESS},
    {"processing", KV_BATCH_IN_PROGRESS},
    {"queued", KV_BATCH_VALIDATING},
    {"pending", KV_BATCH_VALIDATING},
    {"preparing_input", KV_BATCH_VALIDATING},
    {"canceled", KV_BATCH_CANCELLED},
    {"cancellation_requested", KV_BATCH_CANCELLING},
    {"canceling", KV_BATCH_CANCELLING},
    {"timeout_exceeded", KV_BATCH_EXPIRED},
    {"partially_succeeded", KV_BATCH_EXPIRED},
};

static struct kv_slice without_prefix(struct kv_slice word)
{
    static const char *const prefixes[] = {"BATCH_STATE_", "JOB_STATE_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t n = strlen(prefixes[i]);
        if (word.n > n && strncasecmp(word.p, prefixes[i], n) == 0)
            return (struct kv_slice){word.p + n, word.n - n};
    }
    return word;
}

static bool is_word(struct kv_slice word, const char *known)
{
    return word.n == strlen(known) && strncasecmp(word.p, known, word.n) == 0;
}

enum kv_batch_status kv_batch_status_of(struct kv_slice word)
{
    word = without_prefix(word);
    for (size_t i = 1; i < sizeof names / sizeof *names; i++)
        if (is_word(word, names[i]))
            return (enum kv_batch_status)i;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (is_word(word, others[i].word))
            return others[i].status;
    return KV_BATCH_UNKNOWN;
}

const char *kv_batch_status_name(enum kv_batch_status s)
{
    return names[s];
}

bool kv_batch_status_is_final(enum kv_batch_status s)
{
    return s >= KV_BATCH_COMPLETED;
}
