/* nearest - which of many names a mistyped one was probably meant to be. */
#include "nearest.h"

#include <strings.h>

enum {
    LONGEST = 400, /* bytes that may differ; beyond, no hint */
    LISTED = 26,   /* names that are listed in a hint */
};

void kv_nearest_init(struct kv_nearest *n, struct kv_slice wanted)
{
    *n = (struct kv_nearest){.wanted = wanted, .distance = wanted.n / 3 + 1};
}

void kv_nearest_release(struct kv_nearest *n)
{
    kv_buf_release(&n->best);
}

/* Cuts off what both have in common at their ends. */
static void trim(struct kv_slice *a, struct kv_slice *b)
{
    while (a->n && b->n && a->p[0] == b->p[0]) {
        a->p++, a->n--;
        b->p++, b->n--;
    }
    while (a->n && b->n && a->p[a->n - 1] == b->p[b->n - 1]) {
        a->n--;
        b->n--;
    }
}

/* The edit distance, or `limit` if it is not below that. */
static size_t distance(struct kv_slice a, struct kv_slice b, size_t limit)
{
    size_t row[LONGEST + 1];
    trim(&a, &b);
    size_t difference = a.n > b.n ? a.n - b.n : b.n - a.n;
    if (difference >= limit || a.n > LONGEST || b.n > LONGEST)
        return limit;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t corner = row[0], least = i;
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t change = corner + (a.p[i - 1] != b.p[j - 1]);
            corner = row[j];
            size_t step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < step ? change : step;
            least = row[j] < least ? row[j] : least;
        }
        if (least >= limit)
            return limit;
    }
    return row[b.n] < limit ? row[b.n] : limit;
}

void kv_nearest_try(struct kv_nearest *n, struct kv_slice key)
{
    size_t d = distance(n->wanted, key, n->distance);
    if (d >= n->distance)
        return;
    n->distance = d;
    kv_buf_clear(&n->best);
    kv_buf_add_slice(&n->best, key);
}

/* "Exact" may be short for ExactMatch. */
static const char *begins_with(struct kv_slice wanted, const char *const *names)
{
    for (size_t i = 0; wanted.n > 2 && names[i]; i++)
        if (strncasecmp(names[i], wanted.p, wanted.n) == 0)
            return names[i];
    return "";
}

void kv_nearest_add_hint(
    struct kv_buf *out, const char *what, struct kv_slice wanted, const char *const *names)
{
    struct kv_nearest near;
    size_t n = 0;
    kv_nearest_init(&near, wanted);
    for (; names[n]; n++)
        kv_nearest_try(&near, kv_slice(names[n]));
    if (!near.best.n)
        kv_buf_add_str(&near.best, begins_with(wanted, names));
    kv_buf_add_str(out, what);
    if (near.best.n)
        kv_buf_printf(out, ": nearest is %s", near.best.p);
    if (n <= LISTED) {
        kv_buf_add_str(out, near.best.n ? "; known are " : ": known are ");
        for (size_t i = 0; i < n; i++)
            kv_buf_printf(out, "%s%s", i ? ", " : "", names[i]);
    }
    kv_nearest_release(&near);
}
