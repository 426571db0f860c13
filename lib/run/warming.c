/* warming - which calls wait until a server has the beginning of their prompts in its cache. */
#include "warming.h"

static void go(struct kv_dispatch *c, struct kv_warmth_call *list)
{
    for (struct kv_warmth_call *next; list; list = next) {
        struct kv_pending_query *e = list->user;
        next = list->next;
        e->endpoint->held--;
        kv_sched_submit(c->sched, &e->call, kv_child_now_ms());
    }
}

bool kv_warming_admit(struct kv_dispatch *c, struct kv_pending_query *e)
{
    struct kv_digest128 id;
    e->warming = (struct kv_warmth_call){.user = e};
    if (!c->warm || e->input.n || !kv_endpoint_beginning(e->endpoint, &e->query, &id) ||
        kv_warmth_admit(&c->warmth, &e->warming, id, kv_child_now_ms()))
        return true;
    e->endpoint->held++;
    return false;
}

void kv_warming_end(struct kv_dispatch *c, struct kv_pending_query *e, bool answered)
{
    struct kv_beginning *of = e->warming.of;
    if (!of)
        return;
    if (of->leader != &e->warming)
        e->endpoint->held--;
    go(c, kv_warmth_end(&c->warmth, &e->warming, answered, kv_child_now_ms()));
}

static bool has_begun(const struct kv_pending_query *e)
{
    const struct kv_streamed *s = e->streamed;
    return s && s->stream.status == 200 && s->stream.measures.first_byte_ms >= 0;
}

void kv_warming_look(struct kv_dispatch *c)
{
    struct kv_warmth_call *due;
    int64_t now = kv_child_now_ms();
    for (size_t i = 0; c->warmth.leaders && i < KV_WARMTH_BEGINNINGS; i++) {
        struct kv_warmth_call *leader = c->warmth.all[i].leader;
        if (leader && has_begun(leader->user))
            kv_warming_end(c, leader->user, true);
    }
    while ((due = kv_warmth_expired(&c->warmth, now)))
        go(c, due);
}

void kv_warming_stop(struct kv_dispatch *c)
{
    c->warm = false;
    for (size_t i = 0; c->warmth.leaders && i < KV_WARMTH_BEGINNINGS; i++)
        if (c->warmth.all[i].leader)
            kv_warming_end(c, c->warmth.all[i].leader->user, true);
}
