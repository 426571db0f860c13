/* score - what a rubric trait's value is. */
#include "score.h"

#include "json.h"
#include "num.h"
#include "pattern.h"
#include "text.h"
#include "value.h"

#include <math.h>
#include <string.h>
#include <strings.h>

int kv_score_regex(struct kv_slice pattern, bool case_sensitive, bool invert, struct kv_slice text,
    bool *value, struct kv_err *err)
{
    struct kv_pattern *p =
        kv_pattern_open(pattern, case_sensitive ? 0 : KV_PATTERN_IGNORECASE, err);
    long n = p ? kv_pattern_count(p, text, 1, err) : -1;
    kv_pattern_close(p);
    if (n < 0)
        return -1;
    *value = (n > 0) != invert;
    return 0;
}

/* ---- boolean, score ---- */

static bool is_no(struct kv_slice text)
{
    static const char *const words[] = {"false", "0", "no"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (text.n == strlen(words[i]) && strncasecmp(text.p, words[i], text.n) == 0)
            return true;
    return text.n == 0;
}

int kv_score_boolean(struct kv_slice reply, bool *value, struct kv_err *err)
{
    struct kv_buf text = {0};
    int64_t n;
    switch (reply.n ? kv_json_type(reply) : KV_JSON_NULL) {
    case KV_JSON_TRUE:
    case KV_JSON_FALSE:
        *value = kv_json_is_true(reply);
        return 0;
    case KV_JSON_NUMBER:
        if (!kv_num_int64(reply, &n))
            break;
        *value = n != 0;
        return 0;
    case KV_JSON_STRING:
        kv_json_unescape(reply, &text);
        *value = !is_no(kv_slice_of(&text));
        kv_buf_release(&text);
        return 0;
    default:
        break;
    }
    return kv_err_set(err, KV_INPUT, "must be true or false");
}

/* A whole text as an integer, white space and sign allowed. */
static bool text_integer(struct kv_slice reply, double *x)
{
    struct kv_buf text = {0};
    kv_json_unescape(reply, &text);
    struct kv_slice s = kv_text_strip(kv_slice_of(&text));
    bool digits = s.n > 0;
    for (size_t i = 0; i < s.n; i++)
        digits &=
            (s.p[i] >= '0' && s.p[i] <= '9') || (i == 0 && s.n > 1 && (*s.p == '-' || *s.p == '+'));
    digits = digits && kv_value_parse_float(s, x);
    kv_buf_release(&text);
    return digits;
}

int kv_score_number(
    struct kv_slice reply, int64_t min, int64_t max, int64_t *value, struct kv_err *err)
{
    double x = NAN;
    enum kv_json_type type = reply.n ? kv_json_type(reply) : KV_JSON_NULL;
    if (type == KV_JSON_TRUE || type == KV_JSON_FALSE)
        x = kv_json_is_true(reply);
    else if (type == KV_JSON_NUMBER && kv_num_double(reply, &x))
        x = trunc(x);
    else if (type != KV_JSON_STRING || !text_integer(reply, &x))
        return kv_err_set(err, KV_INPUT, "must be a whole number");
    *value = !(x > (double)min) ? min : x >= (double)max ? max : (int64_t)x;
    return 0;
}

/* ---- literal ---- */

static void fold(struct kv_buf *text)
{
    struct kv_err impossible;
    kv_value_normalize(KV_SLICE("[\"lowercase\"]"), text, &impossible);
}

static int find_class(
    struct kv_slice classes, struct kv_slice name, bool any_case, struct kv_slice *found)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    int index = -1;
    kv_json_begin(&w, classes);
    for (int i = 0; index < 0 && kv_json_member(&w, &key, &value); i++) {
        struct kv_buf text = {0};
        kv_json_unescape(key, &text);
        if (any_case)
            fold(&text);
        if (kv_slice_eq(kv_slice_of(&text), name)) {
            index = i;
            *found = key;
        }
        kv_buf_release(&text);
    }
    return index;
}

int kv_score_literal(struct kv_slice classes, struct kv_slice reply, struct kv_buf *label)
{
    struct kv_buf name = {0};
    struct kv_slice found = reply;
    if (!reply.n) {
        kv_buf_add_str(label, "\"[MISSING_FROM_RESPONSE]\"");
        return -1;
    }
    kv_value_text(&name, reply);
    int index = find_class(classes, kv_slice_of(&name), false, &found);
    if (index < 0) {
        struct kv_buf folded = {0};
        kv_buf_add_slice(&folded, kv_slice_of(&name));
        fold(&folded);
        index = find_class(classes, kv_slice_of(&folded), true, &found);
        kv_buf_release(&folded);
    }
    if (index >= 0)
        kv_buf_add_slice(label, found);
    else
        kv_json_quote(label, kv_slice_of(&name), KV_JSON_RAW);
    kv_buf_release(&name);
    return index;
}

/* ---- metric ---- */

enum outcome { TP, FN, FP, TN, OUTCOMES };
static const char *const outcomes[OUTCOMES] = {"tp", "fn", "fp", "tn"};

static bool same_item(struct kv_slice a, struct kv_slice b)
{
    struct kv_buf x = {0}, y = {0};
    kv_json_unescape(a, &x);
    kv_json_unescape(b, &y);
    kv_buf_reserve(&x, 1);
    kv_buf_reserve(&y, 1);
    fold(&x);
    fold(&y);
    bool same = kv_slice_eq(kv_text_strip(kv_slice_of(&x)), kv_text_strip(kv_slice_of(&y)));
    kv_buf_release(&x);
    kv_buf_release(&y);
    return same;
}

static bool is_blank(struct kv_slice item)
{
    return same_item(item, KV_SLICE("\"\""));
}

static bool seen_before(struct kv_slice list, struct kv_slice item)
{
    struct kv_json_walk w;
    struct kv_slice other;
    kv_json_begin(&w, list);
    while (kv_json_item(&w, &other) && other.p != item.p)
        if (same_item(other, item))
            return true;
    return false;
}

/* Appends one list; how many items it has, or -1 if it is no list of strings. */
static long add_list(struct kv_slice list, bool distinct, struct kv_buf *out)
{
    struct kv_json_walk w;
    struct kv_slice item;
    long n = 0;
    kv_buf_add_char(out, '[');
    if (list.n && kv_json_type(list) != KV_JSON_ARRAY)
        return -1;
    if (list.n)
        kv_json_begin(&w, list);
    while (list.n && kv_json_item(&w, &item)) {
        if (kv_json_type(item) != KV_JSON_STRING)
            return -1;
        if (distinct && (is_blank(item) || seen_before(list, item)))
            continue;
        if (n++)
            kv_buf_add_char(out, ',');
        kv_buf_add_slice(out, item);
    }
    kv_buf_add_char(out, ']');
    return n;
}

static double ratio(double part, double whole)
{
    return whole == 0 ? 0.0 : part / whole;
}

static bool metric(struct kv_slice name, const long n[OUTCOMES], double *x)
{
    double tp = (double)n[TP], fn = (double)n[FN], fp = (double)n[FP], tn = (double)n[TN];
    double precision = ratio(tp, tp + fp), recall = ratio(tp, tp + fn);
    if (kv_json_string_is(name, "precision"))
        *x = precision;
    else if (kv_json_string_is(name, "recall"))
        *x = recall;
    else if (kv_json_string_is(name, "specificity"))
        *x = ratio(tn, tn + fp);
    else if (kv_json_string_is(name, "accuracy"))
        *x = ratio(tp + tn, tp + tn + fp + fn);
    else if (kv_json_string_is(name, "f1"))
        *x = ratio(2 * precision * recall, precision + recall);
    else
        return false;
    return true;
}

int kv_score_metric(struct kv_slice reply, struct kv_slice metrics, bool distinct,
    struct kv_buf *lists, struct kv_buf *values, struct kv_err *err)
{
    long n[OUTCOMES];
    struct kv_json_walk w;
    struct kv_slice list, name;
    double x;
    if (kv_json_type(reply) != KV_JSON_OBJECT)
        return kv_err_set(err, KV_INPUT, "must be an object");
    for (int i = 0; i < OUTCOMES; i++) {
        kv_buf_printf(lists, "%s\"%s\":", i ? "," : "{", outcomes[i]);
        kv_json_get(reply, outcomes[i], &list);
        n[i] = add_list(list, distinct, lists);
        if (n[i] < 0)
            return kv_err_set(err, KV_INPUT, "%s: must be an array of strings", outcomes[i]);
    }
    kv_buf_add_char(lists, '}');
    kv_buf_add_char(values, '{');
    kv_json_begin(&w, metrics);
    for (bool first = true; kv_json_item(&w, &name);) {
        if (!metric(name, n, &x))
            continue;
        if (!first)
            kv_buf_add_char(values, ',');
        first = false;
        kv_buf_add_slice(values, name);
        kv_buf_add_char(values, ':');
        kv_num_add_double(values, x, KV_NUM_COMPACT);
    }
    kv_buf_add_char(values, '}');
    return 0;
}
