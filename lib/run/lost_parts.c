/* lost_parts - batches of a run whose replies would be of no use with another configuration. */
#include "lost_parts.h"

#include "call_name.h"
#include "json_out.h"
#include "problem.h"

static bool has_same(const struct kv_model *old, const struct kv_model *all, size_t n)
{
    struct kv_buf was = {0}, is = {0};
    bool same = false;
    kv_call_name_add_settings(&was, old->json);
    for (size_t i = 0; !same && i < n; i++) {
        kv_buf_clear(&is);
        kv_call_name_add_settings(&is, all[i].json);
        same = kv_slice_eq(kv_slice_of(&was), kv_slice_of(&is));
    }
    kv_buf_release(&was);
    kv_buf_release(&is);
    return same;
}

/* True if a model of this id, in any of its roles, is asked as before. */
static bool is_kept(const char *id, const struct kv_config *old, const struct kv_config *now)
{
    for (size_t i = 0; i < old->answering_count; i++)
        if (kv_slice_is(old->answering[i].id, id) &&
            !has_same(&old->answering[i], now->answering, now->answering_count))
            return false;
    for (size_t i = 0; i < old->parsing_count; i++)
        if (kv_slice_is(old->parsing[i].id, id) &&
            !has_same(&old->parsing[i], now->parsing, now->parsing_count))
            return false;
    return true;
}

static void add_part(struct kv_buf *items, const struct kv_batch_part *p)
{
    kv_json_out_object(items, NULL);
    kv_json_out_int(items, "part", p->number);
    kv_json_out_str(items, "model", p->endpoint);
    kv_json_out_int(items, "requests", p->requests);
    kv_buf_add_char(items, '}');
}

static int add_open(const struct kv_ledger *l, const struct kv_state *s,
    const struct kv_config *given, struct kv_buf *items, struct kv_err *err)
{
    const struct kv_state_info *info = kv_state_info(s);
    const struct kv_config_source from = {.traces_given = true, .stored = true};
    struct kv_problems problems = {0};
    struct kv_config *old = kv_config_open(info->config, &from, &problems, err);
    for (size_t i = 0; old && i < kv_ledger_parts(l); i++) {
        const struct kv_batch_part *p = kv_ledger_part(l, i);
        if (kv_batch_part_is_open(p) && !is_kept(p->endpoint, old, given))
            add_part(items, p);
    }
    kv_problems_release(&problems);
    if (!old)
        return kv_err_context(err, "%s: config", info->paths->state);
    kv_config_close(old);
    return 0;
}

int kv_lost_parts_add(const struct kv_state *s, const struct kv_config *given, struct kv_buf *items,
    struct kv_err *err)
{
    if (kv_state_info(s)->finished)
        return 0;
    struct kv_ledger *l = kv_ledger_open(kv_state_info(s)->paths, err);
    if (!l)
        return -1;
    int failed = kv_ledger_open_parts(l) ? add_open(l, s, given, items, err) : 0;
    kv_ledger_close(l);
    return failed;
}
