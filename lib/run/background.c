/* background - answers that a service works on by itself, and that are looked after from time to
 * time until they are there.
 */
#include "background.h"

#include <ctype.h>
#include <string.h>

enum {
    FIRST_MS = 250, /* doubled from look to look, up to … */
    SOON_MS = 5000,
    LONG_MS = 120000, /* after which it is … */
    LATER_MS = 15000,
    ID_MAX = 200,
};

bool kv_background_take_id(struct kv_background_call *c, struct kv_slice id, int64_t now_ms)
{
    for (size_t i = 0; i < id.n; i++)
        if (!isalnum((unsigned char)id.p[i]) && id.p[i] != '_' && id.p[i] != '-')
            return false;
    if (id.n == 0 || id.n > ID_MAX)
        return false;
    kv_buf_clear(&c->response);
    kv_buf_add_slice(&c->response, id);
    c->ordered_ms = now_ms;
    c->looks = 0;
    return true;
}

void kv_background_set_url(struct kv_background_call *c, const char *ordered_at)
{
    size_t path = strcspn(ordered_at, "?");
    kv_buf_clear(&c->url);
    kv_buf_add(&c->url, ordered_at, path);
    kv_buf_add_char(&c->url, '/');
    kv_buf_add_slice(&c->url, kv_slice_of(&c->response));
    kv_buf_add_str(&c->url, ordered_at + path);
}

static int64_t interval_ms(const struct kv_background_call *c, int64_t now_ms)
{
    if (now_ms - c->ordered_ms > LONG_MS)
        return LATER_MS;
    return c->looks < 5 ? FIRST_MS << c->looks : SOON_MS;
}

void kv_background_wait(struct kv_background *b, struct kv_background_call *c, int64_t now_ms)
{
    c->look_ms = now_ms + interval_ms(c, now_ms);
    c->looks++;
    c->waits = true;
    c->prev = NULL;
    c->next = b->first;
    if (c->next)
        c->next->prev = c;
    b->first = c;
    b->n++;
}

void kv_background_drop(struct kv_background *b, struct kv_background_call *c)
{
    if (!c->waits)
        return;
    *(c->prev ? &c->prev->next : &b->first) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->waits = false;
    b->n--;
}

struct kv_background_call *kv_background_due(struct kv_background *b, int64_t now_ms)
{
    struct kv_background_call *c = b->first;
    while (c && c->look_ms > now_ms)
        c = c->next;
    if (c)
        kv_background_drop(b, c);
    return c;
}

int64_t kv_background_due_ms(const struct kv_background *b)
{
    int64_t due = INT64_MAX;
    for (const struct kv_background_call *c = b->first; c; c = c->next)
        due = c->look_ms < due ? c->look_ms : due;
    return due;
}

void kv_background_release(struct kv_background_call *c)
{
    kv_buf_release(&c->response);
    kv_buf_release(&c->url);
}
