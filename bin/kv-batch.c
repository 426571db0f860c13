/* kv-batch - order requests in batches, at half the price, and fetch their replies hours later. */
#include "batch_checks.h"
#include "batch_collect.h"
#include "batch_doubt.h"
#include "batch_lacks.h"
#include "batch_look.h"
#include "batch_manage.h"
#include "batch_restore.h"
#include "batch_sources.h"
#include "batch_submit.h"
#include "by_batches.h"
#include "cli.h"

#include "help/kv-batch.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *endpoints, *size, *shape;
    bool all;
} given;

static struct kv_batch_limits limits; /* of --batch-size */

static const struct kv_option options[] = {
    {'a', "all", KV_OPT_FLAG, &given.all},
    {0, "batch-as", KV_OPT_TEXT, &given.shape},
    {0, "batch-size", KV_OPT_TEXT, &given.size},
    {'e', "endpoints", KV_OPT_TEXT, &given.endpoints},
    {0},
};

/* What a verb gets: its operands behind the ledger. */
struct task {
    struct kv_batch *b;
    char **operands;
    int n;
};

static void say(void *closure, const char *text)
{
    (void)closure;
    kv_cli_say("%s", text);
}

static int put(void *closure, struct kv_slice lines, struct kv_err *err)
{
    (void)closure;
    return kv_cli_put(lines, err);
}

/* ---- verbs: 0, or -1 with *err ---- */

/* Prints the parts that are open, or all of them. */
static int print_parts(const struct task *t, bool all, struct kv_err *err)
{
    const struct kv_ledger *l = kv_batch_ledger(t->b);
    struct kv_buf out = {0};
    for (size_t i = 0; i < kv_ledger_parts(l); i++)
        if (all || kv_batch_part_is_open(kv_ledger_part(l, i)))
            kv_batch_add_status(kv_ledger_part(l, i), &out);
    int failed = out.n ? kv_cli_put(kv_slice_of(&out), err) : 0;
    kv_buf_release(&out);
    return failed;
}

static int settle(const struct task *t, struct kv_err *err)
{
    return kv_batch_settle(t->b, err) || kv_batch_restore(t->b, err) ? -1 : 0;
}

static int submit(const struct task *t, struct kv_err *err)
{
    struct kv_batch_sources sources = {0};
    struct kv_batch_order order = {0};
    order.limits = limits;
    bool any = given.endpoints || t->n > 0;
    if (any && kv_batch_sources_read(&sources, given.endpoints, (const char *const *)t->operands,
                   (size_t)t->n, given.shape, err) != 0)
        return -1;
    order.sources = any ? &sources : NULL;
    int failed = settle(t, err) || kv_batch_submit(t->b, &order, err) || print_parts(t, false, err);
    kv_batch_sources_release(&sources);
    return failed;
}

static int status(const struct task *t, struct kv_err *err)
{
    return settle(t, err) || kv_batch_look(t->b, err) || print_parts(t, true, err) ? -1 : 0;
}

static int collect(const struct task *t, struct kv_err *err)
{
    const struct kv_batch_sink print = {.put = put}, none = {0};
    if (settle(t, err) || kv_batch_look(t->b, err) ||
        kv_batch_collect(t->b, given.all ? &none : &print, err))
        return -1;
    return given.all ? kv_batch_collected(t->b, &print, err) : 0;
}

/* The part that an operand names. */
static struct kv_batch_part *find_part(const struct task *t, const char *operand)
{
    char *end;
    long n = strtol(operand, &end, 10);
    struct kv_batch_part *p = *end || n < 1 ? NULL : kv_ledger_part_of(kv_batch_ledger(t->b), n);
    if (!p)
        kv_cli_usage("there is no part '%s'", operand);
    return p;
}

static int cancel(const struct task *t, struct kv_err *err)
{
    const struct kv_ledger *l = kv_batch_ledger(t->b);
    for (int i = 0; i < t->n; i++)
        if (kv_batch_cancel(t->b, find_part(t, t->operands[i]), err) != 0)
            return -1;
    for (size_t i = 0; t->n == 0 && i < kv_ledger_parts(l); i++) {
        struct kv_batch_part *p = kv_ledger_part(l, i);
        if (kv_batch_part_is_open(p) && kv_batch_cancel(t->b, p, err) != 0)
            return -1;
    }
    return 0;
}

static int adopt(const struct task *t, struct kv_err *err)
{
    return kv_batch_adopt(t->b, find_part(t, t->operands[0]), t->operands[1], err);
}

static int forget(const struct task *t, struct kv_err *err)
{
    for (int i = 0; i < t->n; i++)
        if (kv_batch_forget(t->b, find_part(t, t->operands[i]), err) != 0)
            return -1;
    return 0;
}

static int tidy(const struct task *t, struct kv_err *err)
{
    return kv_batch_tidy(t->b, err);
}

static const struct verb {
    const char *name;
    int (*run)(const struct task *t, struct kv_err *err);
    int least, most;   /* operands; */
    const char *needs; /* those that there are at least */
    bool begins;       /* makes the ledger */
    bool counts_open;  /* its status says whether parts are open */
} verbs[] = {
    {"submit", submit, 0, INT_MAX, NULL, true, false},
    {"status", status, 0, 0, NULL, false, true},
    {"collect", collect, 0, 0, NULL, false, true},
    {"cancel", cancel, 0, INT_MAX, NULL, false, false},
    {"adopt", adopt, 2, 2, "the number of a part, and a batch", false, false},
    {"forget", forget, 1, INT_MAX, "the number of a part", false, false},
    {"tidy", tidy, 0, 0, NULL, false, false},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    kv_cli_usage("'%s' is not known: submit, status, collect, cancel, adopt, forget, tidy", name);
}

/* Before the ledger is touched. */
static void check_options(const struct verb *verb, int operands)
{
    if (operands < verb->least)
        kv_cli_usage("%s: give %s", verb->name, verb->needs);
    if (operands > verb->most)
        kv_cli_usage("%s: too many operands", verb->name);
    if ((given.endpoints || given.size || given.shape) && verb->run != submit)
        kv_cli_usage("%s: --endpoints, --batch-size and --batch-as go with submit", verb->name);
    if (given.all && verb->run != collect)
        kv_cli_usage("%s: --all goes with collect", verb->name);
    kv_batch_checks_size(given.size, &limits);
    kv_batch_checks_shape(given.shape);
}

/* What was met on the way, as an exit status. */
static int conclude(const struct verb *verb, const struct task *t)
{
    const struct kv_batch_tally *told = kv_batch_told(t->b);
    if (told->signal)
        return 128 + told->signal;
    if (told->refused)
        return KV_PROVIDER;
    if (told->faulty)
        return KV_INPUT;
    bool open = verb->counts_open && kv_ledger_open_parts(kv_batch_ledger(t->b)) > 0;
    bool waits = told->waits && verb->run != adopt && verb->run != forget;
    return open || waits ? KV_NO : KV_OK;
}

int main(int argc, char **argv)
{
    struct kv_cli cli;
    struct kv_err err;
    int first = kv_cli_begin(&cli, argc, argv, options, KV_HELP);
    if (argc - first < 1)
        kv_cli_usage("no verb given: submit, status, collect, cancel, adopt, forget, tidy");
    const struct verb *verb = find_verb(argv[first]);
    if (argc - first < 2)
        kv_cli_usage("%s: no ledger or state given", verb->name);
    struct task task = {.operands = argv + first + 2, .n = argc - first - 2};
    check_options(verb, task.n);

    const struct kv_batch_options how = {.operand = argv[first + 1],
        .lock = true,
        .begins = verb->begins && (task.n > 0 || given.endpoints),
        .env = kv_cli_env,
        .signal_fd = kv_cli_signals(),
        .pace = kv_by_batches_pace(),
        .say = say};
    kv_secret_harden();
    if (!(task.b = kv_batch_open(&how, &err)) || verb->run(&task, &err) != 0 ||
        (verb->counts_open && kv_batch_lacks_tell(task.b, &err) != 0))
        kv_cli_fail(&err);

    int code = conclude(verb, &task);
    kv_batch_close(task.b);
    return kv_cli_end((enum kv_kind)code);
}
