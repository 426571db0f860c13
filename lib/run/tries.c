/* tries - how often a task could not be done for reasons that are not its own, over all runs. */
#include "tries.h"

#include "io.h"
#include "io_at.h"
#include "json.h"
#include "key_index.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct kv_tries {
    struct kv_key_index *counts; /* offset: how often */
    long most;
    int fd; /* -1: it cannot be written, and counts within this run only */
};

static uint64_t add(struct kv_tries *t, struct kv_slice key)
{
    struct kv_key_index_entry e;
    kv_key_index_find(t->counts, kv_digest_128(key), &e, NULL);
    e.flags = KV_KEY_INDEX_SEEN;
    e.offset++;
    kv_key_index_put(t->counts, &e, NULL);
    return e.offset;
}

/* What is no key, a torn last line, is passed over. */
static void read_counts(struct kv_tries *t, struct kv_slice text)
{
    struct kv_buf key = {0};
    while (text.n) {
        const char *lf = memchr(text.p, '\n', text.n);
        size_t n = lf ? (size_t)(lf - text.p) : text.n;
        struct kv_slice value;
        struct kv_err bad;
        kv_buf_clear(&key);
        if (kv_json_check((struct kv_slice){text.p, n}, KV_JSON_STRICT, &value, &bad) == 0 &&
            kv_json_type(value) == KV_JSON_STRING) {
            kv_json_unescape(value, &key);
            add(t, kv_slice_of(&key));
        }
        text = (struct kv_slice){text.p + n + (lf != NULL), text.n - n - (lf != NULL)};
    }
    kv_buf_release(&key);
}

struct kv_tries *kv_tries_open(const char *output, long most, struct kv_err *err)
{
    struct kv_tries *t = kv_calloc(1, sizeof *t);
    struct kv_buf path = {0}, text = {0};
    char *directory, *name;
    t->counts = kv_key_index_memory(0);
    t->most = most;
    kv_io_split(output, &directory, &name);
    kv_buf_printf(&path, "%s/.%s.tries", directory, name);
    t->fd = open(path.p, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    int failed = t->fd < 0 ? kv_err_sys(err, "%s", path.p) : kv_io_read(path.p, 0, &text, err);
    if (!failed)
        read_counts(t, kv_slice_of(&text));
    kv_buf_release(&path);
    kv_buf_release(&text);
    free(directory);
    free(name);
    if (!failed)
        return t;
    kv_tries_close(t);
    return NULL;
}

void kv_tries_close(struct kv_tries *t)
{
    if (!t)
        return;
    if (t->fd >= 0)
        close(t->fd);
    kv_key_index_close(t->counts);
    free(t);
}

bool kv_tries_any(const struct kv_tries *t, struct kv_slice key)
{
    struct kv_key_index_entry e;
    return kv_key_index_find(t->counts, kv_digest_128(key), &e, NULL) == 1 && e.offset > 0;
}

bool kv_tries_note(struct kv_tries *t, struct kv_slice key)
{
    struct kv_buf line = {0};
    kv_json_quote(&line, key, KV_JSON_ASCII);
    kv_buf_add_char(&line, '\n');
    if (t->fd >= 0 && kv_io_write(t->fd, kv_slice_of(&line), NULL) != 0) {
        close(t->fd);
        t->fd = -1;
    }
    kv_buf_release(&line);
    return add(t, key) >= (uint64_t)t->most;
}
