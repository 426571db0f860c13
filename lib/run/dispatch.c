/* dispatch - carries queries to their endpoints and responses back, at the scheduler's pace. */
#include "dispatch.h"

#include "streaming.h"
#include "warming.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    REDO_MAX = 8, /* requests put differently for one query, before it fails */
    BEHIND_CLOCKS_MS = 5000,
    BATCH = 16,      /* replies acted on before places that became free are filled again */
    GLANCE_MS = 1,   /* and in between, new ones are written down at least this often */
    LOOK_MS = 60000, /* for the request that looks after an answer */
    REPLY_KEPT = 1 << 18,
};

/* ---- what calls under way may cost ---- */

static void set_aside(struct kv_pending_query *e, double cost)
{
    e->endpoint->reserved += cost - e->reserved;
    e->endpoint->reserving += (cost > 0) - (e->reserved > 0);
    e->reserved = cost;
}

void kv_dispatch_submit(struct kv_dispatch *c, struct kv_pending_query *e)
{
    e->call = (struct kv_call){.lane = e->endpoint->lane,
        .policy = &e->endpoint->model->retry,
        .tokens = e->input.n ? 0 : kv_endpoint_estimate(e->endpoint, &e->query),
        .user = e};
    e->redone = e->attempts = 0;
    kv_buf_clear(&e->kept);
    kv_usage_begin(&e->used);
    set_aside(e, e->input.n ? 0 : kv_endpoint_reserve(e->endpoint, &e->query));
    if (kv_warming_admit(c, e))
        kv_sched_submit(c->sched, &e->call, kv_child_now_ms());
}

/* ---- replies that are written down ---- */

static void put_noted(struct kv_dispatch *c, struct kv_pending_query *e)
{
    e->noted = true;
    e->next = NULL;
    e->prev = c->noted_last;
    *(e->prev ? &e->prev->next : &c->noted) = e;
    c->noted_last = e;
}

static void take_noted(struct kv_dispatch *c, struct kv_pending_query *e)
{
    *(e->prev ? &e->prev->next : &c->noted) = e->next;
    *(e->next ? &e->next->prev : &c->noted_last) = e->prev;
    e->noted = false;
}

void kv_dispatch_recall(struct kv_dispatch *c, struct kv_pending_query *e)
{
    e->recalled = !e->elsewhere;
    put_noted(c, e);
}

/* Acts on the oldest reply that was written down. If it cannot be read back, its query is sent,
 * even if for the second time. */
static void settle_noted(struct kv_dispatch *c)
{
    struct kv_pending_query *e = c->noted;
    struct kv_answer r;
    take_noted(c, e);
    if (!c->recall(c->closure, e, &r)) {
        kv_dispatch_submit(c, e);
        return;
    }
    if (e->recalled)
        kv_endpoint_recall(e->endpoint, &r);
    e->recalled = false; /* it may go on with another query */
    c->respond(c->closure, e, &r);
}

void kv_dispatch_settle(struct kv_dispatch *c)
{
    while (c->noted)
        settle_noted(c);
}

/* ---- the end of an attempt ---- */

static void tell_retry(const struct kv_dispatch *c, const struct kv_pending_query *e,
    struct kv_slice why, int64_t wait_ms)
{
    struct kv_buf text = {0};
    if (!c->tell)
        return;
    kv_buf_printf(&text, "%s: %.*s; ", e->endpoint->name, (int)why.n, why.p ? why.p : "");
    if (wait_ms < 0)
        kv_buf_add_str(&text, "asking in another form");
    else
        kv_buf_printf(&text, "asking again in %.1f s", (double)wait_ms / 1000);
    c->tell(c->closure, text.p);
    kv_buf_release(&text);
}

/* Of the answers that were cut off the longest is kept; what a judge began to write is worth
 * nothing. Attempts are never joined. */
static void keep(struct kv_pending_query *e, struct kv_slice text)
{
    if (e->endpoint->judge || text.n == 0 || text.n < e->kept.n)
        return;
    kv_buf_clear(&e->kept);
    kv_buf_add_slice(&e->kept, text);
}

/* The tries are spent: true if what came of the answer is better than none, and is taken. */
static bool salvage(
    const struct kv_dispatch *c, const struct kv_pending_query *e, struct kv_answer *r)
{
    if (r->kind != KV_ANSWER_FAILED || !e->kept.n || r->category == KV_RETRY_NEVER ||
        (r->category != KV_RETRY_TIMEOUT && !c->salvage_any))
        return false;
    r->text = kv_slice_of(&e->kept);
    r->partial = true;
    return true;
}

static void conclude(struct kv_dispatch *c, struct kv_pending_query *e, struct kv_call_end *end,
    struct kv_answer *response)
{
    int64_t now = kv_child_now_ms();
    end->latency_ms = now - e->call.started_ms;
    if (kv_sched_finish(c->sched, &e->call, end, now) == KV_AFTER_AGAIN) {
        tell_retry(c, e, response->error, e->call.ready_ms > now ? e->call.ready_ms - now : 0);
        return;
    }
    set_aside(e, 0);
    kv_warming_end(c, e, response->kind == KV_ANSWER_TEXT);
    response->used = e->used;
    for (int i = 0; i < KV_RETRY_CLASSES; i++)
        response->retries[i] = e->call.used[i];
    response->attempts = e->attempts;
    bool passing = response->kind == KV_ANSWER_REFUSED ||
                   (response->kind == KV_ANSWER_FAILED && response->category != KV_RETRY_NEVER);
    if (!salvage(c, e, response) && kv_lane_stopped(e->call.lane) && passing)
        response->kind = KV_ANSWER_WITHHELD;
    if (response->kind == KV_ANSWER_TEXT && c->keep && c->keep(c->closure, e, response))
        put_noted(c, e);
    else
        c->respond(c->closure, e, response);
}

static void fail(struct kv_dispatch *c, struct kv_pending_query *e, enum kv_retry_class reason,
    const char *type, struct kv_slice text)
{
    bool refused = reason == KV_RETRY_NEVER;
    struct kv_call_end end = {.fate = refused ? kv_endpoint_refused(e->endpoint) : KV_FATE_RETRY,
        .reason = reason,
        .retry_after_ms = -1,
        .tokens = -1};
    struct kv_answer r = {.kind = refused ? KV_ANSWER_REFUSED : KV_ANSWER_FAILED,
        .used = KV_USAGE_UNKNOWN,
        .category = reason,
        .error_type = kv_slice(type),
        .error = text};
    conclude(c, e, &end, &r);
}

void kv_dispatch_withhold(struct kv_dispatch *c, struct kv_pending_query *e, struct kv_slice why)
{
    struct kv_answer r = {.kind = KV_ANSWER_WITHHELD,
        .used = KV_USAGE_UNKNOWN,
        .category = KV_RETRY_NEVER,
        .error_type = KV_SLICE("Stopped"),
        .error = why};
    set_aside(e, 0);
    kv_warming_end(c, e, false);
    c->respond(c->closure, e, &r);
}

/* ---- going ---- */

/* True if the service works on the answer by itself, to be fetched later. */
static bool is_ordered(const struct kv_pending_query *e)
{
    return e->endpoint->background && e->wire == KV_PROTOCOL_RESPONSES && !e->query.given.n;
}

static struct kv_response_to expected(const struct kv_dispatch *c, const struct kv_pending_query *e)
{
    return (struct kv_response_to){.dialect = e->endpoint->provider.dialect,
        .wire = e->wire,
        .schema_name = e->query.schema_name,
        .step = e->step,
        .quirks = e->quirks,
        .streamed = e->streamed != NULL,
        .background = is_ordered(e),
        .any = e->query.given.n > 0,
        .ring = c->ring};
}

static bool take_piece(void *user, int status, struct kv_slice bytes)
{
    return kv_streamed_take(
        ((struct kv_pending_query *)user)->streamed, status, bytes, kv_child_now_ms());
}

static enum kv_http_haste haste(void *user)
{
    return kv_stream_haste(&((struct kv_pending_query *)user)->streamed->stream, kv_child_now_ms());
}

static void begin_stream(struct kv_dispatch *c, struct kv_pending_query *e)
{
    struct kv_stream_limits limits;
    struct kv_response_to to = expected(c, e);
    to.streamed = true;
    kv_streaming_limits(e->endpoint, &e->call, &limits);
    e->streamed = kv_streamed_begin(&c->streams, e, &to, &limits, kv_child_now_ms());
}

/* Takes the stream of an attempt that is over; the caller closes it when the response has been
 * used. */
static struct kv_streamed *detach_stream(struct kv_dispatch *c, struct kv_pending_query *e)
{
    struct kv_streamed *s = e->streamed;
    kv_streamed_detach(&c->streams, s);
    e->streamed = NULL;
    return s;
}

/* libcurl's own limit stands behind our clocks. */
static void send_http(struct kv_dispatch *c, struct kv_pending_query *e, bool stream)
{
    struct kv_err err;
    struct kv_http_request request = {
        .peer = kv_provider_target(&e->endpoint->provider, stream),
        .url = e->query.given.n ? e->query.url : NULL,
        .body = kv_slice_of(&e->body),
        .timeout_ms = kv_endpoint_timeout_ms(e->endpoint, &e->call),
        .fresh = e->call.used[KV_RETRY_CONNECTION] > 0,
        .user = e,
    };
    if (stream) {
        begin_stream(c, e);
        request.take = take_piece;
        request.haste = haste;
        request.identity = true;
        request.timeout_ms = (long)e->streamed->stream.limits.total_ms + BEHIND_CLOCKS_MS;
    }
    e->call.timeout_ms = request.timeout_ms;
    e->flying = true;
    if (kv_http_start(c->http, &request, &err) == 0)
        return;
    e->flying = false;
    if (stream)
        kv_streamed_close(detach_stream(c, e));
    fail(c, e, KV_RETRY_CONNECTION, "ConnectionError", kv_slice(err.text));
}

/* Looks whether an answer that was ordered is there. */
static void look(struct kv_dispatch *c, struct kv_pending_query *e)
{
    struct kv_err err;
    kv_background_set_url(&e->background, e->endpoint->provider.chat->place.url);
    struct kv_http_request request = {.peer = e->endpoint->provider.chat,
        .url = e->background.url.p,
        .timeout_ms = LOOK_MS,
        .user = e};
    e->flying = true;
    if (kv_http_start(c->http, &request, &err) == 0)
        return;
    e->flying = false;
    fail(c, e, KV_RETRY_CONNECTION, "ConnectionError", kv_slice(err.text));
}

static void send_to_command(struct kv_dispatch *c, struct kv_pending_query *e)
{
    struct kv_err err;
    struct kv_child_options options = {.timeout_ms = c->command_timeout_ms};
    struct kv_slice input = kv_slice_of(e->input.n ? &e->input : &e->body);
    e->child = kv_child_start(e->endpoint->command, input, &options, kv_child_now_ms(), &err);
    if (!e->child) {
        fail(c, e, KV_RETRY_NEVER, "CommandError", kv_slice(err.text));
        return;
    }
    e->call.timeout_ms = c->command_timeout_ms;
    e->prev = NULL;
    e->next = c->children;
    if (e->next)
        e->next->prev = e;
    c->children = e;
    c->child_count++;
}

static void send_query(struct kv_dispatch *c, struct kv_pending_query *e)
{
    bool given = e->query.given.n, stream = !given && kv_streaming_wanted(e->endpoint);
    kv_buf_clear(&e->body);
    kv_cache_keys_count(&e->endpoint->keys, kv_child_now_ms());
    if (!e->input.n)
        kv_endpoint_write(e->endpoint, &e->query, stream, &e->body);
    e->step = e->endpoint->step;
    e->quirks = e->endpoint->quirks;
    e->wire = given ? e->query.wire : e->endpoint->provider.wire;
    e->attempts++;
    if (e->endpoint->command)
        send_to_command(c, e);
    else if (is_ordered(e) && e->background.response.n)
        look(c, e);
    else
        send_http(c, e, stream);
}

void kv_dispatch_send(struct kv_dispatch *c)
{
    struct kv_call *call;
    while ((call = kv_sched_next(c->sched, kv_child_now_ms())))
        send_query(c, call->user);
}

/* ---- waiting ---- */

int kv_dispatch_wait(
    struct kv_dispatch *c, struct pollfd *own, size_t n, int64_t ms, struct kv_err *err)
{
    size_t all = n, most = n + 2 * c->child_count;
    int64_t now = kv_child_now_ms(), wait = kv_sched_wait_ms(c->sched, now);
    if (most > c->fds_room) {
        c->fds_room = 2 * most;
        c->fds = kv_array(c->fds, c->fds_room, sizeof *c->fds);
    }
    memcpy(c->fds, own, n * sizeof *own);
    if (wait >= 0 && wait < ms)
        ms = wait;
    if (c->streams.first && c->streams.clock_ms - now < ms)
        ms = c->streams.clock_ms - now;
    int64_t looks = kv_background_due_ms(&c->background), held = kv_warmth_due_ms(&c->warmth);
    looks = held < looks ? held : looks;
    if (looks != INT64_MAX && looks - now < ms)
        ms = looks - now;
    for (struct kv_pending_query *e = c->children; e; e = e->next) {
        all += kv_child_fds(e->child, c->fds + all);
        if (kv_child_deadline(e->child) - now < ms)
            ms = kv_child_deadline(e->child) - now;
    }
    if (ms < 0 || c->noted)
        ms = 0;
    if (c->http && kv_http_poll(c->http, c->fds, all, (int)ms, err) != 0)
        return -1;
    if (!c->http && poll(c->fds, all, (int)ms) < 0 && errno != EINTR)
        return kv_err_sys(err, "poll");
    memcpy(own, c->fds, n * sizeof *own);
    return 0;
}

/* ---- coming back ---- */

static void say_remark(const struct kv_dispatch *c, struct kv_endpoint *e)
{
    if (e->remark.n && c->say)
        c->say(c->closure, e->remark.p);
    kv_buf_clear(&e->remark);
}

static void measure(struct kv_answer *response, const struct kv_stream *stream)
{
    response->measured = stream->measures.first_token_ms >= 0;
    response->first_token_s = (double)stream->measures.first_token_ms / 1000;
    response->tokens_per_s = kv_stream_speed(stream);
}

/* An attempt has ended with a reply, or the lack of one. The query may be gone afterwards. */
static void take_reply(struct kv_dispatch *c, struct kv_pending_query *e,
    const struct kv_response *reply, const struct kv_stream *stream)
{
    const struct kv_service *dialect = e->endpoint->provider.dialect;
    struct kv_call_end end;
    struct kv_answer response;
    enum kv_endpoint_next next =
        kv_endpoint_take(e->endpoint, &e->query, reply, e->step, e->quirks, &end, &response);
    struct kv_usage used = reply->usage;
    used.priced = e->endpoint->last_cost;
    kv_usage_add(&e->used, &used);
    say_remark(c, e->endpoint);
    if (next == KV_ENDPOINT_AGAIN && e->redone++ < REDO_MAX) {
        tell_retry(c, e, kv_slice_of(&reply->error), -1);
        send_query(c, e); /* it still holds its place in the scheduler */
        return;
    }
    if (next == KV_ENDPOINT_AGAIN) {
        fail(c, e, KV_RETRY_NEVER, "BadRequestError", kv_slice_of(&reply->error));
        return;
    }
    const struct kv_ratelimit_window *w = &reply->limits.window[KV_RATELIMIT_REQUESTS];
    if (w->remaining >= 0 && w->reset_ms > 0 && !(dialect->flags & KV_SERVICE_DAILY))
        kv_sched_window(
            c->sched, e->call.lane, (double)w->remaining, w->reset_ms, kv_child_now_ms());
    if (stream)
        measure(&response, stream);
    end.spoke = reply->text.n || reply->reasoning.n;
    if (response.kind != KV_ANSWER_TEXT)
        keep(e, kv_slice_of(&reply->text));
    conclude(c, e, &end, &response);
}

/* Before the first look its id is written down: a run that is killed fetches the answer later. */
static bool note_order(struct kv_dispatch *c, struct kv_pending_query *e)
{
    struct kv_err err;
    if (!kv_background_take_id(&e->background, kv_slice_of(&c->reply.id), kv_child_now_ms()))
        return false;
    if (c->ledger && kv_ledger_add(c->ledger, e->call_id, e->background.response.p,
                         e->endpoint->model->id.p, &err) != 0)
        c->say(c->closure, err.text);
    return true;
}

static void wait_on(struct kv_dispatch *c, struct kv_pending_query *e)
{
    int64_t now = kv_child_now_ms(), most = kv_endpoint_timeout_ms(e->endpoint, &e->call);
    most = most > KV_BACKGROUND_LEAST_MS ? most : KV_BACKGROUND_LEAST_MS;
    e->background.user = e;
    if (!e->background.response.n && !note_order(c, e))
        fail(c, e, KV_RETRY_SERVER_ERROR, "InternalServerError",
            KV_SLICE("the response has an id that cannot be asked for"));
    else if (now - e->background.ordered_ms > most)
        fail(c, e, KV_RETRY_TIMEOUT, "TimeoutError",
            KV_SLICE("the response is still worked on; the next run looks after it"));
    else
        kv_background_wait(&c->background, &e->background, now);
}

/* The answer to a look, or the order's own. True if more is to be waited for or was asked for. */
static bool looked(struct kv_dispatch *c, struct kv_pending_query *e)
{
    struct kv_err err;
    if (c->reply.waiting) {
        wait_on(c, e);
        return true;
    }
    if (c->reply.status != 404 || !e->background.response.n)
        return false;
    if (c->ledger && kv_ledger_settle(c->ledger, e->call_id, &err) != 0)
        c->say(c->closure, err.text);
    kv_buf_clear(&e->background.response); /* it is not kept any more: ask anew */
    tell_retry(c, e, KV_SLICE("the ordered response is gone"), -1);
    send_query(c, e);
    return true;
}

/* Takes in the end of an answer that was ordered; it is settled once it has been handed on. */
static void take_ordered(struct kv_dispatch *c, struct kv_pending_query *e)
{
    char id[KV_CALL_ID + 1];
    struct kv_err err;
    bool over = c->reply.status == 200;
    if (looked(c, e))
        return;
    memcpy(id, e->call_id, sizeof id);
    if (over)
        kv_buf_clear(&e->background.response);
    take_reply(c, e, &c->reply, NULL);
    if (over && c->ledger && kv_ledger_settle(c->ledger, id, &err) != 0)
        c->say(c->closure, err.text);
}

static void receive_document(
    struct kv_dispatch *c, struct kv_pending_query *e, const struct kv_http_done *done)
{
    const struct kv_response_to to = expected(c, e);
    kv_response_read(&c->reply, &to, done);
    if (to.background) {
        take_ordered(c, e);
        return;
    }
    kv_streaming_learn(e->endpoint, &c->reply, done->status ? 0 : done->total_us / 1000);
    take_reply(c, e, &c->reply, NULL);
    if (c->reply.text.cap > REPLY_KEPT) /* a long one's memory is not kept for the next */
        kv_response_release(&c->reply);
}

static void end_stream(struct kv_dispatch *c, struct kv_streamed *s)
{
    take_reply(c, s->user, &s->stream.reply, &s->stream);
    kv_streamed_close(s);
}

static void receive_http(struct kv_dispatch *c, const struct kv_http_done *done)
{
    struct kv_pending_query *e = done->user;
    e->flying = false;
    if (!e->streamed) {
        receive_document(c, e, done);
        return;
    }
    struct kv_streamed *s = detach_stream(c, e);
    kv_stream_end(&s->stream, done);
    end_stream(c, s);
}

/* Gives up the streams whose clocks have run out. Ending one may begin others. */
static void expire_streams(struct kv_dispatch *c)
{
    int64_t now = kv_child_now_ms();
    struct kv_streamed *s;
    while ((s = kv_streamed_expired(&c->streams, now))) {
        struct kv_pending_query *e = s->user;
        kv_http_cancel(c->http, e);
        e->flying = false;
        kv_stream_expire(&s->stream, now);
        end_stream(c, detach_stream(c, e));
    }
}

static struct kv_child *detach_child(struct kv_dispatch *c, struct kv_pending_query *e)
{
    struct kv_child *child = e->child;
    *(e->prev ? &e->prev->next : &c->children) = e->next;
    if (e->next)
        e->next->prev = e->prev;
    c->child_count--;
    e->child = NULL;
    return child;
}

static void receive_children(struct kv_dispatch *c)
{
    int64_t now = kv_child_now_ms();
    for (struct kv_pending_query *e = c->children, *next; e; e = next) {
        next = e->next;
        if (!kv_child_turn(e->child, now))
            continue;
        struct kv_call_end end;
        struct kv_answer response;
        kv_endpoint_collect(e->endpoint, e->child, &end, &response);
        struct kv_child *child = detach_child(c, e); /* the response borrows from it */
        conclude(c, e, &end, &response);
        kv_child_close(child);
    }
}

/* Where replies are written down, all that have come are, before the first one is acted on. */
static void receive_all(struct kv_dispatch *c)
{
    struct kv_http_done done;
    for (int n = 0; (n < BATCH || c->keep) && c->http && kv_http_next(c->http, &done); n++)
        receive_http(c, &done);
    struct kv_background_call *ordered;
    while ((ordered = kv_background_due(&c->background, kv_child_now_ms())))
        look(c, ordered->user);
    expire_streams(c);
}

void kv_dispatch_receive(struct kv_dispatch *c)
{
    receive_all(c);
    kv_warming_look(c);
    receive_children(c);
    int64_t glanced = kv_child_now_ms();
    for (int n = 0; n < BATCH && c->noted; n++) {
        settle_noted(c);
        int64_t now = kv_child_now_ms();
        if (!c->http || now - glanced < GLANCE_MS)
            continue;
        glanced = now;
        if (kv_http_poll(c->http, NULL, 0, 0, NULL) == 0) /* else kv_dispatch_wait meets it again */
            receive_all(c);
    }
}

/* ---- taking back ---- */

void kv_dispatch_drop(struct kv_dispatch *c, struct kv_pending_query *e)
{
    if (e->child)
        kv_child_close(detach_child(c, e));
    if (e->flying)
        kv_http_cancel(c->http, e);
    if (e->noted)
        take_noted(c, e);
    e->flying = false;
    set_aside(e, 0);
    kv_warming_end(c, e, false);
    if (e->streamed)
        kv_streamed_close(detach_stream(c, e));
    kv_buf_release(&e->kept);
    kv_background_drop(&c->background, &e->background);
    kv_background_release(&e->background);
    kv_buf_release(&e->body);
    kv_buf_release(&e->input);
}

void kv_dispatch_release(struct kv_dispatch *c)
{
    kv_response_release(&c->reply);
    free(c->fds);
}
