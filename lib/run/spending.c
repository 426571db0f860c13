/* spending - what earlier runs of a state have used, by the rows they left. */
#include "spending.h"

#include "json.h"
#include "num.h"
#include "result.h"

#include <stdlib.h>

struct seen {
    uint64_t *slot; /* fingerprints of answers; 0: free */
    size_t size, n;
};

static bool put_in(struct seen *s, uint64_t mark)
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
static bool is_new(struct seen *s, uint64_t mark)
{
    if (2 * s->n >= s->size) {
        struct seen more = {.size = s->size ? 2 * s->size : 1024};
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

/* The same answer in the rows of several judges has the same one. */
static uint64_t fingerprint(const struct kv_task *t, const struct kv_result *r)
{
    uint64_t h = 0xCBF29CE484222325u;
    h = mix(h, &t->question, sizeof t->question);
    h = mix(h, &t->answering, sizeof t->answering);
    h = mix(h, &t->replicate, sizeof t->replicate);
    return mix(h, r->raw_llm_response.p, r->raw_llm_response.n);
}

static double count_of(struct kv_slice stage, const char *name)
{
    struct kv_slice v;
    double n;
    return kv_json_get(stage, name, &v) && kv_num_double(v, &n) && n > 0 ? n : 0;
}

static void add_stage(struct kv_spending *spent, struct kv_slice stage, const struct kv_endpoint *e)
{
    double in = count_of(stage, "input_tokens"), out = count_of(stage, "output_tokens");
    spent->tokens += in + out;
    spent->cost += in * e->price_in + out * e->price_out;
}

struct count {
    struct kv_spending *spent;
    const struct kv_plan *plan;
    const struct kv_endpoint *answering, *judging;
    struct seen seen;
    struct kv_buf key;
};

static void add_row(struct count *c, struct kv_slice text)
{
    struct kv_result r;
    struct kv_err ignored;
    struct kv_task task;
    struct kv_json_walk walk;
    struct kv_slice name, stage;
    if (kv_result_read(text, KV_JSON_FOREIGN | KV_RESULT_CHECKED, &r, &ignored) != 0 || r.generic ||
        !r.usage.n)
        return;
    kv_buf_clear(&c->key);
    kv_result_key(&r, &c->key);
    if (!kv_plan_find(c->plan, kv_slice_of(&c->key), &task))
        return;
    bool fresh = is_new(&c->seen, fingerprint(&task, &r));
    kv_json_begin(&walk, r.usage);
    while (kv_json_member(&walk, &name, &stage)) {
        if (kv_json_string_is(name, "total"))
            continue;
        if (!kv_json_string_is(name, "answer_generation"))
            add_stage(c->spent, stage, &c->judging[task.parsing]);
        else if (fresh)
            add_stage(c->spent, stage, &c->answering[task.answering]);
    }
}

int kv_spending_count(struct kv_spending *spent, const struct kv_state *s,
    const struct kv_plan *plan, const struct kv_endpoint *answering,
    const struct kv_endpoint *judging, struct kv_err *err)
{
    const struct kv_state_info *info = kv_state_info(s);
    struct count c = {.spent = spent, .plan = plan, .answering = answering, .judging = judging};
    struct kv_rows rows;
    struct kv_row row;
    int got;
    *spent = (struct kv_spending){0};
    if (info->row_count == 0)
        return 0;
    if (kv_rows_begin(&rows, info->results_path, info->layout, err) != 0)
        return -1;
    for (;;) {
        got = kv_rows_next(&rows, &row, err);
        if (got == 1)
            add_row(&c, row.text);
        else if (got == 0 || info->layout == KV_LAYOUT_1 || err->kind != KV_INPUT)
            break; /* a damaged line of JSON Lines is passed over */
    }
    kv_rows_end(&rows);
    kv_buf_release(&c.key);
    free(c.seen.slot);
    return got < 0 ? -1 : 0;
}
