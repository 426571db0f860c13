/* tally - what a run achieved: results, verdicts and tokens, in all and by pair of models. */
#include "tally.h"

#include "json_out.h"
#include "task.h"

#include <stdlib.h>
#include <string.h>

enum { PAIRS_MAX = 1000 };

static size_t find_pair(struct kv_tally *t, const char *answering, const char *parsing)
{
    for (size_t i = 0; i < t->pair_count; i++)
        if (strcmp(t->pairs[i].answering, answering) == 0 &&
            strcmp(t->pairs[i].parsing, parsing) == 0)
            return i;
    if (t->pair_count == PAIRS_MAX)
        answering = parsing = "others";
    else if (t->pair_count > PAIRS_MAX)
        return PAIRS_MAX;
    t->pairs = kv_grow(t->pairs, t->pair_count, sizeof *t->pairs);
    t->pairs[t->pair_count] =
        (struct kv_tally_pair){.answering = kv_strdup(answering), .parsing = kv_strdup(parsing)};
    return t->pair_count++;
}

/* Two JSON values side by side can be taken apart in one way only. */
static bool has_last_models(const struct kv_tally *t, const struct kv_result *row)
{
    size_t n = row->answering.n, m = row->parsing.n;
    return t->pair_count && t->last_models.n == n + m &&
           memcmp(t->last_models.p, row->answering.p, n) == 0 &&
           memcmp(t->last_models.p + n, row->parsing.p, m) == 0;
}

/* Most rows name the models of the row before. */
static void look_up_pair(struct kv_tally *t, const struct kv_result *row)
{
    struct kv_buf answering = {0}, parsing = {0};
    kv_identity_display_of_json(row->answering, &answering, NULL);
    kv_identity_display_of_json(row->parsing, &parsing, NULL);
    t->last_pair = find_pair(t, answering.p, parsing.p);
    kv_buf_clear(&t->last_models);
    kv_buf_add_slice(&t->last_models, row->answering);
    kv_buf_add_slice(&t->last_models, row->parsing);
    kv_buf_release(&answering);
    kv_buf_release(&parsing);
}

static void add_pair(struct kv_tally *t, const struct kv_result *row, uint32_t outcome)
{
    if (!has_last_models(t, row))
        look_up_pair(t, row);
    struct kv_tally_pair *pair = &t->pairs[t->last_pair];
    pair->results++;
    kv_outcomes_add(&pair->outcomes, outcome, 1);
}

/* Rows may claim anything: sums stop at the largest number. */
static void add_up(int64_t *sum, int64_t more)
{
    more = more > 0 ? more : 0;
    *sum = *sum > INT64_MAX - more ? INT64_MAX : *sum + more;
}

void kv_tally_add(struct kv_tally *t, const struct kv_result *row)
{
    struct kv_tokens tokens;
    uint32_t outcome = kv_outcomes_code(row);
    t->results++;
    t->counted += kv_result_tokens(row, &tokens);
    kv_outcomes_add(&t->outcomes, outcome, 1);
    add_up(&t->tokens.input, tokens.input);
    add_up(&t->tokens.output, tokens.output);
    add_up(&t->tokens.total, tokens.total);
    if (!row->generic)
        add_pair(t, row, outcome);
    kv_usage_tally_add(&t->usage, row);
}

void kv_tally_release(struct kv_tally *t)
{
    for (size_t i = 0; i < t->pair_count; i++) {
        free(t->pairs[i].answering);
        free(t->pairs[i].parsing);
    }
    free(t->pairs);
    kv_buf_release(&t->last_models);
    kv_usage_tally_release(&t->usage);
    *t = (struct kv_tally){0};
}

/* Null where there are results and none of them says anything. */
static void add_tokens(struct kv_buf *out, const struct kv_tally *t)
{
    const struct {
        const char *name;
        int64_t n;
    } sums[] = {
        {"input", t->tokens.input}, {"output", t->tokens.output}, {"total", t->tokens.total}};
    kv_json_out_object(out, "tokens");
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        if (t->results && !t->counted)
            kv_json_out_null(out, sums[i].name);
        else
            kv_json_out_int(out, sums[i].name, sums[i].n);
    }
    kv_buf_add_char(out, '}');
}

void kv_tally_add_json(struct kv_buf *out, const struct kv_tally *t)
{
    kv_outcomes_add_json(out, &t->outcomes);
    kv_json_out_list(out, "models");
    for (size_t i = 0; i < t->pair_count; i++) {
        const struct kv_tally_pair *p = &t->pairs[i];
        kv_json_out_object(out, NULL);
        kv_json_out_str(out, "answering", p->answering);
        kv_json_out_str(out, "parsing", p->parsing);
        kv_json_out_int(out, "results", p->results);
        kv_json_out_int(out, "passed", p->outcomes.passed);
        kv_json_out_int(out, "wrong", p->outcomes.wrong);
        kv_json_out_int(out, "declined", p->outcomes.declined);
        kv_json_out_int(out, "errors", p->outcomes.errors);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
    add_tokens(out, t);
    kv_usage_tally_add_json(out, &t->usage);
}
