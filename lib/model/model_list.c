/* model_list - the models a server says it has. */
#include "model_list.h"

#include "json.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR_MAX = 5, NAME_MAX_COMPARED = 128, NAMES_COMPARED = 5000 };

struct near {
    char *name;
    size_t distance;
};

/* Levenshtein's distance of the first NAME_MAX_COMPARED bytes. */
static size_t distance(struct kv_slice a, struct kv_slice b)
{
    size_t row[NAME_MAX_COMPARED + 1];
    size_t n = a.n < NAME_MAX_COMPARED ? a.n : NAME_MAX_COMPARED;
    size_t m = b.n < NAME_MAX_COMPARED ? b.n : NAME_MAX_COMPARED;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t change = diagonal + (a.p[i - 1] != b.p[j - 1]);
            diagonal = row[j];
            size_t step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < step ? change : step;
        }
    }
    return row[m];
}

static bool names_same(struct kv_slice listed, struct kv_slice model)
{
    static const char latest[] = ":latest";
    if (kv_slice_eq(listed, model))
        return true;
    if (kv_slice_starts(listed, "models/"))
        return kv_slice_eq((struct kv_slice){listed.p + 7, listed.n - 7}, model);
    return listed.n == model.n + strlen(latest) && memcmp(listed.p, model.p, model.n) == 0 &&
           memcmp(listed.p + model.n, latest, strlen(latest)) == 0;
}

/* Keeps the nearest names, nearest first. */
static void offer(struct near best[NEAR_MAX], struct kv_slice name, size_t far)
{
    for (size_t i = 0; i < NEAR_MAX; i++) {
        if (best[i].name && best[i].distance <= far)
            continue;
        free(best[NEAR_MAX - 1].name);
        memmove(best + i + 1, best + i, (NEAR_MAX - 1 - i) * sizeof *best);
        best[i] = (struct near){kv_slice_dup(name), far};
        return;
    }
}

int kv_model_list_find(struct kv_slice body, struct kv_slice model, struct kv_buf *near)
{
    struct kv_slice all, list, item, id;
    struct kv_json_walk w;
    struct kv_err err;
    if (kv_json_check(body, KV_JSON_STRICT, &all, &err) < 0)
        return -1;
    if (!kv_json_get(all, "data", &list) && !kv_json_get(all, "models", &list))
        return -1;
    if (kv_json_type(list) != KV_JSON_ARRAY)
        return -1;
    struct near best[NEAR_MAX] = {{NULL, 0}};
    struct kv_buf name = {0};
    size_t seen = 0;
    bool found = kv_json_count(list) == 1;
    kv_json_begin(&w, list);
    while (!found && kv_json_item(&w, &item)) {
        if (!kv_json_get(item, "id", &id) && !kv_json_get(item, "name", &id))
            continue;
        if (kv_json_type(id) != KV_JSON_STRING)
            continue;
        kv_buf_clear(&name);
        kv_json_unescape(id, &name);
        found = names_same(kv_slice_of(&name), model);
        if (seen++ < NAMES_COMPARED)
            offer(best, kv_slice_of(&name), distance(kv_slice_of(&name), model));
    }
    kv_buf_release(&name);
    for (size_t i = 0; i < NEAR_MAX; i++) {
        if (!found && best[i].name)
            kv_buf_printf(near, "%s%s", i ? ", " : "", best[i].name);
        free(best[i].name);
    }
    return found ? 1 : 0;
}
