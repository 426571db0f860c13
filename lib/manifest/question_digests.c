/* question_digests - what the questions of a run said when it was begun, so that a change is named.
 *
 * Two questions may share the eight digits of their ids; one counts as unchanged if any entry of its
 * id has its content.
 */
#include "question_digests.h"

#include "json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 16, NAMED_MAX = 10 };

static const char rubric_name[] = "the global rubric";

struct entry {
    uint32_t id, content;
};

/* Of a state, by id and content. */
struct entries {
    struct entry *all;
    bool *met; /* the question is there */
    size_t n;
};

static int by_value(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return (x->content > y->content) - (x->content < y->content);
}

static uint32_t short_digest(struct kv_slice text)
{
    return (uint32_t)kv_digest_128(text).hi;
}

static struct entry entry_of(const struct kv_bench *bench, size_t question)
{
    return (struct entry){.id = short_digest(kv_bench_id(bench, question)),
        .content = (uint32_t)bench->questions[question].content.hi};
}

static struct entry entry_of_rubric(const struct kv_bench *bench)
{
    struct kv_buf text = {0};
    kv_rubric_add_json(&text, &bench->rubric);
    struct entry e = {
        .id = short_digest(KV_SLICE("")), .content = short_digest(kv_slice_of(&text))};
    kv_buf_release(&text);
    return e;
}

struct kv_question_digests {
    size_t n;
    struct entry all[];
};

struct kv_question_digests *kv_question_digests_of(const struct kv_bench *bench, const bool *named)
{
    struct kv_question_digests *of = kv_alloc(sizeof *of + (bench->n + 1) * sizeof *of->all);
    of->n = 0;
    of->all[of->n++] = entry_of_rubric(bench);
    for (size_t i = 0; i < bench->n; i++)
        if (named[i])
            of->all[of->n++] = entry_of(bench, i);
    qsort(of->all, of->n, sizeof *of->all, by_value);
    return of;
}

void kv_question_digests_add(struct kv_buf *hex, struct kv_question_digests *of)
{
    for (size_t i = 0; i < of->n; i++)
        kv_buf_printf(hex, "%08" PRIx32 "%08" PRIx32, of->all[i].id, of->all[i].content);
    free(of);
}

/* ---- comparing ---- */

static bool read_digits(const char *p, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < DIGITS / 2; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *d = p[i] ? strchr(digits, p[i]) : NULL;
        if (!d)
            return false;
        *value = *value << 4 | (uint32_t)(d - digits);
    }
    return true;
}

static void read_entries(struct entries *e, struct kv_slice hex)
{
    bool sorted = true; /* mostly: a state comes from anywhere */
    *e = (struct entries){.all = kv_array(NULL, hex.n / DIGITS + 1, sizeof *e->all)};
    for (size_t at = 0; at + DIGITS <= hex.n; at += DIGITS) {
        struct entry *x = &e->all[e->n];
        if (!read_digits(hex.p + at, &x->id) || !read_digits(hex.p + at + DIGITS / 2, &x->content))
            continue;
        sorted = sorted && (e->n == 0 || by_value(x - 1, x) <= 0);
        e->n++;
    }
    if (!sorted)
        qsort(e->all, e->n, sizeof *e->all, by_value);
    e->met = kv_calloc(e->n + 1, sizeof *e->met);
}

/* The first entry of an id, or n. */
static size_t find_id(const struct entries *e, uint32_t id)
{
    size_t low = 0, high = e->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (e->all[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < e->n && e->all[low].id == id ? low : e->n;
}

static void note(struct kv_question_changes *c, struct kv_slice name)
{
    if (c->changed++ < NAMED_MAX) {
        kv_buf_add_str(&c->ids, c->ids.n ? ", " : "");
        kv_buf_add_slice(&c->ids, name);
    }
    kv_buf_add_str(&c->json, c->json.n ? "," : "");
    kv_json_quote(&c->json, name, KV_JSON_RAW);
}

static void compare(
    struct kv_question_changes *c, struct entries *e, struct entry now, struct kv_slice name)
{
    size_t first = find_id(e, now.id);
    bool same = false;
    for (size_t i = first; i < e->n && e->all[i].id == now.id; i++) {
        same |= e->all[i].content == now.content;
        e->met[i] = true;
    }
    if (first < e->n && !same)
        note(c, name);
}

void kv_question_digests_compare(
    struct kv_slice hex, const struct kv_bench *bench, struct kv_question_changes *changes)
{
    struct entries e;
    read_entries(&e, hex);
    *changes = (struct kv_question_changes){0};
    for (size_t i = 0; i < bench->n; i++)
        compare(changes, &e, entry_of(bench, i), kv_bench_id(bench, i));
    compare(changes, &e, entry_of_rubric(bench), KV_SLICE(rubric_name));
    for (size_t i = 0; i < e.n; i++)
        changes->gone += !e.met[i];
    free(e.all);
    free(e.met);
}

void kv_question_changes_release(struct kv_question_changes *changes)
{
    kv_buf_release(&changes->ids);
    kv_buf_release(&changes->json);
}

void kv_question_changes_tell(struct kv_buf *out, const struct kv_question_changes *c)
{
    if (c->changed)
        kv_buf_printf(out, "%zu question%s changed since the run was begun: %s%s", c->changed,
            c->changed == 1 ? " has" : "s have", c->ids.p, c->changed > NAMED_MAX ? ", …" : "");
    if (c->gone)
        kv_buf_printf(out, "%s%zu question%s of the run %s no longer there", c->changed ? "; " : "",
            c->gone, c->gone == 1 ? "" : "s", c->gone == 1 ? "is" : "are");
}
