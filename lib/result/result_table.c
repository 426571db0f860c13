/* result_table - the members of a VerificationResult: their order, shapes and defaults, once. */
#include "result_table.h"

#include "failure.h"
#include "json.h"

#define LIST_OF(shape)                                                                             \
    {                                                                                              \
        .kind = KV_SHAPE_LIST, .of = &(shape)                                                      \
    }
#define MAP_OF(shape)                                                                              \
    {                                                                                              \
        .kind = KV_SHAPE_MAP, .of = &(shape)                                                       \
    }
#define NULL_OR_MAP_OF(shape)                                                                      \
    {                                                                                              \
        .kind = KV_SHAPE_MAP, .nullable = true, .of = &(shape)                                     \
    }

static const struct kv_shape score = {.kind = KV_SHAPE_SCORE};
static const struct kv_shape free_object = MAP_OF(kv_shape_any);
static const struct kv_shape object_null = NULL_OR_MAP_OF(kv_shape_any);
static const struct kv_shape objects = LIST_OF(free_object);
static const struct kv_shape object_map = NULL_OR_MAP_OF(free_object);
static const struct kv_shape objects_map = NULL_OR_MAP_OF(objects);
static const struct kv_shape bool_map = NULL_OR_MAP_OF(kv_shape_bool);
static const struct kv_shape verdict_map = NULL_OR_MAP_OF(kv_shape_bool_null);
static const struct kv_shape float_map = NULL_OR_MAP_OF(kv_shape_float_null);
static const struct kv_shape score_map = NULL_OR_MAP_OF(score);
static const struct kv_shape counters = MAP_OF(kv_shape_int);
static const struct kv_shape counters_map = NULL_OR_MAP_OF(counters);
static const struct kv_shape floats = MAP_OF(kv_shape_float);
static const struct kv_shape floats_map = NULL_OR_MAP_OF(floats);
static const struct kv_shape texts_in_map = MAP_OF(kv_shape_texts);
static const struct kv_shape texts_maps = NULL_OR_MAP_OF(texts_in_map);

static const char *group_of(struct kv_slice named)
{
    return kv_failure_group_name(kv_failure_group(kv_failure_of_json(named)));
}

static const struct kv_shape category = {
    .kind = KV_SHAPE_WORD, .words = kv_failure_names, .what = "failure category"};
static const struct kv_shape reason = {.kind = KV_SHAPE_TEXT, .characters = KV_FAILURE_REASON_MAX};
static const struct kv_shape_member identity_members[] = {
    {.name = "interface", .shape = &kv_shape_text},
    {.name = "model_name", .shape = &kv_shape_text},
    {.name = "tools", .shape = &kv_shape_texts, .default_json = "[]"},
    {.name = "config_id", .shape = &kv_shape_text_null, .default_json = "null"},
    {.name = NULL},
};
static const struct kv_shape identity = {
    .kind = KV_SHAPE_RECORD, .closed = true, .members = identity_members};

static const char *const caveat_words[] = {
    "partial_content", "embedding_override", "parse_decision_malformed", "retries_used", NULL};
static const struct kv_shape caveat = {
    .kind = KV_SHAPE_WORD, .words = caveat_words, .what = "caveat"};
static const struct kv_shape caveats = LIST_OF(caveat);

/* ---- the lists ---- */

/* clang-format off */
#define MEMBER(key, of, value) {.name = #key, .shape = &(of), .default_json = sizeof(value) > 1 ? value : NULL},
#define END {.name = NULL}
/* clang-format on */

static const struct kv_shape_member failure_members[] = {
    KV_RESULT_TABLE_FAILURE(MEMBER){.name = "group", .shape = &kv_shape_text, .derive = group_of},
    END};
static const struct kv_shape_member metadata_members[] = {KV_RESULT_TABLE_METADATA(MEMBER) END};
static const struct kv_shape_member template_members[] = {KV_RESULT_TABLE_TEMPLATE(MEMBER) END};
static const struct kv_shape_member rubric_members[] = {KV_RESULT_TABLE_RUBRIC(MEMBER) END};
static const struct kv_shape_member deep_members[] = {KV_RESULT_TABLE_DEEP_JUDGMENT(MEMBER) END};
static const struct kv_shape_member deep_rubric_members[] = {
    KV_RESULT_TABLE_DEEP_JUDGMENT_RUBRIC(MEMBER) END};
static const struct kv_shape_member members[] = {KV_RESULT_TABLE(MEMBER) END};

const struct kv_shape kv_result_table_failure = {
    .kind = KV_SHAPE_RECORD, .nullable = true, .closed = true, .members = failure_members};
const struct kv_shape kv_result_table_metadata = {
    .kind = KV_SHAPE_RECORD, .closed = true, .members = metadata_members};
const struct kv_shape kv_result_table_template = {
    .kind = KV_SHAPE_RECORD, .nullable = true, .members = template_members};
const struct kv_shape kv_result_table_rubric = {
    .kind = KV_SHAPE_RECORD, .nullable = true, .members = rubric_members};
const struct kv_shape kv_result_table_deep_judgment = {
    .kind = KV_SHAPE_RECORD, .nullable = true, .members = deep_members};
const struct kv_shape kv_result_table_deep_judgment_rubric = {
    .kind = KV_SHAPE_RECORD, .nullable = true, .members = deep_rubric_members};
const struct kv_shape kv_result_table = {.kind = KV_SHAPE_RECORD, .members = members};
