/* paid_call - what makes a call the same call in another run, and the tasks its reply is for. */
#include "paid_call.h"

#include "json.h"

static void add_part(struct kv_buf *out, struct kv_slice part)
{
    kv_buf_add_count(out, part.n);
    kv_buf_add_char(out, ':');
    kv_buf_add_slice(out, part);
    kv_buf_add_char(out, ',');
}

static void add_query(struct kv_buf *out, const struct kv_query *q)
{
    add_part(out, kv_slice(q->stage));
    for (size_t i = 0; i < q->count; i++) {
        kv_buf_add_int(out, q->messages[i].role);
        add_part(out, q->messages[i].text);
    }
    add_part(out, kv_slice(q->schema_name ? q->schema_name : ""));
    add_part(out, q->schema);
}

struct kv_digest128 kv_paid_call_id(
    const struct kv_paid_call *c, const char *run, struct kv_buf *text)
{
    kv_buf_clear(text);
    kv_buf_add_str(text, "kv-journal-1 ");
    kv_buf_add_str(text, run);
    kv_buf_add_char(text, ' ');
    kv_buf_add_int(text, c->replicate);
    kv_buf_add_char(text, ' ');
    kv_buf_add_count(text, c->after);
    kv_buf_add_char(text, ' ');
    kv_buf_add_int(text, c->number);
    kv_buf_add_char(text, ',');
    add_part(text, c->question);
    add_part(text, c->answering);
    add_part(text, c->judging);
    add_part(text, kv_slice(c->command ? c->command : ""));
    if (c->query)
        add_query(text, c->query);
    return kv_digest_128(kv_slice_of(text));
}

void kv_paid_tasks_begin(struct kv_paid_tasks *t)
{
    kv_buf_clear(&t->keys);
    kv_buf_clear(&t->after);
    t->last = 0;
}

void kv_paid_tasks_add(struct kv_paid_tasks *t, struct kv_slice key, uint64_t after)
{
    if (t->keys.n) {
        kv_buf_add_char(&t->keys, ',');
        kv_buf_add_char(&t->after, ',');
    }
    kv_json_quote(&t->keys, key, KV_JSON_RAW);
    kv_buf_add_count(&t->after, after);
    t->last = after > t->last ? after : t->last;
}

void kv_paid_tasks_release(struct kv_paid_tasks *t)
{
    kv_buf_release(&t->keys);
    kv_buf_release(&t->after);
}
