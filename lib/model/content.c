/* content - the content of an answer, in whichever shape a server puts it. */
#include "content.h"

#include "json.h"

#include <stdbool.h>

enum { MAX_DEPTH = 4 };

/* Where parts keep their text: that of a part, then a part or a list of its own. */
static const char *const members[] = {
    "text", "thinking", "reasoning", "summary", "refusal", "content", "value", "parts", NULL};

static bool is_one(struct kv_slice type, const char *const *names)
{
    for (; type.n && *names; names++)
        if (kv_json_string_is(type, *names))
            return true;
    return false;
}

/* True if there is text in the value, at whatever depth. It goes to `text`, unless the part says
 * what it is. */
static bool take(const struct kv_content *to, struct kv_slice value, struct kv_buf *text, int depth)
{
    static const char *const thoughts[] = {"thinking", "reasoning", "reasoning_text",
        "redacted_thinking", "summary_text", "thought", NULL};
    static const char *const refusals[] = {"refusal", NULL};
    struct kv_json_walk w;
    struct kv_slice part, type, inner;
    bool any = false;
    if (kv_json_type(value) == KV_JSON_STRING) {
        kv_json_unescape(value, text);
        return true;
    }
    if (depth > MAX_DEPTH)
        return false;
    kv_json_begin(&w, value);
    if (kv_json_type(value) == KV_JSON_ARRAY) {
        while (kv_json_item(&w, &part))
            any |= take(to, part, text, depth + 1);
        return any || kv_json_count(value) == 0;
    }
    kv_json_get(value, "type", &type);
    if (is_one(type, thoughts))
        text = to->reasoning;
    else if (is_one(type, refusals))
        text = to->refusal;
    for (size_t i = 0; !any && members[i]; i++)
        if (kv_json_get(value, members[i], &inner) && !kv_json_is_null(inner))
            any = take(to, inner, text, depth + 1);
    if (!any && kv_json_type(value) == KV_JSON_OBJECT && text == to->text && !to->unread->n)
        kv_json_unescape(
            type.n && kv_json_type(type) == KV_JSON_STRING ? type : KV_SLICE("\"unnamed\""),
            to->unread);
    return any;
}

void kv_content_take(const struct kv_content *to, struct kv_slice content)
{
    if (content.n && !kv_json_is_null(content))
        take(to, content, to->text, 0);
}
