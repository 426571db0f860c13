/* active_ask - how a job under way asks: for a reply that is kept, that came from elsewhere, or anew. */
#include "active_private.h"
#include "call_name.h"

/* ---- what a call is about ---- */

struct kv_judgement *kv_active_judgement(struct kv_active_job *f, const struct kv_pending_query *e)
{
    for (size_t i = 0; f->judgements && i < f->tasks; i++)
        if (&f->judgements[i].pending == e)
            return &f->judgements[i];
    return NULL;
}

const char *kv_active_task_key(const struct kv_active_jobs *a, const struct kv_job *job)
{
    return a->set->work->keys.p + job->key;
}

/* A task, and the failed row that it is done again for. */
static void add_task(struct kv_active_jobs *a, struct kv_slice key)
{
    struct kv_task_state task = {0};
    if (a->set->work->again)
        kv_state_find(a->set->state, key, &task);
    kv_paid_tasks_add(&a->tasks, key, task.completed && task.has_row ? task.offset + 1 : 0);
}

void kv_active_list_tasks(
    struct kv_active_jobs *a, const struct kv_active_job *f, const struct kv_judgement *j)
{
    const struct kv_job *job = &f->job;
    kv_paid_tasks_begin(&a->tasks);
    if (a->set->exec || a->set->requests) {
        add_task(a, kv_slice(kv_active_task_key(a, job)));
        return;
    }
    for (size_t i = 0; i < job->count; i++) {
        const struct kv_task task = {
            job->question, job->answering, kv_jobs_judge(a->set->work, job, i), job->replicate};
        if (j && (i >= f->tasks || j != &f->judgements[i]))
            continue;
        kv_buf_clear(&a->key);
        kv_plan_add_key(a->set->plan, &task, &a->key);
        add_task(a, kv_slice_of(&a->key));
    }
}

uint64_t kv_active_last_row(
    struct kv_active_jobs *a, const struct kv_active_job *f, const struct kv_judgement *j)
{
    if (!a->set->work->again)
        return 0;
    kv_active_list_tasks(a, f, j);
    return a->tasks.last;
}

static void name_call(struct kv_active_jobs *a, struct kv_active_job *f, struct kv_pending_query *e)
{
    const struct kv_plan *plan = a->set->plan;
    const struct kv_job *job = &f->job;
    const struct kv_judgement *j = kv_active_judgement(f, e);
    struct kv_paid_call call = {.replicate = job->replicate,
        .after = kv_active_last_row(a, f, j),
        .command = e->endpoint->command};
    if (a->set->exec || a->set->requests) {
        call.question = kv_slice(kv_active_task_key(a, job));
    } else {
        call.question = kv_plan_question(plan, job->question);
        call.answering = kv_slice(plan->answering[job->answering]);
        call.query = &e->query;
    }
    if (j) {
        size_t judge = kv_jobs_judge(a->set->work, job, (size_t)(j - f->judgements));
        call.judging = kv_slice(plan->parsing[judge]);
        call.number = e->query.number;
    }
    e->id = kv_journal_id(a->set->journal, &call);
}

/* The name by which a ledger and files of replies know the call. */
static void name_abroad(
    struct kv_active_jobs *a, struct kv_active_job *f, struct kv_pending_query *e)
{
    if (a->set->requests) /* they have names of their own: call_of */
        return;
    const struct kv_call_about of = {.nonce = a->set->nonce,
        .answering = f->pending.endpoint->model,
        .question = f->prepared->question->id,
        .replicate = f->job.replicate,
        .answer = e->endpoint->judge ? kv_slice_of(&f->generation.raw) : KV_SLICE(""),
        .again = kv_active_last_row(a, f, kv_active_judgement(f, e))};
    kv_call_name(e, &of);
}

static const char *call_of(const struct kv_active_jobs *a, const struct kv_pending_query *e)
{
    const struct kv_active_job *f = e->user;
    return a->set->requests ? kv_active_task_key(a, &f->job) : e->call_id;
}

/* Looks for an order by which an earlier run has the answer worked on elsewhere. */
static void find_order(struct kv_active_jobs *a, struct kv_pending_query *e)
{
    const char *response = kv_ledger_find(a->set->ledger, e->call_id);
    if (response)
        kv_background_take_id(&e->background, kv_slice(response), kv_child_now_ms());
}

static bool may_be_elsewhere(const struct kv_active_jobs *a, const struct kv_pending_query *e)
{
    if (a->set->held)
        return !a->set->exec;
    return !a->set->exec && !e->endpoint->command && (a->set->replies || e->endpoint->deferred);
}

/* Asks, unless an earlier run has paid for the reply. */
void kv_active_ask(struct kv_active_jobs *a, struct kv_active_job *f, struct kv_pending_query *e)
{
    bool ordered = a->set->ledger && e->endpoint->background;
    if (a->set->journal)
        name_call(a, f, e);
    e->elsewhere = may_be_elsewhere(a, e);
    if (a->set->journal && kv_journal_has(a->set->journal, e->id)) {
        a->tally->reused++;
        if (e->elsewhere && a->set->replies) { /* a reply that is given again is asked for */
            name_abroad(a, f, e);
            kv_replies_find(a->set->replies, call_of(a, e));
        }
        e->elsewhere = false;
        kv_dispatch_recall(&a->dispatch, e);
        return;
    }
    if (ordered || e->elsewhere)
        name_abroad(a, f, e);
    if (ordered)
        find_order(a, e);
    if (e->elsewhere)
        kv_dispatch_recall(&a->dispatch, e);
    else
        kv_dispatch_submit(&a->dispatch, e);
}

/* `soon`: it is acted on when it is read again. */
static bool write_down(struct kv_active_jobs *a, const struct kv_pending_query *e,
    const struct kv_answer *r, bool soon)
{
    struct kv_err err;
    const struct kv_judgement *j = kv_active_judgement(e->user, e);
    if (j && j->stood_in) /* it would be taken for the reply of the task's own judge */
        return false;
    kv_active_list_tasks(a, e->user, j);
    if (kv_journal_add(a->set->journal, e->id, &a->tasks, r, soon, &err) == 0)
        return true;
    if (!a->unkept)
        kv_output_say(&a->output, "%s; replies are not kept (--no-journal: without)", err.text);
    a->unkept = true;
    a->output.kept_in = NULL;
    return false;
}

bool kv_active_keep(void *closure, const struct kv_pending_query *e, const struct kv_answer *r)
{
    return write_down(closure, e, r, true);
}

static bool defer(struct kv_active_jobs *a, const struct kv_pending_query *e, struct kv_answer *r)
{
    if (!e->endpoint->deferred)
        return false;
    bool written = kv_defer_add(a->set->defer, e->endpoint, &e->query, call_of(a, e)) == 0;
    if (written) {
        e->endpoint->reserved += kv_endpoint_reserve(e->endpoint, &e->query);
        e->endpoint->put_off += kv_endpoint_reserve_tokens(e->endpoint, &e->query);
    }
    *r = (struct kv_answer){.kind = written ? KV_ANSWER_DEFERRED : KV_ANSWER_WITHHELD,
        .used = KV_USAGE_UNKNOWN,
        .category = KV_RETRY_NEVER,
        .error = KV_SLICE("its request could not be written")};
    return true;
}

/* Holds back what is ordered in a batch: who asks for it as well pays twice. */
static bool hold(
    const struct kv_active_jobs *a, const struct kv_pending_query *e, struct kv_answer *r)
{
    if (!a->set->held || !kv_batch_ids_find(a->set->held, kv_slice(call_of(a, e))))
        return false;
    *r = (struct kv_answer){
        .kind = KV_ANSWER_DEFERRED, .used = KV_USAGE_UNKNOWN, .category = KV_RETRY_NEVER};
    return true;
}

/* What came of a call elsewhere: its reply, or that there is none yet. */
static bool recall_elsewhere(
    struct kv_active_jobs *a, struct kv_pending_query *e, struct kv_answer *r)
{
    enum kv_replay_next next = KV_REPLAY_NONE;
    e->elsewhere = false;
    if (a->set->replies && !e->endpoint->command)
        next = kv_replay_take(&a->replay, e->endpoint, &e->query, call_of(a, e), r);
    if (e->endpoint->remark.n)
        kv_output_say(&a->output, "%s", e->endpoint->remark.p);
    kv_buf_clear(&e->endpoint->remark);
    if (next == KV_REPLAY_NONE)
        return hold(a, e, r) || defer(a, e, r);
    if (next == KV_REPLAY_BROKEN) {
        kv_output_tell(&a->output, "%s", a->replay.trouble.text);
        *r = (struct kv_answer){.kind = KV_ANSWER_WITHHELD, .used = KV_USAGE_UNKNOWN};
    } else if (r->kind == KV_ANSWER_TEXT) {
        a->tally->replayed++;
        if (a->dispatch.keep)
            write_down(a, e, r, false);
    }
    return true;
}

bool kv_active_recall(void *closure, struct kv_pending_query *e, struct kv_answer *r)
{
    struct kv_active_jobs *a = closure;
    if (e->elsewhere)
        return recall_elsewhere(a, e, r);
    if (!kv_journal_read(a->set->journal, e->id, &a->kept))
        return false;
    *r = a->kept.answer;
    return true;
}
