/* scenario - conversations of several turns, put together from the rows of their turns.
 *
 * Scenarios are found by a linear search that starts at the one found last: turns arrive in runs,
 * and a benchmark has few scenarios.
 */
#include "scenario.h"

#include "json.h"
#include "json_out.h"
#include "num.h"
#include "reformat.h"

#include <stdlib.h>

struct turn {
    int64_t number;
    size_t arrived;
    char *node;    /* JSON */
    char *history; /* its entry, spelled */
    bool failed;
    char *failure; /* terminal_failure, spelled; NULL unless it is one outside the content group */
};

struct scenario {
    char *key;
    char *id, *replicate; /* JSON */
    struct turn *turns;
    size_t n;
    size_t last; /* the turn that was added last */
};

struct kv_scenarios {
    struct scenario *items;
    size_t n, recent;
};

struct kv_scenarios *kv_scenarios_open(void)
{
    return kv_calloc(1, sizeof(struct kv_scenarios));
}

static void release_turn(struct turn *t)
{
    free(t->node);
    free(t->history);
    free(t->failure);
}

void kv_scenarios_close(struct kv_scenarios *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = 0; k < s->items[i].n; k++)
            release_turn(&s->items[i].turns[k]);
        free(s->items[i].turns);
        free(s->items[i].key);
        free(s->items[i].id);
        free(s->items[i].replicate);
    }
    free(s->items);
    free(s);
}

/* ---- taking rows ---- */

static char *spelled(struct kv_slice value, const char *none)
{
    struct kv_buf text = {0};
    kv_reformat_export(&text, kv_json_is_null(value) ? kv_slice(none) : value);
    return kv_buf_detach(&text);
}

static void add_member(
    struct kv_buf *out, const char *name, struct kv_slice value, const char *none)
{
    kv_json_out_spaced(out, name);
    kv_reformat_export(out, kv_json_is_null(value) ? kv_slice(none) : value);
}

static char *history_of(const struct kv_result *row)
{
    struct kv_buf out = {0};
    struct kv_slice node, question, parsed;
    kv_buf_add_char(&out, '{');
    kv_json_get(row->metadata, "scenario_node", &node);
    kv_json_get(row->metadata, "question_text", &question);
    kv_json_get(row->template, "parsed_llm_response", &parsed);
    add_member(&out, "node_id", node, "null");
    add_member(&out, "question_text", question, "null");
    add_member(&out, "raw_response", row->raw_llm_response, "\"\"");
    add_member(&out, "parsed_fields", parsed, "{}");
    add_member(&out, "verify_result", row->verify_result, "null");
    add_member(&out, "verification_result_id", row->result_id, "null");
    kv_buf_add_char(&out, '}');
    return kv_buf_detach(&out);
}

static char *failure_of(const struct kv_result *row)
{
    struct kv_buf out = {0};
    struct kv_slice node, failure, category;
    enum kv_failure_group group = kv_failure_group(row->failure);
    if (group == KV_GROUP_NONE || group == KV_GROUP_CONTENT)
        return NULL;
    kv_buf_add_char(&out, '{');
    kv_json_get(row->metadata, "scenario_node", &node);
    kv_json_get(row->metadata, "failure", &failure);
    kv_json_get(failure, "category", &category);
    add_member(&out, "node_id", node, "null");
    add_member(&out, "category", category, "null");
    add_member(&out, "stage", row->failure_stage, "null");
    add_member(&out, "reason", row->failure_reason, "null");
    kv_buf_add_char(&out, '}');
    return kv_buf_detach(&out);
}

static struct scenario *find(
    struct kv_scenarios *s, struct kv_slice key, const struct kv_result *row)
{
    for (size_t k = 0; k < s->n; k++) {
        size_t i = (s->recent + k) % s->n;
        if (kv_slice_is(key, s->items[i].key)) {
            s->recent = i;
            return &s->items[i];
        }
    }
    s->items = kv_grow(s->items, s->n, sizeof *s->items);
    s->recent = s->n;
    s->items[s->n] = (struct scenario){.key = kv_slice_dup(key),
        .id = spelled(row->scenario_id, "null"),
        .replicate = spelled(row->replicate, "null")};
    return &s->items[s->n++];
}

void kv_scenarios_add(struct kv_scenarios *s, struct kv_slice key, const struct kv_result *row)
{
    struct scenario *c = find(s, key, row);
    struct kv_slice node;
    struct turn turn = {.arrived = c->n, .failed = kv_result_failed(row)};
    kv_num_int64(row->scenario_turn, &turn.number);
    kv_json_get(row->metadata, "scenario_node", &node);
    turn.node = spelled(node, "null");
    turn.history = history_of(row);
    turn.failure = failure_of(row);
    for (size_t i = 0; i < c->n; i++)
        if (c->turns[i].number == turn.number) {
            turn.arrived = c->turns[i].arrived;
            release_turn(&c->turns[i]);
            c->turns[i] = turn;
            c->last = i;
            return;
        }
    c->turns = kv_grow(c->turns, c->n, sizeof *c->turns);
    c->last = c->n;
    c->turns[c->n++] = turn;
}

size_t kv_scenarios_count(const struct kv_scenarios *s)
{
    return s->n;
}

size_t kv_scenarios_failed(const struct kv_scenarios *s)
{
    size_t failed = 0;
    for (size_t i = 0; i < s->n; i++)
        failed += s->items[i].turns[s->items[i].last].failed;
    return failed;
}

/* ---- writing ---- */

static int by_turn(const void *a, const void *b)
{
    const struct turn *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return (x->arrived > y->arrived) - (x->arrived < y->arrived);
}

static void write_scenario(struct scenario *c, struct kv_buf *out)
{
    qsort(c->turns, c->n, sizeof *c->turns, by_turn);
    const char *failure = c->turns[c->n - 1].failure;
    kv_buf_printf(out, "{\"scenario_id\": %s, \"status\": \"%s\", \"path\": [", c->id,
        failure ? "error" : "completed");
    for (size_t i = 0; i < c->n; i++)
        kv_buf_printf(out, "%s%s", i ? ", " : "", c->turns[i].node);
    kv_buf_printf(out, "], \"turn_count\": %zu, \"replicate\": %s, \"terminal_failure\": %s, ",
        c->n, c->replicate, failure ? failure : "null");
    kv_buf_add_str(out, "\"outcome_results\": {}, \"history\": [");
    for (size_t i = 0; i < c->n; i++) {
        kv_buf_add_str(out, i ? ", " : "");
        kv_buf_add_str(out, c->turns[i].history);
    }
    kv_buf_add_str(out, "]}");
}

void kv_scenarios_write(struct kv_scenarios *s, struct kv_buf *out)
{
    for (size_t i = 0; i < s->n; i++) {
        kv_buf_add_str(out, i ? ",\n" : "");
        write_scenario(&s->items[i], out);
    }
}
