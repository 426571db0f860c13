/* background - responses of the Responses interface that were ordered in the background. */
#include "background.h"

#include "queue.h"

#include <stdlib.h>
#include <string.h>

struct ordered {
    long serial;
    int64_t due_ms;
    struct kv_buf waiting, reply;
};

static struct ordered *orders;
static size_t count;

void background_order(struct call *c, const struct chat *chat, long serial, long latency_ms)
{
    const struct deed *d = c->deed;
    long ms = d && d->latency_ms >= 0 ? d->latency_ms : latency_ms;
    orders = kv_grow(orders, count, sizeof *orders);
    struct ordered *o = &orders[count++];
    *o = (struct ordered){.serial = serial, .due_ms = queue_now() + ms, .reply = c->reply};
    c->reply = (struct kv_buf){0};
    chat_write_waiting(chat, "queued", serial, &o->waiting);
    kv_buf_add_slice(&c->reply, kv_slice_of(&o->waiting));
    c->at_once = true;
}

bool background_fetch(const char *path, struct kv_buf *reply)
{
    static const char before[] = "/responses/resp_";
    const char *id = strstr(path, before);
    long serial = id ? strtol(id + sizeof before - 1, NULL, 10) : 0;
    for (size_t i = 0; i < count; i++) {
        const struct ordered *o = &orders[i];
        if (o->serial != serial)
            continue;
        kv_buf_add_slice(reply, kv_slice_of(queue_now() < o->due_ms ? &o->waiting : &o->reply));
        return true;
    }
    return false;
}
