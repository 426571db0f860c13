/* fields - what an answer template is made of. */
#include "fields.h"

#include "json.h"

#include <stdlib.h>
#include <string.h>

struct kv_template *kv_fields_open(void)
{
    struct kv_template *t = kv_calloc(1, sizeof *t);
    t->class_name = KV_SLICE("Answer");
    return t;
}

void kv_fields_close(struct kv_template *t)
{
    if (!t)
        return;
    kv_arena_release(&t->memory);
    free(t->fields);
    free(t);
}

struct kv_slice kv_fields_keep(struct kv_template *t, struct kv_slice text)
{
    return kv_arena_copy(&t->memory, text);
}

struct kv_slice kv_fields_keep_string(struct kv_template *t, struct kv_slice string)
{
    struct kv_buf text = {0};
    kv_json_unescape(string, &text);
    struct kv_slice kept = kv_fields_keep(t, kv_slice_of(&text));
    kv_buf_release(&text);
    return kept;
}

struct kv_slice kv_fields_keep_json(struct kv_template *t, struct kv_slice value)
{
    struct kv_buf text = {0};
    kv_json_compact(&text, value);
    struct kv_slice kept = kv_fields_keep(t, kv_slice_of(&text));
    kv_buf_release(&text);
    return kept;
}

struct kv_answer_field *kv_fields_add(struct kv_template *t)
{
    t->fields = kv_grow(t->fields, t->n, sizeof *t->fields);
    struct kv_answer_field *f = &t->fields[t->n++];
    memset(f, 0, sizeof *f);
    f->weight = 1.0;
    return f;
}

static void find_root(struct kv_template *t)
{
    static const struct {
        const char *type;
        enum kv_strategy_kind kind;
    } kinds[] = {
        {"all_of", KV_STRATEGY_ALL_OF},
        {"any_of", KV_STRATEGY_ANY_OF},
        {"at_least_n", KV_STRATEGY_AT_LEAST_N},
        {"field_check", KV_STRATEGY_FIELD_CHECK},
    };
    struct kv_slice type, n;
    if (!t->strategy.n || !kv_json_get(t->strategy, "type", &type))
        return;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kv_json_string_is(type, kinds[i].type))
            t->root = kinds[i].kind;
    if (kv_json_get(t->strategy, "n", &n) && !kv_json_is_null(n))
        t->root_n = strtoll(n.p, NULL, 10);
}

/* The shape that a TemplateSpec's type means. */
static void shape(struct kv_template *t, struct kv_answer_field *f)
{
    static const char *const shapes[] = {
        "\"bool\"", "\"str\"", "\"int\"", "\"float\"", "{\"list\":\"str\"}"};
    struct kv_buf literal = {0};
    if (f->shape.n)
        return;
    if (f->type == KV_ANSWER_LITERAL) {
        kv_buf_printf(&literal, "{\"literal\":%s}", f->literals.p);
        f->shape = kv_fields_keep(t, kv_slice_of(&literal));
        kv_buf_release(&literal);
    } else {
        f->shape = kv_slice(shapes[f->type]);
    }
}

struct kv_slice kv_fields_parameter(const struct kv_answer_field *f, const char *name)
{
    for (size_t i = 0; f->parameters && f->primitive->parameters[i].name; i++)
        if (strcmp(f->primitive->parameters[i].name, name) == 0)
            return f->parameters[i];
    return (struct kv_slice){0};
}

/* Answers are checked by the thousand: the values of the parameters are looked up once. */
static void find_parameters(struct kv_template *t, struct kv_answer_field *f)
{
    size_t n = 0;
    while (f->primitive->parameters[n].name)
        n++;
    f->parameters = kv_calloc(n, sizeof *f->parameters);
    kv_arena_keep(&t->memory, (char *)f->parameters);
    for (size_t i = 0; i < n; i++)
        f->parameters[i] = kv_json_find(f->verify_with, f->primitive->parameters[i].name);
}

void kv_fields_finish(struct kv_template *t)
{
    struct kv_buf truth = {0};
    kv_buf_add_char(&truth, '{');
    for (size_t i = 0; i < t->n; i++) {
        struct kv_answer_field *f = &t->fields[i];
        shape(t, f);
        t->needs_judge |= !f->is_trace;
        if (f->plain)
            continue;
        if (t->verified++)
            kv_buf_add_char(&truth, ',');
        kv_json_quote(&truth, f->name, KV_JSON_RAW);
        kv_buf_add_char(&truth, ':');
        kv_buf_add_slice(&truth, f->ground_truth);
        if (f->primitive)
            find_parameters(t, f);
    }
    kv_buf_add_char(&truth, '}');
    t->ground_truth = kv_fields_keep(t, t->always_false ? KV_SLICE("null") : kv_slice_of(&truth));
    kv_buf_release(&truth);
    find_root(t);
}
