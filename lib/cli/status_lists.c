/* status_lists - the tasks of a run by what became of them, printed piece by piece.
 *
 * A run may have a million tasks. Lists of keys are printed as the .state is walked. The questions of
 * a list are printed sorted and once each: of names too many to be held, a walk collects the smallest
 * ones, and another walk those behind them.
 */
#include "status_lists.h"

#include "cli.h"
#include "json_out.h"
#include "task_json.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 16, HELD_MAX = 24 << 20 };

/* Prints what has come together but for the last byte, which tells the next one whether a comma is
 * due. */
static int pass(struct kv_buf *out, struct kv_err *err)
{
    if (out->n <= PIECE)
        return 0;
    int failed = kv_cli_put((struct kv_slice){out->p, out->n - 1}, err);
    kv_buf_cut(out, 0, out->n - 1);
    return failed;
}

/* ---- lists of keys ---- */

/* The stored list of completed ones with its repetitions, as karenina shows it; what is not in it;
 * what is in it and not in the manifest. */
enum pick { COMPLETED, PENDING, ORPHANS };

static int begin(
    struct kv_tasks *walk, const struct kv_status *st, enum pick pick, struct kv_err *err)
{
    if (kv_tasks_begin(
            walk, st->state, pick == PENDING ? KV_KEYS_MANIFEST : KV_KEYS_COMPLETED, err) != 0)
        return -1;
    if (pick == COMPLETED) {
        kv_key_index_close(walk->seen);
        walk->seen = NULL;
    }
    return 0;
}

/* The next task picked. 1, 0, -1. */
static int next(
    struct kv_tasks *walk, enum pick pick, struct kv_task_state *task, struct kv_err *err)
{
    int got;
    if (pick == COMPLETED) { /* whatever else is known of them */
        got = kv_keys_next(&walk->keys, err);
        task->key = kv_slice_of(&walk->keys.key);
        return got < 0 ? kv_err_context(err, "%s", kv_state_info(walk->state)->paths->state) : got;
    }
    while ((got = kv_tasks_next(walk, task, err)) == 1)
        if (pick == PENDING ? !task->recorded : !task->in_manifest)
            break;
    return got;
}

static int put_keys(
    struct kv_buf *out, struct kv_status *st, const char *name, enum pick pick, struct kv_err *err)
{
    struct kv_tasks walk;
    struct kv_task_state task;
    int got;
    if (begin(&walk, st, pick, err) != 0)
        return -1;
    kv_json_out_list(out, name);
    while ((got = next(&walk, pick, &task, err)) == 1) {
        kv_json_out_text(out, NULL, task.key);
        if (pass(out, err) != 0) {
            got = -1;
            break;
        }
    }
    kv_tasks_end(&walk);
    kv_buf_add_char(out, ']');
    return got;
}

/* ---- lists of questions ---- */

/* Names, of those behind `after` the smallest up to `bound`; each once or more. */
struct names {
    struct kv_key_list held;
    struct kv_buf after, bound;
    bool has_after, has_bound;
};

/* Sorts what is held, each once; where that is too much still, the larger half is left to a walk to
 * come. */
static void reduce(struct names *n)
{
    struct kv_slice *all = kv_key_list_sorted(&n->held);
    struct kv_key_list kept = {0};
    size_t distinct = 0;
    for (size_t i = 0; i < n->held.count; i++)
        if (!i || !kv_slice_eq(all[i], all[i - 1]))
            all[distinct++] = all[i];
    if (distinct > n->held.count / 2) {
        distinct = (distinct + 1) / 2;
        kv_buf_clear(&n->bound);
        kv_buf_add_slice(&n->bound, all[distinct - 1]);
        n->has_bound = true;
    }
    for (size_t i = 0; i < distinct; i++)
        kv_key_list_add(&kept, all[i]);
    free(all);
    kv_key_list_release(&n->held);
    n->held = kept;
}

/* Takes the first part of a key. */
static void add_name(struct names *n, struct kv_slice key)
{
    const char *tab = memchr(key.p, '\t', key.n);
    struct kv_slice name = {key.p, tab ? (size_t)(tab - key.p) : key.n};
    if ((n->has_after && kv_slice_cmp(name, kv_slice_of(&n->after)) <= 0) ||
        (n->has_bound && kv_slice_cmp(name, kv_slice_of(&n->bound)) > 0))
        return;
    if (n->held.count && kv_slice_eq(kv_key_list_get(&n->held, n->held.count - 1), name))
        return; /* tasks of a question mostly stand together */
    kv_key_list_add(&n->held, name);
    if (n->held.text.n + n->held.count * sizeof(struct kv_slice) > HELD_MAX && n->held.count > 1)
        reduce(n);
}

static int collect(struct names *n, struct kv_status *st, enum pick pick, struct kv_err *err)
{
    struct kv_tasks walk;
    struct kv_task_state task;
    int got;
    n->has_bound = false;
    kv_key_list_cut(&n->held, 0);
    if (begin(&walk, st, pick, err) != 0)
        return -1;
    while ((got = next(&walk, pick, &task, err)) == 1)
        add_name(n, task.key);
    kv_tasks_end(&walk);
    return got;
}

static int put_held(struct kv_buf *out, struct names *n, struct kv_err *err)
{
    struct kv_slice *all = kv_key_list_sorted(&n->held);
    int failed = 0;
    for (size_t i = 0; i < n->held.count && !failed; i++) {
        if (i && kv_slice_eq(all[i], all[i - 1]))
            continue;
        kv_json_out_text(out, NULL, all[i]);
        failed = pass(out, err);
    }
    if (n->held.count) {
        kv_buf_clear(&n->after);
        kv_buf_add_slice(&n->after, all[n->held.count - 1]);
        n->has_after = true;
    }
    free(all);
    return failed;
}

static int put_questions(
    struct kv_buf *out, struct kv_status *st, const char *name, enum pick pick, struct kv_err *err)
{
    struct names n = {0};
    int failed;
    kv_json_out_list(out, name);
    do
        failed = collect(&n, st, pick, err) != 0 || put_held(out, &n, err) != 0;
    while (!failed && n.has_bound);
    kv_buf_add_char(out, ']');
    kv_key_list_release(&n.held);
    kv_buf_release(&n.after);
    kv_buf_release(&n.bound);
    return failed ? -1 : 0;
}

/* ---- the object ---- */

int kv_status_print_lists(struct kv_buf *out, struct kv_status *st, struct kv_err *err)
{
    if (put_questions(out, st, "completed_question_ids", COMPLETED, err) != 0 ||
        put_questions(out, st, "pending_question_ids", PENDING, err) != 0 ||
        put_keys(out, st, "completed_task_ids", COMPLETED, err) != 0)
        return -1;
    return put_keys(out, st, "pending_task_ids", PENDING, err);
}

int kv_status_print_orphans(struct kv_buf *out, struct kv_status *st, struct kv_err *err)
{
    return put_keys(out, st, "orphan_task_ids", ORPHANS, err);
}

/* ---- lines ---- */

static bool is_listed(const struct kv_task_state *task, enum kv_status_list which)
{
    return which == KV_STATUS_FAILED ? task->failed
                                     : task->completed == (which == KV_STATUS_COMPLETED);
}

int kv_status_list(struct kv_status *st, enum kv_status_list which, struct kv_err *err)
{
    struct kv_buf out = {0};
    struct kv_tasks walk;
    struct kv_task_state task;
    int got;
    if (kv_state_load(st->state, KV_LOAD_TASKS, err) != 0 ||
        (which == KV_STATUS_FAILED && kv_state_load(st->state, KV_LOAD_ROWS, err) != 0))
        return -1;
    kv_status_load_rows(st);
    if (kv_tasks_begin(&walk, st->state, KV_KEYS_MANIFEST, err) != 0)
        return -1;
    struct kv_task_json *roster = kv_task_json_open(st->in->config);
    while ((got = kv_tasks_next(&walk, &task, err)) == 1) {
        if (!is_listed(&task, which) || !kv_shard_has(&st->shard, task.key))
            continue;
        kv_task_json_add_task(&out, roster, task.key);
        kv_buf_add_char(&out, '\n');
        if (out.n < PIECE)
            continue;
        if ((got = kv_cli_put(kv_slice_of(&out), err)) != 0)
            break;
        kv_buf_clear(&out);
    }
    kv_tasks_end(&walk);
    if (got == 0 && out.n)
        got = kv_cli_put(kv_slice_of(&out), err);
    kv_task_json_close(roster);
    kv_buf_release(&out);
    return got;
}
