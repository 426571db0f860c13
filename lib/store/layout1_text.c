/* layout1_text - the two documents of layout 1.0 as we write them, up to their growing arrays. */
#include "layout1_text.h"

#include "export.h"
#include "json.h"
#include "num.h"

#include <math.h>

static bool is_one_of(struct kv_slice key, const char *const *names)
{
    for (; *names; names++)
        if (kv_json_string_is(key, *names))
            return true;
    return false;
}

/* Appends the members of an object without braces, each followed by a comma, but for some. */
static void add_members(struct kv_buf *out, struct kv_slice object, const char *const *but)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value)) {
        if (is_one_of(key, but))
            continue;
        kv_buf_add_slice(out, key);
        kv_buf_add_str(out, ": ");
        kv_buf_add_slice(out, value);
        kv_buf_add_str(out, ",\n ");
    }
}

static void add_job_id(struct kv_buf *out, const struct kv_header *head)
{
    double start;
    if (!kv_num_double(kv_slice(head->start), &start) || fabs(start) > 1e15)
        start = 0;
    kv_buf_printf(out, "\"job_id\": \"progressive-%.0f\",\n ", trunc(start));
}

static void add_metadata(struct kv_buf *out, const struct kv_header *head, struct kv_slice object,
    struct kv_slice config)
{
    static const char *const ours[] = {
        "export_timestamp", "job_summary", "row_count", "verification_config", NULL};
    struct kv_slice value, models;
    if (!kv_json_get(object, "karenina_version", &value))
        kv_buf_add_str(out, "\"karenina_version\": \"" KV_EXPORT_KARENINA "\", ");
    if (!kv_json_get(object, "job_id", &value))
        add_job_id(out, head);
    add_members(out, object, ours);
    kv_buf_add_str(out, "\"verification_config\": ");
    if (kv_json_get(object, "verification_config", &models) &&
        kv_json_get(models, "answering_models", &value)) /* older exports had one model */
        kv_buf_add_slice(out, models);
    else
        kv_export_models_add(out, config);
    kv_buf_add_char(out, '}');
}

void kv_layout1_text_add_results(struct kv_buf *out, const struct kv_header *head,
    struct kv_slice document, struct kv_slice config)
{
    static const char *const ours[] = {
        "format_version", "metadata", "results", "shared_data", NULL};
    struct kv_slice metadata, shared;
    kv_header_add(out, head, KV_HEADER_RESULTS);
    kv_json_get(document, "metadata", &metadata);
    add_metadata(out, head, metadata, config);
    kv_buf_add_str(out, ",\n ");
    add_members(out, document, ours);
    if (!kv_json_get(document, "shared_data", &shared))
        shared = KV_SLICE("{\"rubric_definition\": null}");
    kv_buf_add_str(out, "\"shared_data\": ");
    kv_buf_add_slice(out, shared);
    kv_buf_add_str(out, ",\"results\":[");
}

static bool has_member(const struct kv_slice *objects, size_t n, const char *name)
{
    struct kv_slice value;
    for (size_t i = 0; i < n; i++)
        if (kv_json_get(objects[i], name, &value))
            return true;
    return false;
}

/* Writes the members of an object, each followed by a comma, but for some. */
static int put_members(
    struct kv_doc *d, size_t i, struct kv_slice object, const char *const *but, struct kv_err *err)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value)) {
        const struct kv_slice parts[] = {key, KV_SLICE(": "), value, KV_SLICE(",\n ")};
        for (size_t p = 0; p < sizeof parts / sizeof *parts && !is_one_of(key, but); p++)
            if (kv_doc_text(d, i, parts[p], err) != 0)
                return -1;
    }
    return 0;
}

int kv_layout1_text_put_state(struct kv_doc *d, size_t i, const struct kv_header *head,
    const struct kv_slice *objects, size_t n, const char *output_path, struct kv_err *err)
{
    static const char *const ours[] = {"output_path", "format_version", "created_at",
        "last_updated_at", "total_tasks", "completed_count", "failed_count", "pending_count",
        "row_count", "kv_outcomes", "start_time", "task_manifest", "completed_task_ids", NULL};
    struct kv_buf text = {0};
    kv_header_add(&text, head, KV_HEADER_STATE);
    kv_buf_add_str(&text, "\"output_path\": ");
    kv_json_quote(&text, kv_slice(output_path), KV_JSON_ASCII);
    kv_buf_add_str(&text, has_member(objects, n, "config_hash") ? "" : ", \"config_hash\": \"\"");
    kv_buf_add_str(&text, ",\n ");
    int failed = kv_doc_text(d, i, kv_slice_of(&text), err);
    kv_buf_release(&text);
    for (size_t o = 0; o < n && !failed; o++)
        failed = put_members(d, i, objects[o], ours, err);
    return failed ? -1 : kv_doc_text(d, i, KV_SLICE("\"task_manifest\": [\n"), err);
}

void kv_layout1_text_quote_key(struct kv_buf *out, struct kv_slice key)
{
    kv_json_quote(out, key, KV_JSON_ASCII);
}

void kv_layout1_text_add_key(struct kv_buf *out, struct kv_slice key, bool first)
{
    kv_buf_add_str(out, first ? "" : ",\n");
    kv_layout1_text_quote_key(out, key);
}

void kv_layout1_text_add_turn(struct kv_buf *out)
{
    kv_buf_add_str(out, "\n],\n \"completed_task_ids\": [");
}
