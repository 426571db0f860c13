/* kvtest template - what kv reads from templates: one JSON object a line in, one out.
 *
 * In: {"source":TEXT or TemplateSpec}. Out: {"outcome":"ok"|"invalid"|"code","error":…} and, of a
 * template that is ok, what the fixtures record of one.
 */
#include "kvtest.h"

#include "cli.h"
#include "filter.h"
#include "json.h"
#include "json_schema.h"
#include "num.h"
#include "template.h"

static void add_text(struct kv_buf *out, const char *key, struct kv_slice text)
{
    kv_buf_printf(out, ",\"%s\":", key);
    if (text.p)
        kv_json_quote(out, text, KV_JSON_RAW);
    else
        kv_buf_add_str(out, "null");
}

static void add_json(struct kv_buf *out, const char *key, struct kv_slice json)
{
    kv_buf_printf(out, ",\"%s\":", key);
    kv_buf_add_slice(out, json.n ? json : KV_SLICE("null"));
}

static void add_fields(struct kv_buf *out, const struct kv_template *t, bool plain)
{
    size_t n = 0;
    kv_buf_printf(out, ",\"%s\":[", plain ? "plain_fields" : "fields");
    for (size_t i = 0; i < t->n; i++) {
        const struct kv_answer_field *f = &t->fields[i];
        if (f->plain != plain)
            continue;
        if (n++)
            kv_buf_add_char(out, ',');
        if (plain) {
            kv_json_quote(out, f->name, KV_JSON_RAW);
            continue;
        }
        kv_buf_add_str(out, "{\"name\":");
        kv_json_quote(out, f->name, KV_JSON_RAW);
        add_text(out, "description", f->description);
        add_text(out, "extraction_hint", f->hint);
        add_json(out, "ground_truth", f->ground_truth);
        add_json(out, "verify_with", f->verify_with);
        kv_buf_add_str(out, ",\"weight\":");
        kv_num_add_double(out, f->weight, KV_NUM_PYTHON);
        kv_buf_printf(out, ",\"is_trace\":%s,\"required\":%s", f->is_trace ? "true" : "false",
            f->default_json.n ? "false" : "true");
        add_json(out, "default", f->default_json);
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
}

static void add_template(struct kv_buf *out, const struct kv_template *t)
{
    add_text(out, "class_name", t->class_name);
    add_fields(out, t, false);
    add_fields(out, t, true);
    add_json(out, "strategy", t->strategy);
    add_json(out, "ground_truth", t->ground_truth);
    kv_buf_add_str(out, ",\"judge_schema\":");
    kv_json_schema_prompt(out, t, false, 0);
    struct kv_buf indented = {0};
    kv_json_schema_prompt(&indented, t, true, 2);
    add_text(out, "indented_schema", kv_slice_of(&indented));
    kv_buf_release(&indented);
    kv_buf_add_str(out, ",\"strict_schema\":");
    kv_json_schema_strict(out, t);
    kv_buf_add_str(out, ",\"spec\":");
    kv_template_add_spec(out, t);
}

static void check(struct kv_slice value, struct kv_buf *out)
{
    static const char *const outcomes[] = {"ok", "invalid", "code"};
    struct kv_slice source = {0};
    struct kv_buf text = {0};
    struct kv_template *t = NULL;
    struct kv_err err;
    kv_json_get(value, "source", &source);
    if (kv_json_type(source) == KV_JSON_STRING)
        kv_json_unescape(source, &text);
    else
        kv_buf_add_slice(&text, source);
    enum kv_template_outcome outcome = kv_template_open(kv_slice_of(&text), &t, &err);
    kv_buf_printf(out, "{\"outcome\":\"%s\"", outcomes[outcome]);
    add_text(out, "error", outcome == KV_TEMPLATE_OK ? (struct kv_slice){0} : kv_slice(err.text));
    if (t)
        add_template(out, t);
    kv_buf_add_char(out, '}');
    kv_template_close(t);
    kv_buf_release(&text);
}

int kvtest_template(int argc, char **argv)
{
    struct kv_cli cli;
    const struct kv_option options[] = {{0}};
    kv_cli_begin(&cli, argc, argv, options, "usage: kvtest template < TEMPLATES\n");
    filter(KV_JSON_STRICT, check);
    return kv_cli_end(KV_OK);
}
