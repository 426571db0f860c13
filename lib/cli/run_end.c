/* run_end - what kv-run tells when it has ended, and the command to type next. */
#include "run_end.h"

#include "by_batches.h"
#include "cli.h"
#include "state.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void kv_run_end_tell(const struct kv_run_end *e, const struct kv_run_tally *t)
{
    struct kv_buf line = {0};
    kv_progress_end(e->progress, t, kv_child_now_ms(), &line);
    kv_cli_say("%s", line.p);
    kv_buf_release(&line);
}

void kv_run_end_tell_outcomes(const struct kv_outcomes *o, bool counted)
{
    struct kv_buf words = {0}, marks = {0};
    kv_outcomes_add_words(&words, o);
    kv_outcomes_add_marks(&marks, o);
    if (marks.n && counted)
        kv_cli_say("of the answers %s", marks.p);
    else if (marks.n)
        kv_cli_say("%s; of their answers %s", words.p, marks.p);
    else if (o->errors && !counted)
        kv_cli_say("%s", words.p);
    kv_buf_release(&words);
    kv_buf_release(&marks);
}

void kv_run_end_tell_cost(const struct kv_run_tally *t)
{
    struct kv_buf text = {0};
    kv_buf_add_str(&text, t->unpriced ? "spent at least " : "spent ");
    kv_buf_add_str(&text, t->guessed ? "~" : "");
    kv_price_add_amount(&text, t->cost);
    if (t->unpriced)
        kv_buf_printf(&text, ": what %lld call%s cost is not known", (long long)t->unpriced,
            t->unpriced == 1 ? "" : "s");
    if (t->lost_calls) {
        kv_buf_add_str(&text, ", possibly ");
        kv_price_add_amount(&text, t->possible);
        kv_buf_printf(&text, " more in %lld call%s without a reply", (long long)t->lost_calls,
            t->lost_calls == 1 ? "" : "s");
    }
    kv_cli_say("%s", text.p);
    kv_buf_release(&text);
}

/* ---- what remains ---- */

static const char *signal_name(int number)
{
    return number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : "SIGHUP";
}

enum kv_kind kv_run_end_conclude(const struct kv_run_tally *t, bool gives_up)
{
    if ((t->unanswered || t->kept) && !t->refused && !t->lost && !t->reader_gone)
        kv_cli_say("%lld task%s could not be done now and %s pending (%lld answer%s kept)",
            (long long)(t->unanswered + t->kept), t->unanswered + t->kept == 1 ? "" : "s",
            t->unanswered + t->kept == 1 ? "is" : "are", (long long)t->kept,
            t->kept == 1 ? "" : "s");
    if (t->signal && t->left)
        kv_cli_say("stopped by %s; %lld task%s pending", signal_name(t->signal), (long long)t->left,
            t->left == 1 ? " is" : "s are");
    else if (t->limit && t->left && !kv_by_batches_probes()) /* one is all that is for */
        kv_cli_say("stopped by %s; %lld task%s pending", t->limit, (long long)t->left,
            t->left == 1 ? " is" : "s are");
    if (t->unusable)
        kv_cli_say("%lld task%s not begun: what they ask cannot be used", (long long)t->unusable,
            t->unusable == 1 ? " was" : "s were");
    if (t->refused)
        return KV_PROVIDER;
    if (t->reader_gone || t->broken)
        return KV_SYSTEM;
    if (t->signal)
        return (enum kv_kind)(128 + t->signal);
    if (t->lock_lost)
        return KV_BUSY;
    if (t->unusable)
        return KV_INPUT;
    if (t->refusals && t->refusals == t->left + t->kept && !gives_up)
        return KV_PROVIDER; /* running again would be refused again */
    return t->left || t->kept || t->unanswered || t->deferred ? KV_NO : KV_OK;
}

/* ---- the command to type next ---- */

/* An option keeps its dashes; what follows its '=' is a word of its own. */
static void add_word(struct kv_buf *out, const char *word)
{
    const char *value = *word == '-' ? strchr(word, '=') : word;
    if (!value) {
        kv_buf_add_str(out, word);
        return;
    }
    value += *word == '-';
    kv_buf_add(out, word, (size_t)(value - word));
    kv_paths_add_word(out, value);
}

void kv_run_end_add_words(struct kv_buf *out, int argc, char **argv)
{
    const char *slash = argc ? strrchr(argv[0], '/') : NULL;
    for (int i = 0; i < argc; i++) {
        kv_buf_add_str(out, i ? " " : "");
        add_word(out, i == 0 && slash ? slash + 1 : argv[i]);
    }
}

static void add_pipeline(struct kv_buf *out, const char *again, const struct kv_paths *paths)
{
    kv_buf_printf(out, "%s | kv-append -q ", again);
    kv_paths_add_word(out, paths->state);
}

void kv_run_end_add_ways(struct kv_buf *out, const char *again, const struct kv_paths *paths)
{
    add_pipeline(out, again, paths);
    kv_buf_printf(out, ", or kv-run --append%s", again + strcspn(again, " "));
}

static bool is_kept(void)
{
    struct stat st;
    return fstat(STDOUT_FILENO, &st) == 0 && S_ISFIFO(st.st_mode);
}

void kv_run_end_tell_next(const struct kv_run_end *e, const struct kv_run_tally *t)
{
    struct kv_buf text = {0};
    if (!is_kept() || kv_cli_env("KV_NO_HINTS") || !(t->signal || e->followed))
        return;
    if (kv_progress_is_done(e->progress, t)) {
        kv_buf_add_str(&text, "to end: kv-finalize ");
        kv_paths_add_word(&text, e->paths->state);
    } else {
        kv_buf_add_str(&text, "to go on: ");
        if (e->append)
            kv_buf_add_str(&text, e->again);
        else
            add_pipeline(&text, e->again, e->paths);
    }
    kv_cli_say("%s", text.p);
    kv_buf_release(&text);
}

enum kv_kind kv_run_end_tell_finished(const char *operand)
{
    struct kv_err ignored;
    struct kv_buf text = {0};
    struct kv_state *s = kv_state_open_any(operand, &ignored);
    bool known = s && kv_state_load(s, KV_LOAD_ROWS, &ignored) == 0;
    int64_t failed = known ? kv_state_info(s)->failed_count : 0;
    if (failed > 0) {
        const struct kv_paths *paths = kv_state_info(s)->paths;
        kv_buf_add_str(&text, "kv-manifest -b BENCHMARK -c PRESET -o ");
        kv_paths_add_word(&text, paths->output);
        kv_buf_add_str(&text, " --extend-from ");
        kv_paths_add_word(&text, paths->output);
        kv_cli_say(
            "%s: is finished, with %lld failed tasks; to try them again begin with its results: "
            "%s && kv-run --retry-failed%s",
            paths->output, (long long)failed, text.p, paths->resume + strlen("kv-run"));
    }
    kv_buf_release(&text);
    kv_state_close(s);
    return failed > 0 ? KV_INPUT : KV_OK;
}
