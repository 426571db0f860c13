/* splice - members of objects inside a JSON text replaced where they stand, every other byte kept. */
#include "splice.h"

#include "json.h"

#include <string.h>

/* Keeps the edits in the order of their places; of one place in the order given. */
static void insert(struct kv_splice *s, struct kv_splice_edit e)
{
    size_t i = s->n++;
    for (; i > 0 && s->edits[i - 1].at > e.at; i--)
        s->edits[i] = s->edits[i - 1];
    s->edits[i] = e;
}

static bool adds_at(const struct kv_splice *s, const char *at)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->edits[i].at == at)
            return true;
    return false;
}

void kv_splice_member(
    struct kv_splice *s, struct kv_slice object, const char *name, struct kv_slice value)
{
    struct kv_json_walk w;
    struct kv_slice key, old, found = {0};
    size_t members = 0;
    if (s->n == KV_SPLICE_MAX)
        return;
    kv_json_begin(&w, object);
    for (; kv_json_member(&w, &key, &old); members++)
        if (kv_json_string_is(key, name)) /* of several the last counts, as everywhere */
            found = old;
    if (found.p) {
        insert(s, (struct kv_splice_edit){.at = found.p, .n = found.n, .value = value});
        return;
    }
    const char *end = object.p + object.n - 1; /* the closing brace */
    insert(
        s, (struct kv_splice_edit){
               .at = end, .name = name, .comma = members > 0 || adds_at(s, end), .value = value});
}

void kv_splice_found(struct kv_splice *s, struct kv_slice object, const char *name,
    struct kv_slice old, struct kv_slice value)
{
    if (!old.n)
        kv_splice_member(s, object, name, value);
    else if (s->n < KV_SPLICE_MAX)
        insert(s, (struct kv_splice_edit){.at = old.p, .n = old.n, .value = value});
}

void kv_splice_write(const struct kv_splice *s, struct kv_slice whole, struct kv_buf *out)
{
    const char *copied = whole.p, *end = whole.p + whole.n;
    for (size_t i = 0; i < s->n; i++) {
        const struct kv_splice_edit *e = &s->edits[i];
        kv_buf_add(out, copied, (size_t)(e->at - copied));
        if (e->name)
            kv_buf_printf(out, "%s\"%s\":", e->comma ? "," : "", e->name);
        kv_buf_add_slice(out, e->value);
        copied = e->at + e->n;
    }
    kv_buf_add(out, copied, (size_t)(end - copied));
}
