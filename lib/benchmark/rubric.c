/* rubric - traits by which an answer is judged beside its template.
 *
 * A rating of a checkpoint is turned into the plain object it stands for and read by trait.h, so
 * that both notations obey one set of rules. The dump is then read into typed values.
 */
#include "rubric.h"

#include "json.h"
#include "json_out.h"
#include "num.h"
#include "pydantic.h"

#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

static struct kv_slice keep_text(struct kv_rubric *r, struct kv_slice string)
{
    struct kv_buf text = {0};
    if (kv_json_type(string) != KV_JSON_STRING)
        return (struct kv_slice){0};
    kv_json_unescape(string, &text);
    return kv_arena_take(&r->memory, &text);
}

void kv_rubric_release(struct kv_rubric *r)
{
    kv_arena_release(&r->memory);
    free(r->traits);
    *r = (struct kv_rubric){0};
}

/* ---- from the dump to typed values ---- */

static struct kv_slice get_json(struct kv_slice object, const char *name)
{
    struct kv_slice v = kv_json_find(object, name), none = {0};
    return kv_json_is_null(v) ? none : v;
}

static int64_t get_limit(struct kv_slice dump, const char *name, int64_t fallback)
{
    int64_t x = fallback;
    struct kv_slice v = get_json(dump, name);
    if (v.n)
        kv_num_int64(v, &x);
    return x;
}

static enum kv_trait_kind kind_of(enum kv_trait_list list, struct kv_slice kind)
{
    if (list == KV_TRAIT_REGEX || list == KV_TRAIT_METRIC)
        return KV_TRAIT_BOOLEAN;
    if (kv_json_type(kind) == KV_JSON_OBJECT)
        return KV_TRAIT_TEMPLATE;
    if (kv_json_string_is(kind, "literal"))
        return KV_TRAIT_LITERAL;
    return kv_json_string_is(kind, "score") ? KV_TRAIT_SCORE : KV_TRAIT_BOOLEAN;
}

static void fill(struct kv_rubric *r, struct kv_trait *t, enum kv_trait_list list, bool global,
    struct kv_slice dump)
{
    struct kv_slice kind = kv_json_find(dump, "kind");
    enum { LOWEST = 1, HIGHEST = 5 }; /* of a score trait that does not say */
    *t = (struct kv_trait){
        .list = list,
        .kind = kind_of(list, kind),
        .name = keep_text(r, kv_json_find(dump, "name")),
        .description = keep_text(r, kv_json_find(dump, "description")),
        .summary = keep_text(r, kv_json_find(dump, "summary")),
        .min_score = get_limit(dump, "min_score", LOWEST),
        .max_score = get_limit(dump, "max_score", HIGHEST),
        .classes = get_json(dump, "classes"),
        .schema = kv_json_find(kind, "schema"),
        .pattern = keep_text(r, kv_json_find(dump, "pattern")),
        .case_sensitive = kv_json_is_true(kv_json_find(dump, "case_sensitive")),
        .invert = kv_json_is_true(kv_json_find(dump, "invert_result")),
        .repeated_extraction = kv_json_is_true(kv_json_find(dump, "repeated_extraction")),
        .metrics = kv_json_find(dump, "metrics"),
        .tp_instructions = kv_json_find(dump, "tp_instructions"),
        .tn_instructions = kv_json_find(dump, "tn_instructions"),
        .global = global,
        .json = dump,
    };
    if (t->kind == KV_TRAIT_LITERAL) {
        t->min_score = 0;
        t->max_score = (int64_t)kv_json_count(t->classes) - 1;
    }
}

/* Where a trait of a list goes: behind the last of its list. */
static struct kv_trait *insert(struct kv_rubric *r, enum kv_trait_list list)
{
    size_t at = r->n;
    while (at && r->traits[at - 1].list > list)
        at--;
    r->traits = kv_grow(r->traits, r->n, sizeof *r->traits);
    memmove(&r->traits[at + 1], &r->traits[at], (r->n - at) * sizeof *r->traits);
    r->n++;
    return &r->traits[at];
}

static int read_one(struct kv_rubric *r, enum kv_trait_list list, struct kv_slice plain,
    bool global, const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_buf dump = {0};
    if (kv_trait_read(list, plain, at, &dump, problems) != 0) {
        kv_buf_release(&dump);
        return -1;
    }
    size_t n = dump.n;
    struct kv_slice kept = {kv_arena_keep(&r->memory, kv_buf_detach(&dump)), n};
    fill(r, insert(r, list), list, global, kept);
    return 0;
}

/* ---- plain objects ---- */

int kv_rubric_read_list(struct kv_rubric *r, enum kv_trait_list list, struct kv_slice traits,
    bool global, const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_json_walk w;
    struct kv_slice item;
    struct kv_path here = {.up = at};
    int rc = 0;
    if (kv_json_type(traits) != KV_JSON_ARRAY)
        return kv_problems_add(
            problems, at, "list_type", "expected an array, got %s", kv_json_type_name(traits));
    for (kv_json_begin(&w, traits); kv_json_item(&w, &item); here.index++)
        rc |= read_one(r, list, item, global, &here, problems);
    return rc;
}

int kv_rubric_read_object(struct kv_rubric *r, struct kv_slice object, bool global,
    const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    int rc = 0;
    if (kv_json_type(object) != KV_JSON_OBJECT)
        return kv_problems_add(
            problems, at, "dict_type", "expected an object, got %s", kv_json_type_name(object));
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value)) {
        struct kv_path here = {.up = at, .name = {key.p + 1, key.n - 2}};
        int list = 0;
        while (list < KV_TRAIT_LISTS && !kv_json_string_is(key, kv_trait_list_names[list]))
            list++;
        if (list == KV_TRAIT_LISTS)
            rc = kv_problems_add_unknown(problems, &here, kv_trait_list_names);
        else
            rc |= kv_rubric_read_list(r, (enum kv_trait_list)list, value, global, &here, problems);
    }
    return rc;
}

/* ---- ratings ---- */

static const struct {
    const char *name;
    enum kv_trait_list list;
} kinds[] = {
    {"RubricTrait", KV_TRAIT_LLM}, {"LLMRubricTrait", KV_TRAIT_LLM}, {"RegexTrait", KV_TRAIT_REGEX},
    {"CallableTrait", KV_TRAIT_CALLABLE}, {"MetricRubricTrait", KV_TRAIT_METRIC},
    {"AgenticRubricTrait", KV_TRAIT_AGENTIC},
    {"DynamicRubricTrait", KV_TRAIT_LISTS}, /* known, and never evaluated */
};

static bool cut(struct kv_slice *s, const char *prefix)
{
    size_t n = strlen(prefix);
    if (!kv_slice_starts(*s, prefix))
        return false;
    *s = (struct kv_slice){s->p + n, s->n - n};
    return true;
}

/* additionalType taken apart: which list, and whether it is a global kind. */
static bool parse_type(struct kv_slice string, enum kv_trait_list *list, bool *global)
{
    if (kv_json_type(string) != KV_JSON_STRING)
        return false;
    struct kv_slice s = {string.p + 1, string.n - 2};
    cut(&s, "karenina:");
    *global = cut(&s, "Global");
    if (!*global && !cut(&s, "QuestionSpecific"))
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kv_slice_is(s, kinds[i].name)) {
            *list = kinds[i].list;
            return true;
        }
    return false;
}

static bool is_list_like(struct kv_slice key)
{
    return kv_json_string_is(key, "classes") || kv_json_string_is(key, "metrics") ||
           kv_json_string_is(key, "tp_instructions") || kv_json_string_is(key, "tn_instructions");
}

/* A parameter that is an array or object may stand as JSON text. */
static void add_parameter(struct kv_buf *out, struct kv_slice key, struct kv_slice value)
{
    struct kv_buf text = {0};
    struct kv_slice inner;
    if (is_list_like(key) && kv_json_type(value) == KV_JSON_STRING) {
        kv_json_unescape(value, &text);
        if (kv_json_check(kv_slice_of(&text), KV_JSON_DIGITS, &inner, NULL) == 0)
            value = inner;
    }
    kv_json_out_member(out, key, value);
    kv_buf_release(&text);
}

static bool is_boolean_scale(struct kv_slice rating)
{
    double best, worst;
    const char *error_type;
    return kv_pydantic_float(kv_json_find(rating, "bestRating"), &best, &error_type) == 0 &&
           best == 1 &&
           kv_pydantic_float(kv_json_find(rating, "worstRating"), &worst, &error_type) == 0 &&
           worst == 0;
}

/* The plain object a rating stands for: its parameters are properties with names and values. */
static void add_plain(struct kv_buf *out, struct kv_slice rating, enum kv_trait_list list)
{
    struct kv_json_walk w;
    struct kv_slice property;
    bool kind = false;
    kv_buf_add_char(out, '{');
    kv_json_out_json(out, "name", kv_json_find(rating, "name"));
    kv_json_out_json(out, "description", kv_json_find(rating, "description"));
    kv_json_begin(&w, kv_json_find(rating, "additionalProperty"));
    while (kv_json_item(&w, &property)) {
        struct kv_slice key = kv_json_find(property, "name");
        if (kv_json_type(key) != KV_JSON_STRING || !kv_trait_has_field(list, key) ||
            kv_json_string_is(key, "name") || kv_json_string_is(key, "description"))
            continue;
        struct kv_slice value = kv_json_find(property, "value");
        if (kv_json_string_is(key, "kind") && kv_json_is_null(value))
            continue;
        kind |= kv_json_string_is(key, "kind");
        add_parameter(out, key, value);
    }
    if (list == KV_TRAIT_LLM && !kind)
        kv_json_out_str(out, "kind", is_boolean_scale(rating) ? "boolean" : "score");
    kv_buf_add_char(out, '}');
}

static void want_text(struct kv_slice object, const char *name, const struct kv_path *at,
    struct kv_problems *problems)
{
    struct kv_path here = {.up = at, .name = kv_slice(name)};
    struct kv_slice v = kv_json_find(object, name);
    if (!v.n)
        kv_problems_add(problems, &here, "missing", "missing");
    else if (kv_json_type(v) != KV_JSON_STRING)
        kv_problems_add(
            problems, &here, "string_type", "expected a string, got %s", kv_json_type_name(v));
}

static void want_number(struct kv_slice object, const char *name, bool required,
    const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_path here = {.up = at, .name = kv_slice(name)};
    struct kv_slice v = kv_json_find(object, name);
    double ignored;
    const char *error_type;
    if (!required && kv_json_is_null(v))
        return;
    if (!v.n)
        kv_problems_add(problems, &here, "missing", "missing");
    else if (kv_pydantic_float(v, &ignored, &error_type) != 0)
        kv_problems_add(
            problems, &here, error_type, "expected a number, got %s", kv_json_type_name(v));
}

static int read_rating(struct kv_rubric *r, struct kv_slice rating, bool global,
    const struct kv_path *at, struct kv_problems *problems)
{
    size_t before = problems->n;
    enum kv_trait_list list;
    bool is_global;
    struct kv_path type_at = {.up = at, .name = KV_SLICE("additionalType")};
    struct kv_slice type = kv_json_find(rating, "additionalType");
    want_text(rating, "name", at, problems);
    want_number(rating, "bestRating", true, at, problems);
    want_number(rating, "worstRating", true, at, problems);
    want_number(rating, "ratingValue", false, at, problems);
    if (!parse_type(type, &list, &is_global))
        return kv_problems_add(problems, &type_at, "literal_error", "unknown kind of rating %.*s",
            (int)(type.n < 60 ? type.n : 60), type.n ? type.p : "");
    if (global && !is_global)
        return kv_problems_add(problems, &type_at, "value_error",
            "Dataset-level rating must be a global trait type, got %.*s", (int)type.n - 2,
            type.p + 1);
    if (problems->n != before)
        return -1;
    if (list == KV_TRAIT_LISTS || is_global != global)
        return 0;
    struct kv_buf plain = {0};
    add_plain(&plain, rating, list);
    int rc = read_one(r, list, kv_slice_of(&plain), global, at, problems);
    kv_buf_release(&plain);
    return rc;
}

int kv_rubric_read_ratings(struct kv_rubric *r, struct kv_slice ratings, bool global,
    const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_json_walk w;
    struct kv_slice item;
    struct kv_path here = {.up = at};
    int rc = 0;
    if (kv_json_type(ratings) != KV_JSON_ARRAY)
        return kv_problems_add(
            problems, at, "list_type", "expected an array, got %s", kv_json_type_name(ratings));
    for (kv_json_begin(&w, ratings); kv_json_item(&w, &item); here.index++)
        rc |= read_rating(r, item, global, &here, problems);
    return rc;
}

/* ---- the whole ---- */

int kv_rubric_check(
    const struct kv_rubric *r, const struct kv_path *at, struct kv_problems *problems)
{
    size_t before = problems->n;
    for (size_t i = 0; i < r->n; i++) {
        const struct kv_trait *t = &r->traits[i];
        if (memchr(t->name.p, '.', t->name.n))
            kv_problems_add(problems, at, "value_error", "trait name '%s' contains '.'", t->name.p);
        for (size_t k = 0; k < i; k++)
            if (kv_slice_eq(r->traits[k].name, t->name))
                kv_problems_add(problems, at, "value_error",
                    r->traits[k].global == t->global
                        ? "trait name '%s' is used twice"
                        : "trait name '%s' stands in both the global and the question's rubric",
                    t->name.p);
    }
    return problems->n == before ? 0 : -1;
}

static void append(struct kv_rubric *to, const struct kv_rubric *from)
{
    for (size_t i = 0; from && i < from->n; i++)
        *insert(to, from->traits[i].list) = from->traits[i];
}

int kv_rubric_merge(const struct kv_rubric *global, const struct kv_rubric *question,
    struct kv_rubric *out, const struct kv_path *at, struct kv_problems *problems)
{
    *out = (struct kv_rubric){0};
    append(out, global);
    append(out, question);
    return kv_rubric_check(out, at, problems);
}

void kv_rubric_add_json(struct kv_buf *out, const struct kv_rubric *r)
{
    size_t i = 0;
    kv_json_out_object(out, NULL);
    for (int list = 0; list < KV_TRAIT_LISTS; list++) {
        kv_json_out_list(out, kv_trait_list_names[list]);
        for (; i < r->n && (int)r->traits[i].list == list; i++)
            kv_json_out_json(out, NULL, r->traits[i].json);
        kv_buf_add_char(out, ']');
    }
    kv_buf_add_char(out, '}');
}
