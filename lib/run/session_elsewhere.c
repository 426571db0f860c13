/* session_elsewhere - what a session knows of calls that are asked elsewhere. */
#include "session_elsewhere.h"

#include "batch_beside.h"
#include "batch_paths.h"
#include "call_name.h"
#include "io.h"
#include "replies_fit.h"

#include <stdlib.h>

static bool works_in_background(const struct kv_endpoint *all, size_t n)
{
    for (size_t i = 0; all && i < n; i++)
        if (all[i].background)
            return true;
    return false;
}

/* What earlier runs have ordered, where a model's answers are fetched later. */
static int open_ledger(struct kv_session *s, struct kv_err *err)
{
    if (!s->config || (!works_in_background(s->models.answering, s->config->answering_count) &&
                          !works_in_background(s->models.judging, s->config->parsing_count)))
        return 0;
    s->ledger = kv_ledger_open(kv_state_info(s->state)->paths, err);
    return s->ledger ? 0 : -1;
}

/* Requests have names that users give: without a ledger nothing says that replies are of these, and not of
 * others that were called so in an earlier run. */
static bool is_nobodys(const struct kv_session *s, struct kv_err *err)
{
    const struct kv_paths *paths = kv_state_info(s->state)->paths;
    struct kv_batch_beside b;
    if (kv_batch_beside_read(&b, paths, err) != 0)
        return true;
    if (!b.there)
        kv_err_set(err, KV_INPUT,
            "%s.replies: there is no ledger %s.batches that says what was asked: give the file "
            "with "
            "--replies if it is of these requests, or move it away",
            paths->output, paths->output);
    return !b.there;
}

/* Opens the files of replies that were given, or else what kv-batch has collected for this run. */
static int open_replies(
    struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    const struct kv_paths *paths = kv_state_info(s->state)->paths;
    bool heeds = o->heed_batches && !o->reply_count;
    if (heeds && !o->race && kv_batch_beside_replies(paths, err) != 0)
        return -1;
    char *path = kv_batch_replies_path(paths);
    int there = heeds ? kv_io_exists(path, err) : 0;
    const char *const collected[] = {path};
    struct kv_replies_options replies = {
        .paths = o->replies, .n = o->reply_count, .beside = paths->output, .say = o->say};
    if (there > 0 && s->requests.path && is_nobodys(s, err))
        there = -1;
    s->replies_collected = there > 0;
    if (there > 0) {
        replies.paths = collected;
        replies.n = 1;
    }
    if (there >= 0 && replies.n)
        s->replies = kv_replies_open(&replies, err);
    free(path);
    return there < 0 || (replies.n && !s->replies) ? -1 : 0;
}

int kv_session_open_elsewhere(
    struct kv_session *s, const struct kv_session_options *o, struct kv_err *err)
{
    if (open_ledger(s, err) != 0 || kv_call_name_nonce(s->state, s->nonce, err) != 0)
        return -1;
    if (s->ledger) /* one that is begun later must not give calls other names */
        kv_ledger_set_run(s->ledger, kv_state_info(s->state));
    if (open_replies(s, o, err) != 0)
        return -1;
    if (o->reply_count && !o->defer && kv_replies_fit(s, err) != 0)
        return -1;
    if (o->heed_batches && !o->race &&
        kv_batch_beside_held(kv_state_info(s->state)->paths, &s->held, err) != 0)
        return -1;
    return o->defer && !(s->defer = kv_defer_open(o->defer, err)) ? -1 : 0;
}
