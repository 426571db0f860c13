/* batches - the test provider's batch services: OpenAI's files and batches_made, Anthropic's batches. */
#include "batches.h"

#include "batches_private.h"
#include "json.h"
#include "json_out.h"

#include <stdlib.h>
#include <string.h>

/* ---- Anthropic ---- */

static void add_anthropic(const struct call *c, const struct batch *b, struct kv_buf *out)
{
    bool over = b->state != WORKING;
    const char *host = MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, "Host");
    struct kv_buf url = {0};
    kv_buf_printf(&url, "http://%s/v1/messages/batches/%s/results", host ? host : "", b->id);
    kv_json_out_object(out, NULL);
    kv_json_out_str(out, "id", b->id);
    kv_json_out_str(out, "type", "message_batch");
    kv_json_out_str(out, "processing_status", over ? "ended" : "in_progress");
    kv_json_out_object(out, "request_counts");
    kv_json_out_count(out, "processing", over ? 0 : b->n);
    kv_json_out_count(out, "succeeded", b->done);
    kv_json_out_count(out, "errored", b->failed);
    kv_json_out_count(out, "canceled", over && b->state == CANCELLED ? b->undone : 0);
    kv_json_out_count(out, "expired", over && b->state != CANCELLED ? b->undone : 0);
    kv_buf_add_char(out, '}');
    batch_add_time(out, "created_at", b->created_ms, true);
    batch_add_time(out, "expires_at", b->created_ms + 86400000, true);
    batch_add_time(out, "ended_at", b->ended_ms, true);
    kv_json_out_str(out, "results_url", !over ? NULL : sw.results_url ? sw.results_url : url.p);
    kv_buf_add_char(out, '}');
    kv_buf_release(&url);
}

static void create_anthropic(const struct batches *how, struct call *c)
{
    struct kv_slice object, list, item;
    struct kv_json_walk w;
    struct kv_err err;
    if (kv_json_check(kv_slice_of(&c->body), KV_JSON_STRICT, &object, &err) != 0 ||
        !kv_json_get(object, "requests", &list)) {
        batch_refuse(c, true, 400, "invalid_request_error", "requests: Field required");
        return;
    }
    struct batch *b = batch_new(c, "msgbatch_");
    b->anthropic = true;
    kv_buf_add_slice(&b->text, list);
    kv_json_begin(&w, kv_slice_of(&b->text));
    while (kv_json_item(&w, &item))
        batch_add_request(b, item, "params");
    batch_note_orders(how, b);
    add_anthropic(c, b, &c->reply);
}

/* Somebody else's, as an account has them. */
static void make_foreign(const struct call *c)
{
    struct batch *b = batch_new(c, "msgbatch_");
    b->anthropic = b->foreign = true;
    for (long i = 0; i < sw.foreign; i++)
        kv_buf_printf(&b->text, "\"other-%ld\"", i);
    const char *at = b->text.p;
    for (long i = 0; i < sw.foreign; i++) {
        const char *end = strchr(at + 1, '"') + 1;
        b->requests = kv_grow(b->requests, b->n, sizeof *b->requests);
        b->requests[b->n++] = (struct request){{at, (size_t)(end - at)}, {"{}", 2}};
        at = end;
    }
    sw.foreign = 0;
}

/* ---- both ---- */

static void create(const struct batches *how, struct call *c, bool anthropic)
{
    if (switch_take(&sw.close_create) || switch_kills("create-before")) {
        c->deed = &batches_closing;
        return;
    }
    if (switch_take(&sw.refuse_create)) {
        batch_refuse(c, anthropic, (int)sw.refuse_status, "rate_limit_error",
            sw.refuse_message ? sw.refuse_message : "refused");
        if (sw.refuse_status == 429)
            batch_refuse_busy(c, anthropic, sw.refuse_message ? sw.refuse_message : "refused");
        return;
    }
    if (anthropic)
        create_anthropic(how, c);
    else
        files_create(how, c);
    batch_end_post(c, "create-after", &sw.drop_create, &sw.fail_create, &sw.blank_create);
}

static void list_batches(const struct batches *how, struct call *c, bool anthropic)
{
    long left = batch_page(c);
    bool more = false, passed = false;
    if (switch_take(&sw.fail_list)) {
        batch_refuse(c, anthropic, 500, "server_error", "The server had an error");
        return;
    }
    kv_buf_add_str(&c->reply, "{\"object\":\"list\",\"data\":[");
    for (size_t i = batches_made_count; i > 0; i--) {
        struct batch *b = batches_made[i - 1];
        if (b->anthropic != anthropic || b->deleted || !batch_may_see(c, b->owner) ||
            !batch_is_after(c, anthropic ? "after_id" : "after", b->id, &passed) ||
            !batch_is_listed(b->created_ms))
            continue;
        more = left-- <= 0;
        if (more)
            break;
        batch_look(how, b);
        if (anthropic)
            add_anthropic(c, b, &c->reply);
        else
            files_add_batch(b, true, &c->reply);
    }
    kv_buf_printf(&c->reply, "],\"has_more\":%s}", more ? "true" : "false");
}

static void show(struct call *c, struct batch *b)
{
    bool named = b->state == WORKING || !switch_take(&sw.null_files);
    if (b->anthropic)
        add_anthropic(c, b, &c->reply);
    else
        files_add_batch(b, named, &c->reply);
}

/* One batch: a look, its results, its end. */
static void one_batch(
    const struct batches *how, struct call *c, const char *method, const char *rest, bool anthropic)
{
    size_t n = strcspn(rest, "/");
    struct batch *b = batch_find(c, rest, n);
    if (!b || b->anthropic != anthropic ||
        (strcmp(rest + n, "") == 0 && switch_take(&sw.missing))) {
        batch_refuse_missing(c, anthropic);
        return;
    }
    if (strcmp(rest + n, "/cancel") == 0) {
        if (b->state == WORKING)
            batch_work(how, b, CANCELLED);
        show(c, b);
    } else if (strcmp(rest + n, "/results") == 0)
        batch_send_lines(c, &b->results);
    else if (strcmp(method, "DELETE") == 0) {
        b->deleted = true;
        kv_buf_printf(&c->reply, "{\"id\":\"%s\",\"type\":\"message_batch_deleted\"}", b->id);
    } else {
        batch_look(how, b);
        show(c, b);
    }
}

static void batches_path(
    const struct batches *how, struct call *c, const char *method, const char *rest, bool anthropic)
{
    if (sw.foreign > 0)
        make_foreign(c);
    if (strcmp(method, "GET") == 0 && switch_take(&sw.busy_looks))
        batch_refuse_busy(c, anthropic, "Too many requests");
    else if (!*rest && strcmp(method, "POST") == 0)
        create(how, c, anthropic);
    else if (!*rest)
        list_batches(how, c, anthropic);
    else
        one_batch(how, c, method, rest + 1, anthropic);
}

bool batches_decide(const struct batches *how, struct call *c, const char *method, const char *path)
{
    static const char anthropic[] = "/v1/messages/batches", openai[] = "/v1/batches",
                      uploads[] = "/v1/files";
    c->at_once = true;
    c->status = 200;
    if (strcmp(path, "/batch-control") == 0)
        switch_control(c);
    else if (strncmp(path, anthropic, sizeof anthropic - 1) == 0)
        batches_path(how, c, method, path + sizeof anthropic - 1, true);
    else if (strncmp(path, openai, sizeof openai - 1) == 0)
        batches_path(how, c, method, path + sizeof openai - 1, false);
    else if (strncmp(path, uploads, sizeof uploads - 1) == 0)
        files_decide(c, method, path + sizeof uploads - 1);
    else {
        c->at_once = false;
        return false;
    }
    return true;
}

void batches_reading(const char *path)
{
    if (strcmp(path, "/v1/files") == 0)
        switch_kills("upload-middle");
}
