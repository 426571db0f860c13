/* question - one question of a benchmark as it was read, and the memory of its texts. */
#include "question.h"

#include "json.h"
#include "pydantic.h"

#include <stdlib.h>

struct kv_slice kv_question_keep(struct kv_question *q, struct kv_buf *text)
{
    return kv_arena_take(&q->memory, text);
}

void kv_question_begin(struct kv_question *q, size_t length)
{
    kv_buf_reserve(&q->texts, length);
}

/* Keeps what is made of a JSON value, which is never longer than the value. */
static struct kv_slice keep(struct kv_question *q, struct kv_slice value,
    void (*add)(struct kv_slice value, struct kv_buf *out))
{
    struct kv_buf text = {0};
    size_t at = q->texts.n;
    if (value.n + 1 >= q->texts.cap - at) { /* texts that are there may not move */
        add(value, &text);
        return kv_question_keep(q, &text);
    }
    add(value, &q->texts);
    size_t n = q->texts.n - at;
    kv_buf_add_char(&q->texts, '\0');
    return (struct kv_slice){q->texts.p + at, n};
}

struct kv_slice kv_question_keep_text(struct kv_question *q, struct kv_slice string)
{
    if (kv_json_type(string) != KV_JSON_STRING)
        return (struct kv_slice){0};
    return keep(q, string, kv_json_unescape);
}

static void compact(struct kv_slice value, struct kv_buf *out)
{
    kv_json_compact(out, value);
}

struct kv_slice kv_question_keep_json(struct kv_question *q, struct kv_slice value)
{
    return value.n ? keep(q, value, compact) : value;
}

void kv_question_release(struct kv_question *q)
{
    kv_rubric_release(&q->rubric);
    kv_buf_release(&q->texts);
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
    kv_buf_reserve(&all, q->id.n + q->text.n + q->answer.n + q->template.n + 64);
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
