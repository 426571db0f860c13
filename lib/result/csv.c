/* csv - results as karenina's CSV export: a fixed set of columns and one for each global trait.
 *
 * Each row is first written out in full (kv_result_dump), so that a cell is found by its path and
 * has the type it must have; the column table says which member; its shape says which of
 * karenina's ways of printing.
 */
#include "csv.h"

#include "builtins.h"
#include "json.h"
#include "result_table.h"
#include "task.h"

#include <stdlib.h>
#include <string.h>

/* ---- the columns ---- */

enum cell {
    MEMBER, /* of a block */
    REASON, /* of the failure */
    SUCCESS,
    STAMP,
    VERSION,
    JOB,
    GLOBAL_TRAITS, /* a column each */
    OTHER_TRAITS,  /* one column, if there are any */
};

struct column {
    const char *name;
    enum cell cell;
    size_t block, member; /* positions in result_table */
};

#define METADATA(member)                                                                           \
    {                                                                                              \
#member, MEMBER, KV_ROW_metadata, KV_METADATA_##member                                     \
    }
#define TEMPLATE(member)                                                                           \
    {                                                                                              \
#member, MEMBER, KV_ROW_template, KV_TEMPLATE_##member                                     \
    }
#define RUBRIC(member)                                                                             \
    {                                                                                              \
#member, MEMBER, KV_ROW_rubric, KV_RUBRIC_##member                                         \
    }
#define DEEP(member)                                                                               \
    {                                                                                              \
#member, MEMBER, KV_ROW_deep_judgment, KV_DEEP_##member                                    \
    }
#define DEEP_RUBRIC(member)                                                                        \
    {                                                                                              \
#member, MEMBER, KV_ROW_deep_judgment_rubric, KV_DEEP_RUBRIC_##member                      \
    }

static const struct column columns[] = {
    METADATA(question_id),
    {"success", SUCCESS, 0, 0},
    {"error", REASON, KV_ROW_metadata, KV_METADATA_failure},
    METADATA(question_text),
    TEMPLATE(raw_llm_response),
    TEMPLATE(parsed_gt_response),
    TEMPLATE(parsed_llm_response),
    TEMPLATE(template_verification_performed),
    TEMPLATE(verify_result),
    TEMPLATE(verify_granular_result),
    RUBRIC(rubric_evaluation_performed),
    METADATA(keywords),
    {NULL, GLOBAL_TRAITS, 0, 0},
    {"question_specific_rubrics", OTHER_TRAITS, 0, 0},
    {"answering_model", MEMBER, KV_ROW_metadata, KV_METADATA_answering},
    {"parsing_model", MEMBER, KV_ROW_metadata, KV_METADATA_parsing},
    METADATA(replicate),
    METADATA(execution_time),
    METADATA(timestamp),
    METADATA(answering_system_prompt),
    METADATA(parsing_system_prompt),
    METADATA(run_name),
    {"export_timestamp", STAMP, 0, 0},
    {"karenina_version", VERSION, 0, 0},
    {"job_id", JOB, 0, 0},
    TEMPLATE(embedding_check_performed),
    TEMPLATE(embedding_similarity_score),
    TEMPLATE(embedding_override_applied),
    TEMPLATE(embedding_model_used),
    TEMPLATE(answering_mcp_servers),
    DEEP(deep_judgment_mode),
    DEEP(deep_judgment_performed),
    DEEP(extracted_excerpts),
    DEEP(attribute_reasoning),
    DEEP(deep_judgment_stages_completed),
    DEEP(deep_judgment_model_calls),
    DEEP(deep_judgment_excerpt_retry_count),
    DEEP(attributes_without_excerpts),
    DEEP(deep_judgment_search_enabled),
    DEEP(hallucination_risk_assessment),
    DEEP_RUBRIC(deep_judgment_rubric_performed),
    DEEP_RUBRIC(extracted_rubric_excerpts),
    DEEP_RUBRIC(rubric_trait_reasoning),
    DEEP_RUBRIC(deep_judgment_rubric_scores),
    DEEP_RUBRIC(standard_rubric_scores),
    DEEP_RUBRIC(trait_metadata),
    DEEP_RUBRIC(traits_without_valid_excerpts),
    DEEP_RUBRIC(rubric_hallucination_risk_assessment),
    DEEP_RUBRIC(total_deep_judgment_model_calls),
    DEEP_RUBRIC(total_traits_evaluated),
    DEEP_RUBRIC(total_excerpt_retries),
    RUBRIC(metric_trait_confusion_lists),
    {"metric_trait_metrics", MEMBER, KV_ROW_rubric, KV_RUBRIC_metric_trait_scores},
    TEMPLATE(usage_metadata),
    TEMPLATE(agent_metrics),
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
    size_t n;
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
    set->items = kv_grow(set->items, set->n, sizeof *set->items);
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

static void add_text(struct kv_csv *csv, struct kv_slice value)
{
    if (kv_json_type(value) == KV_JSON_STRING)
        kv_json_unescape(value, &csv->cell);
}

/* A member, printed as its shape asks. Where a value may be missing, anything falsy is an empty
 * cell; where none may be, a missing block shows its default. */
static void add_member(struct kv_csv *csv, const struct kv_shape *shape, struct kv_slice value)
{
    bool truth = kv_builtins_truth(value), always = !shape->nullable;
    if (shape->kind == KV_SHAPE_TEXT)
        add_text(csv, value);
    else if (shape->kind == KV_SHAPE_RECORD)
        kv_identity_display_of_json(value, &csv->cell, NULL);
    else if (shape->kind == KV_SHAPE_BOOL && always)
        kv_buf_add_str(&csv->cell, kv_json_is_true(value) ? "True" : "False");
    else if (shape->kind == KV_SHAPE_INT && always)
        kv_buf_add_slice(&csv->cell, value.n ? value : KV_SLICE("0"));
    else if (shape->kind != KV_SHAPE_INT && shape->kind != KV_SHAPE_FLOAT && truth)
        kv_reformat(&csv->cell, value, KV_REFORMAT_ASCII);
    else if (truth || (always && !kv_json_is_null(value)))
        kv_builtins_text(&csv->cell, value);
}

/* The members of a row, by block and position. */
struct row {
    struct kv_slice blocks[KV_SHAPE_MEMBERS_MAX];
    struct kv_slice members[KV_ROW_deep_judgment_rubric + 1][KV_SHAPE_MEMBERS_MAX];
};

static void take_row(struct row *row, struct kv_slice text, const struct kv_result *result)
{
    kv_shape_members(&kv_result_table, text, row->blocks);
    for (size_t i = 0; i <= KV_ROW_deep_judgment_rubric; i++)
        kv_shape_members(kv_result_table.members[i].shape, row->blocks[i], row->members[i]);
    struct kv_slice *id = &row->members[KV_ROW_metadata][KV_METADATA_question_id];
    if (result->generic && (!id->n || id->p < result->task_id.p))
        *id = result->task_id; /* of any JSON job: its only name, unless another follows */
}

static void add_column(struct kv_csv *csv, const struct column *c, const struct row *row,
    bool failed, struct kv_buf *out)
{
    struct kv_slice value = row->members[c->block][c->member], rubric = row->blocks[KV_ROW_rubric];
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
    case REASON:
        kv_json_get(value, "reason", &value);
        add_text(csv, value);
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
    case MEMBER:
        add_member(csv, kv_result_table.members[c->block].shape->members[c->member].shape, value);
    }
    end_cell(csv, out);
}

void kv_csv_row(struct kv_csv *csv, const struct kv_result *result, struct kv_buf *out)
{
    struct row row;
    kv_buf_clear(&csv->row);
    if (!result->generic)
        kv_result_dump(&csv->row, result, KV_REFORMAT_SPACED);
    take_row(&row, result->generic ? result->text : kv_slice_of(&csv->row), result);
    for (size_t i = 0; i < COLUMNS; i++)
        add_column(csv, &columns[i], &row, kv_result_failed(result), out);
    end_line(out);
}
