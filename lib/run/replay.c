/* replay - what came back of a call that was asked elsewhere, taken in like a direct response. */
#include "replay.h"

#include "json.h"
#include "request_line.h"

#include <string.h>
#include <strings.h>
#include <time.h>

/* How the call had been put when the line at hand came of it. */
struct sent {
    enum kv_step step;
    unsigned quirks;
};

/* What a call has come to. */
struct taken {
    struct kv_usage used;
    int64_t retries[KV_RETRY_CLASSES];
    int attempts;
    struct kv_call_end end;
};

void kv_replay_release(struct kv_replay *r)
{
    kv_response_release(&r->reply);
    kv_reply_line_release(&r->line);
}

/* ---- one line ---- */

/* The protocol is the endpoint's, unless whoever fetched the line has noted another. */
static enum kv_protocol_kind wire_of(const struct kv_reply_line *line, const struct kv_endpoint *e)
{
    if (line->chat)
        return KV_PROTOCOL_OPENAI;
    for (int i = KV_PROTOCOL_OPENAI; line->wire.n && i <= KV_PROTOCOL_GEMINI; i++)
        if (kv_json_string_is(line->wire, kv_request_line_wire_name((enum kv_protocol_kind)i)))
            return (enum kv_protocol_kind)i;
    return e->provider.wire;
}

/* Batches are billed by their own tier, whatever the reply says of ordinary ones. */
static void set_tier(struct kv_replay *r)
{
    static const char *const ordinary[] = {"", "standard", "default", "auto", "on_demand"};
    struct kv_slice said = kv_slice_of(&r->reply.tier);
    for (size_t i = 0; i < sizeof ordinary / sizeof *ordinary; i++)
        if (said.n == strlen(ordinary[i]) &&
            (!said.n || strncasecmp(said.p, ordinary[i], said.n) == 0)) {
            kv_buf_clear(&r->reply.tier);
            if (r->line.tier.n && kv_json_type(r->line.tier) == KV_JSON_STRING)
                kv_json_unescape(r->line.tier, &r->reply.tier);
            else
                kv_buf_add_str(&r->reply.tier, "batch");
            return;
        }
}

static void decode(struct kv_replay *r, const struct kv_endpoint *e, const struct kv_query *q,
    const struct sent *sent)
{
    struct kv_response_to to = {.dialect = e->provider.dialect,
        .wire = q->given.n ? q->wire : wire_of(&r->line, e),
        .any = q->given.n > 0,
        .schema_name = q->schema_name,
        .step = sent->step,
        .quirks = sent->quirks,
        .ring = r->ring};
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    kv_response_begin(&r->reply);
    kv_response_decode(&r->reply, &to, r->line.status, r->line.body, now_ms);
    bool unusable = r->reply.outcome == KV_OUTCOME_BAD_RESPONSE || r->reply.step_down;
    if (unusable && q->schema_name && to.step != KV_STEP_TOOL) {
        to.step = KV_STEP_TOOL; /* an earlier run may have learned to ask for one */
        kv_response_begin(&r->reply);
        kv_response_decode(&r->reply, &to, r->line.status, r->line.body, now_ms);
    }
    set_tier(r);
}

static void note_used(struct taken *t, const struct kv_replay *r, const struct kv_endpoint *e)
{
    struct kv_usage used = r->reply.usage;
    used.priced = e->last_cost;
    kv_usage_add(&t->used, &used);
    t->attempts++;
}

/* ---- all of them ---- */

/* What the failures of a class leave of its budget; a model that is waited for has none. */
static bool may_again(
    const struct kv_endpoint *e, const struct taken *t, enum kv_retry_class category)
{
    const struct kv_retry_policy *p = &e->model->retry;
    if (category == KV_RETRY_RATE_LIMIT && p->waits)
        return true;
    return t->retries[category] <= p->rules[category].max_attempts;
}

static void learn(const struct kv_endpoint *e, const struct kv_response *reply, struct sent *sent)
{
    if (reply->workaround)
        sent->quirks |= reply->workaround;
    else
        sent->step = kv_step_below(e->provider.dialect, sent->step);
}

static void finish(struct kv_answer *answer, const struct taken *t)
{
    answer->used = t->used;
    answer->attempts = t->attempts;
    memcpy(answer->retries, t->retries, sizeof t->retries);
}

/* Takes one line in. True if it ends the call. */
static bool take_line(struct kv_replay *r, struct kv_endpoint *e, const struct kv_query *q,
    struct sent *sent, struct taken *t, struct kv_answer *answer)
{
    decode(r, e, q, sent);
    enum kv_endpoint_next next =
        kv_endpoint_take(e, q, &r->reply, sent->step, sent->quirks, &t->end, answer);
    note_used(t, r, e);
    if (next == KV_ENDPOINT_AGAIN) {
        learn(e, &r->reply, sent);
        return false;
    }
    if (t->end.fate == KV_FATE_RETRY)
        t->retries[t->end.reason]++;
    finish(answer, t);
    return t->end.fate != KV_FATE_RETRY;
}

enum kv_replay_next kv_replay_take(struct kv_replay *r, struct kv_endpoint *e,
    const struct kv_query *q, const char *id, struct kv_answer *answer)
{
    struct sent sent = {e->first_step, e->first_quirks};
    struct taken t = {.end.fate = KV_FATE_CANCELLED};
    bool over = false;
    kv_usage_begin(&t.used);
    for (uint32_t at = kv_replies_find(r->replies, id); at && !over;
         at = kv_replies_next(r->replies, at)) {
        if (kv_replies_read(r->replies, at, &r->line, &r->trouble) != 0)
            return KV_REPLAY_BROKEN;
        t.end.fate = KV_FATE_CANCELLED; /* until it says more: asked in another form */
        over = take_line(r, e, q, &sent, &t, answer);
    }
    if (!over && e->deferred && t.end.fate == KV_FATE_RETRY)
        over = !may_again(e, &t, t.end.reason);
    if (over && t.end.fate == KV_FATE_STOP)
        kv_sched_stop_lane(e->lane);
    return over ? KV_REPLAY_ANSWERED : KV_REPLAY_NONE;
}
