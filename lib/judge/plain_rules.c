/* plain_rules - what share/verify says of an answer, decided without jq.
 *
 * One function a definition of primitives.jq, under its name, and in the same order of operations,
 * so that the doubles are the same to the last bit. Sets are sorted, as jq's `unique` does.
 */
#include "plain_rules.h"

#include "digest.h"
#include "json.h"
#include "num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The SHA-256 of primitives.jq, strategy.jq and verdict.jq, a line feed behind each. A change of one of
 * them goes into the functions below and then here: tests/library/judge-plain.bats prints the value. */
static const char digest[] = "5e0a9d382033a6feb7be2d4a88496902d092f86bd6281cab0307d698132d957c";

bool kv_plain_rules_are(struct kv_slice text)
{
    char hex[KV_SHA256_HEX + 1];
    kv_digest_sha256(text, hex);
    return strcmp(hex, digest) == 0;
}

/* ---- parameters, which kv_primitive_read has checked ---- */

/* A field while it is decided. */
struct field {
    const struct kv_answer_field *f;
    const struct kv_fact *x, *e, *min, *max;
};

static struct kv_slice parameter(const struct field *a, const char *name)
{
    return kv_fields_parameter(a->f, name);
}

static bool is_mode(const struct field *a, const char *name, const char *mode)
{
    return kv_json_string_is(parameter(a, name), mode);
}

static bool flag(const struct field *a, const char *name)
{
    return kv_json_is_true(parameter(a, name));
}

/* True if it is a finite number. */
static bool number(const struct field *a, const char *name, double *x)
{
    return kv_num_double(parameter(a, name), x) && isfinite(*x);
}

/* One that may be null: true if it is, with *given saying which. */
static bool maybe(const struct field *a, const char *name, double *x, bool *given)
{
    struct kv_slice v = parameter(a, name);
    *given = !kv_json_is_null(v);
    return !*given || number(a, name, x);
}

/* ---- truth, text, sets ---- */

static bool say(struct kv_plain_check *out, bool passed)
{
    *out = (struct kv_plain_check){.made = true, .passed = passed, .credit = passed ? 1 : 0};
    return true;
}

static bool same_text(const struct kv_fact *x, const struct kv_fact *e)
{
    return kv_slice_eq(kv_slice_of(&x->text), kv_slice_of(&e->text));
}

static bool exact_match(const struct field *a, struct kv_plain_check *out)
{
    return say(out, same_text(a->x, a->e));
}

static bool boolean_match(const struct field *a, struct kv_plain_check *out)
{
    return say(out, a->x->kind == a->e->kind && a->x->truth == a->e->truth);
}

static bool contains_any(const struct field *a, struct kv_plain_check *out)
{
    return say(out, a->x->any);
}

static bool contains_all(const struct field *a, struct kv_plain_check *out)
{
    return say(out, a->x->all);
}

static bool literal_match(const struct field *a, struct kv_plain_check *out)
{
    return say(
        out, a->x->kind == KV_TOLD_TEXT && a->e->kind == KV_TOLD_TEXT && same_text(a->x, a->e));
}

static bool ordered_match(const struct field *a, struct kv_plain_check *out)
{
    return say(out, a->x->whole == a->e->whole && same_text(a->x, a->e));
}

static int compare_slices(const void *a, const void *b)
{
    return kv_slice_cmp(*(const struct kv_slice *)a, *(const struct kv_slice *)b);
}

/* The items of a list without repetitions, sorted; to be freed. */
static struct kv_slice *unique(const struct kv_fact *list, size_t *n)
{
    struct kv_slice text = kv_slice_of(&list->text);
    struct kv_slice *all = kv_array(NULL, kv_json_count(text) + 1, sizeof *all);
    struct kv_json_walk w;
    size_t count = 0, kept = 0;
    kv_json_begin(&w, text);
    while (kv_json_item(&w, &all[count]))
        count++;
    qsort(all, count, sizeof *all, compare_slices);
    for (size_t i = 0; i < count; i++)
        if (!kept || !kv_slice_eq(all[kept - 1], all[i]))
            all[kept++] = all[i];
    *n = kept;
    return all;
}

static size_t count_common(const struct kv_slice *x, size_t nx, const struct kv_slice *e, size_t ne)
{
    size_t n = 0;
    for (size_t i = 0, j = 0; i < nx && j < ne;) {
        int order = kv_slice_cmp(x[i], e[j]);
        n += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    return n;
}

static bool set_containment(const struct field *a, struct kv_plain_check *out)
{
    size_t nx, ne;
    struct kv_slice *x = unique(a->x, &nx), *e = unique(a->e, &ne);
    size_t common = count_common(x, nx, e, ne);
    double least = 0;
    bool given;
    free(x);
    free(e);
    if (is_mode(a, "mode", "exact"))
        return say(out, common == nx && common == ne);
    if (is_mode(a, "mode", "subset"))
        return say(out, common == nx);
    if (is_mode(a, "mode", "superset"))
        return say(out, common == ne);
    if (!is_mode(a, "mode", "overlap") || !maybe(a, "min_overlap", &least, &given))
        return false;
    return say(out, (double)common >= (least == 0 ? 1 : least));
}

/* ---- numbers ---- */

/* Both finite. */
static bool are_numbers(const struct field *a)
{
    return isfinite(a->x->number) && isfinite(a->e->number);
}

/* Credit that falls from 1 at no distance to 0 at `width`. */
static double falling(const struct field *a, double distance, double width)
{
    if (width == 0 || width <= distance)
        return 0;
    double r = distance / width;
    return is_mode(a, "decay", "quadratic") ? 1 - r * r : 1 - r;
}

static bool numeric_exact(const struct field *a, struct kv_plain_check *out)
{
    return are_numbers(a) && say(out, a->x->number == a->e->number);
}

static bool numeric_tolerance(const struct field *a, struct kv_plain_check *out)
{
    double tolerance, d = fabs(a->x->number - a->e->number), e = a->e->number;
    if (!are_numbers(a) || !number(a, "tolerance", &tolerance))
        return false;
    if (is_mode(a, "mode", "absolute"))
        return say(out, d <= tolerance);
    return say(out, e == 0 ? d == 0 : d / fabs(e) <= tolerance);
}

static bool within(const struct field *a, bool *is)
{
    double v = a->x->number, min = 0, max = 0;
    bool has_min, has_max;
    if (!isfinite(v) || !maybe(a, "min", &min, &has_min) || !maybe(a, "max", &max, &has_max))
        return false;
    bool below = has_min && (flag(a, "exclusive_min") ? v <= min : v < min);
    bool above = has_max && (flag(a, "exclusive_max") ? max <= v : max < v);
    *is = !below && !above;
    return true;
}

static bool numeric_range(const struct field *a, struct kv_plain_check *out)
{
    bool is;
    return within(a, &is) && say(out, is);
}

static bool bounded(const struct field *a, double low, double high, struct kv_plain_check *out)
{
    return are_numbers(a) && say(out, flag(a, "exclusive") ? low < high : low <= high);
}

static bool numeric_minimum(const struct field *a, struct kv_plain_check *out)
{
    return bounded(a, a->e->number, a->x->number, out);
}

static bool numeric_maximum(const struct field *a, struct kv_plain_check *out)
{
    return bounded(a, a->x->number, a->e->number, out);
}

static bool numeric_graded(const struct field *a, struct kv_plain_check *out)
{
    double x = a->x->number, e = a->e->number, d = fabs(x - e), cutoff, full = 0;
    bool given;
    if (!are_numbers(a) || !number(a, "cutoff", &cutoff) || !maybe(a, "full_credit", &full, &given))
        return false;
    if (is_mode(a, "mode", "relative")) {
        if (e == 0 && x != 0)
            return say(out, false);
        d = e == 0 ? 0 : d / fabs(e);
    }
    say(out, d <= (given ? full : cutoff));
    out->credit = d <= full ? 1 : falling(a, d - full, cutoff - full);
    return true;
}

static bool numeric_range_graded(const struct field *a, struct kv_plain_check *out)
{
    double v = a->x->number, min, max, margin;
    bool is;
    if (!within(a, &is) || !number(a, "min", &min) || !number(a, "max", &max) ||
        !number(a, "margin", &margin))
        return false;
    double shoulder = is_mode(a, "mode", "relative") ? margin * (max - min) : margin;
    say(out, is);
    out->credit = min <= v && v <= max ? 1 : falling(a, v < min ? min - v : v - max, shoulder);
    return true;
}

static bool numeric_threshold_graded(const struct field *a, struct kv_plain_check *out)
{
    double x = a->x->number, e = a->e->number, margin;
    bool max = is_mode(a, "direction", "max");
    double low = max ? x : e, high = max ? e : x;
    if (!bounded(a, low, high, out) || !number(a, "margin", &margin))
        return false;
    double shoulder = is_mode(a, "mode", "relative") ? margin * fabs(e) : margin;
    out->credit = low <= high ? 1 : falling(a, low - high, shoulder);
    return true;
}

/* ---- dates ---- */

static bool date_match(const struct field *a, struct kv_plain_check *out)
{
    return say(out,
        a->x->kind == KV_TOLD_WHOLE && a->e->kind == KV_TOLD_WHOLE && a->x->whole == a->e->whole);
}

/* a - b in microseconds, as doubles; false if only one of them has a zone, or one is no date. */
static bool apart(const struct kv_fact *a, const struct kv_fact *b, double *micros)
{
    if (a->kind != KV_TOLD_MOMENT || b->kind != KV_TOLD_MOMENT || a->truth != b->truth)
        return false;
    *micros = ((double)a->whole - (double)b->whole) * 1000000 + (a->micros - b->micros);
    return true;
}

static bool date_tolerance(const struct field *a, struct kv_plain_check *out)
{
    double unit = is_mode(a, "unit", "days")    ? 86400000000.
                  : is_mode(a, "unit", "hours") ? 3600000000.
                                                : 60000000.;
    double tolerance, micros;
    if (!number(a, "tolerance", &tolerance))
        return false;
    return say(out, apart(a->x, a->e, &micros) && fabs(micros) <= tolerance * unit);
}

static bool date_range(const struct field *a, struct kv_plain_check *out)
{
    double micros;
    bool from =
        kv_json_is_null(parameter(a, "min")) || (apart(a->x, a->min, &micros) && micros >= 0);
    bool to = kv_json_is_null(parameter(a, "max")) || (apart(a->x, a->max, &micros) && micros <= 0);
    return say(out, a->x->kind == KV_TOLD_MOMENT && from && to);
}

/* ---- patterns, the trace, a filter ---- */

static bool regex_match(const struct field *a, struct kv_plain_check *out)
{
    return say(out, a->x->whole > 0);
}

static bool trace_regex(const struct field *a, struct kv_plain_check *out)
{
    double least = 0;
    bool given;
    if (!maybe(a, "count_min", &least, &given))
        return false;
    bool found = given ? (double)a->x->whole >= least : a->x->whole > 0;
    return say(out, found == a->e->truth);
}

static bool trace_contains(const struct field *a, struct kv_plain_check *out)
{
    return say(out, a->x->truth == a->e->truth);
}

static bool trace_length(const struct field *a, struct kv_plain_check *out)
{
    double length = (double)a->x->whole, min = 0, max = 0;
    bool has_min, has_max;
    if (!maybe(a, "min", &min, &has_min) || !maybe(a, "max", &max, &has_max))
        return false;
    bool is = (!has_min || length >= min) && (!has_max || length <= max);
    return say(out, is == a->e->truth);
}

static bool filter_result(const struct field *a, struct kv_plain_check *out)
{
    struct kv_slice said = kv_slice_of(&a->x->text);
    double x;
    if (kv_json_type(said) == KV_JSON_TRUE || kv_json_type(said) == KV_JSON_FALSE)
        return say(out, kv_json_is_true(said));
    if (!kv_num_double(said, &x) || !(x >= 0 && x <= 1))
        return false;
    say(out, x == 1);
    out->credit = x;
    return true;
}

bool kv_plain_rules_field(
    const struct kv_answer_field *f, const struct kv_field_facts *facts, struct kv_plain_check *out)
{
    static const struct {
        const char *name;
        bool (*decide)(const struct field *a, struct kv_plain_check *out);
    } rules[] = {
        {"ExactMatch", exact_match},
        {"BooleanMatch", boolean_match},
        {"NumericExact", numeric_exact},
        {"NumericTolerance", numeric_tolerance},
        {"SetContainment", set_containment},
        {"LiteralMatch", literal_match},
        {"ContainsAny", contains_any},
        {"ContainsAll", contains_all},
        {"RegexMatch", regex_match},
        {"OrderedMatch", ordered_match},
        {"NumericRange", numeric_range},
        {"NumericMinimum", numeric_minimum},
        {"NumericMaximum", numeric_maximum},
        {"NumericGraded", numeric_graded},
        {"NumericRangeGraded", numeric_range_graded},
        {"NumericThresholdGraded", numeric_threshold_graded},
        {"DateMatch", date_match},
        {"DateTolerance", date_tolerance},
        {"DateRange", date_range},
        {"TraceRegex", trace_regex},
        {"TraceContains", trace_contains},
        {"TraceLength", trace_length},
        {"Jq", filter_result},
    };
    struct field a = {f, &facts->x, &facts->e, &facts->min, &facts->max};
    *out = (struct kv_plain_check){0};
    if (facts->skipped)
        return true;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rules[i].name, f->primitive->name) == 0)
            return rules[i].decide(&a, out) && !isnan(out->credit);
    return false; /* SemanticMatch, which raises */
}

/* ---- strategy.jq ---- */

/* Null and false pass nothing. False if there is no field of that name, which raises. */
static bool named(const struct kv_template *t, const struct kv_plain_check *checks,
    struct kv_slice name, bool *passed)
{
    bool found = false;
    for (size_t i = 0, n = 0; i < t->n; i++) {
        if (t->fields[i].plain)
            continue;
        if (kv_json_string_is(name, t->fields[i].name.p)) {
            *passed = checks[n].made && checks[n].passed;
            found = true;
        }
        n++;
    }
    return found;
}

static bool holds(const struct kv_template *t, const struct kv_plain_check *checks,
    struct kv_slice strategy, bool *is)
{
    struct kv_slice type, v, condition;
    struct kv_json_walk w;
    double n = 1, count = 0;
    bool one;
    kv_json_get(strategy, "type", &type);
    bool all = kv_json_string_is(type, "all_of"), some = kv_json_string_is(type, "any_of");
    if (kv_json_string_is(type, "field_check"))
        return kv_json_get(strategy, "field_name", &v) && named(t, checks, v, is);
    if (!all && !some && !(kv_json_get(strategy, "n", &v) && kv_num_double(v, &n) && isfinite(n)))
        return false;
    if (!kv_json_get(strategy, "conditions", &v) || kv_json_type(v) != KV_JSON_ARRAY)
        return false;
    *is = all;
    kv_json_begin(&w, v);
    while (kv_json_item(&w, &condition)) {
        if ((all && !*is) || (some && *is)) /* decided: what is behind is not looked at */
            return true;
        if (!holds(t, checks, condition, &one))
            return false;
        count += one;
        *is = one;
    }
    if (!all && !some)
        *is = n <= count;
    return true;
}

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The credits that count, added up from 0; `earned` is sorted if only some do. */
static double add_up(const struct kv_template *t, double *earned, size_t n)
{
    double sum = 0, largest = earned[0];
    if (t->strategy.n && t->root == KV_STRATEGY_ANY_OF) {
        for (size_t i = 1; i < n; i++)
            largest = earned[i] > largest ? earned[i] : largest;
        return largest;
    }
    if (t->strategy.n && t->root == KV_STRATEGY_AT_LEAST_N) {
        qsort(earned, n, sizeof *earned, descending);
        n = t->root_n < (int64_t)n ? (size_t)t->root_n : n;
    }
    for (size_t i = 0; i < n; i++)
        sum += earned[i];
    return sum;
}

static double credit(const struct kv_template *t, const struct kv_plain_check *checks)
{
    double *earned = kv_array(NULL, t->verified + 1, sizeof *earned), total = 0;
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (t->fields[i].plain)
            continue;
        total += t->fields[i].weight;
        earned[n] = t->fields[i].weight * (checks[n].made ? checks[n].credit : 0);
        n++;
    }
    double of_all = total == 0 ? 0 : add_up(t, earned, n) / total;
    free(earned);
    return of_all;
}

bool kv_plain_rules_whole(const struct kv_template *t, const struct kv_plain_check *checks,
    bool *passed, double *granular)
{
    if (t->strategy.n) {
        if (t->root == KV_STRATEGY_AT_LEAST_N && t->root_n < 0)
            return false;
        if (!holds(t, checks, t->strategy, passed))
            return false;
    } else {
        *passed = true;
        for (size_t i = 0; i < t->verified; i++)
            *passed &= checks[i].made && checks[i].passed;
    }
    *granular = credit(t, checks);
    return isfinite(*granular);
}
