/* csv - results as karenina's CSV export: a fixed set of columns and one for each global trait.
 *
 * Each row is first written out in full (kv_result_dump), so that a cell is found by its path and
 * has the type it must have; the column table says which path and which of karenina's ways of
 * printing.
 */
#include "csv.h"

#include "builtins.h"
#include "json.h"
#include "num.h"
#include "task.h"

#include <stdlib.h>
#include <string.h>

/* ---- the columns ---- */

enum cell {
    TEXT,      /* a string as it is; null is empty */
    PYTHON,    /* Python's text: True, 0.25; null is empty */
    PYTHON_OR, /* the same, but anything falsy is empty */
    JSON,      /* JSON in ASCII; anything falsy is empty */
    FLAG,      /* True or False; False where the block is missing */
    COUNT,     /* a number; 0 where the block is missing */
    SUCCESS,
    DISPLAY, /* of an identity */
    STAMP,
    VERSION,
    JOB,
    GLOBAL_TRAITS, /* a column each */
    OTHER_TRAITS,  /* one column, if there are any */
};

struct column {
    const char *name; /* of the column, and of the member where `member` is NULL */
    enum cell cell;
    const char *block, *member;
};

static const struct column columns[] = {
    {"question_id", TEXT, "metadata", NULL},
    {"success", SUCCESS, NULL, NULL},
    {"error", TEXT, "failure", "reason"},
    {"question_text", TEXT, "metadata", NULL},
    {"raw_llm_response", TEXT, "template", NULL},
    {"parsed_gt_response", JSON, "template", NULL},
    {"parsed_llm_response", JSON, "template", NULL},
    {"template_verification_performed", FLAG, "template", NULL},
    {"verify_result", JSON, "template", NULL},
    {"verify_granular_result", JSON, "template", NULL},
    {"rubric_evaluation_performed", FLAG, "rubric", NULL},
    {"keywords", JSON, "metadata", NULL},
    {NULL, GLOBAL_TRAITS, NULL, NULL},
    {"question_specific_rubrics", OTHER_TRAITS, NULL, NULL},
    {"answering_model", DISPLAY, "metadata", "answering"},
    {"parsing_model", DISPLAY, "metadata", "parsing"},
    {"replicate", PYTHON_OR, "metadata", NULL},
    {"execution_time", PYTHON, "metadata", NULL},
    {"timestamp", TEXT, "metadata", NULL},
    {"answering_system_prompt", TEXT, "metadata", NULL},
    {"parsing_system_prompt", TEXT, "metadata", NULL},
    {"run_name", TEXT, "metadata", NULL},
    {"export_timestamp", STAMP, NULL, NULL},
    {"karenina_version", VERSION, NULL, NULL},
    {"job_id", JOB, NULL, NULL},
    {"embedding_check_performed", FLAG, "template", NULL},
    {"embedding_similarity_score", PYTHON_OR, "template", NULL},
    {"embedding_override_applied", FLAG, "template", NULL},
    {"embedding_model_used", TEXT, "template", NULL},
    {"answering_mcp_servers", JSON, "template", NULL},
    {"deep_judgment_mode", TEXT, "deep_judgment", NULL},
    {"deep_judgment_performed", FLAG, "deep_judgment", NULL},
    {"extracted_excerpts", JSON, "deep_judgment", NULL},
    {"attribute_reasoning", JSON, "deep_judgment", NULL},
    {"deep_judgment_stages_completed", JSON, "deep_judgment", NULL},
    {"deep_judgment_model_calls", COUNT, "deep_judgment", NULL},
    {"deep_judgment_excerpt_retry_count", COUNT, "deep_judgment", NULL},
    {"attributes_without_excerpts", JSON, "deep_judgment", NULL},
    {"deep_judgment_search_enabled", FLAG, "deep_judgment", NULL},
    {"hallucination_risk_assessment", JSON, "deep_judgment", NULL},
    {"deep_judgment_rubric_performed", FLAG, "deep_judgment_rubric", NULL},
    {"extracted_rubric_excerpts", JSON, "deep_judgment_rubric", NULL},
    {"rubric_trait_reasoning", JSON, "deep_judgment_rubric", NULL},
    {"deep_judgment_rubric_scores", JSON, "deep_judgment_rubric", NULL},
    {"standard_rubric_scores", JSON, "deep_judgment_rubric", NULL},
    {"trait_metadata", JSON, "deep_judgment_rubric", NULL},
    {"traits_without_valid_excerpts", JSON, "deep_judgment_rubric", NULL},
    {"rubric_hallucination_risk_assessment", JSON, "deep_judgment_rubric", NULL},
    {"total_deep_judgment_model_calls", COUNT, "deep_judgment_rubric", NULL},
    {"total_traits_evaluated", COUNT, "deep_judgment_rubric", NULL},
    {"total_excerpt_retries", COUNT, "deep_judgment_rubric", NULL},
    {"metric_trait_confusion_lists", JSON, "rubric", NULL},
    {"metric_trait_metrics", JSON, "rubric", "metric_trait_scores"},
    {"usage_metadata", JSON, "template", NULL},
    {"agent_metrics", JSON, "template", NULL},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static const char *const no_rows = "question_id,success,error,question_text,raw_llm_response,"
                                   "keywords,export_timestamp,karenina_version,job_id\r\n";

/* The maps of scores that make up a row's traits; a later one wins. */
static const char *const trait_maps[] = {
    "llm_trait_scores", "regex_trait_scores", "callable_trait_scores", "metric_trait_scores"};
enum { TRAIT_MAPS = 4, TRAIT_NAME_MAX = 255 };

/* ---- sets of names, sorted by code point ---- */

struct names {
    char **items;
    size_t n, cap;
};

static size_t place_of(const struct names *set, const char *name, bool *found)
{
    size_t low = 0, high = set->n;
    *found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(set->items[mid], name);
        if (order == 0) {
            *found = true;
            return mid;
        }
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool has_name(const struct names *set, const char *name)
{
    bool found;
    place_of(set, name, &found);
    return found;
}

static void add_name(struct names *set, const char *name)
{
    bool found;
    size_t at = place_of(set, name, &found);
    if (found)
        return;
    if (set->n == set->cap) {
        set->cap = set->cap ? 2 * set->cap : 16;
        set->items = kv_array(set->items, set->cap, sizeof *set->items);
    }
    memmove(set->items + at + 1, set->items + at, (set->n - at) * sizeof *set->items);
    set->items[at] = kv_strdup(name);
    set->n++;
}

static void release_names(struct names *set)
{
    for (size_t i = 0; i < set->n; i++)
        free(set->items[i]);
    free(set->items);
}

/* A trait's name as text, or NULL if it cannot head a column. The caller frees it. */
static char *trait_name(struct kv_slice string)
{
    struct kv_buf text = {0};
    size_t characters = 0;
    bool bad = kv_json_type(string) != KV_JSON_STRING;
    if (!bad)
        kv_json_unescape(string, &text);
    for (size_t i = 0; i < text.n; i++) {
        bad = bad || text.p[i] == '\n' || text.p[i] == '\r' || text.p[i] == '\0';
        characters += ((unsigned char)text.p[i] & 0xC0) != 0x80;
    }
    if (bad || !characters || characters > TRAIT_NAME_MAX) {
        kv_buf_release(&text);
        return NULL;
    }
    return kv_buf_detach(&text);
}

/* ---- open, survey ---- */

struct kv_csv {
    char *stamp, *version, *job;
    struct names declared;       /* traits of the global rubric */
    struct names global, others; /* those that have a score in some row */
    bool rows;
    struct kv_buf row, cell; /* scratch */
};

static void declare(struct kv_csv *csv, struct kv_slice name)
{
    char *text = trait_name(name);
    if (text)
        add_name(&csv->declared, text);
    free(text);
}

/* The five lists of a rubric, or the plain list of names that some exports have instead. */
static void declare_traits(struct kv_csv *csv, struct kv_slice rubric)
{
    struct kv_json_walk lists, items;
    struct kv_slice key, list, item, name;
    kv_json_begin(&lists, rubric);
    while (kv_json_member(&lists, &key, &list)) {
        kv_json_begin(&items, list);
        while (kv_json_item(&items, &item))
            declare(csv, kv_json_get(item, "name", &name) ? name : item);
    }
}

struct kv_csv *kv_csv_open(const struct kv_csv_meta *meta)
{
    struct kv_csv *csv = kv_calloc(1, sizeof *csv);
    csv->stamp = kv_slice_dup(meta->export_stamp);
    csv->version = kv_slice_dup(meta->version);
    csv->job = kv_slice_dup(meta->job_id);
    declare_traits(csv, meta->rubric_definition);
    return csv;
}

void kv_csv_close(struct kv_csv *csv)
{
    if (!csv)
        return;
    free(csv->stamp);
    free(csv->version);
    free(csv->job);
    release_names(&csv->declared);
    release_names(&csv->global);
    release_names(&csv->others);
    kv_buf_release(&csv->row);
    kv_buf_release(&csv->cell);
    free(csv);
}

void kv_csv_survey(struct kv_csv *csv, const struct kv_result *result)
{
    struct kv_slice map, key, value;
    struct kv_json_walk w;
    csv->rows = true;
    for (size_t i = 0; i < TRAIT_MAPS; i++) {
        kv_json_get(result->rubric, trait_maps[i], &map);
        kv_json_begin(&w, map);
        while (kv_json_member(&w, &key, &value)) {
            char *name = trait_name(key);
            if (name)
                add_name(has_name(&csv->declared, name) ? &csv->global : &csv->others, name);
            free(name);
        }
    }
}

/* ---- writing ---- */

static void add_cell(struct kv_buf *out, struct kv_slice text)
{
    bool quote = false;
    for (size_t i = 0; i < text.n && !quote; i++)
        quote = strchr(",\"\r\n", text.p[i]) && text.p[i];
    if (!quote) {
        kv_buf_add_slice(out, text);
        return;
    }
    kv_buf_add_char(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"')
            kv_buf_add_char(out, '"');
        kv_buf_add_char(out, text.p[i]);
    }
    kv_buf_add_char(out, '"');
}

/* A lone surrogate has no UTF-8 form: what stands for it here becomes U+FFFD, which is as long. */
static void mend_surrogates(struct kv_buf *text)
{
    for (size_t i = 0; i + 2 < text->n; i++)
        if ((unsigned char)text->p[i] == 0xED && (unsigned char)text->p[i + 1] >= 0xA0)
            memcpy(text->p + i, "\xEF\xBF\xBD", 3);
}

/* The cell in csv->cell, and a comma behind it. */
static void end_cell(struct kv_csv *csv, struct kv_buf *out)
{
    mend_surrogates(&csv->cell);
    add_cell(out, kv_slice_of(&csv->cell));
    kv_buf_add_char(out, ',');
    kv_buf_clear(&csv->cell);
}

static void end_line(struct kv_buf *out)
{
    kv_buf_cut(out, out->n - 1, 1);
    kv_buf_add_str(out, "\r\n");
}

void kv_csv_head(struct kv_csv *csv, struct kv_buf *out)
{
    if (!csv->rows) {
        kv_buf_add_str(out, no_rows);
        return;
    }
    for (size_t i = 0; i < COLUMNS; i++) {
        if (columns[i].cell == OTHER_TRAITS && !csv->others.n)
            continue;
        if (columns[i].cell != GLOBAL_TRAITS) {
            kv_buf_add_str(&csv->cell, columns[i].name);
            end_cell(csv, out);
            continue;
        }
        for (size_t k = 0; k < csv->global.n; k++) {
            kv_buf_printf(&csv->cell, "rubric_%s", csv->global.items[k]);
            end_cell(csv, out);
        }
    }
    end_line(out);
}

/* The last of the maps that scores this trait. */
static struct kv_slice find_trait(struct kv_slice rubric, const char *name)
{
    struct kv_slice map, value;
    for (size_t i = TRAIT_MAPS; i-- > 0;)
        if (kv_json_get(rubric, trait_maps[i], &map) && kv_json_get(map, name, &value))
            return value;
    return (struct kv_slice){0};
}

static void add_global_traits(struct kv_csv *csv, struct kv_slice rubric, struct kv_buf *out)
{
    for (size_t i = 0; i < csv->global.n; i++) {
        struct kv_slice value = find_trait(rubric, csv->global.items[i]);
        if (!kv_json_is_null(value))
            kv_builtins_text(&csv->cell, value);
        end_cell(csv, out);
    }
}

static void add_other_traits(struct kv_csv *csv, struct kv_slice rubric, struct kv_buf *out)
{
    struct kv_buf *cell = &csv->cell;
    kv_buf_add_char(cell, '{');
    for (size_t i = 0; i < csv->others.n; i++) {
        struct kv_slice value = find_trait(rubric, csv->others.items[i]);
        if (!value.n)
            continue;
        if (cell->n > 1)
            kv_buf_add_str(cell, ", ");
        kv_json_quote(cell, kv_slice(csv->others.items[i]), KV_JSON_ASCII);
        kv_buf_add_str(cell, ": ");
        kv_reformat(cell, value, KV_REFORMAT_ASCII);
    }
    kv_buf_add_char(cell, '}');
    end_cell(csv, out);
}

static void add_value(struct kv_csv *csv, enum cell how, struct kv_slice value)
{
    struct kv_err ignored;
    bool truth = kv_builtins_truth(value);
    switch (how) {
    case TEXT:
        if (kv_json_type(value) == KV_JSON_STRING)
            kv_json_unescape(value, &csv->cell);
        break;
    case PYTHON:
    case PYTHON_OR:
        if (!kv_json_is_null(value) && (truth || how == PYTHON))
            kv_builtins_text(&csv->cell, value);
        break;
    case JSON:
        if (truth)
            kv_reformat(&csv->cell, value, KV_REFORMAT_ASCII);
        break;
    case FLAG:
        kv_buf_add_str(&csv->cell, kv_json_is_true(value) ? "True" : "False");
        break;
    case COUNT:
        kv_buf_add_slice(&csv->cell, value.n ? value : KV_SLICE("0"));
        break;
    case DISPLAY:
        kv_identity_display_of_json(value, &csv->cell, &ignored);
        break;
    default:
        break;
    }
}

/* Gives the members of one block to the columns that show them. */
static void take_block(struct kv_slice block, const char *name, struct kv_slice values[COLUMNS])
{
    struct kv_slice key, value;
    struct kv_json_walk w;
    kv_json_begin(&w, block);
    while (kv_json_member(&w, &key, &value)) {
        if (strcmp(name, "metadata") == 0 && kv_json_string_is(key, "failure"))
            take_block(value, "failure", values);
        for (size_t i = 0; i < COLUMNS; i++) {
            const struct column *c = &columns[i];
            if (c->block && strcmp(c->block, name) == 0 &&
                kv_json_string_is(key, c->member ? c->member : c->name))
                values[i] = value;
        }
    }
}

static void take_row(struct kv_slice row, struct kv_slice values[COLUMNS], struct kv_slice *rubric)
{
    static const char *const blocks[] = {
        "metadata", "template", "rubric", "deep_judgment", "deep_judgment_rubric"};
    struct kv_slice key, block;
    struct kv_json_walk w;
    kv_json_begin(&w, row);
    while (kv_json_member(&w, &key, &block)) {
        for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
            if (kv_json_string_is(key, blocks[i]))
                take_block(block, blocks[i], values);
        if (kv_json_string_is(key, "rubric"))
            *rubric = block;
        if (kv_json_string_is(key, "task_id")) /* of any JSON job: its only name */
            values[0] = block;
    }
}

static void add_column(struct kv_csv *csv, const struct column *c, bool failed,
    struct kv_slice value, struct kv_slice rubric, struct kv_buf *out)
{
    switch (c->cell) {
    case GLOBAL_TRAITS:
        add_global_traits(csv, rubric, out);
        return;
    case OTHER_TRAITS:
        if (csv->others.n)
            add_other_traits(csv, rubric, out);
        return;
    case SUCCESS:
        kv_buf_add_str(&csv->cell, failed ? "False" : "True");
        break;
    case STAMP:
        kv_buf_add_str(&csv->cell, csv->stamp);
        break;
    case VERSION:
        kv_buf_add_str(&csv->cell, csv->version);
        break;
    case JOB:
        kv_buf_add_str(&csv->cell, csv->job);
        break;
    default:
        add_value(csv, c->cell, value);
    }
    end_cell(csv, out);
}

void kv_csv_row(struct kv_csv *csv, const struct kv_result *result, struct kv_buf *out)
{
    struct kv_slice values[COLUMNS] = {{0}}, rubric = {0};
    kv_buf_clear(&csv->row);
    if (result->generic)
        kv_buf_add_slice(&csv->row, result->text);
    else
        kv_result_dump(&csv->row, result, KV_REFORMAT_SPACED);
    take_row(kv_slice_of(&csv->row), values, &rubric);
    for (size_t i = 0; i < COLUMNS; i++)
        add_column(csv, &columns[i], kv_result_failed(result), values[i], rubric, out);
    end_line(out);
}
