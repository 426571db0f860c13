/* warmth - calls whose prompts begin alike: one goes first, alone, so that the others find the
 * beginning in the server's cache. */
#include "warmth.h"

/* The beginning of that name, or a place for it: one that was not used for longest. NULL: all are
 * led. */
static struct kv_beginning *find(struct kv_warmth *w, struct kv_digest128 id)
{
    struct kv_beginning *place = NULL;
    for (size_t i = 0; i < KV_WARMTH_BEGINNINGS; i++) {
        struct kv_beginning *b = &w->all[i];
        if (b->known && b->id.hi == id.hi && b->id.lo == id.lo)
            return b;
        if (!b->leader &&
            (!place || (place->known && (!b->known || b->since_ms < place->since_ms))))
            place = b;
    }
    if (place)
        *place = (struct kv_beginning){.id = id};
    return place;
}

static void lead(
    struct kv_warmth *w, struct kv_beginning *b, struct kv_warmth_call *call, int64_t now)
{
    b->leader = call;
    b->since_ms = now;
    b->known = true;
    w->leaders++;
    call->of = b;
    call->next = NULL;
}

static void hold(struct kv_beginning *b, struct kv_warmth_call *call)
{
    call->of = b;
    call->next = NULL;
    *(b->held ? &b->last->next : &b->held) = call;
    b->last = call;
}

bool kv_warmth_admit(
    struct kv_warmth *w, struct kv_warmth_call *call, struct kv_digest128 id, int64_t now_ms)
{
    struct kv_beginning *b = find(w, id);
    call->of = NULL;
    if (!b)
        return true;
    if (b->leader) {
        hold(b, call);
        return false;
    }
    if (!b->known || now_ms - b->since_ms > KV_WARMTH_KEPT_MS)
        lead(w, b, call, now_ms);
    else
        b->since_ms = now_ms;
    return true;
}

/* All that are held may go. */
static struct kv_warmth_call *open(struct kv_warmth *w, struct kv_beginning *b, int64_t now)
{
    struct kv_warmth_call *held = b->held;
    b->leader->of = NULL;
    b->leader = b->held = b->last = NULL;
    b->since_ms = now;
    w->leaders--;
    for (struct kv_warmth_call *call = held; call; call = call->next)
        call->of = NULL;
    return held;
}

static struct kv_warmth_call *pass_on(struct kv_warmth *w, struct kv_beginning *b, int64_t now)
{
    struct kv_warmth_call *next = b->held;
    b->leader->of = NULL;
    b->leader = NULL;
    b->known = false;
    w->leaders--;
    if (!next)
        return NULL;
    b->held = next->next;
    lead(w, b, next, now);
    return next;
}

static void let_go(struct kv_beginning *b, struct kv_warmth_call *call)
{
    struct kv_warmth_call **at = &b->held;
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    b->last = NULL;
    for (struct kv_warmth_call *left = b->held; left; left = left->next)
        b->last = left;
    call->of = NULL;
}

struct kv_warmth_call *kv_warmth_end(
    struct kv_warmth *w, struct kv_warmth_call *call, bool warm, int64_t now_ms)
{
    struct kv_beginning *b = call->of;
    if (!b)
        return NULL;
    if (b->leader != call) {
        let_go(b, call);
        return NULL;
    }
    return warm ? open(w, b, now_ms) : pass_on(w, b, now_ms);
}

struct kv_warmth_call *kv_warmth_expired(struct kv_warmth *w, int64_t now_ms)
{
    for (size_t i = 0; w->leaders && i < KV_WARMTH_BEGINNINGS; i++) {
        struct kv_beginning *b = &w->all[i];
        if (b->leader && b->held && now_ms - b->since_ms >= KV_WARMTH_WAIT_MS)
            return open(w, b, now_ms);
    }
    return NULL;
}

int64_t kv_warmth_due_ms(const struct kv_warmth *w)
{
    int64_t due = INT64_MAX;
    for (size_t i = 0; w->leaders && i < KV_WARMTH_BEGINNINGS; i++)
        if (w->all[i].leader && w->all[i].held && w->all[i].since_ms + KV_WARMTH_WAIT_MS < due)
            due = w->all[i].since_ms + KV_WARMTH_WAIT_MS;
    return due;
}
