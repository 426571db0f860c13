/* marks - what is not as it seems about the answer of a row, as the row itself says it. */
#include "marks.h"

#include "json.h"

unsigned kv_marks_of_stage(struct kv_slice finish, struct kv_slice dropped)
{
    static const struct {
        const char *finish;
        unsigned mark;
    } finishes[] = {{"length", KV_MARK_CUT}, {"content_filter", KV_MARK_FILTERED},
        {"refusal", KV_MARK_REFUSED}};
    unsigned marks = kv_json_count(dropped) ? KV_MARK_DROPPED : 0;
    for (size_t i = 0; finish.n && i < sizeof finishes / sizeof *finishes; i++)
        if (kv_json_string_is(finish, finishes[i].finish))
            marks |= finishes[i].mark;
    return marks;
}

unsigned kv_marks_of_warning(struct kv_slice text)
{
    if (kv_slice_starts(text, "Answer of another model"))
        return KV_MARK_ANOTHER;
    return kv_slice_starts(text, "Answer asked for otherwise than configured") ? KV_MARK_DROPPED
                                                                               : 0;
}

unsigned kv_marks_of(const struct kv_result *row)
{
    struct kv_slice item;
    struct kv_json_walk w;
    if (row->generic || !row->usage_answer.n)
        return 0;
    unsigned marks = kv_marks_of_stage(row->finish, row->dropped);
    kv_json_begin(&w, row->warnings);
    while (kv_json_item(&w, &item)) {
        struct kv_buf text = {0};
        if (kv_json_type(item) == KV_JSON_STRING)
            kv_json_unescape(item, &text);
        marks |= kv_marks_of_warning(kv_slice_of(&text));
        kv_buf_release(&text);
    }
    return marks;
}

const char *kv_marks_name(int i)
{
    static const char *const names[KV_MARKS] = {
        "truncated", "filtered", "refused", "another_model", "altered_request"};
    return names[i];
}
