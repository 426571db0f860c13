/* question - one question of a benchmark as it was read, and the memory of its texts. */
#include "question.h"

#include "json.h"
#include "pydantic.h"

#include <stdlib.h>

struct kv_slice kv_question_keep(struct kv_question *q, struct kv_buf *text)
{
    return kv_arena_take(&q->memory, text);
}

struct kv_slice kv_question_keep_text(struct kv_question *q, struct kv_slice string)
{
    struct kv_buf text = {0};
    if (kv_json_type(string) != KV_JSON_STRING)
        return (struct kv_slice){0};
    kv_json_unescape(string, &text);
    return kv_question_keep(q, &text);
}

struct kv_slice kv_question_keep_json(struct kv_question *q, struct kv_slice value)
{
    struct kv_buf text = {0};
    if (!value.n)
        return value;
    kv_json_compact(&text, value);
    return kv_question_keep(q, &text);
}

void kv_question_release(struct kv_question *q)
{
    kv_rubric_release(&q->rubric);
    kv_arena_release(&q->memory);
    *q = (struct kv_question){0};
}

/* ---- content ---- */

/* Each piece is preceded by its length: no two contents give the same bytes. */
static void add_piece(struct kv_buf *out, struct kv_slice piece)
{
    char length[8];
    for (size_t i = 0; i < sizeof length; i++)
        length[i] = (char)((uint64_t)piece.n >> 8 * i & 0xFF);
    kv_buf_add(out, length, sizeof length);
    kv_buf_add_slice(out, piece);
}

struct kv_digest128 kv_question_digest(const struct kv_question *q)
{
    struct kv_buf all = {0}, text = {0};
    add_piece(&all, q->id);
    add_piece(&all, q->text);
    add_piece(&all, q->has_answer ? q->answer : KV_SLICE("\x01"));
    add_piece(&all, q->template);
    if (q->few_shot.n)
        kv_pydantic_text(&text, q->few_shot);
    add_piece(&all, kv_slice_of(&text));
    kv_buf_clear(&text);
    if (q->rubric.n)
        kv_rubric_add_json(&text, &q->rubric);
    add_piece(&all, kv_slice_of(&text));
    struct kv_digest128 digest = kv_digest_128(kv_slice_of(&all));
    kv_buf_release(&all);
    kv_buf_release(&text);
    return digest;
}
