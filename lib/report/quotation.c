/* quotation - a row read again, for what a report shows of it in words. */
#include "quotation.h"

#include "json.h"
#include "reformat.h"

#include <stdlib.h>
#include <string.h>

struct kv_slice kv_quotation_get(struct kv_slice object, const char *name)
{
    struct kv_slice value;
    return kv_json_get(object, name, &value) && !kv_json_is_null(value) ? value
                                                                        : (struct kv_slice){0};
}

int kv_quotation_read(
    struct kv_quotation *q, const struct kv_rowset *set, uint32_t fact, struct kv_err *err)
{
    *q = (struct kv_quotation){0};
    if (kv_rowset_read(set, &set->facts[fact], &q->text, err) != 0) {
        kv_quotation_release(q);
        return -1;
    }
    q->whole = kv_slice_of(&q->text);
    q->metadata = kv_quotation_get(q->whole, "metadata");
    q->template = kv_quotation_get(q->whole, "template");
    return 0;
}

void kv_quotation_release(struct kv_quotation *q)
{
    kv_buf_release(&q->text);
}

void kv_quotation_add_text(struct kv_buf *out, struct kv_slice object, const char *name)
{
    struct kv_slice value = kv_quotation_get(object, name);
    if (value.n && kv_json_type(value) == KV_JSON_STRING)
        kv_json_unescape(value, out);
}

void kv_quotation_add_reason(struct kv_buf *out, struct kv_slice row)
{
    struct kv_slice failure = kv_quotation_get(kv_quotation_get(row, "metadata"), "failure");
    struct kv_slice error = kv_quotation_get(row, "error");
    if (failure.n)
        kv_quotation_add_text(out, failure, "reason");
    else if (error.n && kv_json_type(error) == KV_JSON_OBJECT)
        kv_quotation_add_text(out, error, "message");
    else
        kv_quotation_add_text(out, row, error.n ? "error" : "failure");
}

/* The content of the last message of the assistant; empty if there is none. */
static struct kv_slice last_message(struct kv_slice messages)
{
    struct kv_json_walk walk;
    struct kv_slice message, last = {0};
    kv_json_begin(&walk, messages);
    while (kv_json_item(&walk, &message)) {
        struct kv_slice role = kv_quotation_get(message, "role");
        if (role.n && kv_json_type(role) == KV_JSON_STRING && kv_json_string_is(role, "assistant"))
            last = message;
    }
    struct kv_slice content = kv_quotation_get(last, "content");
    return content.n && kv_json_type(content) == KV_JSON_STRING ? content : (struct kv_slice){0};
}

void kv_quotation_add_answer(struct kv_buf *out, const struct kv_quotation *q)
{
    static const char mark[] = "--- AI Message ---\n";
    struct kv_slice content = last_message(kv_quotation_get(q->template, "trace_messages"));
    size_t start = out->n;
    if (content.n) {
        kv_json_unescape(content, out);
        return;
    }
    kv_quotation_add_text(out, q->template, "raw_llm_response");
    struct kv_slice added = {out->p + start, out->n - start};
    if (added.n && kv_slice_starts(added, mark))
        kv_buf_cut(out, start, sizeof mark - 1);
}

void kv_quotation_add_field(struct kv_buf *out, const struct kv_quotation *q,
    const struct kv_rowset *set, uint32_t field, bool expected)
{
    struct kv_slice object =
        kv_quotation_get(q->template, expected ? "parsed_gt_response" : "parsed_llm_response");
    char *name = kv_slice_dup(kv_names_text(&set->names.fields, field));
    struct kv_slice value = kv_quotation_get(object, name);
    if (value.n)
        kv_reformat(out, value, KV_REFORMAT_COMPACT);
    else
        kv_buf_add_str(out, "null");
    free(name);
}
