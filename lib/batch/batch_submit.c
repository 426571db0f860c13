/* batch_submit - orders what is written down: uploads request files, creates batches. */
#include "batch_submit.h"

#include "batch_body.h"
#include "batch_doubt.h"
#include "batch_ids.h"
#include "batch_json.h"
#include "batch_restore.h"
#include "json.h"
#include "json_out.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    POST_MS = 600000,   /* a large body takes minutes to be read */
    OPEN_MAX = 50,      /* parts of one endpoint at once */
    CREATED_MAX = 2000, /* batches at OpenAI, within … */
    HOUR_MS = 3600000,
    FULL_MS = 600000, /* until a full queue is tried again, doubled up to … */
    FULL_MOST_MS = 3600000,
    ROUNDS = 4 /* of a part within one call: a doubt that is settled begins another */
};

/* ---- refusals ---- */

int kv_batch_give_up(struct kv_batch *b, struct kv_batch_part *p, enum kv_batch_loss loss,
    const char *reason, struct kv_err *err)
{
    static const char *const names[] = {
        [KV_BATCH_FAULTY] = "faulty", [KV_BATCH_DROPPED] = "dropped", [KV_BATCH_AGAIN] = "again"};
    struct kv_buf more = {0};
    kv_json_out_str(&more, "reason", reason);
    if (loss)
        kv_json_out_str(&more, "loss", names[loss]);
    int failed = kv_batch_note(b, p, "given-up", more.p, err);
    kv_buf_release(&more);
    p->told = true;
    return failed;
}

/* The number behind "limit of" or "Limit:", with separators, K and M. 0: there is none. */
static int64_t read_limit(const char *text)
{
    static const char *const words[] = {"limit of", "Limit:", "limit:"};
    const char *at = NULL;
    for (size_t i = 0; !at && i < sizeof words / sizeof *words; i++) {
        at = strstr(text, words[i]);
        at = at ? at + strlen(words[i]) : NULL;
    }
    int64_t n = 0;
    if (!at)
        return 0;
    at += strspn(at, " ");
    for (; isdigit((unsigned char)*at) || (*at == ',' && isdigit((unsigned char)at[1])); at++)
        if (*at != ',' && n < INT64_MAX / 100)
            n = n * 10 + (*at - '0');
    return *at == 'K' || *at == 'k' ? n * 1000 : *at == 'M' ? n * 1000000 : n;
}

int kv_batch_note_full(struct kv_batch *b, const struct kv_batch_part *p, const char *step,
    int status, const char *code, const char *text, int64_t wait_ms, struct kv_err *err)
{
    struct kv_buf more = {0};
    int64_t wait = FULL_MS;
    for (int i = 0; i < p->refusals && wait < FULL_MOST_MS; i++)
        wait *= 2;
    wait = wait_ms > 0 ? wait_ms : wait < FULL_MOST_MS ? wait : FULL_MOST_MS;
    kv_json_out_str(&more, "step", step);
    kv_json_out_str(&more, "class", "rate_limit");
    if (status)
        kv_json_out_int(&more, "status", status);
    kv_json_out_str(&more, "code", code);
    kv_json_out_str(&more, "message", text);
    if (read_limit(text) > 0)
        kv_json_out_int(&more, "limit", read_limit(text));
    kv_batch_json_add_time(&more, "not_before", kv_batch_in_ms(b, wait));
    int failed = kv_batch_note(b, p, "refused", more.p, err);
    kv_buf_release(&more);
    b->tally.waits = true;
    int64_t s = (wait + 999) / 1000, min = (s + 59) / 60;
    kv_batch_say(b, p, "%s: %s; run again in %lld %s",
        status ? "nothing more is taken now" : "the queue is full", text,
        (long long)(s < 120 ? s : min), s < 120 ? "s" : "min");
    return failed;
}

/* Writes down a no, or that nothing went out. */
static int note_refused(
    struct kv_batch *b, const struct kv_batch_part *p, const char *step, struct kv_err *err)
{
    const struct kv_exchange *x = &b->x;
    struct kv_buf more = {0};
    kv_json_out_str(&more, "step", step);
    kv_json_out_str(&more, "class", kv_outcome_name(x->class));
    kv_json_out_int(&more, "status", x->status);
    kv_json_out_str(&more, "code", x->code.n ? x->code.p : NULL);
    kv_json_out_str(&more, "message", x->message.p);
    int failed = kv_batch_note(b, p, "refused", more.p, err);
    kv_buf_release(&more);
    return failed;
}

/* The queue of this model, not how often the service is asked. */
static bool is_queue(const struct kv_exchange *x)
{
    return kv_slice_is(kv_slice_of(&x->code), "token_limit_exceeded") ||
           (x->message.n && strstr(x->message.p, "nqueued token"));
}

static bool is_full(const struct kv_exchange *x)
{
    return x->status == 429 || is_queue(x);
}

/* What a POST that was not DONE comes to. */
static int end_post(struct kv_batch *b, struct kv_batch_service *s, struct kv_batch_part *p,
    const char *step, struct kv_err *err)
{
    const struct kv_exchange *x = &b->x;
    if (x->end == KV_EXCHANGE_DOUBT) {
        if (!b->tally.signal)
            kv_batch_say(b, p, "%s: %s; whether it was done is looked for",
                s->line.provider.chat->host, x->message.p);
        return 0;
    }
    if (x->end == KV_EXCHANGE_REFUSED && is_full(x)) {
        bool rate = x->status == 429 && !is_queue(x);
        s->stopped |= rate; /* the next part would meet the same */
        return kv_batch_note_full(b, p, step, rate ? 429 : 0, x->code.n ? x->code.p : "",
            x->message.p, x->retry_after_ms, err);
    }
    kv_batch_take_refusal(b, s, p);
    s->stopped = true; /* the next part would meet the same */
    return note_refused(b, p, step, err);
}

/* ---- the two steps ---- */

static int note_sending(
    struct kv_batch *b, const struct kv_batch_part *p, const char *step, struct kv_err *err)
{
    struct kv_buf more = {0};
    kv_json_out_str(&more, "step", step);
    int failed = kv_batch_note(b, p, "sending", more.p, err);
    kv_buf_release(&more);
    return failed;
}

static int post(struct kv_batch *b, struct kv_batch_service *s, struct kv_batch_part *p,
    const char *path, const struct kv_exchange_request *what, const char *step, struct kv_err *err)
{
    struct kv_exchange_request request = *what;
    struct kv_buf key = {0};
    kv_batch_add_name(b, p, &key);
    request.key = key.p;
    request.timeout_ms = POST_MS;
    int failed = note_sending(b, p, step, err);
    if (!failed)
        kv_batch_ask(b, s, p, path, &request);
    kv_buf_release(&key);
    return failed;
}

static int upload(
    struct kv_batch *b, struct kv_batch_service *s, struct kv_batch_part *p, struct kv_err *err)
{
    struct kv_batch_body body;
    char id[KV_BATCH_ID_MAX + 1];
    if (kv_batch_body_upload(b, p, &body, err) != 0)
        return -1;
    const struct kv_exchange_request what = {
        .from_file = true, .file = body.fd, .file_size = body.size, .type = body.type};
    int failed = post(b, s, p, "/files", &what, "upload", err);
    kv_batch_body_release(&body);
    if (failed)
        return -1;
    kv_batch_wire_id(b->x.json, "id", id);
    if (b->x.end == KV_EXCHANGE_DONE && !*id)
        kv_exchange_mistrust(&b->x, &s->line, "the reply names no file");
    if (b->x.end != KV_EXCHANGE_DONE)
        return end_post(b, s, p, "upload", err);
    return kv_batch_note_uploaded(b, p, id, kv_batch_json_time(b->x.json, "expires_at"), err);
}

static int create(
    struct kv_batch *b, struct kv_batch_service *s, struct kv_batch_part *p, struct kv_err *err)
{
    const struct kv_batch_wire *w = kv_batch_wire_for(p);
    struct kv_batch_body body = {.fd = -1};
    struct kv_buf text = {0}, label = {0};
    struct kv_exchange_request what = {0};
    int failed = 0;
    if (w->has_files) {
        kv_batch_add_label(b, p, &label);
        w->add_create(p, label.p, &text);
        what.body = kv_slice_of(&text);
    } else if (!(failed = kv_batch_body_inline(b, p, &body, err))) {
        what.from_file = true;
        what.file = body.fd;
        what.file_size = body.size;
    }
    failed = failed || post(b, s, p, w->batches, &what, "create", err);
    if (!failed && b->x.end == KV_EXCHANGE_DONE) {
        struct kv_slice wrapped;
        bool is_wrapped = kv_json_get(b->x.json, "job", &wrapped); /* Together does so */
        w->read(is_wrapped ? wrapped : b->x.json, &b->seen);
        if (!*b->seen.id)
            kv_exchange_mistrust(&b->x, &s->line, "the reply names no batch");
    }
    if (!failed)
        failed = b->x.end == KV_EXCHANGE_DONE ? kv_batch_note_created(b, p, &b->seen, false, err)
                                              : end_post(b, s, p, "create", err);
    kv_batch_body_release(&body);
    kv_buf_release(&text);
    kv_buf_release(&label);
    return failed;
}

/* ---- parts ---- */

/* True if the service wants no creation now: it has said so of any part, or so many were made within
 * an hour as OpenAI takes. */
static bool is_slow(struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *p)
{
    int64_t now = kv_batch_now_ms(), made = 0;
    for (size_t i = 0; i < kv_ledger_parts(b->ledger); i++) {
        const struct kv_batch_part *q = kv_ledger_part(b->ledger, i);
        if (!kv_batch_part_is_beside(p, q))
            continue;
        if (q->rate_limited && q->step < KV_BATCH_CREATED && q->not_before_ms > now)
            return true;
        made += q->created_ms && !q->adopted && kv_batch_since_ms(b, q->created_ms) < HOUR_MS;
    }
    bool most = made >= CREATED_MAX && strcmp(s->line.provider.dialect->name, "openai") == 0;
    if (most && !s->slowed)
        kv_batch_say(b, p,
            "%d batches were created within an hour, which is all that %s takes: "
            "run again later",
            CREATED_MAX, s->line.provider.chat->host);
    s->slowed |= most;
    return most;
}

/* True if the part has to wait for others of its endpoint, or for a time. */
static bool has_to_wait(struct kv_batch *b, const struct kv_batch_part *p)
{
    double queued = 0, limit = 0;
    size_t open = 0;
    if (p->not_before_ms > kv_batch_now_ms())
        return true;
    for (size_t i = 0; i < kv_ledger_parts(b->ledger); i++) {
        const struct kv_batch_part *q = kv_ledger_part(b->ledger, i);
        if (strcmp(q->endpoint, p->endpoint) != 0)
            continue;
        limit = q->queue_limit > 0 ? (double)q->queue_limit * 0.9 : limit;
        if (q->step != KV_BATCH_CREATED)
            continue;
        queued += q->prompt_tokens;
        open++;
    }
    return open >= OPEN_MAX || (limit > 0 && open && queued + p->prompt_tokens > limit);
}

static int send_step(
    struct kv_batch *b, struct kv_batch_service *s, struct kv_batch_part *p, struct kv_err *err)
{
    const struct kv_batch_wire *w = kv_batch_wire_for(p);
    if (kv_batch_part_in_doubt(p))
        return kv_batch_settle_part(b, p, err);
    return w->has_files && p->step == KV_BATCH_MADE ? upload(b, s, p, err) : create(b, s, p, err);
}

/* Takes one part as far as it goes now: to its batch, to a refusal, or to a doubt that stands. */
static int send_part(struct kv_batch *b, struct kv_batch_part *p, struct kv_err *err)
{
    struct kv_err why;
    struct kv_batch_service *s = kv_batch_service_of(b, p, &why);
    if (!s) {
        b->tally.refused = true;
        kv_batch_say(b, p, "%s", why.text);
        return 0;
    }
    for (int round = 0; p->step < KV_BATCH_CREATED && round < 2 * ROUNDS; round++) {
        if (s->stopped || s->closed || b->tally.signal || has_to_wait(b, p) || is_slow(b, s, p) ||
            p->doubt_stands) {
            b->tally.waits = true;
            return 0;
        }
        if (send_step(b, s, p, err) != 0)
            return -1;
    }
    b->tally.waits |= p->step < KV_BATCH_CREATED;
    return 0;
}

static struct kv_batch_part like_of(const struct kv_batch_source *s)
{
    return (struct kv_batch_part){.endpoint = s->endpoint,
        .model = s->model,
        .wire = s->wire,
        .dialect = s->dialect,
        .base_url = s->base_url,
        .shape = s->shape,
        .url = ""};
}

/* Looks at the services of new requests too, before their parts have numbers. */
static int restore_all(
    struct kv_batch *b, const struct kv_batch_sources *sources, struct kv_err *err)
{
    for (size_t i = 0; i < sources->n; i++) {
        const struct kv_batch_part like = like_of(&sources->items[i]);
        if (kv_batch_restore_at(b, &like, err) != 0)
            return -1;
    }
    return 0;
}

/* True if what was ordered somewhere is not known, as the ledger may have forgotten it: a new part could
 * be of the same requests, or get its number. */
static bool is_unclear(const struct kv_batch *b)
{
    for (size_t i = 0; i < b->service_count; i++)
        if (b->services[i]->closed)
            return true;
    return false;
}

/* Those that can be ordered: where there is no key, nobody has looked for what the ledger has forgotten,
 * and a part that is cut now could be the second of the same requests. *out borrows; its array is the
 * caller's. */
static void select_sources(
    struct kv_batch *b, const struct kv_batch_sources *all, struct kv_batch_sources *out)
{
    struct kv_err why;
    *out = (struct kv_batch_sources){.items = kv_calloc(all->n + 1, sizeof *out->items)};
    for (size_t i = 0; i < all->n; i++) {
        struct kv_batch_part like = like_of(&all->items[i]);
        if (kv_batch_service_of(b, &like, &why)) {
            out->items[out->n++] = all->items[i];
            continue;
        }
        b->tally.refused = true;
        kv_batch_say(b, NULL, "%s", why.text);
    }
}

static int cut_all(struct kv_batch *b, const struct kv_batch_order *order, struct kv_err *err)
{
    struct kv_batch_sources sources;
    if (restore_all(b, order->sources, err) != 0)
        return -1;
    if (is_unclear(b))
        return 0;
    select_sources(b, order->sources, &sources);
    struct kv_batch_ids *ids = kv_batch_ids_open();
    int failed = kv_batch_ids_add_known(ids, b->ledger, &b->paths, err) ||
                 kv_batch_cut(b, &sources, &order->limits, ids, err);
    kv_batch_ids_close(ids);
    free(sources.items);
    return failed ? -1 : 0;
}

static int send_all(struct kv_batch *b, struct kv_err *err)
{
    for (size_t i = 0; i < kv_ledger_parts(b->ledger); i++) {
        struct kv_batch_part *p = kv_ledger_part(b->ledger, i);
        if (p->step < KV_BATCH_CREATED && send_part(b, p, err) != 0)
            return -1;
    }
    return 0;
}

int kv_batch_submit(struct kv_batch *b, const struct kv_batch_order *order, struct kv_err *err)
{
    if (order->sources && cut_all(b, order, err) != 0)
        return -1;
    return send_all(b, err);
}
