/* content - the content of an answer, in whichever shape a server puts it.
 *
 * A string; or parts, in a list or alone: strings, {"type":"text"}, {"type":"output_text"} and
 * whatever else has its text in "text" or "content"; {"type":"thinking"} and {"type":"reasoning"},
 * which are reasoning; {"type":"refusal"}.
 */
#ifndef KV_CONTENT_H
#define KV_CONTENT_H

#include "buf.h"

struct kv_content {
    struct kv_buf *text, *reasoning, *refusal; /* appended to */
    struct kv_buf *unread; /* gets the type of a part that holds none of these */
};
void kv_content_take(const struct kv_content *to, struct kv_slice content);

#endif
