/* control - the record that says which files are known to share a beginning. */
#include "control.h"

#include <stddef.h>
#include <string.h>

static const char MAGIC[8] = {'k', 'v', 'd', 'o', 'c', 's', '2', '\n'};

/* One sector, so that a write of it is not torn where it matters most. */
_Static_assert(sizeof(struct kv_control) <= 512, "the record fits a sector");

static struct kv_digest128 sum_of(const struct kv_control *c)
{
    return kv_digest_128((struct kv_slice){(const char *)c, offsetof(struct kv_control, sum)});
}

static bool intelligible(const struct kv_control *c)
{
    struct kv_digest128 sum = sum_of(c);
    return memcmp(c->magic, MAGIC, sizeof MAGIC) == 0 && sum.hi == c->sum.hi && sum.lo == c->sum.lo;
}

enum kv_control_state kv_control_read(int lock, struct kv_control *c, bool *same_boot)
{
    char boot[KV_BOOT_MAX];
    enum kv_control_state state = KV_CONTROL_OK;
    kv_io_boot(boot);
    memset(c, 0, sizeof *c); /* padding included: it is summed */
    if (kv_io_pread(lock, c, sizeof *c, 0, NULL) || !intelligible(c))
        state = KV_CONTROL_NONE;
    *same_boot = state == KV_CONTROL_OK && boot[0] && memcmp(c->boot, boot, sizeof boot) == 0;
    if (state == KV_CONTROL_OK && !c->durable && !*same_boot)
        state = KV_CONTROL_RESTARTED;
    if (state == KV_CONTROL_NONE)
        memset(c->given_up, 0, sizeof c->given_up);
    if (state != KV_CONTROL_OK)
        memset(c, 0, offsetof(struct kv_control, given_up));
    memcpy(c->magic, MAGIC, sizeof MAGIC);
    memcpy(c->boot, boot, sizeof boot);
    return state;
}

static int put(int lock, struct kv_control *c, struct kv_err *err)
{
    c->sum = sum_of(c);
    return kv_io_pwrite(lock, (struct kv_slice){(const char *)c, sizeof *c}, 0, err);
}

void kv_control_write(int lock, struct kv_control *c)
{
    if (put(lock, c, NULL))
        kv_control_void(lock);
}

int kv_control_sync(int lock, struct kv_control *c, struct kv_err *err)
{
    return put(lock, c, err) || kv_io_sync(lock, err) ? -1 : 0;
}

void kv_control_void(int lock)
{
    if (kv_io_truncate(lock, 0, NULL))
        return;
}

int kv_control_find(const struct kv_control *c, size_t i, const struct kv_file_id *id)
{
    for (int m = 0; m < KV_CONTROL_MEMBERS; m++) {
        if (c->doc[i][m].id.ino && kv_file_same(&c->doc[i][m].id, id))
            return m;
    }
    return -1;
}

bool kv_control_gave_up(const struct kv_control *c, const struct kv_file_id *id)
{
    for (int i = 0; i < KV_CONTROL_GIVEN_UP; i++) {
        if (c->given_up[i].ino && kv_file_same(&c->given_up[i], id))
            return true;
    }
    return false;
}

int kv_control_give_up(
    int lock, struct kv_control *c, const struct kv_file_id ids[2], struct kv_err *err)
{
    memset(c->given_up, 0, sizeof c->given_up);
    memcpy(c->given_up, ids, 2 * sizeof *ids);
    return kv_control_sync(lock, c, err);
}
