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
    bool met;
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

static struct entry entry_of(const struct kv_listed *q)
{
    return (struct entry){.id = short_digest(q->id), .content = (uint32_t)q->content.hi};
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

void kv_question_digests_add(struct kv_buf *hex, const struct kv_bench *bench, const bool *named)
{
    struct entry *all = kv_array(NULL, bench->n + 1, sizeof *all);
    size_t n = 0;
    all[n++] = entry_of_rubric(bench);
    for (size_t i = 0; i < bench->n; i++)
        if (named[i])
            all[n++] = entry_of(&bench->questions[i]);
    qsort(all, n, sizeof *all, by_value);
    for (size_t i = 0; i < n; i++)
        kv_buf_printf(hex, "%08" PRIx32 "%08" PRIx32, all[i].id, all[i].content);
    free(all);
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

static struct entry *read_entries(struct kv_slice hex, size_t *n)
{
    struct entry *all = kv_array(NULL, hex.n / DIGITS + 1, sizeof *all);
    *n = 0;
    for (size_t at = 0; at + DIGITS <= hex.n; at += DIGITS) {
        struct entry e = {0};
        if (read_digits(hex.p + at, &e.id) && read_digits(hex.p + at + DIGITS / 2, &e.content))
            all[(*n)++] = e;
    }
    qsort(all, *n, sizeof *all, by_value); /* a state comes from anywhere */
    return all;
}

/* The first entry of an id, or NULL. */
static struct entry *find_id(struct entry *all, size_t n, uint32_t id)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (all[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && all[low].id == id ? &all[low] : NULL;
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

static void compare(struct kv_question_changes *c, struct entry *all, size_t n, struct entry now,
    struct kv_slice name)
{
    struct entry *e = find_id(all, n, now.id);
    bool same = false;
    for (struct entry *at = e; at && at < all + n && at->id == now.id; at++) {
        same |= at->content == now.content;
        at->met = true;
    }
    if (e && !same)
        note(c, name);
}

void kv_question_digests_compare(
    struct kv_slice hex, const struct kv_bench *bench, struct kv_question_changes *changes)
{
    size_t n;
    struct entry *all = read_entries(hex, &n);
    *changes = (struct kv_question_changes){0};
    for (size_t i = 0; i < bench->n; i++)
        compare(changes, all, n, entry_of(&bench->questions[i]), bench->questions[i].id);
    compare(changes, all, n, entry_of_rubric(bench), KV_SLICE(rubric_name));
    for (size_t i = 0; i < n; i++)
        changes->gone += !all[i].met;
    free(all);
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
