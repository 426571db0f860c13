/* accounting - what a key or a row does to the counts and to the index. */
#include "accounting.h"

static int enter(struct kv_accounting *l, const struct kv_key_index_entry *e, struct kv_err *err)
{
    if (!l->staging)
        return kv_key_index_put(l->index, e, err);
    kv_key_index_stage(l->index, e);
    return 0;
}

int kv_accounting_manifest(struct kv_accounting *l, struct kv_slice key, struct kv_err *err)
{
    struct kv_key_index_entry e;
    l->counts->total++;
    if (kv_key_index_find(l->index, kv_digest_128(key), &e, err) < 0)
        return -1;
    if (e.flags & KV_KEY_INDEX_MANIFEST)
        return 0;
    if (!(e.flags & KV_KEY_INDEX_COMPLETED))
        l->counts->pending++;
    e.flags |= KV_KEY_INDEX_MANIFEST;
    return enter(l, &e, err) == 0 ? 1 : -1;
}

static bool complete(struct kv_accounting *l, struct kv_key_index_entry *e)
{
    if (e->flags & KV_KEY_INDEX_COMPLETED)
        return false;
    e->flags |= KV_KEY_INDEX_COMPLETED;
    l->counts->completed++;
    if (e->flags & KV_KEY_INDEX_MANIFEST)
        l->counts->pending--;
    return true;
}

int kv_accounting_completed(struct kv_accounting *l, struct kv_slice key, struct kv_err *err)
{
    struct kv_key_index_entry e;
    if (kv_key_index_find(l->index, kv_digest_128(key), &e, err) < 0)
        return -1;
    if (!complete(l, &e))
        return 0;
    return enter(l, &e, err) == 0 ? 1 : -1;
}

void kv_accounting_row_id(struct kv_buf *id, struct kv_slice key, const struct kv_result *row)
{
    kv_buf_add_slice(id, key);
    if (!kv_result_has_scenario(row))
        return;
    kv_buf_add_char(id, '\0'); /* no key contains it */
    kv_buf_add_slice(id, row->scenario_turn);
}

static struct kv_digest128 digest_of_row(struct kv_slice key, const struct kv_result *row)
{
    struct kv_buf id = {0};
    kv_accounting_row_id(&id, key, row);
    struct kv_digest128 d = kv_digest_128(kv_slice_of(&id));
    kv_buf_release(&id);
    return d;
}

static void point(struct kv_key_index_entry *e, const struct kv_result *row, uint64_t offset,
    bool failed, uint32_t outcome)
{
    e->offset = offset;
    e->outcome = outcome;
    e->flags &= ~(uint32_t)(KV_KEY_INDEX_FAILED | KV_KEY_INDEX_PARTIAL);
    e->flags |= KV_KEY_INDEX_ROW;
    if (failed)
        e->flags |= KV_KEY_INDEX_FAILED;
    if (kv_result_is_partial(row) || kv_outcomes_mark(outcome, KV_MARK_CUT))
        e->flags |= KV_KEY_INDEX_PARTIAL;
}

int kv_accounting_find(struct kv_accounting *l, const struct kv_result *result, struct kv_slice key,
    struct kv_key_index_entry *task, struct kv_key_index_entry *row, struct kv_err *err)
{
    if (kv_key_index_find(l->index, kv_digest_128(key), task, err) < 0)
        return -1;
    *row = *task;
    if (!kv_result_has_scenario(result))
        return 0;
    return kv_key_index_find(l->index, digest_of_row(key, result), row, err) < 0 ? -1 : 0;
}

int kv_accounting_row(struct kv_accounting *l, const struct kv_result *result, struct kv_slice key,
    uint64_t offset, bool *completes, struct kv_err *err)
{
    struct kv_key_index_entry task, row;
    if (kv_accounting_find(l, result, key, &task, &row, err) != 0)
        return -1;
    bool done = kv_result_settles(result) || (task.flags & KV_KEY_INDEX_COMPLETED);
    bool failed = done && kv_result_failed(result);
    uint32_t outcome = done ? kv_outcomes_code(result) : 0;
    struct kv_outcomes *o = &l->counts->outcomes;
    l->counts->rows++;
    kv_outcomes_add(o, task.outcome, -1);
    kv_outcomes_add(o, outcome, 1);
    l->counts->failed = o->errors + o->declined;
    point(&task, result, offset, failed, outcome);
    *completes = kv_result_settles(result) && complete(l, &task);
    if (enter(l, &task, err) != 0)
        return -1;
    if (!kv_result_has_scenario(result))
        return 0;
    point(&row, result, offset, failed, outcome);
    return enter(l, &row, err);
}
