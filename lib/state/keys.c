/* keys - task keys: one array of a .state file walked in stored order, and lists in memory. */
#include "keys.h"

#include "task.h"

#include <stdlib.h>
#include <string.h>

const char *kv_keys_member(enum kv_keys_of which)
{
    static const char *const names[] = {
        [KV_KEYS_MANIFEST] = "task_manifest",
        [KV_KEYS_COMPLETED] = "completed_task_ids",
        [KV_KEYS_FAILED] = "failed_task_ids",
    };
    return names[which];
}

/* Passes over a value; an array item by item, for it may be long. */
static int pass_value(struct kv_json_reader *r, struct kv_err *err)
{
    struct kv_slice ignored;
    int got = kv_json_reader_peek(r, err);
    if (got < 0)
        return -1;
    if (got != '[')
        return kv_json_reader_value(r, &ignored, err);
    if (kv_json_reader_enter(r, '[', err) != 0)
        return -1;
    while ((got = kv_json_reader_item(r, &ignored, err)) == 1)
        continue;
    return got;
}

/* To the first item of the array: 1, or 0 if there is none. */
static int seek(struct kv_json_reader *r, const char *name, struct kv_err *err)
{
    struct kv_slice key;
    int got;
    if (kv_json_reader_enter(r, '{', err) != 0)
        return -1;
    while ((got = kv_json_reader_member(r, &key, err)) == 1) {
        if (kv_json_string_is(key, name))
            return kv_json_reader_enter(r, '[', err) == 0 ? 1 : -1;
        if (pass_value(r, err) != 0)
            return -1;
    }
    return got;
}

int kv_keys_begin(struct kv_keys *k, int fd, enum kv_keys_of which, struct kv_err *err)
{
    *k = (struct kv_keys){0};
    kv_json_reader_share(&k->reader, fd, KV_JSON_FOREIGN);
    int got = seek(&k->reader, kv_keys_member(which), err);
    k->inside = got == 1;
    if (got < 0)
        kv_keys_end(k);
    return got < 0 ? -1 : 0;
}

int kv_keys_next(struct kv_keys *k, struct kv_err *err)
{
    struct kv_slice item;
    int got = k->inside ? kv_json_reader_item(&k->reader, &item, err) : 0;
    if (got == 1 && kv_json_type(item) != KV_JSON_STRING)
        got = kv_err_set(err, KV_INPUT, "%zu: a task key is a string, not %s", k->reader.value_line,
            kv_json_type_name(item));
    k->inside = got == 1;
    kv_buf_clear(&k->key);
    if (got == 1)
        kv_json_unescape(item, &k->key);
    return got;
}

void kv_keys_end(struct kv_keys *k)
{
    kv_json_reader_close(&k->reader);
    kv_buf_release(&k->key);
    k->inside = false;
}

/* ---- lists ---- */

void kv_key_list_add(struct kv_key_list *l, struct kv_slice key)
{
    kv_buf_add_slice(&l->text, key);
    l->ends = kv_grow(l->ends, l->count, sizeof *l->ends);
    l->ends[l->count++] = l->text.n;
}

struct kv_slice kv_key_list_get(const struct kv_key_list *l, size_t i)
{
    size_t start = i ? l->ends[i - 1] : 0;
    return (struct kv_slice){l->text.p + start, l->ends[i] - start};
}

void kv_key_list_cut(struct kv_key_list *l, size_t count)
{
    l->count = count;
    l->text.n = count ? l->ends[count - 1] : 0;
}

void kv_key_list_release(struct kv_key_list *l)
{
    kv_buf_release(&l->text);
    free(l->ends);
    *l = (struct kv_key_list){0};
}

static int compare(const void *a, const void *b)
{
    return kv_slice_cmp(*(const struct kv_slice *)a, *(const struct kv_slice *)b);
}

struct kv_slice *kv_key_list_sorted(const struct kv_key_list *l)
{
    struct kv_slice *all = kv_array(NULL, l->count + 1, sizeof *all);
    for (size_t i = 0; i < l->count; i++)
        all[i] = kv_key_list_get(l, i);
    qsort(all, l->count, sizeof *all, compare);
    return all;
}

/* ---- scenarios ---- */

/* The one key of the manifest with this scenario and replicate into s->found, or nothing. */
static int search(struct kv_scenario *s, int fd, struct kv_slice key, struct kv_err *err)
{
    struct kv_task_parts wanted, parts;
    struct kv_keys k;
    int got, found = 0;
    kv_buf_clear(&s->found);
    if (kv_task_parse_key(key, &wanted, NULL) != 0)
        return 0;
    if (kv_keys_begin(&k, fd, KV_KEYS_MANIFEST, err) != 0)
        return -1;
    while ((got = kv_keys_next(&k, err)) == 1) {
        if (kv_task_parse_key(kv_slice_of(&k.key), &parts, NULL) != 0 ||
            !kv_slice_eq(parts.question_id, wanted.question_id) ||
            parts.replicate != wanted.replicate)
            continue;
        if (found++ == 0)
            kv_buf_add_slice(&s->found, kv_slice_of(&k.key));
    }
    kv_keys_end(&k);
    if (found != 1)
        kv_buf_clear(&s->found);
    return got;
}

int kv_scenario_map(struct kv_scenario *s, int fd, struct kv_buf *key, struct kv_err *err)
{
    if (!kv_slice_eq(kv_slice_of(&s->given), kv_slice_of(key))) {
        kv_buf_clear(&s->given);
        if (search(s, fd, kv_slice_of(key), err) != 0)
            return -1;
        kv_buf_add_slice(&s->given, kv_slice_of(key));
    }
    if (s->found.n) {
        kv_buf_clear(key);
        kv_buf_add_slice(key, kv_slice_of(&s->found));
    }
    return 0;
}

void kv_scenario_release(struct kv_scenario *s)
{
    kv_buf_release(&s->given);
    kv_buf_release(&s->found);
}
