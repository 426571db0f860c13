/* trait - one rubric trait as a plain object. */
#include "trait.h"

#include "json.h"
#include "json_out.h"
#include "num.h"
#include "pydantic.h"
#include "shape.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>

const char *const kv_trait_list_names[KV_TRAIT_LISTS + 1] = {
    "llm_traits", "regex_traits", "callable_traits", "metric_traits", "agentic_traits"};

/* ---- helpers for the rules ---- */

static int complain(
    struct kv_problems *problems, const struct kv_path *at, const char *member, const char *text)
{
    struct kv_path here = {.up = at, .name = kv_slice(member)};
    return kv_problems_add(problems, &here, "value_error", "%s", text);
}

static bool is_blank(struct kv_slice string)
{
    struct kv_buf text = {0};
    kv_json_unescape(string, &text);
    bool blank = kv_slice_strip(kv_slice_of(&text)).n == 0;
    kv_buf_release(&text);
    return blank;
}

static bool has_item(struct kv_slice array, const char *text)
{
    struct kv_json_walk w;
    struct kv_slice item;
    kv_json_begin(&w, array);
    while (kv_json_item(&w, &item))
        if (kv_json_string_is(item, text))
            return true;
    return false;
}

static void check_name(
    struct kv_slice trait, const struct kv_path *at, struct kv_problems *problems)
{
    if (kv_json_find(trait, "name").n == 2)
        complain(problems, at, "name", "must not be empty");
}

/* ---- classes of a literal trait ---- */

enum { CLASSES_LEAST = 2, CLASSES_MOST = 20 };

static char *folded(struct kv_slice string)
{
    struct kv_buf text = {0};
    size_t n;
    kv_json_unescape(string, &text);
    uint8_t *low = u8_tolower((const uint8_t *)(text.p ? text.p : ""), text.n, "", NULL, NULL, &n);
    char *copy = low ? kv_strndup((const char *)low, n) : kv_buf_detach(&text);
    free(low);
    kv_buf_release(&text);
    return copy;
}

static bool has_duplicates(struct kv_slice classes)
{
    char *names[CLASSES_MOST];
    size_t n = 0;
    bool duplicates = false;
    struct kv_json_walk w;
    struct kv_slice key, value;
    kv_json_begin(&w, classes);
    while (n < CLASSES_MOST && kv_json_member(&w, &key, &value)) {
        names[n] = folded(key);
        for (size_t i = 0; i < n; i++)
            duplicates |= strcmp(names[i], names[n]) == 0;
        n++;
    }
    while (n)
        free(names[--n]);
    return duplicates;
}

static void check_classes(
    struct kv_slice trait, const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_slice classes = kv_json_find(trait, "classes"), key, value;
    struct kv_json_walk w;
    size_t n = kv_json_count(classes);
    if (n < CLASSES_LEAST || n > CLASSES_MOST) {
        complain(problems, at, "classes", "a literal trait has 2 to 20 classes");
        return;
    }
    kv_json_begin(&w, classes);
    while (kv_json_member(&w, &key, &value))
        if (is_blank(key) || is_blank(value))
            complain(problems, at, "classes", "names and descriptions must not be blank");
    if (has_duplicates(classes))
        complain(problems, at, "classes", "names must differ by more than case");
}

/* ---- llm, callable, agentic ---- */

static bool is_template(struct kv_slice kind)
{
    return kv_json_type(kind) == KV_JSON_OBJECT;
}

static void check_kind(
    struct kv_slice trait, const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_slice kind = kv_json_find(trait, "kind");
    check_name(trait, at, problems);
    if (is_template(kind)) {
        if (!kv_json_string_is(kv_json_find(kind, "type"), "template") ||
            kv_json_type(kv_json_find(kind, "schema")) != KV_JSON_OBJECT)
            complain(problems, at, "kind", "expected {\"type\":\"template\",\"schema\":{…}}");
        if (!kv_json_is_null(kv_json_find(trait, "higher_is_better")))
            complain(problems, at, "higher_is_better", "must be null for kind template");
    } else if (kv_json_string_is(kind, "literal")) {
        check_classes(trait, at, problems);
    } else if (!kv_json_string_is(kind, "boolean") && !kv_json_string_is(kind, "score")) {
        complain(problems, at, "kind", "must be boolean, score, literal or a template");
    }
}

static void check_agentic(
    struct kv_slice trait, const struct kv_path *at, struct kv_problems *problems)
{
    check_kind(trait, at, problems);
    if (kv_json_is_null(kv_json_find(trait, "description")) ||
        is_blank(kv_json_find(trait, "description")))
        complain(problems, at, "description", "must not be empty");
}

/* ---- metric ---- */

static bool is_metric(struct kv_slice name)
{
    static const char *const known[] = {"precision", "recall", "specificity", "accuracy", "f1"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (kv_json_string_is(name, known[i]))
            return true;
    return false;
}

static void check_metric(
    struct kv_slice trait, const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_slice metrics = kv_json_find(trait, "metrics"), item;
    struct kv_json_walk w;
    bool full = kv_json_string_is(kv_json_find(trait, "evaluation_mode"), "full_matrix");
    check_name(trait, at, problems);
    if (!kv_json_count(metrics))
        complain(problems, at, "metrics", "at least one metric is needed");
    kv_json_begin(&w, metrics);
    while (kv_json_item(&w, &item))
        if (!is_metric(item))
            complain(problems, at, "metrics", "unknown metric");
    if (!full && (has_item(metrics, "specificity") || has_item(metrics, "accuracy")))
        complain(
            problems, at, "metrics", "specificity and accuracy need evaluation_mode full_matrix");
    if (!kv_json_count(kv_json_find(trait, "tp_instructions")))
        complain(problems, at, "tp_instructions", "must not be empty");
    if (full && !kv_json_count(kv_json_find(trait, "tn_instructions")))
        complain(problems, at, "tn_instructions", "must not be empty for full_matrix");
}

/* ---- tables ---- */

/* clang-format off: one row a macro, as in a table */
#define MEMBER(key, of, value)                                                                     \
    {                                                                                              \
        .name = key, .shape = &(of), .default_json = value                                         \
    }
#define OR_NULL(key, of) MEMBER(key, of, "null")
#define IF_GIVEN(key, of)                                                                          \
    {                                                                                              \
        .name = key, .shape = &(of), .default_json = "null", .if_given = true                      \
    }
#define BOOL(key, value)         MEMBER(key, kv_shape_bool, value)
#define BOOL_OR_NULL(key, value) MEMBER(key, kv_shape_bool_null, value)
#define TEXT(key, value)         MEMBER(key, kv_shape_text, value)
#define TEXTS(key, value)        MEMBER(key, kv_shape_texts, value)
#define KIND(value)              MEMBER("kind", kv_shape_any, value)
#define NAMES                                                                                      \
    TEXT("name", NULL), OR_NULL("description", kv_shape_text_null),                                \
        OR_NULL("summary", kv_shape_text_null)
#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }
/* clang-format on */

static const struct kv_shape free_null = {.kind = KV_SHAPE_FREE, .nullable = true};
static const struct kv_shape evaluation_mode = {
    .kind = KV_SHAPE_CHOICE, .choices = "tp_only|full_matrix"};
static const struct kv_shape turns = {.kind = KV_SHAPE_INT, .has_min = true, .above_min = true};
static const struct kv_shape seconds = {.kind = KV_SHAPE_FLOAT, .has_min = true, .above_min = true};

static const struct kv_shape llm_table = {.kind = KV_SHAPE_RECORD,
    .members =
        (const struct kv_shape_member[]){
            NAMES,
            KIND(NULL),
            IF_GIVEN("min_score", kv_shape_int_null),
            IF_GIVEN("max_score", kv_shape_int_null),
            OR_NULL("classes", kv_shape_text_map_null),
            BOOL("deep_judgment_enabled", "false"),
            BOOL("deep_judgment_excerpt_enabled", "true"),
            OR_NULL("deep_judgment_max_excerpts", kv_shape_int_null),
            OR_NULL("deep_judgment_fuzzy_match_threshold", kv_shape_float_null),
            OR_NULL("deep_judgment_excerpt_retry_attempts", kv_shape_int_null),
            BOOL("deep_judgment_search_enabled", "false"),
            BOOL_OR_NULL("higher_is_better", "true"),
            END,
        },
    .look = check_kind};

/* A trait whose value is an object: the other parameters mean nothing and are not dumped. */
static const struct kv_shape llm_template_table = {.kind = KV_SHAPE_RECORD,
    .members =
        (const struct kv_shape_member[]){
            NAMES,
            KIND(NULL),
            BOOL("deep_judgment_enabled", "false"),
            BOOL_OR_NULL("higher_is_better", "null"),
            END,
        },
    .look = check_kind};

static const struct kv_shape regex_table = {.kind = KV_SHAPE_RECORD,
    .members =
        (const struct kv_shape_member[]){
            NAMES,
            TEXT("pattern", "\"\""),
            BOOL("case_sensitive", "true"),
            BOOL("invert_result", "false"),
            BOOL("higher_is_better", "true"),
            END,
        },
    .look = check_name,
    .alias = "invert",
    .alias_of = "invert_result"};

static const struct kv_shape callable_table = {.kind = KV_SHAPE_RECORD,
    .members =
        (const struct kv_shape_member[]){
            NAMES,
            KIND("\"boolean\""),
            TEXT("callable_code", "\"\""),
            OR_NULL("min_score", kv_shape_int_null),
            OR_NULL("max_score", kv_shape_int_null),
            BOOL("invert_result", "false"),
            OR_NULL("classes", kv_shape_text_map_null),
            BOOL_OR_NULL("higher_is_better", "true"),
            END,
        },
    .look = check_kind};

static const struct kv_shape metric_table = {.kind = KV_SHAPE_RECORD,
    .members =
        (const struct kv_shape_member[]){
            NAMES,
            MEMBER("evaluation_mode", evaluation_mode, "\"tp_only\""),
            TEXTS("metrics", NULL),
            TEXTS("tp_instructions", "[]"),
            TEXTS("tn_instructions", "[]"),
            BOOL("repeated_extraction", "true"),
            BOOL_OR_NULL("higher_is_better", "null"),
            END,
        },
    .look = check_metric};

static const struct kv_shape agentic_table = {.kind = KV_SHAPE_RECORD,
    .members =
        (const struct kv_shape_member[]){
            NAMES,
            KIND("\"boolean\""),
            BOOL_OR_NULL("higher_is_better", "true"),
            IF_GIVEN("min_score", kv_shape_int_null),
            IF_GIVEN("max_score", kv_shape_int_null),
            OR_NULL("classes", kv_shape_text_map_null),
            TEXT("context_mode", "\"trace_and_workspace\""),
            BOOL("materialize_trace", "false"),
            BOOL("persist_trace", "false"),
            MEMBER("max_turns", turns, "15"),
            MEMBER("timeout_seconds", seconds, "120.0"),
            OR_NULL("model_override", free_null),
            END,
        },
    .look = check_agentic};

static const struct kv_shape *const tables[KV_TRAIT_LISTS] = {
    &llm_table, &regex_table, &callable_table, &metric_table, &agentic_table};

bool kv_trait_has_field(enum kv_trait_list list, struct kv_slice key)
{
    for (const struct kv_shape_member *m = tables[list]->members; m->name; m++)
        if (kv_json_string_is(key, m->name))
            return true;
    return false;
}

/* ---- reading ---- */

/* True if a template trait drops this member. */
static bool is_dropped(struct kv_slice key)
{
    for (const struct kv_shape_member *m = llm_template_table.members; m->name; m++)
        if (kv_json_string_is(key, m->name))
            return false;
    return kv_trait_has_field(KV_TRAIT_LLM, key);
}

static void prepare(enum kv_trait_list list, struct kv_slice object, struct kv_buf *out)
{
    struct kv_slice kind = kv_json_find(object, "kind"), key, value;
    struct kv_json_walk w;
    bool llm = list == KV_TRAIT_LLM, literal = llm && kv_json_string_is(kind, "literal");
    size_t classes = kv_json_count(kv_json_find(object, "classes"));
    kv_buf_add_char(out, '{');
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value)) {
        if (kv_json_string_is(key, "include_ground_truth") ||
            (llm && is_template(kind) && is_dropped(key)))
            continue;
        /* The limits of a literal trait follow from its classes, whatever the file says. */
        if (literal && kv_json_string_is(key, "min_score"))
            kv_json_out_int(out, "min_score", 0);
        else if (literal && kv_json_string_is(key, "max_score"))
            kv_json_out_count(out, "max_score", classes ? classes - 1 : 0);
        else
            kv_json_out_member(out, key, value);
    }
    kv_buf_add_char(out, '}');
}

int kv_trait_read(enum kv_trait_list list, struct kv_slice object, const struct kv_path *at,
    struct kv_buf *out, struct kv_problems *problems)
{
    struct kv_buf tidy = {0}, prepared = {0};
    const struct kv_shape *table = tables[list];
    kv_pydantic_text(&tidy, object);
    object = kv_slice_of(&tidy);
    if (kv_json_type(object) == KV_JSON_OBJECT) {
        prepare(list, object, &prepared);
        object = kv_slice_of(&prepared);
    }
    if (list == KV_TRAIT_LLM && is_template(kv_json_find(object, "kind")))
        table = &llm_template_table;
    int rc = kv_shape_canonical(table, object, at, out, problems);
    kv_buf_release(&tidy);
    kv_buf_release(&prepared);
    return rc;
}
