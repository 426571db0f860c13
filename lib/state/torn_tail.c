/* torn_tail - the end of a file of JSON Lines: whole, or torn by a writer that died. */
#include "torn_tail.h"

#include "io_at.h"
#include "json.h"
#include "result.h"

#include <string.h>

/* Offset behind the last LF before `size`. */
static int find(int fd, uint64_t size, uint64_t *start, struct kv_err *err)
{
    char piece[4096];
    while (size) {
        size_t n = size < sizeof piece ? (size_t)size : sizeof piece;
        if (kv_io_pread(fd, piece, n, (off_t)(size - n), err) != 0)
            return -1;
        for (size_t i = n; i-- > 0;) {
            if (piece[i] == '\n') {
                *start = size - n + i + 1;
                return 0;
            }
        }
        size -= n;
    }
    *start = 0;
    return 0;
}

int kv_torn_tail_read(struct kv_torn_tail *t, int fd, uint64_t size, struct kv_err *err)
{
    struct kv_result result;
    *t = (struct kv_torn_tail){.size = size};
    if (find(fd, size, &t->end, err) != 0)
        return -1;
    size_t n = (size_t)(size - t->end);
    if (n == 0)
        return 0;
    kv_buf_reserve(&t->torn, n);
    if (kv_io_pread(fd, t->torn.p, n, (off_t)t->end, err) != 0) {
        kv_torn_tail_release(t);
        return -1;
    }
    t->torn.n = n;
    if (kv_result_read(kv_slice_of(&t->torn), KV_JSON_FOREIGN, &result, NULL) != 0)
        return 0;
    t->open = true;
    t->end = size;
    kv_buf_clear(&t->torn);
    return 0;
}

void kv_torn_tail_release(struct kv_torn_tail *t)
{
    kv_buf_release(&t->torn);
}

/* True if what is left of the record names the question of this key. */
static bool mentions(struct kv_slice torn, struct kv_slice key)
{
    const char *tab = memchr(key.p, '\t', key.n);
    struct kv_buf quoted = {0};
    kv_json_quote(
        &quoted, (struct kv_slice){key.p, tab ? (size_t)(tab - key.p) : key.n}, KV_JSON_RAW);
    bool found = memmem(torn.p, torn.n, quoted.p, quoted.n) != NULL;
    kv_buf_release(&quoted);
    return found;
}

bool kv_torn_tail_lost(
    const struct kv_torn_tail *t, const struct kv_key_list *holes, struct kv_slice key)
{
    struct kv_slice torn = kv_slice_of(&t->torn);
    if (!torn.n)
        return false;
    if (mentions(torn, key))
        return true;
    return holes->count == 1 && kv_slice_eq(kv_key_list_get(holes, 0), key);
}
