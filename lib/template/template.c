/* template - an answer template as data. */
#include "template.h"

#include "class.h"
#include "json.h"
#include "json_out.h"
#include "num.h"
#include "spec.h"

static bool is_spec(struct kv_slice text)
{
    struct kv_slice body = kv_slice_strip(text);
    return body.n && *body.p == '{';
}

static int read_spec(struct kv_slice text, const struct kv_path *at, bool strict,
    struct kv_template *t, struct kv_problems *problems)
{
    struct kv_slice value;
    struct kv_err err;
    if (kv_json_check(kv_slice_strip(text), KV_JSON_DIGITS, &value, &err) != 0)
        return kv_problems_add(problems, at, "value_error", "%s", err.text);
    return kv_spec_read(value, at, strict, t, problems);
}

static enum kv_template_outcome open_spec(
    struct kv_slice text, struct kv_template *t, struct kv_err *err)
{
    struct kv_problems problems = {0};
    int rc = read_spec(text, NULL, false, t, &problems);
    if (rc != 0)
        kv_problems_err(&problems, err);
    kv_problems_release(&problems);
    if (rc == 0)
        return KV_TEMPLATE_OK;
    kv_err_context(err, "TemplateSpec");
    return KV_TEMPLATE_INVALID;
}

static enum kv_template_outcome open_class(
    struct kv_slice text, struct kv_template *t, struct kv_err *err)
{
    bool code = false;
    if (kv_class_read(text, t, &code, err) == 0)
        return KV_TEMPLATE_OK;
    return code ? KV_TEMPLATE_CODE : KV_TEMPLATE_INVALID;
}

enum kv_template_outcome kv_template_open(
    struct kv_slice text, struct kv_template **out, struct kv_err *err)
{
    struct kv_template *t = kv_fields_open();
    enum kv_template_outcome outcome =
        is_spec(text) ? open_spec(text, t, err) : open_class(text, t, err);
    if (outcome != KV_TEMPLATE_OK) {
        kv_fields_close(t);
        return outcome;
    }
    kv_fields_finish(t);
    *out = t;
    return KV_TEMPLATE_OK;
}

bool kv_template_check_spec(
    struct kv_slice text, const struct kv_path *at, struct kv_problems *problems)
{
    if (!is_spec(text))
        return false;
    struct kv_template *t = kv_fields_open();
    read_spec(text, at, true, t, problems);
    kv_fields_close(t);
    return true;
}

void kv_template_close(struct kv_template *t)
{
    kv_fields_close(t);
}

const struct kv_answer_field *kv_class_field(const struct kv_template *t, struct kv_slice name)
{
    for (size_t i = 0; i < t->n; i++)
        if (kv_slice_eq(t->fields[i].name, name))
            return &t->fields[i];
    return NULL;
}

void kv_template_add_composition(struct kv_buf *out, const struct kv_template *t)
{
    static const char *const names[] = {"all_of", "any_of", "at_least_n", "fieldcheck"};
    if (!t->strategy.n)
        kv_buf_add_str(out, "null");
    else if (t->root == KV_STRATEGY_AT_LEAST_N)
        kv_buf_printf(out, "\"at_least_n(%lld)\"", (long long)t->root_n);
    else
        kv_buf_printf(out, "\"%s\"", names[t->root]);
}

static void add_field(struct kv_buf *out, const struct kv_answer_field *f)
{
    static const char *const types[] = {"bool", "str", "int", "float", "list_str", "literal"};
    kv_json_out_object(out, NULL);
    kv_json_out_text(out, "name", f->name);
    kv_json_out_str(out, "type", types[f->type]);
    kv_json_out_text(out, "description", f->description);
    kv_json_out_text_or_null(out, "extraction_hint", f->hint);
    kv_json_out_json(out, "ground_truth", f->ground_truth);
    kv_json_out_json(out, "literal_values", f->literals);
    kv_json_out_json(out, "verify_with", f->verify_with);
    kv_json_out_python(out, "weight", f->weight);
    kv_json_out_flag(out, "is_trace", f->is_trace);
    kv_buf_add_char(out, '}');
}

void kv_template_add_spec(struct kv_buf *out, const struct kv_template *t)
{
    kv_json_out_object(out, NULL);
    kv_json_out_list(out, "fields");
    for (size_t i = 0; i < t->n; i++)
        if (!t->fields[i].plain)
            add_field(out, &t->fields[i]);
    kv_buf_add_char(out, ']');
    kv_json_out_json(out, "verify_strategy", t->strategy);
    kv_json_out_text(out, "class_name", t->class_name);
    kv_buf_add_char(out, '}');
}
