/* spending - what a state has used so far, by the rows it holds. */
#include "spending.h"

#include "json.h"
#include "stage_usage.h"
#include "task.h"

#include <math.h>
#include <stdlib.h>

/* ---- one stage ---- */

static struct kv_slice plain(struct kv_slice json, struct kv_buf *text)
{
    kv_buf_clear(text);
    if (json.n)
        kv_json_unescape(json, text);
    return kv_slice_of(text);
}

static void add_stage(struct kv_spending *s, struct kv_account *a, const struct kv_pricing_model *m,
    struct kv_slice object)
{
    struct kv_stage_usage u = {0};
    kv_stage_usage_read(&u, object);
    double cost = kv_pricing_cost(
        s->pricing, m, &u.used, plain(u.served, &s->served), plain(u.tier, &s->tier));
    kv_account_add(a, &u.used, cost);
    a->truncated += kv_stage_usage_is_cut(&u);
    s->tokens += (double)kv_stage_usage_input(&u) + (double)kv_stage_usage_output(&u);
    s->cost += isnan(cost) ? 0 : cost;
    s->unpriced += isnan(cost);
    s->undetailed += !u.detailed;
}

/* ---- rows ---- */

void kv_spending_begin(
    struct kv_spending *s, const struct kv_pricing *pricing, const struct kv_plan *plan)
{
    *s = (struct kv_spending){.pricing = pricing, .plan = plan};
    s->answering = kv_calloc(pricing->answering_count, sizeof *s->answering);
    s->judging = kv_calloc(pricing->judging_count, sizeof *s->judging);
    for (size_t i = 0; i < pricing->answering_count; i++)
        kv_account_begin(&s->answering[i]);
    for (size_t i = 0; i < pricing->judging_count; i++)
        kv_account_begin(&s->judging[i]);
}

void kv_spending_release(struct kv_spending *s)
{
    free(s->answering);
    free(s->judging);
    free(s->seen.slot);
    kv_buf_release(&s->key);
    kv_buf_release(&s->name);
    kv_buf_release(&s->served);
    kv_buf_release(&s->tier);
    *s = (struct kv_spending){0};
}

/* A row names its models; a stage is charged to the one that did it. */
static const struct kv_pricing_model *model_of(
    struct kv_spending *s, struct kv_slice identity, bool judge)
{
    kv_buf_clear(&s->name);
    kv_identity_display_of_json(identity, &s->name, NULL);
    return kv_pricing_find(s->pricing, judge, kv_slice_of(&s->name));
}

static bool is_counted(struct kv_spending *s, const struct kv_result *row)
{
    struct kv_task task;
    if (row->generic || row->preview || !row->usage.n)
        return false;
    if (!s->plan)
        return true;
    kv_buf_clear(&s->key);
    kv_result_key(row, &s->key);
    return kv_plan_find(s->plan, kv_slice_of(&s->key), &task);
}

static void count_result(struct kv_spending *s, const struct kv_result *row)
{
    struct kv_json_walk walk;
    struct kv_slice name, stage;
    if (!is_counted(s, row))
        return;
    const struct kv_pricing_model *judge = model_of(s, row->parsing, true);
    const struct kv_pricing_model *model = model_of(s, row->answering, false);
    bool fresh = kv_mark_set_answer(&s->seen, row);
    kv_json_begin(&walk, row->usage);
    while (kv_json_member(&walk, &name, &stage)) {
        if (kv_json_string_is(name, "total") || kv_json_type(stage) != KV_JSON_OBJECT)
            continue;
        if (!kv_json_string_is(name, "answer_generation")) {
            if (judge)
                add_stage(s, &s->judging[judge - s->pricing->judging], judge, stage);
        } else if (fresh && model)
            add_stage(s, &s->answering[model - s->pricing->answering], model, stage);
    }
}

static void count_row(struct kv_spending *s, void *closure, struct kv_slice row)
{
    struct kv_result result;
    (void)closure;
    if (kv_result_read(row, KV_JSON_FOREIGN | KV_RESULT_CHECKED, &result, NULL) == 0)
        count_result(s, &result);
}

int kv_spending_read(struct kv_spending *s, const struct kv_state *state, struct kv_err *err)
{
    return kv_spending_read_by(s, state, count_row, NULL, err);
}

int kv_spending_read_by(struct kv_spending *s, const struct kv_state *state,
    void (*count)(struct kv_spending *s, void *closure, struct kv_slice row), void *closure,
    struct kv_err *err)
{
    const struct kv_state_info *info = kv_state_info(state);
    struct kv_rows rows;
    struct kv_row row;
    int got;
    if (info->row_count == 0)
        return 0;
    if (kv_rows_begin(&rows, info->results_path, info->layout, err) != 0)
        return -1;
    for (;;) {
        got = kv_rows_next(&rows, &row, err);
        if (got == 1)
            count(s, closure, row.text);
        else if (got == 0 || info->layout == KV_LAYOUT_1 || err->kind != KV_INPUT)
            break; /* a damaged line of JSON Lines is passed over */
    }
    kv_rows_end(&rows);
    return got;
}
