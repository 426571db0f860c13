/* marks - what is not as it seems about the answer of a row, as the row itself says it. */
#include "marks.h"

#include "json.h"

static bool has_warning(const struct kv_result *row, const char *beginning)
{
    struct kv_json_walk w;
    struct kv_slice warnings, item;
    bool found = false;
    if (!kv_json_get(row->metadata, "warnings", &warnings))
        return false;
    kv_json_begin(&w, warnings);
    while (!found && kv_json_item(&w, &item)) {
        struct kv_buf text = {0};
        if (kv_json_type(item) == KV_JSON_STRING)
            kv_json_unescape(item, &text);
        found = kv_slice_starts(kv_slice_of(&text), beginning);
        kv_buf_release(&text);
    }
    return found;
}

unsigned kv_marks_of(const struct kv_result *row)
{
    static const struct {
        const char *finish;
        unsigned mark;
    } finishes[] = {{"length", KV_MARK_CUT}, {"content_filter", KV_MARK_FILTERED},
        {"refusal", KV_MARK_REFUSED}};
    struct kv_slice stage, finish = {0}, dropped;
    unsigned marks = 0;
    if (row->generic || !kv_json_get(row->usage, "answer_generation", &stage))
        return 0;
    kv_json_get(stage, "kv_finish", &finish);
    for (size_t i = 0; i < sizeof finishes / sizeof *finishes; i++)
        if (finish.n && kv_json_string_is(finish, finishes[i].finish))
            marks |= finishes[i].mark;
    if ((kv_json_get(stage, "kv_dropped", &dropped) && kv_json_count(dropped)) ||
        has_warning(row, "Answer asked for otherwise than configured"))
        marks |= KV_MARK_DROPPED;
    if (has_warning(row, "Answer of another model"))
        marks |= KV_MARK_ANOTHER;
    return marks;
}

const char *kv_marks_name(int i)
{
    static const char *const names[KV_MARKS] = {
        "truncated", "filtered", "refused", "another_model", "altered_request"};
    return names[i];
}
