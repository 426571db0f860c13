/* question - one question of a benchmark, and the list of them that a reader fills. */
#include "question.h"

#include "json.h"

#include <stdlib.h>
#include <string.h>

struct kv_question *kv_question_add(struct kv_bench *b)
{
    if (b->n == b->capacity) {
        b->capacity = b->capacity ? 2 * b->capacity : 16;
        b->questions = kv_array(b->questions, b->capacity, sizeof *b->questions);
    }
    struct kv_question *q = &b->questions[b->n++];
    memset(q, 0, sizeof *q);
    return q;
}

struct kv_slice kv_question_keep(struct kv_bench *b, struct kv_buf *text)
{
    if ((b->memory_count & (b->memory_count - 1)) == 0) /* full at every power of two */
        b->memory =
            kv_array(b->memory, b->memory_count ? 2 * b->memory_count : 1, sizeof *b->memory);
    kv_buf_add_str(text, "");
    size_t n = text->n;
    b->memory[b->memory_count] = kv_buf_detach(text);
    return (struct kv_slice){b->memory[b->memory_count++], n};
}

struct kv_slice kv_question_keep_text(struct kv_bench *b, struct kv_slice string)
{
    struct kv_buf text = {0};
    if (kv_json_type(string) != KV_JSON_STRING)
        return (struct kv_slice){0};
    kv_json_unescape(string, &text);
    return kv_question_keep(b, &text);
}

struct kv_slice kv_question_keep_json(struct kv_bench *b, struct kv_slice value)
{
    struct kv_buf text = {0};
    if (!value.n)
        return value;
    kv_json_compact(&text, value);
    return kv_question_keep(b, &text);
}

static int by_id(const void *a, const void *b, void *closure)
{
    const struct kv_bench *bench = closure;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int order = kv_slice_cmp(bench->questions[x].id, bench->questions[y].id);
    return order ? order : (x > y) - (x < y);
}

static void swap(struct kv_question *a, struct kv_question *b)
{
    struct kv_question t = *a;
    *a = *b;
    *b = t;
}

size_t kv_question_fold(struct kv_bench *b)
{
    size_t *order = kv_array(NULL, b->n + 1, sizeof *order), kept = 0, before = b->n;
    bool *gone = kv_calloc(b->n + 1, sizeof *gone);
    for (size_t i = 0; i < b->n; i++)
        order[i] = i;
    qsort_r(order, b->n, sizeof *order, by_id, b);
    for (size_t i = 1, first = 0; i < b->n; i++) {
        struct kv_question *a = &b->questions[order[first]], *c = &b->questions[order[i]];
        if (!kv_slice_eq(a->id, c->id)) {
            first = i;
            continue;
        }
        swap(a, c);
        gone[order[i]] = true;
    }
    for (size_t i = 0; i < b->n; i++) {
        if (gone[i])
            kv_rubric_release(&b->questions[i].rubric);
        else
            b->questions[kept++] = b->questions[i];
    }
    b->n = kept;
    free(order);
    free(gone);
    return before - kept;
}

void kv_question_release_all(struct kv_bench *b)
{
    for (size_t i = 0; i < b->n; i++)
        kv_rubric_release(&b->questions[i].rubric);
    for (size_t i = 0; i < b->memory_count; i++)
        free(b->memory[i]);
    kv_rubric_release(&b->rubric);
    free(b->questions);
    free(b->memory);
    *b = (struct kv_bench){0};
}
