/* elsewhere - kv-run's options for calls that are asked elsewhere: --defer, --defer-for, --replies. */
#include "elsewhere.h"

#include "replies_fit.h"

#include <string.h>

/* ---- options ---- */

static const char *option_of(const struct kv_elsewhere *e)
{
    return e->list ? e->list : "--defer-for";
}

bool kv_elsewhere_defers(const struct kv_elsewhere *e, const char *kind)
{
    const char *list = e->only ? e->only : "answers,judges";
    bool found = false;
    while (*list) {
        size_t n = strcspn(list, ",");
        struct kv_slice word = {list, n};
        bool known = kv_slice_is(word, "answers") || kv_slice_is(word, "judges") ||
                     (!e->list && kv_slice_is(word, "batches"));
        if (n && !known)
            kv_cli_usage("%s: expected answers, judges, not '%.*s'", option_of(e), (int)n, list);
        found |= kv_slice_is(word, kind);
        list += n + (list[n] == ',');
    }
    return found;
}

static int from_stdin(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

/* What a command does is asked nowhere else. */
static void check_commands(const struct kv_elsewhere *e, const struct kv_elsewhere_others *others)
{
    bool answers = kv_elsewhere_defers(e, "answers"), judges = kv_elsewhere_defers(e, "judges");
    if (!answers && !judges)
        kv_cli_usage("%s: nothing is named", option_of(e));
    if (answers && others->answer)
        kv_cli_usage("--answer-cmd: a command's answers are not asked elsewhere: give %s=judges",
            option_of(e));
    if (judges && others->judge)
        kv_cli_usage("--judge-cmd: a command's judgements are not asked elsewhere: give %s=answers",
            option_of(e));
    if (judges && others->fallback)
        kv_cli_usage("--judge-fallback: a judge that is asked elsewhere is not heard to be down");
}

void kv_elsewhere_check(const struct kv_elsewhere *e, const struct kv_elsewhere_others *others)
{
    int inputs = from_stdin(others->tasks);
    for (size_t i = 0; i < e->replies.n; i++)
        inputs += from_stdin(e->replies.items[i]);
    if (inputs > 1)
        kv_cli_usage("only one input can be standard input");
    if (others->exec && (e->directory || e->replies.n))
        kv_cli_usage("--exec: a command's tasks are not asked elsewhere");
    if (e->only && !e->directory)
        kv_cli_usage("--defer-for goes with --defer");
    if (e->directory)
        check_commands(e, others);
}

static void say(void *closure, const char *text)
{
    (void)closure;
    kv_cli_say("%s", text);
}

void kv_elsewhere_options(const struct kv_elsewhere *e, struct kv_session_options *o)
{
    o->defer = e->directory;
    o->defer_answers = e->directory && kv_elsewhere_defers(e, "answers");
    o->defer_judges = e->directory && kv_elsewhere_defers(e, "judges");
    o->only_batches = e->only && kv_elsewhere_defers(e, "batches");
    o->batch_as = e->batch_as;
    o->replies = e->replies.items;
    o->reply_count = e->replies.n;
    o->say = say;
}

/* ---- the end ---- */

int kv_elsewhere_end(struct kv_session *session, const struct kv_run_tally *t, struct kv_err *err)
{
    size_t strangers = session->replies ? kv_replies_fit_strangers(session) : 0;
    struct kv_defer *d = session->defer;
    if (t->signal || t->reader_gone || t->broken || t->lock_lost)
        return 0;
    if (session->held && t->deferred)
        kv_cli_say(
            "%s: %lld task%s for batches; --batch looks after them, --race asks all the same",
            kv_state_info(session->state)->paths->state, (long long)t->deferred,
            t->deferred == 1 ? " waits" : "s wait");
    if (strangers && !t->limit && !t->refused)
        kv_cli_say("%zu of %zu calls with replies are none of this run", strangers,
            kv_replies_calls(session->replies));
    if (!d)
        return 0;
    if (kv_defer_end(d, err) != 0)
        return -1;
    size_t n = kv_defer_count(d), files = kv_defer_files(d);
    if (n && !kv_cli_env("KV_NO_HINTS"))
        kv_cli_say("%zu call%s written to %s (%zu file%s); give their replies with --replies", n,
            n == 1 ? "" : "s", kv_defer_path(d), files, files == 1 ? "" : "s");
    return 0;
}

int kv_elsewhere_empty(const struct kv_elsewhere *e, struct kv_err *err)
{
    if (!e->directory)
        return 0;
    struct kv_defer *d = kv_defer_open(e->directory, err);
    int rc = d ? kv_defer_end(d, err) : -1;
    kv_defer_close(d);
    return rc;
}
