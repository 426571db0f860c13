/* batches_work - batches of either service: made, worked on, and their results handed out. */
#include "batches_private.h"
#include "chat.h"
#include "json.h"
#include "json_out.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct batch **batches_made;
size_t batches_made_count;
long batches_serial;

const struct deed batches_closing = {.peer = "close", .latency_ms = -1, .headers = {"{}", 2}};
static const struct deed cutting = {.peer = "cut", .latency_ms = -1, .headers = {"{}", 2}};

/* ---- who asks ---- */

const char *batch_owner(const struct call *c)
{
    static const char *const names[] = {"x-api-key", "api-key", "Authorization"};
    for (size_t i = 0; i < 3; i++) {
        const char *v = MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, names[i]);
        if (v)
            return v;
    }
    return "";
}

bool batch_may_see(const struct call *c, const char *owner)
{
    return !sw.projects || strcmp(owner, batch_owner(c)) == 0;
}

void batch_refuse(struct call *c, bool anthropic, int status, const char *type, const char *text)
{
    c->status = status;
    kv_buf_clear(&c->reply);
    chat_error(anthropic ? ANTHROPIC : OPENAI, status, type, NULL, text, &c->reply);
}

void batch_refuse_busy(struct call *c, bool anthropic, const char *text)
{
    static char seconds[16];
    batch_refuse(c, anthropic, 429, "rate_limit_error", text);
    snprintf(seconds, sizeof seconds, "%ld", sw.retry_after);
    if (sw.retry_after > 0)
        c->retry_after = kv_slice(seconds);
}

void batch_refuse_missing(struct call *c, bool anthropic)
{
    batch_refuse(
        c, anthropic, 404, anthropic ? "not_found_error" : "invalid_request_error", "not found");
}

void batch_end_post(struct call *c, const char *point, long *drop, long *fail, long *blank)
{
    if (switch_take(drop) || switch_kills(point))
        c->deed = &batches_closing;
    else if (switch_take(fail))
        batch_refuse(c, false, 500, "server_error", "The server had an error");
    else if (switch_take(blank)) {
        kv_buf_clear(&c->reply);
        kv_buf_add_str(&c->reply, "{}");
    }
}

/* ---- making ---- */

struct batch *batch_new(const struct call *c, const char *prefix)
{
    struct batch *b = kv_calloc(1, sizeof *b);
    long n = ++batches_serial;
    snprintf(b->id, sizeof b->id, "%s%ld", prefix, n);
    snprintf(b->output_id, sizeof b->output_id, "file-out%ld", n);
    snprintf(b->errors_id, sizeof b->errors_id, "file-err%ld", n);
    b->owner = kv_strdup(batch_owner(c));
    b->looks = sw.looks;
    b->expire = sw.expire;
    b->created_ms = service_ms();
    kv_buf_add_slice(&b->fails, kv_slice_of(&sw.batch_fails));
    batches_made = kv_grow(batches_made, batches_made_count, sizeof *batches_made);
    return batches_made[batches_made_count++] = b;
}

void batch_add_request(struct batch *b, struct kv_slice line, const char *body)
{
    struct request r;
    kv_json_get(line, "custom_id", &r.id);
    kv_json_get(line, body, &r.body);
    b->requests = kv_grow(b->requests, b->n, sizeof *b->requests);
    b->requests[b->n++] = r;
}

void batch_note_orders(const struct batches *how, const struct batch *b)
{
    for (size_t i = 0; how->journal && i < b->n; i++)
        fprintf(how->journal, "{\"ordered\":%.*s,\"batch\":\"%s\"}\n", (int)b->requests[i].id.n,
            b->requests[i].id.p, b->id);
    if (how->journal)
        fflush(how->journal);
}

struct batch *batch_find(const struct call *c, const char *id, size_t n)
{
    for (size_t i = 0; i < batches_made_count; i++)
        if (strlen(batches_made[i]->id) == n && memcmp(batches_made[i]->id, id, n) == 0 &&
            !batches_made[i]->deleted && batch_may_see(c, batches_made[i]->owner))
            return batches_made[i];
    return NULL;
}

/* ---- working ---- */

static void add_line(struct batch *b, const struct request *r, int status, struct kv_slice reply)
{
    struct kv_buf *out = b->anthropic || status < 400 ? &b->results : &b->errors;
    kv_json_out_object(out, NULL);
    if (!b->anthropic) {
        kv_buf_printf(out, "\"id\":\"batch_req_%zu\"", (size_t)(r - b->requests));
        kv_json_out_json(out, "custom_id", r->id);
        kv_buf_printf(
            out, ",\"response\":{\"status_code\":%d,\"request_id\":\"r\",\"body\":", status);
        kv_buf_add_slice(out, reply);
        kv_buf_add_str(out, "},\"error\":null}\n");
        return;
    }
    kv_json_out_json(out, "custom_id", r->id);
    kv_buf_add_str(out, status < 400 ? ",\"result\":{\"type\":\"succeeded\",\"message\":"
                                     : ",\"result\":{\"type\":\"errored\",\"error\":");
    kv_buf_add_slice(out, reply);
    kv_buf_add_str(out, "}}\n");
}

static void add_undone(struct batch *b, const struct request *r)
{
    const char *word = b->state == CANCELLED ? "cancelled" : "expired";
    struct kv_buf *out = b->anthropic ? &b->results : &b->errors;
    kv_json_out_object(out, NULL);
    kv_json_out_json(out, "custom_id", r->id);
    if (b->anthropic)
        kv_buf_printf(out, ",\"result\":{\"type\":\"%s\"}}\n",
            b->state == CANCELLED ? "canceled" : "expired");
    else
        kv_buf_printf(out,
            ",\"response\":null,\"error\":{\"code\":\"batch_%s\",\"message\":\"%s\"}}\n", word,
            word);
    b->undone++;
}

void batch_work(const struct batches *how, struct batch *b, enum state state)
{
    size_t most = b->expire >= 0 ? (size_t)b->expire : state == CANCELLED ? 0 : b->n;
    b->state = state == DONE && most < b->n ? EXPIRED : state;
    b->ended_ms = service_ms();
    for (size_t i = 0; i < b->n; i++) {
        struct kv_buf reply = {0};
        const char *path = b->anthropic ? "/v1/messages" : b->endpoint;
        if (i >= most) {
            add_undone(b, &b->requests[i]);
            continue;
        }
        int status = b->foreign ? 400 : how->answer(path, b->requests[i].body, &reply);
        if (b->foreign)
            kv_buf_add_str(&reply, "{}");
        add_line(b, &b->requests[i], status, kv_slice_of(&reply));
        *(status < 400 ? &b->done : &b->failed) += 1;
        kv_buf_release(&reply);
    }
}

void batch_look(const struct batches *how, struct batch *b)
{
    if (b->state != WORKING || sw.hold)
        return;
    if (b->looks > 0)
        b->looks--;
    else if (b->fails.n) {
        b->state = FAILED;
        b->ended_ms = service_ms();
    } else
        batch_work(how, b, DONE);
}

/* ---- results ---- */

/* Lines in the order, number and completeness that the switches want. */
static void add_lines(struct kv_slice text, struct kv_buf *out)
{
    struct kv_slice *lines = NULL;
    size_t n = 0, omit = sw.omit > 0 ? (size_t)sw.omit : 0;
    while (text.n > 0) {
        const char *lf = memchr(text.p, '\n', text.n);
        size_t length = (size_t)(lf - text.p) + 1;
        lines = kv_grow(lines, n, sizeof *lines);
        lines[n++] = (struct kv_slice){text.p, length};
        text.p += length;
        text.n -= length;
    }
    for (size_t i = omit; i < n; i++)
        kv_buf_add_slice(out, lines[sw.reorder ? n - 1 - i : i]);
    if (sw.duplicate && n > 0)
        kv_buf_add_slice(out, lines[0]);
    free(lines);
}

void batch_send_lines(struct call *c, const struct kv_buf *text)
{
    if (switch_kills("results-before")) {
        c->deed = &batches_closing;
        return;
    }
    if (switch_take(&sw.missing) || switch_take(&sw.missing_results)) {
        batch_refuse_missing(c, false);
        return;
    }
    add_lines(kv_slice_of(text), &c->reply);
    if (switch_take(&sw.cut))
        c->deed = &cutting;
}

/* ---- objects and lists ---- */

void batch_add_time(struct kv_buf *out, const char *name, int64_t ms, bool iso)
{
    struct tm utc;
    char text[32];
    time_t s = (time_t)(ms / 1000);
    if (ms == 0)
        kv_json_out_null(out, name);
    else if (!iso)
        kv_json_out_int(out, name, ms / 1000);
    else {
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&s, &utc));
        kv_json_out_str(out, name, text);
    }
}

bool batch_is_listed(int64_t created_ms)
{
    return created_ms + (int64_t)(sw.list_lag * 1000) <= service_ms();
}

long batch_page(const struct call *c)
{
    const char *v = MHD_lookup_connection_value(c->connection, MHD_GET_ARGUMENT_KIND, "limit");
    return v ? strtol(v, NULL, 10) : 20;
}

bool batch_is_after(const struct call *c, const char *name, const char *id, bool *passed)
{
    const char *after = MHD_lookup_connection_value(c->connection, MHD_GET_ARGUMENT_KIND, name);
    bool shown = !after || *passed;
    *passed = *passed || (after && strcmp(after, id) == 0);
    return shown;
}
