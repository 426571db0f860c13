/* field_facts - what the rules are told about a field. */
#include "field_facts.h"

#include "builtins.h"
#include "field_value.h"
#include "jq_rules.h"
#include "jq_sandbox.h"
#include "json.h"
#include "num.h"
#include "pystr.h"
#include "re.h"
#include "strptime.h"

#include <stdlib.h>
#include <string.h>

struct kv_facts {
    struct kv_jq_sandbox *jail; /* NULL: not needed so far */
};

/* What is known while the facts of one field are gathered. */
struct asked {
    struct kv_facts *s;
    const struct kv_answer_field *f;
    struct kv_slice value, truth, trace;
    struct kv_buf *out;
    struct kv_err *err;
};

struct kv_facts *kv_field_facts_open(void)
{
    return kv_calloc(1, sizeof(struct kv_facts));
}

void kv_field_facts_close(struct kv_facts *s)
{
    if (!s)
        return;
    kv_jq_sandbox_close(s->jail);
    free(s);
}

static struct kv_slice parameter(const struct asked *a, const char *name)
{
    struct kv_slice v;
    kv_json_get(a->f->verify_with, name, &v);
    return v;
}

static void add_bool(struct asked *a, const char *key, bool value)
{
    kv_buf_printf(a->out, ",\"%s\":%s", key, value ? "true" : "false");
}

static void add_quoted(struct asked *a, const char *key, const struct kv_buf *text)
{
    kv_buf_printf(a->out, ",\"%s\":", key);
    kv_json_quote(a->out, kv_slice_of(text), KV_JSON_RAW);
}

/* ---- truth, number, identity ---- */

/* Of a word it is what the word says; to Python any text but the empty one is true. A judge's word
 * that says neither is not equal to either. */
static void add_truth(struct asked *a, const char *key, struct kv_slice value, bool judge)
{
    bool truth = kv_builtins_truth(value);
    bool word = kv_json_type(value) == KV_JSON_STRING;
    bool known = !word || kv_field_value_truth(value, &truth);
    if (kv_json_type(value) == KV_JSON_NULL)
        kv_buf_printf(a->out, ",\"%s\":null", key);
    else if (!known && judge)
        kv_buf_printf(a->out, ",\"%s\":\"neither\"", key);
    else
        add_bool(a, key, truth);
}

static int truths(struct asked *a)
{
    add_truth(a, "x", a->value, true);
    add_truth(a, "e", a->truth, false);
    return 0;
}

static int add_number(struct asked *a, const char *key, struct kv_slice value)
{
    double x;
    if (kv_builtins_number(value, &x, a->err) != 0)
        return -1;
    kv_buf_printf(a->out, ",\"%s\":", key);
    kv_jq_rules_add_number(a->out, x);
    return 0;
}

static int extracted_number(struct asked *a)
{
    return add_number(a, "x", a->value);
}

static int numbers(struct asked *a)
{
    return add_number(a, "x", a->value) == 0 ? add_number(a, "e", a->truth) : -1;
}

static void add_identity(struct asked *a, const char *key, struct kv_slice value)
{
    struct kv_buf identity = {0};
    if (kv_builtins_identity(&identity, value))
        add_quoted(a, key, &identity);
    else
        kv_buf_printf(a->out, ",\"%s\":null", key);
    kv_buf_release(&identity);
}

static int identities(struct asked *a)
{
    add_identity(a, "x", a->value);
    add_identity(a, "e", a->truth);
    return 0;
}

/* ---- text ---- */

static int normal_text(struct asked *a, struct kv_slice value, struct kv_buf *text)
{
    kv_builtins_text(text, value);
    return kv_builtins_normalize(parameter(a, "normalize"), text, a->err);
}

static int contained(struct asked *a, struct kv_slice substrings)
{
    struct kv_buf text = {0}, part = {0};
    struct kv_json_walk w;
    struct kv_slice item;
    int rc = normal_text(a, a->value, &text);
    kv_buf_add_str(a->out, ",\"x\":[");
    kv_json_begin(&w, substrings);
    for (bool first = true; rc == 0 && kv_json_item(&w, &item); first = false) {
        kv_buf_clear(&part);
        rc = normal_text(a, item, &part);
        bool occurs = part.n == 0 || (text.n && memmem(text.p, text.n, part.p, part.n));
        kv_buf_printf(a->out, "%s%s", first ? "" : ",", occurs ? "true" : "false");
    }
    kv_buf_add_char(a->out, ']');
    kv_buf_release(&text);
    kv_buf_release(&part);
    return rc;
}

static int add_text(struct asked *a, const char *key, struct kv_slice value)
{
    struct kv_buf text = {0};
    int rc = normal_text(a, value, &text);
    if (rc == 0)
        add_quoted(a, key, &text);
    kv_buf_release(&text);
    return rc;
}

static int texts(struct asked *a)
{
    struct kv_slice substrings = parameter(a, "substrings");
    if (substrings.n)
        return contained(a, substrings);
    return add_text(a, "x", a->value) == 0 ? add_text(a, "e", a->truth) : -1;
}

/* ---- sets and sequences ---- */

/* Calls `each` for every item Python would iterate over: of a list, a string's characters, an
 * object's keys. False if it would not. */
static bool iterate(struct kv_slice value, int (*each)(struct asked *a, struct kv_slice item),
    struct asked *a, int *rc)
{
    struct kv_json_walk w;
    struct kv_slice item, ignored;
    struct kv_buf text = {0}, one = {0};
    enum kv_json_type type = kv_json_type(value);
    *rc = 0;
    kv_json_begin(&w, value);
    if (type == KV_JSON_ARRAY)
        while (*rc == 0 && kv_json_item(&w, &item))
            *rc = each(a, item);
    if (type == KV_JSON_OBJECT)
        while (*rc == 0 && kv_json_member(&w, &item, &ignored))
            *rc = each(a, item);
    if (type == KV_JSON_STRING)
        kv_json_unescape(value, &text);
    for (size_t i = 0, n; *rc == 0 && i < text.n; i += n) {
        for (n = 1; i + n < text.n && ((unsigned char)text.p[i + n] & 0xC0) == 0x80;)
            n++;
        kv_buf_clear(&one);
        kv_json_quote(&one, (struct kv_slice){text.p + i, n}, KV_JSON_RAW);
        *rc = each(a, kv_slice_of(&one));
    }
    kv_buf_release(&text);
    kv_buf_release(&one);
    return type == KV_JSON_ARRAY || type == KV_JSON_OBJECT || type == KV_JSON_STRING;
}

static void separate(struct asked *a)
{
    if (a->out->p[a->out->n - 1] != '[')
        kv_buf_add_char(a->out, ',');
}

static int add_element(struct asked *a, struct kv_slice item)
{
    struct kv_buf identity = {0};
    if (kv_json_type(item) == KV_JSON_ARRAY || kv_json_type(item) == KV_JSON_OBJECT)
        return kv_err_set(a->err, KV_INPUT, "unhashable type: '%s'", kv_builtins_type(item));
    separate(a);
    if (!kv_builtins_identity(&identity, item)) /* NaN is equal to nothing: a text of its own */
        kv_buf_printf(&identity, "%zu", a->out->n);
    kv_json_quote(a->out, kv_slice_of(&identity), KV_JSON_RAW);
    kv_buf_release(&identity);
    return 0;
}

static int add_set(struct asked *a, const char *key, struct kv_slice value)
{
    int rc;
    kv_buf_printf(a->out, ",\"%s\":[", key);
    if (!iterate(value, add_element, a, &rc))
        return kv_err_set(a->err, KV_INPUT, "'%s' object is not iterable", kv_builtins_type(value));
    kv_buf_add_char(a->out, ']');
    return rc;
}

static int sets(struct asked *a)
{
    return add_set(a, "x", a->value) == 0 ? add_set(a, "e", a->truth) : -1;
}

static int length_of(struct asked *a, struct kv_slice value, size_t *n)
{
    struct kv_buf text = {0};
    if (kv_json_type(value) == KV_JSON_STRING)
        kv_json_unescape(value, &text);
    *n = text.n ? kv_pystr_chars(kv_slice_of(&text)) : kv_json_count(value);
    kv_buf_release(&text);
    if (kv_json_type(value) >= KV_JSON_STRING)
        return 0;
    return kv_err_set(
        a->err, KV_INPUT, "object of type '%s' has no len()", kv_builtins_type(value));
}

static int add_item(struct asked *a, struct kv_slice item)
{
    struct kv_buf text = {0};
    int rc = normal_text(a, item, &text);
    separate(a);
    kv_json_quote(a->out, kv_slice_of(&text), KV_JSON_RAW);
    kv_buf_release(&text);
    return rc;
}

/* Items are told only if there are equally many: Python does not normalise them otherwise. */
static int sequences(struct asked *a)
{
    struct kv_slice values[] = {a->value, a->truth};
    size_t n[2];
    int rc = 0;
    if (length_of(a, a->value, &n[0]) != 0 || length_of(a, a->truth, &n[1]) != 0)
        return -1;
    for (int i = 0; i < 2 && rc == 0; i++) {
        kv_buf_printf(a->out, ",\"%s\":{\"length\":%zu,\"items\":[", i ? "e" : "x", n[i]);
        if (n[0] == n[1])
            iterate(values[i], add_item, a, &rc);
        kv_buf_add_str(a->out, "]}");
    }
    return rc;
}

/* ---- dates ---- */

static enum kv_date_outcome read_date(
    struct kv_slice value, struct kv_slice format, struct kv_date *d)
{
    struct kv_buf text = {0}, pattern = {0};
    kv_buf_reserve(&text, 1);
    kv_builtins_text(&text, value);
    if (kv_json_type(format) == KV_JSON_STRING)
        kv_json_unescape(format, &pattern);
    enum kv_date_outcome outcome =
        pattern.n ? kv_strptime_read(kv_slice_of(&text), kv_slice_of(&pattern), d)
                  : kv_dateutil_read(kv_slice_of(&text), d);
    kv_buf_release(&text);
    kv_buf_release(&pattern);
    return outcome;
}

static void add_date(struct asked *a, const char *key, const struct kv_date *d)
{
    if (strcmp(a->f->primitive->name, "DateMatch") == 0) {
        kv_buf_printf(a->out, ",\"%s\":%lld", key, (long long)kv_dateutil_day(d));
        return;
    }
    int64_t micros = kv_dateutil_micros(d), seconds = (micros - d->microsecond) / 1000000;
    kv_buf_printf(a->out, ",\"%s\":{\"s\":%lld,\"us\":%d,\"zoned\":%s}", key, (long long)seconds,
        d->microsecond, d->zoned ? "true" : "false");
}

static int unsupported(struct asked *a, struct kv_slice value)
{
    struct kv_buf repr = {0};
    kv_builtins_repr(&repr, value);
    kv_err_set(a->err, KV_INPUT, "%s: %.200s is in no form of date that is supported",
        a->f->primitive->name, repr.p);
    kv_buf_release(&repr);
    return -1;
}

/* One date fails the check if it is none, whatever the others are: only then is a doubtful one
 * worth an error. */
static int dates(struct asked *a)
{
    struct {
        const char *key;
        struct kv_slice value;
    } sides[] = {{"x", a->value}, {"e", a->truth}, {"min", {0}}, {"max", {0}}};
    bool range = strcmp(a->f->primitive->name, "DateRange") == 0, none = false;
    struct kv_slice doubtful = {0};
    sides[2].value = range ? parameter(a, "min") : KV_SLICE("");
    sides[3].value = range ? parameter(a, "max") : KV_SLICE("");
    for (int i = 0; i < 4 && !none; i++) {
        struct kv_date d;
        if ((range && i == 1) || (i > 1 && kv_json_is_null(sides[i].value)))
            continue;
        switch (read_date(sides[i].value, parameter(a, "format"), &d)) {
        case KV_DATE_OK:
            add_date(a, sides[i].key, &d);
            break;
        case KV_DATE_NONE:
            none = true;
            break;
        case KV_DATE_UNSUPPORTED:
            doubtful = sides[i].value;
            break;
        case KV_DATE_OVERFLOW:
            return kv_err_set(a->err, KV_INPUT, "Python int too large to convert to C long");
        }
    }
    if (none)
        kv_buf_add_str(a->out, ",\"x\":null");
    return !none && doubtful.n ? unsupported(a, doubtful) : 0;
}

/* ---- patterns ---- */

static struct kv_jq_sandbox *sandbox(struct asked *a)
{
    if (!a->s->jail)
        a->s->jail = kv_jq_sandbox_open(NULL);
    return a->s->jail;
}

static int add_count(struct asked *a, struct kv_slice text, long most)
{
    struct kv_buf pattern = {0};
    struct kv_slice names = parameter(a, "flags");
    unsigned flags = 0;
    long n = 0;
    kv_buf_reserve(&pattern, 1);
    kv_json_unescape(parameter(a, "pattern"), &pattern);
    int rc = names.n ? kv_re_flags(names, &flags, a->err) : 0;
    if (rc == 0)
        rc = kv_jq_sandbox_count(sandbox(a), kv_slice_of(&pattern), flags, text, most, &n, a->err);
    kv_buf_release(&pattern);
    if (rc != 0)
        return -1;
    kv_buf_printf(a->out, ",\"x\":%ld", n);
    return 0;
}

static int matches(struct asked *a)
{
    struct kv_buf text = {0};
    kv_buf_reserve(&text, 1);
    kv_builtins_text(&text, a->value);
    int rc = add_count(a, kv_slice_of(&text), 1);
    kv_buf_release(&text);
    return rc;
}

/* ---- the trace, filters ---- */

static int on_trace(struct asked *a)
{
    struct kv_buf part = {0};
    struct kv_slice least = parameter(a, "count_min"), unit = parameter(a, "unit");
    add_bool(a, "e", kv_builtins_truth(a->truth));
    if (parameter(a, "pattern").n) {
        long most = kv_json_is_null(least) ? 1 : strtol(least.p, NULL, 10);
        return add_count(a, a->trace, most < 1 ? 1 : most);
    }
    if (unit.n) {
        bool words = kv_json_string_is(unit, "words");
        kv_buf_printf(
            a->out, ",\"x\":%zu", words ? kv_pystr_words(a->trace) : kv_pystr_chars(a->trace));
        return 0;
    }
    kv_json_unescape(parameter(a, "substring"), &part);
    add_bool(a, "x", part.n == 0 || (a->trace.n && memmem(a->trace.p, a->trace.n, part.p, part.n)));
    kv_buf_release(&part);
    return 0;
}

static int filtered(struct asked *a)
{
    struct kv_buf filter = {0};
    bool finite = !kv_json_is_nonfinite(a->value);
    kv_buf_reserve(&filter, 1);
    kv_json_unescape(parameter(a, "filter"), &filter);
    kv_buf_add_str(a->out, ",\"x\":");
    int rc = kv_jq_sandbox_run(sandbox(a), kv_slice_of(&filter),
        finite ? a->value : KV_SLICE("null"), a->truth, a->out, a->err);
    kv_buf_release(&filter);
    return rc;
}

/* ---- one field ---- */

static int nothing(struct asked *a)
{
    (void)a;
    return 0;
}

static int gather(struct asked *a)
{
    static const struct {
        unsigned facts;
        int (*tell)(struct asked *a);
    } tellers[] = {
        {KV_FACT_TRACE, on_trace}, /* first: others may be set beside it */
        {KV_FACT_TRUTH, truths},
        {KV_FACT_TEXT, texts},
        {KV_FACT_NUMBER, numbers},
        {KV_FACT_EXTRACTED, extracted_number},
        {KV_FACT_SET, sets},
        {KV_FACT_ITEMS, sequences},
        {KV_FACT_SAME, identities},
        {KV_FACT_DATE, dates},
        {KV_FACT_MATCH, matches},
        {KV_FACT_FILTER, filtered},
        {0, nothing},
    };
    size_t i = 0;
    while (tellers[i].facts && !(a->f->primitive->facts & tellers[i].facts))
        i++;
    return tellers[i].tell(a);
}

void kv_field_facts_add(struct kv_facts *s, const struct kv_answer_field *f, struct kv_slice value,
    struct kv_slice trace, struct kv_buf *out)
{
    struct kv_err err;
    struct asked a = {s, f, value, f->ground_truth, trace, out, &err};
    kv_buf_printf(out, "{\"type\":\"%s\",\"weight\":", f->primitive->name);
    kv_num_add_double(out, f->weight, KV_NUM_PYTHON);
    kv_buf_add_str(out, ",\"name\":");
    kv_json_quote(out, f->name, KV_JSON_RAW);
    kv_buf_add_str(out, ",\"p\":");
    kv_buf_add_slice(out, f->verify_with);
    size_t start = out->n;
    if (!value.n && !f->is_trace) {
        kv_buf_add_str(out, ",\"skip\":true");
    } else if (gather(&a) != 0) {
        kv_buf_cut(out, start, out->n - start);
        kv_buf_add_str(out, ",\"raise\":");
        kv_json_quote_str(out, err.text);
    }
    kv_buf_add_char(out, '}');
}
