/* kvtest python - the room python, a question a line: {"op":OP,"value":VALUE or "text":TEXT}.
 *
 * str, repr       {"text":…} of a JSON value
 * float, int      {"number":…} of a text, or null if Python would raise
 * strip           {"text":…}; words, chars: {"number":…}
 * literal         {"value":…} of a source "x: t = EXPRESSION", as parser.h writes it; {"error":…}
 */
#include "kvtest.h"

#include "builtins.h"
#include "cli.h"
#include "filter.h"
#include "json.h"
#include "num.h"
#include "parser.h"
#include "pydantic.h"
#include "pystr.h"

#include <inttypes.h>
#include <math.h>

static void put_text(struct kv_buf *out, const char *key, struct kv_slice text)
{
    kv_buf_printf(out, "\"%s\":", key);
    kv_json_quote(out, text, KV_JSON_RAW);
}

static void spell(struct kv_slice value, struct kv_buf *out, bool repr)
{
    struct kv_buf text = {0};
    if (repr)
        kv_builtins_repr(&text, value);
    else
        kv_builtins_text(&text, value);
    put_text(out, "text", kv_slice_of(&text));
    kv_buf_release(&text);
}

static void ask_float(struct kv_slice text, struct kv_buf *out)
{
    double x;
    kv_buf_add_str(out, "\"number\":");
    if (!kv_builtins_parse_float(text, &x))
        kv_buf_add_str(out, "null");
    else if (isfinite(x))
        kv_num_add_double(out, x, KV_NUM_PYTHON);
    else
        kv_buf_add_str(out, isnan(x) ? "\"nan\"" : x > 0 ? "\"inf\"" : "\"-inf\"");
}

static void ask_int(struct kv_slice text, struct kv_buf *out)
{
    int64_t x;
    if (kv_pydantic_python_int(text, &x))
        kv_buf_printf(out, "\"number\":%" PRId64, x);
    else
        kv_buf_add_str(out, "\"number\":null");
}

static void ask_literal(struct kv_slice source, struct kv_buf *out)
{
    struct kv_buf module = {0};
    struct kv_slice statement, value;
    struct kv_json_walk w;
    struct kv_err err;
    if (kv_parser_read(source, &module, &err) != 0) {
        put_text(out, "error", kv_slice(err.text));
    } else {
        kv_json_begin(&w, kv_slice_of(&module));
        kv_json_item(&w, &statement);
        kv_json_get(statement, "value", &value);
        kv_buf_add_str(out, "\"value\":");
        kv_buf_add_slice(out, value.n ? value : KV_SLICE("null"));
    }
    kv_buf_release(&module);
}

static void ask_about(struct kv_slice op, struct kv_slice text, struct kv_buf *out)
{
    if (kv_json_string_is(op, "float"))
        ask_float(text, out);
    else if (kv_json_string_is(op, "int"))
        ask_int(text, out);
    else if (kv_json_string_is(op, "strip"))
        put_text(out, "text", kv_pystr_strip(text));
    else if (kv_json_string_is(op, "words"))
        kv_buf_printf(out, "\"number\":%zu", kv_pystr_words(text));
    else if (kv_json_string_is(op, "chars"))
        kv_buf_printf(out, "\"number\":%zu", kv_pystr_chars(text));
    else if (kv_json_string_is(op, "literal"))
        ask_literal(text, out);
}

static void ask(struct kv_slice question, struct kv_buf *out)
{
    struct kv_slice op, value;
    struct kv_buf text = {0};
    kv_json_get(question, "op", &op);
    kv_buf_add_char(out, '{');
    if (kv_json_get(question, "value", &value)) {
        spell(value, out, kv_json_string_is(op, "repr"));
    } else if (kv_json_get(question, "text", &value)) {
        kv_buf_reserve(&text, 1);
        kv_json_unescape(value, &text);
        ask_about(op, kv_slice_of(&text), out);
    }
    kv_buf_add_char(out, '}');
    kv_buf_release(&text);
}

int kvtest_python(int argc, char **argv)
{
    struct kv_cli cli;
    const struct kv_option options[] = {{0}};
    kv_cli_begin(&cli, argc, argv, options, "usage: kvtest python < QUESTIONS\n");
    filter(KV_JSON_NONFINITE, ask);
    return kv_cli_end(KV_OK);
}
