/* order - looks for the order by which an earlier run has an answer worked on elsewhere. */
#include "order.h"

#include "task.h"

#include <string.h>

static struct kv_slice purpose_of(const char *stage)
{
    static const char *const names[][2] = {{"answer_generation", "answer"},
        {"abstention_check", "abstention"}, {"sufficiency_check", "sufficiency"},
        {"parsing", "parse"}, {"rubric_evaluation", "rubric"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i][0], stage) == 0)
            return kv_slice(names[i][1]);
    return kv_slice(stage);
}

static void add_settings(struct kv_buf *out, const struct kv_model *m)
{
    kv_buf_printf(out, "%.17g\n%lld\n", m->temperature, (long long)m->max_tokens);
    kv_buf_add_slice(out, m->model_name);
    kv_buf_add_char(out, '\n');
    kv_buf_add_slice(out, m->system_prompt);
    kv_buf_add_char(out, '\n');
    kv_buf_add_slice(out, m->extra_kwargs);
}

void kv_order_find(
    const struct kv_ledger *l, struct kv_pending_query *e, const struct kv_order_of *of)
{
    struct kv_buf answering = {0}, judging = {0}, replicate = {0}, settings = {0};
    struct kv_identity who;
    if (!l || !e->endpoint->background)
        return;
    kv_identity_of(of->answering, KV_ANSWERING, &who);
    kv_identity_add_key(&answering, &who);
    if (e->endpoint->judge) {
        kv_identity_of(e->endpoint->model, KV_PARSING, &who);
        kv_identity_add_key(&judging, &who);
    }
    if (of->replicate != KV_NO_REPLICATE)
        kv_buf_printf(&replicate, "%lld", (long long)of->replicate);
    add_settings(&settings, e->endpoint->model);
    const struct kv_call_name name = {.nonce = kv_slice(kv_ledger_nonce(l)),
        .purpose = purpose_of(e->query.stage),
        .question = of->question,
        .answering = kv_slice_of(&answering),
        .judging = kv_slice_of(&judging),
        .replicate = kv_slice_of(&replicate),
        .number = e->number++,
        .answer = of->answer,
        .settings = kv_slice_of(&settings)};
    kv_call_id(&name, e->call_id);
    const char *response = kv_ledger_find(l, e->call_id);
    if (response)
        kv_background_take_id(&e->background, kv_slice(response), kv_child_now_ms());
    kv_buf_release(&answering);
    kv_buf_release(&judging);
    kv_buf_release(&replicate);
    kv_buf_release(&settings);
}
