/* answer_json - an answer as a JSON object, and back: for the journal (journal.h).
 *
 * What comes back is what went in, field by field, so that a result made from a kept answer is the
 * result that would have been made at once. Members that are not known are passed over, missing ones
 * are as in an answer of which nobody said more.
 */
#ifndef KV_ANSWER_JSON_H
#define KV_ANSWER_JSON_H

#include "query.h"

/* Only for KV_ANSWER_TEXT. Returns its text as it stands in *out, a JSON string. */
struct kv_slice kv_answer_json_add(struct kv_buf *out, const struct kv_answer *answer);

/* The answer and the texts it borrows. Zero at first; used again it keeps its memory. */
struct kv_kept_answer {
    struct kv_answer answer;
    struct kv_buf text, served, tier, finish, adjusted, asked_at;
};
/* Reads checked JSON. False if it is no such object. */
bool kv_answer_json_read(struct kv_kept_answer *kept, struct kv_slice object);
/* What kv_answer_json_read would make of an answer that was written; `text` is what
 * kv_answer_json_add returned. */
void kv_kept_answer_copy(
    struct kv_kept_answer *kept, const struct kv_answer *answer, struct kv_slice text);
void kv_kept_answer_release(struct kv_kept_answer *kept);

#endif
