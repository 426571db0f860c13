/* endpoint_words - what is not as it was asked for about an answer, and what is told once a model. */
#include "endpoint_words.h"

#include "reply_object.h"
#include "served_name.h"

#include <math.h>
#include <string.h>
#include <strings.h>

bool kv_endpoint_words_first(struct kv_endpoint *e, enum kv_remark remark)
{
    bool fresh = !(e->remarked & remark);
    e->remarked |= remark;
    return fresh;
}

/* Tells a thing once a model. */
static void remark(
    struct kv_endpoint *e, enum kv_remark which, const char *what, struct kv_slice more)
{
    if (kv_endpoint_words_first(e, which))
        kv_buf_printf(&e->remark, "%s%s: %s%.*s", e->remark.n ? "; " : "", e->name, what,
            (int)more.n, more.n ? more.p : "");
}

/* How it ended, in one word for all services. */
static struct kv_slice finish_word(const struct kv_response *reply)
{
    switch (reply->outcome) {
    case KV_OUTCOME_TRUNCATED:
        return KV_SLICE("length");
    case KV_OUTCOME_CONTENT_FILTER:
        return KV_SLICE("content_filter");
    case KV_OUTCOME_REFUSAL:
        return KV_SLICE("refusal");
    default:
        return reply->finish_unknown ? kv_slice_of(&reply->finish) : KV_SLICE("");
    }
}

static void add_finish(
    struct kv_endpoint *e, const struct kv_response *reply, struct kv_answer *response)
{
    response->outcome = reply->outcome;
    response->finish = finish_word(reply);
    response->thought = reply->reasoning.n > 0;
    if (reply->outcome == KV_OUTCOME_TRUNCATED)
        remark(e, KV_REMARK_CUT, "stopped at the token limit", KV_SLICE(""));
    else if (reply->outcome == KV_OUTCOME_CONTENT_FILTER)
        remark(e, KV_REMARK_FILTERED, "stopped by the provider's content filter", KV_SLICE(""));
    else if (reply->outcome == KV_OUTCOME_REFUSAL)
        remark(e, KV_REMARK_REFUSED, "declined to answer", KV_SLICE(""));
}

/* A deployment of Azure has a name of its own. */
static void add_served(
    struct kv_endpoint *e, const struct kv_response *reply, struct kv_answer *response)
{
    struct kv_slice served = kv_slice_of(&reply->model);
    if (kv_slice_eq(served, e->model->model_name))
        return;
    response->served = served;
    response->another = !(e->provider.dialect->flags & KV_SERVICE_API_KEY_HDR) &&
                        !kv_served_name_is(e->model->model_name, served);
    if (response->another)
        remark(e, KV_REMARK_SERVED, "served by ", served);
}

/* What was sent otherwise than configured, because the server would not have it. */
static void add_dropped(
    struct kv_endpoint *e, const struct kv_query *q, unsigned quirks, struct kv_answer *response)
{
    response->no_temperature = quirks & KV_QUIRK_NO_TEMPERATURE && !isnan(q->temperature);
    for (size_t i = 0; i < q->count; i++)
        response->folded_system |=
            quirks & KV_QUIRK_FOLD_SYSTEM && q->messages[i].role == KV_SPEAKER_SYSTEM;
    if (response->no_temperature)
        remark(
            e, KV_REMARK_TEMPERATURE, "does not take a temperature: asked without", KV_SLICE(""));
    if (response->folded_system)
        remark(e, KV_REMARK_SYSTEM,
            "takes no system role: the system prompt stands in front of the question",
            KV_SLICE(""));
}

static void add_tier(const struct kv_response *reply, struct kv_answer *response)
{
    static const char *const standard[] = {"standard", "default", "auto", "on_demand"};
    struct kv_slice tier = kv_slice_of(&reply->tier);
    for (size_t i = 0; i < sizeof standard / sizeof *standard; i++)
        if (tier.n == strlen(standard[i]) && strncasecmp(tier.p, standard[i], tier.n) == 0)
            tier.n = 0;
    response->tier = tier;
}

enum { LOOKED_AT = 5, UNUSABLE = 2 };

void kv_endpoint_words_obeys(struct kv_endpoint *e, const struct kv_query *q,
    const struct kv_response *reply, enum kv_step step)
{
    static const struct kv_wanted any = {0};
    struct kv_buf object = {0};
    if (!q->schema_name || reply->outcome != KV_OUTCOME_OK || step != e->step ||
        step == KV_STEP_PLAIN || e->looked_at == LOOKED_AT)
        return;
    e->looked_at++;
    e->unusable += kv_reply_object(kv_slice_of(&reply->text), &any, &object, NULL) != 0;
    kv_buf_release(&object);
    if (e->unusable < UNUSABLE)
        return;
    e->step = kv_step_below(e->provider.dialect, step);
    e->looked_at = e->unusable = 0;
    remark(e, KV_REMARK_SCHEMA, "does not obey a schema: asking in another way, ",
        kv_slice(kv_step_name(e->step)));
}

enum { LONG_PROMPT = 4000, CHARACTERS_A_TOKEN = 8 };

/* Characters, a row of equal ones counted once: so counted, tokens are shorter than eight on
 * average in any language. */
static size_t count_prompt(const struct kv_query *q)
{
    size_t n = 0;
    for (size_t i = 0; i < q->count; i++) {
        struct kv_slice text = q->messages[i].text;
        for (size_t k = 0; k < text.n; k++)
            n +=
                ((unsigned char)text.p[k] & 0xC0) != 0x80 && (k == 0 || text.p[k] != text.p[k - 1]);
    }
    return n;
}

/* Some servers cut a prompt that is longer than their context, and say nothing. */
static void look_at_prompt(
    struct kv_endpoint *e, const struct kv_query *q, const struct kv_response *reply)
{
    struct kv_buf text = {0};
    int64_t tokens = reply->usage.in_total;
    size_t bytes = 0;
    for (size_t i = 0; i < q->count; i++)
        bytes += q->messages[i].text.n;
    if (q->given.n || tokens <= 0 || e->remarked & KV_REMARK_PROMPT)
        return;
    if (bytes < LONG_PROMPT || bytes / CHARACTERS_A_TOKEN <= (size_t)tokens) /* characters too */
        return;
    size_t characters = count_prompt(q);
    if (characters < LONG_PROMPT || characters / CHARACTERS_A_TOKEN <= (size_t)tokens)
        return;
    kv_buf_printf(
        &text, "%lld tokens of a prompt of %zu characters", (long long)tokens, characters);
    remark(e, KV_REMARK_PROMPT, "the server may have cut what it was asked: it counts ",
        kv_slice_of(&text));
    kv_buf_release(&text);
}

/* Two replies to one question with one id are one reply, from a cache of replies on the way: then
 * there are no replicates. Ids say nothing at a server that gives the same to everything. */
static void look_at_id(
    struct kv_endpoint *e, const struct kv_query *q, const struct kv_response *reply)
{
    struct kv_endpoint_ids *ids = &e->ids;
    if (e->judge || !reply->id.n)
        return;
    const struct kv_endpoint_id now = {
        kv_digest_quick(kv_slice_of(&reply->id)), kv_digest_quick(q->messages[q->count - 1].text)};
    for (size_t i = 0; i < KV_ENDPOINT_IDS && i < ids->n; i++) {
        bool same = ids->last[i].id == now.id;
        ids->vary |= !same;
        ids->repeat |= same && ids->last[i].asked == now.asked;
    }
    ids->last[ids->n++ % KV_ENDPOINT_IDS] = now;
    if (ids->repeat && ids->vary)
        remark(e, KV_REMARK_REPEATED,
            "two replies to one question have the same id: a cache of replies answers, and "
            "replicates are no replicates",
            KV_SLICE(""));
}

void kv_endpoint_words_add(struct kv_endpoint *e, const struct kv_query *q,
    const struct kv_response *reply, unsigned quirks, struct kv_answer *response)
{
    add_finish(e, reply, response);
    add_served(e, reply, response);
    add_dropped(e, q, quirks, response);
    add_tier(reply, response);
    look_at_prompt(e, q, reply);
    look_at_id(e, q, reply);
    response->adjusted = kv_slice_of(&e->adjusted);
    response->only_remarks = reply->only_commentary;
}
