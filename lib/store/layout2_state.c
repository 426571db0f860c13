/* layout2_state - the .state of layout 2.0 as text, whole. */
#include "layout2_state.h"

#include "io.h"
#include "layout1_text.h"
#include "num.h"

#include <stdlib.h>
#include <time.h>

enum { PIECE = 1 << 16 };

struct out {
    struct kv_buf text;
    int fd;
    bool failed;
    struct kv_err *err;
};

static void pass(struct out *o, size_t above)
{
    if (o->text.n > above && !o->failed)
        o->failed = kv_io_write(o->fd, kv_slice_of(&o->text), o->err) != 0;
    if (o->text.n > above)
        kv_buf_clear(&o->text);
}

static void put_key(struct out *o, struct kv_slice key, bool first)
{
    kv_buf_add_str(&o->text, first ? "\n    " : ",\n    ");
    kv_layout1_text_quote_key(&o->text, key);
    pass(o, PIECE);
}

static void put_member(struct out *o, const char *name)
{
    kv_buf_printf(&o->text, ",\n  \"%s\": ", name);
}

static void put_raw(struct out *o, const struct kv_state *s, const char *name, const char *fallback)
{
    struct kv_slice value;
    put_member(o, name);
    if (kv_state_member(s, name, &value))
        kv_buf_add_slice(&o->text, value);
    else
        kv_buf_add_str(&o->text, fallback);
}

static void put_new(struct out *o, const struct kv_layout2_state *t, const char *name,
    struct kv_slice value, const char *fallback)
{
    if (!value.n) {
        put_raw(o, t->state, name, fallback);
        return;
    }
    put_member(o, name);
    kv_buf_add_slice(&o->text, value);
}

static void put_count(struct out *o, const char *name, int64_t n)
{
    put_member(o, name);
    kv_buf_printf(&o->text, "%lld", (long long)n);
}

static void put_time(struct out *o, const char *name, int64_t seconds)
{
    put_member(o, name);
    kv_buf_add_char(&o->text, '"');
    kv_header_add_time(&o->text, seconds, KV_HEADER_STATE);
    kv_buf_add_char(&o->text, '"');
}

static void put_manifest(struct out *o, const struct kv_layout2_state *t)
{
    struct kv_keys k;
    bool first = true;
    int got;
    put_member(o, "task_manifest");
    kv_buf_add_char(&o->text, '[');
    if (kv_keys_begin(&k, kv_state_file(t->state), KV_KEYS_MANIFEST, o->err) != 0) {
        o->failed = true;
        return;
    }
    for (; (got = kv_keys_next(&k, o->err)) == 1; first = false)
        put_key(o, kv_slice_of(&k.key), first);
    kv_keys_end(&k);
    o->failed = o->failed || got < 0;
    for (size_t i = 0; i < t->more->count; i++, first = false)
        put_key(o, kv_key_list_get(t->more, i), first);
    kv_buf_add_str(&o->text, first ? "]" : "\n  ]");
}

/* A set, sorted; of the failed ones those that are not completed. */
static size_t put_set(struct out *o, const struct kv_layout2_state *t, const char *name,
    const struct kv_key_list *list, bool pending_only)
{
    struct kv_slice *all = kv_key_list_sorted(list);
    struct kv_key_index_entry e;
    size_t n = 0;
    put_member(o, name);
    kv_buf_add_char(&o->text, '[');
    for (size_t i = 0; i < list->count; i++) {
        kv_key_index_find(t->index, kv_digest_128(all[i]), &e, o->err);
        if ((pending_only && (e.flags & KV_KEY_INDEX_COMPLETED)) ||
            (i && kv_slice_eq(all[i], all[i - 1])))
            continue;
        put_key(o, all[i], n++ == 0);
    }
    kv_buf_add_str(&o->text, n ? "\n  ]" : "]");
    free(all);
    return n;
}

/* Members that karenina does not know, as they are. */
static void put_others(struct out *o, const struct kv_state *s)
{
    static const char *const known[] = {"format_version", "created_at", "last_updated_at",
        "benchmark_path", "output_path", "config_hash", "config", "failed_task_ids", "total_tasks",
        "completed_count", "failed_count", "start_time"};
    struct kv_buf all = {0};
    struct kv_json_walk w;
    struct kv_slice key, value;
    if (kv_state_add_members(s, &all, o->err) != 0) {
        o->failed = true;
        kv_buf_clear(&all);
    }
    kv_json_begin(&w, kv_slice_of(&all));
    while (kv_json_member(&w, &key, &value)) {
        size_t i = 0;
        while (i < sizeof known / sizeof *known && !kv_json_string_is(key, known[i]))
            i++;
        if (i < sizeof known / sizeof *known)
            continue;
        kv_buf_add_str(&o->text, ",\n  ");
        kv_buf_add_slice(&o->text, key);
        kv_buf_add_str(&o->text, ": ");
        kv_buf_add_slice(&o->text, value);
    }
    kv_buf_release(&all);
}

int kv_layout2_state_write(int fd, const struct kv_layout2_state *t, struct kv_err *err)
{
    struct out o = {.fd = fd, .err = err};
    const struct kv_state *s = t->state;
    const struct kv_state_info *in = kv_state_info(s);
    int64_t now = time(NULL);
    kv_buf_add_str(&o.text, "{\n  \"format_version\": \"2.0\"");
    put_time(&o, "created_at", in->has_start ? kv_num_whole(in->start_time) : now);
    put_time(&o, "last_updated_at", now);
    put_raw(&o, s, "benchmark_path", "\"\"");
    put_raw(&o, s, "output_path", "\"\"");
    put_new(&o, t, "config_hash", t->hash, "\"\"");
    put_new(&o, t, "config", t->config, "{}");
    put_manifest(&o, t);
    put_set(&o, t, "completed_task_ids", t->completed, false);
    size_t failed = put_set(&o, t, "failed_task_ids", t->failed, true);
    put_count(&o, "total_tasks", t->counts->total);
    put_count(&o, "completed_count", t->counts->completed);
    put_count(&o, "failed_count", (int64_t)failed);
    put_member(&o, "start_time");
    kv_buf_add_slice(&o.text, in->start_text);
    put_others(&o, s);
    kv_buf_add_str(&o.text, "\n}");
    pass(&o, 0);
    kv_buf_release(&o.text);
    return o.failed ? -1 : 0;
}
