/* usage_tally - what each model used and what it cost, as the rows of a run tell it. */
#include "usage_tally.h"

#include "json.h"
#include "json_out.h"
#include "reply_usage.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MODELS_MAX = 1000 };

/* ---- answers that were met ---- */

/* Fingerprints of answers; 0: free. */
static bool put_in(struct kv_mark_set *s, uint64_t mark)
{
    size_t i = (size_t)(mark ^ mark >> 32) & (s->size - 1);
    for (; s->slot[i]; i = (i + 1) & (s->size - 1))
        if (s->slot[i] == mark)
            return false;
    s->slot[i] = mark;
    s->n++;
    return true;
}

/* True the first time. */
static bool is_new(struct kv_mark_set *s, uint64_t mark)
{
    if (2 * s->n >= s->size) {
        struct kv_mark_set more = {.size = s->size ? 2 * s->size : 1024};
        more.slot = kv_calloc(more.size, sizeof *more.slot);
        for (size_t i = 0; i < s->size; i++)
            if (s->slot[i])
                put_in(&more, s->slot[i]);
        free(s->slot);
        *s = more;
    }
    return put_in(s, mark ? mark : 1);
}

static uint64_t mix(uint64_t h, const void *bytes, size_t n)
{
    const unsigned char *b = bytes;
    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * 0x100000001B3u; /* FNV-1a */
    return h;
}

static uint64_t mix_in(uint64_t h, struct kv_slice s)
{
    return mix(mix(h, &s.n, sizeof s.n), s.p, s.n);
}

bool kv_mark_set_answer(struct kv_mark_set *s, const struct kv_result *row)
{
    uint64_t h = 0xCBF29CE484222325u;
    h = mix_in(h, row->question_id);
    h = mix_in(h, row->answering);
    h = mix_in(h, row->replicate);
    return is_new(s, mix_in(h, row->raw_llm_response));
}

/* ---- models ---- */

static struct kv_account *account_of(struct kv_usage_tally *t, const char *name)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->models[i].name, name) == 0)
            return &t->models[i].account;
    if (t->count > MODELS_MAX)
        return &t->models[MODELS_MAX].account;
    t->models = kv_grow(t->models, t->count, sizeof *t->models);
    t->models[t->count].name = kv_strdup(t->count == MODELS_MAX ? "others" : name);
    kv_account_begin(&t->models[t->count].account);
    return &t->models[t->count++].account;
}

/* `model`: a JSON string; anything else is no name. */
static void add_call(
    struct kv_usage_tally *t, struct kv_slice model, const struct kv_stage_usage *u)
{
    kv_buf_clear(&t->name);
    if (model.n && kv_json_type(model) == KV_JSON_STRING)
        kv_json_unescape(model, &t->name);
    struct kv_account *a = account_of(t, t->name.n ? t->name.p : "");
    kv_account_add(a, &u->used, isnan(u->used.cost) ? u->used.priced : u->used.cost);
    a->truncated += kv_stage_usage_is_cut(u);
}

/* A row has 0 where the service said nothing (kv-results(5)), and no call uses nothing. */
static void forget_counts(struct kv_usage *used)
{
    double cost = used->cost, priced = used->priced;
    kv_usage_begin(used);
    used->cost = cost;
    used->priced = priced;
}

static void add_stage(struct kv_usage_tally *t, struct kv_slice object)
{
    struct kv_stage_usage u = {0};
    kv_stage_usage_read(&u, object);
    if (kv_stage_usage_input(&u) == 0 && kv_stage_usage_output(&u) == 0)
        forget_counts(&u.used);
    add_call(t, u.named, &u);
}

/* The result of a request tells it by the reply that it holds. */
static void add_reply(struct kv_usage_tally *t, const struct kv_result *row)
{
    struct kv_stage_usage u = {0};
    if (row->response.n && kv_reply_usage_of_result(&u, row->text))
        add_call(t, u.served, &u);
}

void kv_usage_tally_add(struct kv_usage_tally *t, const struct kv_result *row)
{
    struct kv_json_walk walk;
    struct kv_slice name, stage;
    if (row->generic && !row->usage.n)
        add_reply(t, row);
    if (row->generic || row->preview || !row->usage.n)
        return;
    bool fresh = !t->shared || kv_mark_set_answer(&t->seen, row);
    kv_json_begin(&walk, row->usage);
    while (kv_json_member(&walk, &name, &stage))
        if (!kv_json_string_is(name, "total") && kv_json_type(stage) == KV_JSON_OBJECT &&
            (fresh || !kv_json_string_is(name, "answer_generation")))
            add_stage(t, stage);
}

void kv_usage_tally_release(struct kv_usage_tally *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->models[i].name);
    free(t->models);
    free(t->seen.slot);
    kv_buf_release(&t->name);
    *t = (struct kv_usage_tally){0};
}

void kv_usage_tally_add_json(struct kv_buf *out, const struct kv_usage_tally *t)
{
    double cost = 0;
    int64_t unpriced = 0;
    kv_json_out_list(out, "usage");
    for (size_t i = 0; i < t->count; i++) {
        kv_account_add_json(out, t->models[i].name, &t->models[i].account);
        cost += t->models[i].account.cost;
        unpriced += t->models[i].account.unpriced;
    }
    kv_buf_add_char(out, ']');
    kv_json_out_key(out, "cost");
    kv_account_add_amount(out, unpriced || !t->count ? (double)NAN : cost);
}
