/* members - the top-level members of a document, kept as the bytes they are. */
#include "members.h"

#include <stdlib.h>

enum { MEMBERS_MAX = 1000 };

/* Key and value as written, at their places in the text. */
struct kv_member {
    size_t key, key_n, value, value_n;
};

int kv_members_keep(
    struct kv_members *m, struct kv_json_reader *r, struct kv_slice key, struct kv_err *err)
{
    struct kv_slice value;
    struct kv_member item = {.key = m->text.n, .key_n = key.n};
    if (m->n == MEMBERS_MAX)
        return kv_err_set(err, KV_INPUT, "more than %d members", MEMBERS_MAX);
    kv_buf_add_slice(&m->text, key);
    if (kv_json_reader_value(r, &value, err) != 0)
        return -1;
    item.value = m->text.n;
    item.value_n = value.n;
    kv_buf_add_slice(&m->text, value);
    m->items = kv_grow(m->items, m->n, sizeof item);
    m->items[m->n++] = item;
    return 0;
}

bool kv_members_find(const struct kv_members *m, const char *name, struct kv_slice *value)
{
    for (size_t i = m->n; i-- > 0;) {
        const struct kv_member *item = &m->items[i];
        if (kv_json_string_is((struct kv_slice){m->text.p + item->key, item->key_n}, name)) {
            *value = (struct kv_slice){m->text.p + item->value, item->value_n};
            return true;
        }
    }
    *value = (struct kv_slice){"", 0};
    return false;
}

void kv_members_add(const struct kv_members *m, struct kv_buf *out)
{
    kv_buf_add_char(out, '{');
    for (size_t i = 0; i < m->n; i++) {
        const struct kv_member *item = &m->items[i];
        kv_buf_add_str(out, i ? ", " : "");
        kv_buf_add(out, m->text.p + item->key, item->key_n);
        kv_buf_add_str(out, ": ");
        kv_buf_add(out, m->text.p + item->value, item->value_n);
    }
    kv_buf_add_char(out, '}');
}

void kv_members_release(struct kv_members *m)
{
    kv_buf_release(&m->text);
    free(m->items);
    *m = (struct kv_members){0};
}
