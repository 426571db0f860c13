/* health - what makes results other than they seem: cut, partial, retried, served by others,
 * warned.
 */
#include "health.h"

#include <stdlib.h>

static void count_flags(struct kv_health *h, const struct kv_fact *f)
{
    h->rows++;
    for (int i = 0; i < KV_MARKS; i++)
        h->marks[i] += (f->marks & 1u << i) != 0;
    h->partial += (f->flags & KV_FACT_PARTIAL) != 0;
    h->retried += (f->flags & KV_FACT_RETRIED) != 0;
    h->estimated += (f->flags & KV_FACT_ESTIMATED) != 0;
    h->warned += (f->flags & KV_FACT_WARNED) != 0;
}

static int by_count(const void *a, const void *b)
{
    const struct kv_health_warning *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return x->warning < y->warning ? -1 : x->warning > y->warning;
}

/* A warning that a row repeats counts once. */
static void count_warnings(struct kv_health *h, const struct kv_rowset *set)
{
    size_t n = set->names.warnings.n, kept = 0;
    uint32_t *last = kv_calloc(n ? n : 1, sizeof *last); /* fact + 1 */
    struct kv_detail d = {0};
    h->warnings = kv_calloc(n ? n : 1, sizeof *h->warnings);
    for (uint32_t i = 0; i < set->n; i++) {
        if (!(set->facts[i].flags & KV_FACT_WARNED))
            continue;
        kv_rowset_detail(set, &set->facts[i], &d);
        for (size_t j = 0; j < d.warning_count; j++) {
            uint32_t id = d.warnings[j];
            struct kv_health_warning *w = &h->warnings[id];
            if (last[id] == i + 1)
                continue;
            last[id] = i + 1;
            if (!w->count++)
                *w = (struct kv_health_warning){id, 1, i};
        }
    }
    for (size_t i = 0; i < n; i++)
        if (h->warnings[i].count)
            h->warnings[kept++] = h->warnings[i];
    h->warning_count = kept;
    qsort(h->warnings, kept, sizeof *h->warnings, by_count);
    kv_detail_release(&d);
    free(last);
}

static int by_served(const void *a, const void *b)
{
    const struct kv_health_served *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    if (x->model != y->model)
        return x->model < y->model ? -1 : 1;
    return x->served < y->served ? -1 : x->served > y->served;
}

static void count_served(struct kv_health *h, const struct kv_rowset *set)
{
    struct kv_names pairs = {0};
    struct kv_detail d = {0};
    for (size_t i = 0; i < set->n; i++) {
        const struct kv_fact *f = &set->facts[i];
        if (!(f->marks & KV_MARK_ANOTHER))
            continue;
        kv_rowset_detail(set, f, &d);
        uint32_t pair[2] = {set->lines[f->line].answering, d.served};
        if (d.served == KV_NO_NAME)
            continue;
        uint32_t id = kv_names_add(&pairs, (struct kv_slice){(const char *)pair, sizeof pair});
        if (id == h->served_count) {
            h->served = kv_grow(h->served, id, sizeof *h->served);
            h->served[h->served_count++] = (struct kv_health_served){pair[0], pair[1], 0};
        }
        h->served[id].count++;
    }
    if (h->served_count)
        qsort(h->served, h->served_count, sizeof *h->served, by_served);
    kv_names_release(&pairs);
    kv_detail_release(&d);
}

void kv_health_make(struct kv_health *h, const struct kv_rowset *set)
{
    *h = (struct kv_health){0};
    for (size_t i = 0; i < set->n; i++)
        count_flags(h, &set->facts[i]);
    count_warnings(h, set);
    count_served(h, set);
}

void kv_health_release(struct kv_health *h)
{
    free(h->warnings);
    free(h->served);
    *h = (struct kv_health){0};
}
