/* field_facts - what the rules are told about a field. */
#include "field_facts.h"

#include "builtins.h"
#include "field_value.h"
#include "jq_rules.h"
#include "jq_sandbox.h"
#include "json.h"
#include "json_out.h"
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
    struct kv_field_facts *out;
    struct kv_fact *list; /* to which items are added */
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
    return kv_fields_parameter(a->f, name);
}

static void tell_bool(struct kv_fact *to, bool value)
{
    to->kind = KV_TOLD_BOOL;
    to->truth = value;
}

static void tell_whole(struct kv_fact *to, int64_t n)
{
    to->kind = KV_TOLD_WHOLE;
    to->whole = n;
}

/* ---- truth, number, identity ---- */

/* A truth value that a judge gave as a word is what the word says, and unknown if it says neither: then
 * it equals neither true nor false. In the ground truth Python's rule counts: any text but the empty one
 * is true. */
static void tell_truth(struct kv_fact *to, struct kv_slice value, bool judge)
{
    bool truth = kv_builtins_truth(value);
    bool word = kv_json_type(value) == KV_JSON_STRING;
    bool known = !word || kv_field_value_truth(value, &truth);
    if (kv_json_type(value) == KV_JSON_NULL)
        to->kind = KV_TOLD_NULL;
    else if (!known && judge)
        to->kind = KV_TOLD_NEITHER;
    else
        tell_bool(to, truth);
}

static int truths(struct asked *a)
{
    tell_truth(&a->out->x, a->value, true);
    tell_truth(&a->out->e, a->truth, false);
    return 0;
}

static int tell_number(struct asked *a, struct kv_fact *to, struct kv_slice value)
{
    if (kv_builtins_number(value, &to->number, a->err) != 0)
        return -1;
    to->kind = KV_TOLD_NUMBER;
    return 0;
}

static int extracted_number(struct asked *a)
{
    return tell_number(a, &a->out->x, a->value);
}

static int numbers(struct asked *a)
{
    return extracted_number(a) == 0 ? tell_number(a, &a->out->e, a->truth) : -1;
}

static void tell_identity(struct kv_fact *to, struct kv_slice value)
{
    to->kind = kv_builtins_identity(&to->text, value) ? KV_TOLD_TEXT : KV_TOLD_NULL;
}

static int identities(struct asked *a)
{
    tell_identity(&a->out->x, a->value);
    tell_identity(&a->out->e, a->truth);
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
    struct kv_fact *x = &a->out->x;
    int rc = normal_text(a, a->value, &text);
    x->kind = KV_TOLD_JSON;
    x->all = true;
    kv_buf_add_char(&x->text, '[');
    kv_json_begin(&w, substrings);
    while (rc == 0 && kv_json_item(&w, &item)) {
        kv_buf_clear(&part);
        rc = normal_text(a, item, &part);
        bool occurs = part.n == 0 || (text.n && memmem(text.p, text.n, part.p, part.n));
        x->any |= occurs;
        x->all &= occurs;
        kv_json_out_flag(&x->text, NULL, occurs);
    }
    kv_buf_add_char(&x->text, ']');
    kv_buf_release(&text);
    kv_buf_release(&part);
    return rc;
}

static int tell_text(struct asked *a, struct kv_fact *to, struct kv_slice value)
{
    to->kind = KV_TOLD_TEXT;
    return normal_text(a, value, &to->text);
}

static int texts(struct asked *a)
{
    struct kv_slice substrings = parameter(a, "substrings");
    if (substrings.n)
        return contained(a, substrings);
    return tell_text(a, &a->out->x, a->value) == 0 ? tell_text(a, &a->out->e, a->truth) : -1;
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

static void begin_list(struct asked *a, struct kv_fact *to, enum kv_told kind)
{
    to->kind = kind;
    kv_buf_add_char(&to->text, '[');
    a->list = to;
}

static void add_to_list(struct asked *a, const struct kv_buf *text)
{
    kv_json_out_text(&a->list->text, NULL, kv_slice_of(text));
}

static int add_element(struct asked *a, struct kv_slice item)
{
    struct kv_buf identity = {0};
    if (kv_json_type(item) == KV_JSON_ARRAY || kv_json_type(item) == KV_JSON_OBJECT)
        return kv_err_set(a->err, KV_INPUT, "unhashable type: '%s'", kv_builtins_type(item));
    if (!kv_builtins_identity(&identity, item)) { /* NaN equals nothing: a text of its own */
        kv_buf_clear(&identity);
        kv_buf_printf(&identity, "%c%zu", a->list == &a->out->x ? 'x' : 'e', a->list->text.n);
    }
    add_to_list(a, &identity);
    kv_buf_release(&identity);
    return 0;
}

static int tell_set(struct asked *a, struct kv_fact *to, struct kv_slice value)
{
    int rc;
    begin_list(a, to, KV_TOLD_LIST);
    if (!iterate(value, add_element, a, &rc))
        return kv_err_set(a->err, KV_INPUT, "'%s' object is not iterable", kv_builtins_type(value));
    kv_buf_add_char(&to->text, ']');
    return rc;
}

static int sets(struct asked *a)
{
    return tell_set(a, &a->out->x, a->value) == 0 ? tell_set(a, &a->out->e, a->truth) : -1;
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
    add_to_list(a, &text);
    kv_buf_release(&text);
    return rc;
}

/* Items are told only if there are equally many: Python does not normalise them otherwise. */
static int sequences(struct asked *a)
{
    struct kv_fact *sides[] = {&a->out->x, &a->out->e};
    struct kv_slice values[] = {a->value, a->truth};
    size_t n[2];
    int rc = 0;
    if (length_of(a, a->value, &n[0]) != 0 || length_of(a, a->truth, &n[1]) != 0)
        return -1;
    for (int i = 0; i < 2 && rc == 0; i++) {
        begin_list(a, sides[i], KV_TOLD_SEQUENCE);
        sides[i]->whole = (int64_t)n[i];
        if (n[0] == n[1])
            iterate(values[i], add_item, a, &rc);
        kv_buf_add_char(&sides[i]->text, ']');
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

static void tell_date(struct asked *a, struct kv_fact *to, const struct kv_date *d)
{
    if (strcmp(a->f->primitive->name, "DateMatch") == 0) {
        tell_whole(to, kv_dateutil_day(d));
        return;
    }
    to->kind = KV_TOLD_MOMENT;
    to->whole = (kv_dateutil_micros(d) - d->microsecond) / 1000000;
    to->micros = d->microsecond;
    to->truth = d->zoned;
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

/* A text that is certainly no date fails the check, whatever the others are. So the error of one that
 * may be a date in a form that is not known is kept until all have been looked at. */
static int dates(struct asked *a)
{
    struct {
        struct kv_fact *to;
        struct kv_slice value;
    } sides[] = {
        {&a->out->x, a->value}, {&a->out->e, a->truth}, {&a->out->min, {0}}, {&a->out->max, {0}}};
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
            tell_date(a, sides[i].to, &d);
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
        a->out->x.kind = KV_TOLD_NULL;
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
    tell_whole(&a->out->x, n);
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
    tell_bool(&a->out->e, kv_builtins_truth(a->truth));
    if (parameter(a, "pattern").n) {
        long most = kv_json_is_null(least) ? 1 : strtol(least.p, NULL, 10);
        return add_count(a, a->trace, most < 1 ? 1 : most);
    }
    if (unit.n) {
        bool words = kv_json_string_is(unit, "words");
        tell_whole(
            &a->out->x, (int64_t)(words ? kv_pystr_words(a->trace) : kv_pystr_chars(a->trace)));
        return 0;
    }
    kv_json_unescape(parameter(a, "substring"), &part);
    tell_bool(
        &a->out->x, part.n == 0 || (a->trace.n && memmem(a->trace.p, a->trace.n, part.p, part.n)));
    kv_buf_release(&part);
    return 0;
}

static int filtered(struct asked *a)
{
    struct kv_buf filter = {0};
    bool finite = !kv_json_is_nonfinite(a->value);
    kv_buf_reserve(&filter, 1);
    kv_json_unescape(parameter(a, "filter"), &filter);
    a->out->x.kind = KV_TOLD_JSON;
    int rc = kv_jq_sandbox_run(sandbox(a), kv_slice_of(&filter),
        finite ? a->value : KV_SLICE("null"), a->truth, &a->out->x.text, a->err);
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

static void forget(struct kv_fact *f)
{
    struct kv_buf text = f->text;
    kv_buf_clear(&text);
    *f = (struct kv_fact){.text = text};
}

int kv_field_facts_gather(struct kv_facts *s, const struct kv_answer_field *f,
    struct kv_slice value, struct kv_slice trace, struct kv_field_facts *out, struct kv_err *err)
{
    struct asked a = {s, f, value, f->ground_truth, trace, out, NULL, err};
    struct kv_fact *all[] = {&out->x, &out->e, &out->min, &out->max};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        forget(all[i]);
    out->skipped = !value.n && !f->is_trace;
    return out->skipped ? 0 : gather(&a);
}

void kv_field_facts_release(struct kv_field_facts *facts)
{
    struct kv_fact *all[] = {&facts->x, &facts->e, &facts->min, &facts->max};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        kv_buf_release(&all[i]->text);
}

/* ---- as the input of the rules ---- */

static void add_moment(struct kv_buf *out, const char *name, const struct kv_fact *f)
{
    kv_json_out_object(out, name);
    kv_json_out_int(out, "s", f->whole);
    kv_json_out_int(out, "us", f->micros);
    kv_json_out_flag(out, "zoned", f->truth);
    kv_buf_add_char(out, '}');
}

static void add_value(struct kv_buf *out, const char *name, const struct kv_fact *f)
{
    switch (f->kind) {
    case KV_TOLD_NOTHING:
        break;
    case KV_TOLD_NULL:
        kv_json_out_null(out, name);
        break;
    case KV_TOLD_BOOL:
        kv_json_out_flag(out, name, f->truth);
        break;
    case KV_TOLD_NEITHER:
        kv_json_out_str(out, name, "neither");
        break;
    case KV_TOLD_NUMBER:
        kv_json_out_key(out, name);
        kv_jq_rules_add_number(out, f->number);
        break;
    case KV_TOLD_WHOLE:
        kv_json_out_int(out, name, f->whole);
        break;
    case KV_TOLD_TEXT:
        kv_json_out_text(out, name, kv_slice_of(&f->text));
        break;
    case KV_TOLD_LIST:
    case KV_TOLD_JSON:
        kv_json_out_json(out, name, kv_slice_of(&f->text));
        break;
    case KV_TOLD_SEQUENCE:
        kv_json_out_object(out, name);
        kv_json_out_int(out, "length", f->whole);
        kv_json_out_json(out, "items", kv_slice_of(&f->text));
        kv_buf_add_char(out, '}');
        break;
    case KV_TOLD_MOMENT:
        add_moment(out, name, f);
        break;
    }
}

void kv_field_facts_write(struct kv_buf *out, const struct kv_answer_field *f,
    const struct kv_field_facts *facts, const char *raised)
{
    kv_json_out_object(out, NULL);
    kv_json_out_str(out, "type", f->primitive->name);
    kv_json_out_python(out, "weight", f->weight);
    kv_json_out_text(out, "name", f->name);
    kv_json_out_json(out, "p", f->verify_with);
    if (raised) {
        kv_json_out_str(out, "raise", raised);
    } else if (facts->skipped) {
        kv_json_out_flag(out, "skip", true);
    } else {
        add_value(out, "x", &facts->x);
        add_value(out, "e", &facts->e);
        add_value(out, "min", &facts->min);
        add_value(out, "max", &facts->max);
    }
    kv_buf_add_char(out, '}');
}
