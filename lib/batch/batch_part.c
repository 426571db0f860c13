/* batch_part - one batch of requests as its events in the ledger tell of it. */
#include "batch_part.h"

#include "batch_json.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

static void set_text(char **to, struct kv_slice event, const char *name)
{
    free(*to);
    *to = kv_batch_json_text(event, name);
}

static void take_counts(struct kv_batch_part *p, struct kv_slice event)
{
    struct kv_slice counts;
    if (!kv_json_get(event, "counts", &counts))
        return;
    p->counts.total = kv_batch_json_whole(counts, "total", -1);
    p->counts.done = kv_batch_json_whole(counts, "done", -1);
    p->counts.failed = kv_batch_json_whole(counts, "failed", -1);
}

static void take_status(struct kv_batch_part *p, struct kv_slice event)
{
    char *word = kv_batch_json_text(event, "status");
    p->status = kv_batch_status_of(kv_slice(word));
    free(word);
    take_counts(p, event);
}

static void take_made(struct kv_batch_part *p, struct kv_slice event, int64_t at)
{
    set_text(&p->file, event, "file"); /* of one that is found at the service */
    p->step = *p->file ? KV_BATCH_UPLOADED : KV_BATCH_MADE;
    p->made_ms = at;
    set_text(&p->endpoint, event, "endpoint");
    set_text(&p->wire, event, "wire");
    set_text(&p->dialect, event, "dialect");
    set_text(&p->shape, event, "shape");
    set_text(&p->url, event, "url");
    set_text(&p->base_url, event, "base_url");
    set_text(&p->model, event, "model");
    p->requests = kv_batch_json_whole(event, "requests", 0);
    p->bytes = kv_batch_json_whole(event, "bytes", 0);
    p->prompt_tokens = kv_batch_json_number(event, "prompt_tokens", 0);
}

static void take_sending(struct kv_batch_part *p, struct kv_slice event, int64_t at)
{
    struct kv_slice step;
    kv_json_get(event, "step", &step);
    p->step = kv_json_string_is(step, "upload") ? KV_BATCH_SENDING_UPLOAD : KV_BATCH_SENDING_CREATE;
    p->sending_ms = at;
    p->doubt_looks = 0;
    p->doubt_ms = 0;
}

static void take_uploaded(struct kv_batch_part *p, struct kv_slice event, int64_t at)
{
    (void)at;
    p->step = KV_BATCH_UPLOADED;
    set_text(&p->file, event, "file");
}

static void take_created(struct kv_batch_part *p, struct kv_slice event, int64_t at)
{
    p->step = KV_BATCH_CREATED;
    p->created_ms = at;
    set_text(&p->batch, event, "batch");
    p->expires_ms = kv_batch_json_time(event, "expires_at");
    p->stamp_ms = kv_batch_json_time(event, "created_at");
    struct kv_slice adopted;
    p->adopted = kv_json_get(event, "adopted", &adopted) && kv_json_is_true(adopted);
    p->missing_looks = 0;
    p->not_before_ms = 0;
    p->status = KV_BATCH_VALIDATING;
}

/* Nothing has come of the last step: it may be taken again. */
static void take_refused(struct kv_batch_part *p, struct kv_slice event, int64_t at)
{
    struct kv_slice step;
    (void)at;
    kv_json_get(event, "step", &step);
    if (kv_json_string_is(step, "look")) {
        p->look_after_ms = kv_batch_json_time(event, "not_before");
        return;
    }
    p->rate_limited = kv_batch_json_whole(event, "status", 0) == 429;
    p->step = kv_json_string_is(step, "upload") || !*p->file ? KV_BATCH_MADE : KV_BATCH_UPLOADED;
    set_text(&p->said, event, "message");
    p->not_before_ms = kv_batch_json_time(event, "not_before");
    p->refusals++;
    int64_t limit = kv_batch_json_whole(event, "limit", 0);
    if (limit > 0)
        p->queue_limit = limit;
}

static void take_doubt(struct kv_batch_part *p, struct kv_slice event, int64_t at)
{
    (void)event;
    p->doubt_looks++;
    p->doubt_ms = p->doubt_ms ? p->doubt_ms : at;
}

static void take_missing(struct kv_batch_part *p, struct kv_slice event, int64_t at)
{
    (void)event;
    p->missing_looks++;
    p->missing_ms = p->missing_looks == 1 ? at : p->missing_ms;
}

static void take_seen(struct kv_batch_part *p, struct kv_slice event, int64_t at)
{
    take_status(p, event);
    p->seen_ms = at;
    if (kv_batch_status_is_final(p->status) && !p->final_ms)
        p->final_ms = at;
    p->missing_looks = 0;
}

static void take_ended(struct kv_batch_part *p, struct kv_slice event, int64_t at)
{
    p->step = KV_BATCH_ENDED;
    p->ended_ms = at;
    p->missing_looks = 0;
    take_status(p, event);
    set_text(&p->output, event, "output");
    set_text(&p->errors, event, "errors");
    set_text(&p->results_url, event, "results_url");
    p->results_until_ms = kv_batch_json_time(event, "results_until");
    p->usage = kv_batch_json_number(event, "usage", -1);
    struct kv_slice reply;
    if (kv_json_get(event, "reply", &reply)) {
        free(p->reply);
        p->reply = kv_slice_dup(reply);
    }
}

static void take_collected(struct kv_batch_part *p, struct kv_slice event, int64_t at)
{
    (void)at;
    p->step = KV_BATCH_COLLECTED;
    p->replies = kv_batch_json_whole(event, "replies", 0);
    p->failures = kv_batch_json_whole(event, "failures", 0);
    bool any = kv_batch_json_whole(event, "bytes", 0) > 0;
    p->replies_end = any ? kv_batch_json_whole(event, "size", 0) : 0;
    p->uncollected = false;
}

static void take_uncollected(struct kv_batch_part *p, struct kv_slice event, int64_t at)
{
    (void)event;
    (void)at;
    p->step = KV_BATCH_ENDED;
    p->replies = p->failures = p->replies_end = 0;
    p->uncollected = true;
}

static void take_given_up(struct kv_batch_part *p, struct kv_slice event, int64_t at)
{
    (void)at;
    struct kv_slice loss = {0};
    if (p->step != KV_BATCH_COLLECTED)
        p->step = KV_BATCH_GIVEN_UP;
    set_text(&p->said, event, "reason");
    kv_json_get(event, "loss", &loss);
    p->loss = kv_json_string_is(loss, "faulty")    ? KV_BATCH_FAULTY
              : kv_json_string_is(loss, "dropped") ? KV_BATCH_DROPPED
              : kv_json_string_is(loss, "again")   ? KV_BATCH_AGAIN
                                                   : KV_BATCH_LOST;
}

static void take_tidied(struct kv_batch_part *p, struct kv_slice event, int64_t at)
{
    (void)event;
    (void)at;
    p->tidied = true;
}

void kv_batch_part_take(struct kv_batch_part *p, struct kv_slice event)
{
    static const struct {
        const char *name;
        void (*take)(struct kv_batch_part *p, struct kv_slice event, int64_t at);
    } events[] = {{"part", take_made}, {"sending", take_sending}, {"uploaded", take_uploaded},
        {"created", take_created}, {"refused", take_refused}, {"doubt", take_doubt},
        {"not-found", take_missing}, {"seen", take_seen}, {"ended", take_ended},
        {"collected", take_collected}, {"uncollected", take_uncollected},
        {"given-up", take_given_up}, {"tidied", take_tidied}};
    struct kv_slice name;
    kv_json_get(event, "event", &name);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (kv_json_string_is(name, events[i].name))
            events[i].take(p, event, kv_batch_json_time(event, "at"));
}

void kv_batch_part_release(struct kv_batch_part *p)
{
    char *const texts[] = {p->endpoint, p->wire, p->dialect, p->shape, p->url, p->base_url,
        p->model, p->file, p->batch, p->output, p->errors, p->results_url, p->reply, p->said};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
}

bool kv_batch_part_is_open(const struct kv_batch_part *p)
{
    return p->step < KV_BATCH_COLLECTED;
}

int64_t kv_batch_part_lacks(const struct kv_batch_part *p)
{
    if (p->loss == KV_BATCH_DROPPED || p->loss == KV_BATCH_AGAIN)
        return 0;
    if (p->step == KV_BATCH_GIVEN_UP)
        return p->requests;
    bool over = p->step == KV_BATCH_COLLECTED && p->status != KV_BATCH_CANCELLED;
    return over ? p->requests - p->replies - p->failures : 0;
}

bool kv_batch_part_is_beside(const struct kv_batch_part *p, const struct kv_batch_part *q)
{
    return strcmp(p->dialect, q->dialect) == 0 && strcmp(p->base_url, q->base_url) == 0;
}

bool kv_batch_part_has_replies(const struct kv_batch_part *p)
{
    return p->step == KV_BATCH_COLLECTED && p->replies_end > 0 && *p->batch && !*p->reply;
}

bool kv_batch_part_in_doubt(const struct kv_batch_part *p)
{
    return p->step == KV_BATCH_SENDING_UPLOAD || p->step == KV_BATCH_SENDING_CREATE;
}
