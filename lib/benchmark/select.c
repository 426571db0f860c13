/* select - which questions of a benchmark take part. */
#include "select.h"

#include "nearest.h"
#include "pydantic.h"
#include "pystr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next part of a list with commas, stripped. */
static bool next_part(const char **at, struct kv_slice *part)
{
    if (!*at)
        return false;
    const char *comma = strchr(*at, ',');
    size_t n = comma ? (size_t)(comma - *at) : strlen(*at);
    *part = kv_pystr_strip((struct kv_slice){*at, n});
    *at = comma ? comma + 1 : NULL;
    return true;
}

static int refuse(struct kv_err *err, const char *why, struct kv_slice part)
{
    return kv_err_set(err, KV_USAGE, "%s: %.*s", why, (int)part.n, part.p);
}

/* A part with a hyphen is a range, so -1 is one with an empty start. */
static int read_part(
    struct kv_slice part, int64_t count, int64_t *first, int64_t *last, struct kv_err *err)
{
    const char *hyphen = memchr(part.p, '-', part.n);
    if (!hyphen) {
        if (!kv_pydantic_python_int(part, first))
            return refuse(err, "Invalid index", part);
        *last = *first;
    } else {
        struct kv_slice from = {part.p, (size_t)(hyphen - part.p)};
        struct kv_slice to = {hyphen + 1, part.n - from.n - 1};
        if (!kv_pydantic_python_int(from, first) || !kv_pydantic_python_int(to, last))
            return refuse(err, "Invalid range format", part);
        if (*first < 0 || *last < 0)
            return refuse(err, "Negative indices not allowed", part);
        if (*first > *last)
            return refuse(err, "Invalid range (start > end)", part);
    }
    if (*last < count)
        return 0;
    char index[24];
    snprintf(index, sizeof index, "%lld", (long long)*last);
    struct kv_slice what = hyphen ? part : kv_slice(index);
    return kv_err_set(err, KV_INPUT, "Index out of range: %.*s (total questions: %lld)",
        (int)what.n, what.p, (long long)count);
}

int kv_select_positions(const char *positions, size_t count, bool *set, struct kv_err *err)
{
    struct kv_slice part;
    memset(set, 0, count * sizeof *set);
    while (next_part(&positions, &part)) {
        int64_t first, last;
        if (!part.n)
            continue;
        if (read_part(part, (int64_t)count, &first, &last, err) != 0)
            return -1;
        for (int64_t i = first; i <= last; i++)
            set[i] = true;
    }
    return 0;
}

static bool names(const char *ids, struct kv_slice id)
{
    struct kv_slice part;
    while (next_part(&ids, &part))
        if (kv_slice_eq(part, id))
            return true;
    return false;
}

/* Keeps of the chosen ones those at the positions. */
static int narrow(size_t n, size_t count, const char *positions, bool *chosen, struct kv_err *err)
{
    bool *set = kv_calloc(count + 1, sizeof *set);
    size_t place = 0;
    int rc = kv_select_positions(positions, count, set, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (chosen[i])
            chosen[i] = set[place++];
    free(set);
    return rc;
}

static long count_chosen(const bool *chosen, size_t n)
{
    long count = 0;
    for (size_t i = 0; i < n; i++)
        count += chosen[i];
    return count;
}

long kv_select(const struct kv_bench *b, const char *ids, const char *positions, bool *chosen,
    struct kv_err *err)
{
    for (size_t i = 0; i < b->n; i++)
        chosen[i] = b->questions[i].finished && (!ids || names(ids, kv_bench_id(b, i)));
    if (positions && narrow(b->n, (size_t)count_chosen(chosen, b->n), positions, chosen, err) != 0)
        return -1;
    return count_chosen(chosen, b->n);
}

static void complain_of_id(
    const struct kv_bench *b, struct kv_slice id, struct kv_problems *problems)
{
    struct kv_nearest near;
    bool there = false;
    kv_nearest_init(&near, id);
    for (size_t i = 0; i < b->n; i++) {
        there |= kv_slice_eq(kv_bench_id(b, i), id);
        kv_nearest_try(&near, kv_bench_id(b, i));
    }
    if (there)
        kv_problems_add(problems, NULL, "value_error",
            "--question-ids: the question '%.*s' is not finished", (int)id.n, id.p);
    else
        kv_problems_add(problems, NULL, "value_error",
            "--question-ids: no question has the id '%.*s'%s%s%s", (int)id.n, id.p,
            near.best.n ? ": nearest is '" : "", near.best.n ? near.best.p : "",
            near.best.n ? "'" : "");
    kv_nearest_release(&near);
}

void kv_select_add_unknown(const struct kv_bench *b, const char *ids, struct kv_problems *problems)
{
    struct kv_slice part;
    while (next_part(&ids, &part)) {
        bool there = part.n == 0;
        for (size_t i = 0; !there && i < b->n; i++)
            there = b->questions[i].finished && kv_slice_eq(kv_bench_id(b, i), part);
        if (!there)
            complain_of_id(b, part, problems);
    }
}
