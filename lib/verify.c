/* verify - judges a parsed answer. */
#include "verify.h"

#include "coerce.h"
#include "extract.h"
#include "fact.h"
#include "io.h"
#include "jq.h"
#include "json.h"
#include "num.h"

#include <stdlib.h>
#include <string.h>

struct kv_verifier {
    struct kv_jq *rules;
    struct kv_facts *facts;
    struct kv_buf input, output;
};

/* ---- the rules ---- */

static int read_rules(const char *share, struct kv_buf *text, struct kv_err *err)
{
    static const char *const files[] = {"primitives.jq", "strategy.jq", "verdict.jq"};
    int rc = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files && rc == 0; i++) {
        struct kv_buf path = {0};
        kv_buf_printf(&path, "%s/verify/%s", share, files[i]);
        rc = kv_io_read(path.p, 1 << 20, text, err);
        kv_buf_add_char(text, '\n');
        kv_buf_release(&path);
    }
    return rc;
}

struct kv_verifier *kv_verify_open(const char *share, struct kv_err *err)
{
    struct kv_buf text = {0};
    struct kv_jq *rules = NULL;
    if (read_rules(share, &text, err) == 0)
        rules = kv_jq_open("share/verify", kv_slice_of(&text), KV_SLICE(""), err);
    kv_buf_release(&text);
    if (!rules)
        return NULL;
    struct kv_verifier *v = kv_calloc(1, sizeof *v);
    v->rules = rules;
    v->facts = kv_fact_open();
    return v;
}

void kv_verify_close(struct kv_verifier *v)
{
    if (!v)
        return;
    kv_jq_close(v->rules);
    kv_fact_close(v->facts);
    kv_buf_release(&v->input);
    kv_buf_release(&v->output);
    free(v);
}

/* ---- what the judge said ---- */

int kv_verify_parse(const struct kv_template *t, struct kv_slice reply, struct kv_parsed *parsed,
    struct kv_err *err)
{
    struct kv_buf object = {0};
    int rc = kv_extract_reply(reply, &object, err);
    if (rc == 0)
        rc = kv_coerce_object(t, kv_slice_of(&object), parsed, err);
    kv_buf_release(&object);
    return rc;
}

int kv_verify_fit(const struct kv_template *t, struct kv_slice object, struct kv_parsed *parsed,
    struct kv_err *err)
{
    return kv_coerce_object(t, object, parsed, err);
}

int kv_verify_recall(const struct kv_template *t, struct kv_slice object, struct kv_parsed *parsed,
    struct kv_err *err)
{
    return kv_coerce_recorded(t, object, parsed, err);
}

void kv_verify_unasked(const struct kv_template *t, struct kv_parsed *parsed)
{
    struct kv_err impossible;
    kv_coerce_recorded(t, KV_SLICE("{}"), parsed, &impossible);
}

/* ---- the verdict ---- */

void kv_verdict_release(struct kv_verdict *v)
{
    kv_buf_release(&v->granular);
    kv_buf_release(&v->field_results);
    kv_buf_release(&v->field_scores);
    kv_buf_release(&v->error);
}

/* A number as the rules wrote it, as a float. */
static void add_float(struct kv_buf *out, struct kv_slice number)
{
    double x;
    if (kv_num_double(number, &x))
        kv_num_add_double(out, x, KV_NUM_COMPACT);
    else
        kv_buf_add_str(out, "null");
}

/* {name: value} from the array of values of the verified fields. */
static void add_map(
    struct kv_buf *out, const struct kv_template *t, struct kv_slice values, bool floats)
{
    struct kv_json_walk w;
    struct kv_slice value = KV_SLICE("null");
    kv_buf_clear(out);
    kv_json_begin(&w, values);
    for (size_t i = 0; i < t->n; i++) {
        if (t->fields[i].plain || !kv_json_item(&w, &value))
            continue;
        kv_buf_add_char(out, out->n ? ',' : '{');
        kv_json_quote(out, t->fields[i].name, KV_JSON_RAW);
        kv_buf_add_char(out, ':');
        if (floats)
            add_float(out, value);
        else
            kv_buf_add_slice(out, value);
    }
    kv_buf_add_str(out, out->n ? "}" : "{}");
}

static void set(struct kv_buf *out, const char *text)
{
    kv_buf_clear(out);
    kv_buf_add_str(out, text);
}

static void read_error(struct kv_slice error, struct kv_verdict *out)
{
    struct kv_buf text = {0};
    kv_buf_add_str(&text, "Field verification failed: ");
    if (kv_json_type(error) == KV_JSON_STRING)
        kv_json_unescape(error, &text);
    else
        kv_buf_add_slice(&text, error);
    kv_buf_clear(&out->error);
    kv_json_quote(&out->error, kv_slice_of(&text), KV_JSON_RAW);
    kv_buf_release(&text);
}

static void read_verdict(
    const struct kv_template *t, struct kv_slice answer, struct kv_verdict *out)
{
    struct kv_slice v;
    set(&out->field_results, "null");
    set(&out->field_scores, "null");
    set(&out->granular, "null");
    set(&out->error, "null");
    out->raised = kv_json_get(answer, "error", &v);
    if (out->raised)
        read_error(v, out);
    out->passed = kv_json_get(answer, "passed", &v) && kv_json_is_true(v);
    if (kv_json_get(answer, "results", &v))
        add_map(&out->field_results, t, v, false);
    if (kv_json_get(answer, "scores", &v))
        add_map(&out->field_scores, t, v, true);
    if (kv_json_get(answer, "granular", &v)) {
        kv_buf_clear(&out->granular);
        add_float(&out->granular, v);
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* Is there \uD800-\uDBFF (high) or \uDC00-\uDFFF at p? */
static bool is_surrogate(const char *p, const char *end, bool high)
{
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u' || (p[2] | 0x20) != 'd')
        return false;
    int second = hex_digit(p[3]);
    return high ? second >= 8 && second < 12 : second >= 12;
}

/* libjq refuses half a surrogate pair. It is told a private character instead, another for each
 * half, so that texts that differ still do. */
static void hide_surrogates(struct kv_buf *json)
{
    char *p = json->p, *end = p + json->n;
    while ((p = memchr(p, '\\', (size_t)(end - p)))) {
        bool high = is_surrogate(p, end, true), low = is_surrogate(p, end, false);
        if (high && is_surrogate(p + 6, end, false)) {
            p += 12;
            continue;
        }
        if (high || low) {
            p[2] = 'f';
            p[3] = (char)('0' + hex_digit(p[3]) - 8);
        }
        p += 2;
    }
}

static void add_input(struct kv_verifier *v, const struct kv_template *t,
    const struct kv_parsed *parsed, struct kv_slice trace)
{
    kv_buf_clear(&v->input);
    kv_buf_add_str(&v->input, "{\"fields\":[");
    for (size_t i = 0, n = 0; i < t->n; i++) {
        if (t->fields[i].plain)
            continue;
        if (n++)
            kv_buf_add_char(&v->input, ',');
        kv_fact_add(v->facts, &t->fields[i], parsed->values[i], trace, &v->input);
    }
    kv_buf_add_str(&v->input, "],\"strategy\":");
    kv_buf_add_slice(&v->input, t->strategy.n ? t->strategy : KV_SLICE("null"));
    kv_buf_add_char(&v->input, '}');
    hide_surrogates(&v->input);
}

int kv_verify_run(struct kv_verifier *v, const struct kv_template *t,
    const struct kv_parsed *parsed, struct kv_slice trace, struct kv_verdict *out,
    struct kv_err *err)
{
    add_input(v, t, parsed, trace);
    kv_buf_clear(&v->output);
    if (kv_jq_run(v->rules, kv_slice_of(&v->input), &v->output, err) != 0)
        return kv_err_context(err, "share/verify");
    read_verdict(t, kv_slice_of(&v->output), out);
    return 0;
}
