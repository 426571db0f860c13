/* replies_fit - are the replies that are given those of this run? */
#include "replies_fit.h"

#include "call_name.h"

static bool is_answered(const struct kv_session *s, size_t i)
{
    const struct kv_job job = kv_jobs_at(&s->work, i);
    return job.row || job.known;
}

/* True if some answers are there already: then replies may be of their judgements. */
static bool has_answers(const struct kv_session *s)
{
    const struct kv_state_info *info = kv_state_info(s->state);
    bool some = info->pending_count < info->total_tasks || kv_state_has_more_rows(s->state) ||
                (s->journal && kv_journal_count(s->journal) > 0);
    for (size_t i = 0; !some && i < s->work.n; i++)
        some = is_answered(s, i);
    return some;
}

/* True if there is a reply to the answer of this task. */
static bool has_reply(const struct kv_session *s, const struct kv_task *t)
{
    struct kv_pending_query e = {
        .endpoint = &s->models.answering[t->answering], .query = {.stage = "answer_generation"}};
    const struct kv_call_about of = {.nonce = s->nonce,
        .answering = e.endpoint->model,
        .question = kv_plan_question(&s->plan, t->question),
        .replicate = t->replicate};
    kv_call_name(&e, &of);
    return kv_replies_has(s->replies, e.call_id);
}

static bool any_fits(const struct kv_session *s)
{
    size_t n = 0;
    bool any = !kv_plan_count(&s->plan, &n);
    for (size_t i = 0; !any && i < n; i++) {
        struct kv_task t = kv_plan_task(&s->plan, i);
        any = t.parsing == 0 && has_reply(s, &t);
    }
    return any;
}

/* Requests are named as they were given. */
static bool any_request_fits(const struct kv_session *s)
{
    bool any = has_answers(s);
    for (size_t i = 0; !any && i < s->work.n; i++)
        any = kv_replies_has(s->replies, s->work.keys.p + kv_jobs_at(&s->work, i).key);
    return any;
}

int kv_replies_fit(const struct kv_session *s, struct kv_err *err)
{
    size_t n = kv_replies_calls(s->replies);
    bool ours = n > kv_replies_foreign(s->replies);
    bool fit = s->requests.path                         ? any_request_fits(s)
               : s->answer_by_command || has_answers(s) ? ours || !n
                                                        : ours && any_fits(s);
    if (fit)
        return 0;
    return kv_err_set(err, KV_INPUT,
        "--replies: of the calls with replies (%zu) none is of this run: nobody is asked; give the "
        "replies to what --defer has written, or leave them out",
        n);
}

size_t kv_replies_fit_strangers(const struct kv_session *s)
{
    const struct kv_state_info *info = kv_state_info(s->state);
    bool all = (int64_t)s->work.tasks == info->total_tasks;
    for (size_t i = 0; all && i < s->work.n; i++)
        all = !is_answered(s, i);
    if (s->replies_collected)
        return 0;
    return all                ? kv_replies_unasked(s->replies)
           : s->requests.path ? 0
                              : kv_replies_foreign(s->replies);
}
