/* batch_look - how far the ordered parts are, as their services say. */
#include "batch_look.h"

#include "batch_json.h"
#include "batch_lines.h"
#include "batch_submit.h"
#include "json.h"
#include "json_out.h"
#include "request_line.h"

#include <stdlib.h>
#include <string.h>

enum {
    MINUTE = 60000,
    SEEN_EVERY_MS = 10 * MINUTE, /* noted for people */
    MISSING_MS = 30 * MINUTE,    /* a 404 is not final sooner */
    FILES_MS = 10 * MINUTE,      /* files appear after the end is said */
    MANY = 20,                   /* parts of one service: looked at by the list */
    LATE_MS = 48 * 60 * MINUTE,  /* behind its time to expire: told */
};

/* ---- what is written down ---- */

static void add_counts(struct kv_buf *out, const struct kv_batch_counts *c)
{
    kv_json_out_object(out, "counts");
    kv_json_out_int(out, "total", c->total);
    kv_json_out_int(out, "done", c->done);
    kv_json_out_int(out, "failed", c->failed);
    kv_buf_add_char(out, '}');
}

static int note_seen(struct kv_batch *b, const struct kv_batch_part *p,
    const struct kv_batch_seen *seen, struct kv_err *err)
{
    struct kv_buf more = {0};
    kv_json_out_str(
        &more, "status", seen->status ? kv_batch_status_name(seen->status) : seen->word);
    add_counts(&more, &seen->counts);
    int failed = kv_batch_note(b, p, "seen", more.p, err);
    kv_buf_release(&more);
    return failed;
}

static int note_ended(struct kv_batch *b, const struct kv_batch_part *p,
    const struct kv_batch_seen *seen, struct kv_err *err)
{
    struct kv_buf more = {0};
    int64_t until = seen->results_until_ms;
    kv_json_out_str(&more, "status", kv_batch_status_name(seen->status));
    kv_json_out_str(&more, "output", *seen->output ? seen->output : NULL);
    kv_json_out_str(&more, "errors", *seen->errors ? seen->errors : NULL);
    if (seen->results_url.n)
        kv_json_out_str(&more, "results_url", seen->results_url.p);
    add_counts(&more, &seen->counts);
    if (seen->tokens >= 0)
        kv_json_out_number(&more, "usage", seen->tokens);
    kv_batch_json_add_time(
        &more, "results_until", until ? until : kv_batch_now_ms() + INT64_C(30) * 24 * 60 * MINUTE);
    int failed = kv_batch_note(b, p, "ended", more.p, err);
    kv_buf_release(&more);
    return failed;
}

/* ---- batches that failed as a whole ---- */

/* The id of the line that is blamed, as a JSON string; empty if the request file has no such line. */
static int find_id(
    const struct kv_batch *b, const struct kv_batch_part *p, struct kv_buf *id, struct kv_err *err)
{
    struct kv_batch_lines lines;
    struct kv_request_line r;
    struct kv_slice line;
    char *path = kv_batch_request_path(&b->paths, p->number);
    int got = kv_batch_lines_open(&lines, path, err);
    for (int64_t n = 1; got >= 0 && (got = kv_batch_lines_next(&lines, &line, err)) == 1; n++)
        if (n == b->seen.line && kv_request_line_read(&r, line, err) == 0) {
            kv_buf_add_slice(id, r.id);
            break;
        }
    kv_batch_lines_close(&lines);
    free(path);
    return got < 0 ? -1 : 0;
}

/* One bad line fails all: its call has failed, the others are free to be ordered again. */
static int blame_line(struct kv_batch *b, const struct kv_batch_part *p, struct kv_slice id,
    const char *text, struct kv_err *err)
{
    const struct kv_batch_culprit culprit = {.id = id,
        .status = 400,
        .type = "invalid_request_error",
        .code = b->seen.code.n ? b->seen.code.p : NULL,
        .message = text};
    if (kv_batch_note_culprit(b, p, &culprit, err) != 0)
        return -1;
    kv_batch_say(b, p, "its line %lld, %.*s, is refused: %s; run again for the others",
        (long long)b->seen.line, (int)id.n, id.p, text);
    b->tally.waits = true;
    return 0;
}

/* The queue was full; a part that could never fit is cut smaller the next time. */
static int take_full(
    struct kv_batch *b, struct kv_batch_part *p, const char *text, struct kv_err *err)
{
    if (kv_batch_note_full(b, p, "create", 0, "token_limit_exceeded", text, -1, err) != 0)
        return -1;
    if (p->queue_limit > 0 && p->prompt_tokens > (double)p->queue_limit * 0.9)
        return kv_batch_give_up(
            b, p, KV_BATCH_LOST, "larger than the queue: cut into smaller parts", err);
    return 0;
}

static int take_failed(struct kv_batch *b, struct kv_batch_part *p, struct kv_err *err)
{
    struct kv_slice code = kv_slice_of(&b->seen.code), message = kv_slice_of(&b->seen.message);
    struct kv_buf id = {0}, reason = {0};
    const char *text = message.n ? message.p : code.n ? code.p : "no reason is given";
    if (kv_slice_is(code, "token_limit_exceeded") || strstr(text, "nqueued token"))
        return take_full(b, p, text, err);
    int failed = b->seen.line > 0 ? find_id(b, p, &id, err) : 0;
    if (!failed && id.n) {
        failed = blame_line(b, p, kv_slice_of(&id), text, err);
    } else if (!failed) {
        bool both = code.n && message.n;
        kv_buf_printf(&reason, "%s%s%s", both ? code.p : "", both ? ": " : "", text);
        b->tally.faulty = true;
        kv_batch_say(b, p, "the batch failed: %s", reason.p);
        failed = kv_batch_give_up(b, p, KV_BATCH_FAULTY, reason.p, err);
    }
    kv_buf_release(&id);
    kv_buf_release(&reason);
    return failed ? -1 : 0;
}

/* ---- batches that ended ---- */

/* True if there must be results, and no way to them is named yet. */
static bool lacks_files(const struct kv_batch_part *p, const struct kv_batch_seen *seen)
{
    if (!kv_batch_wire_for(p)->has_files || *seen->output || *seen->errors)
        return false;
    return seen->status == KV_BATCH_COMPLETED || seen->counts.done > 0 || seen->counts.failed > 0;
}

static int take_ended(struct kv_batch *b, struct kv_batch_part *p, struct kv_err *err)
{
    const struct kv_batch_seen *seen = &b->seen;
    if (seen->archived) {
        kv_batch_say(b, p, "its results are gone at the service; run again to order it again");
        b->tally.waits = true;
        return kv_batch_give_up(b, p, KV_BATCH_LOST, "archived", err);
    }
    if (!lacks_files(p, seen))
        return note_ended(b, p, seen, err);
    b->tally.waits = true;
    if (!p->final_ms || kv_batch_since_ms(b, p->final_ms) < FILES_MS)
        return note_seen(b, p, seen, err);
    kv_batch_say(b, p, "has ended and names no files: given up; run again to order it again");
    return kv_batch_give_up(b, p, KV_BATCH_LOST, "no files", err);
}

static int take_seen(struct kv_batch *b, struct kv_batch_part *p, struct kv_err *err)
{
    const struct kv_batch_seen *seen = &b->seen;
    bool unknown = seen->status == KV_BATCH_UNKNOWN;
    if (seen->status == KV_BATCH_FAILED)
        return take_failed(b, p, err);
    if (kv_batch_status_is_final(seen->status))
        return take_ended(b, p, err);
    b->tally.waits = true;
    if (unknown && (p->status != KV_BATCH_UNKNOWN || !p->seen_ms))
        kv_batch_say(b, p, "its status is '%s', which is not known: looked at again", seen->word);
    if (p->expires_ms && kv_batch_since_ms(b, p->expires_ms) > LATE_MS)
        kv_batch_say(b, p, "should have ended two days ago, and is still looked after");
    bool stale = !p->seen_ms || kv_batch_since_ms(b, p->seen_ms) >= SEEN_EVERY_MS;
    return stale || seen->status != p->status ? note_seen(b, p, seen, err) : 0;
}

/* ---- looks ---- */

static int note_missing(struct kv_batch *b, struct kv_batch_part *p, struct kv_err *err)
{
    b->tally.waits = true;
    if (kv_batch_since_ms(b, p->created_ms) < MISSING_MS)
        return 0;
    if (kv_batch_note(b, p, "not-found", NULL, err) != 0)
        return -1;
    if (p->missing_looks >= 3 && kv_batch_since_ms(b, p->missing_ms) >= MISSING_MS)
        kv_batch_say(b, p,
            "batch %s is not found at the service: it may be of another project than the key; to "
            "order it again: kv-batch forget %s %lld",
            p->batch, kv_ledger_path(b->ledger), (long long)p->number);
    return 0;
}

static int look_at(
    struct kv_batch *b, struct kv_batch_service *s, struct kv_batch_part *p, struct kv_err *err)
{
    if (kv_batch_get(b, s, p, p->batch))
        return take_seen(b, p, err);
    if (b->x.end == KV_EXCHANGE_REFUSED && b->x.status == 404)
        return note_missing(b, p, err);
    return kv_batch_note_refusal(b, s, p, err);
}

struct listed {
    struct kv_batch *b;
    struct kv_err *err;
    bool failed;
};

static bool take_listed(void *closure, const struct kv_batch_seen *seen)
{
    struct listed *l = closure;
    for (size_t i = 0; i < kv_ledger_parts(l->b->ledger); i++) {
        struct kv_batch_part *p = kv_ledger_part(l->b->ledger, i);
        if (p->step != KV_BATCH_CREATED || strcmp(p->batch, seen->id) != 0)
            continue;
        p->looked_ms = kv_batch_now_ms();
        l->failed = take_seen(l->b, p, l->err) != 0;
    }
    return !l->failed;
}

/* Many parts of one service are looked at by its list; what that does not show, one by one. */
static int look_by_list(struct kv_batch *b, struct kv_batch_service *s,
    const struct kv_batch_part *p, struct kv_err *err)
{
    struct listed l = {.b = b, .err = err};
    int64_t oldest = kv_batch_now_ms();
    for (size_t i = 0; i < kv_ledger_parts(b->ledger); i++) {
        const struct kv_batch_part *q = kv_ledger_part(b->ledger, i);
        if (q->step == KV_BATCH_CREATED && q->created_ms < oldest)
            oldest = q->created_ms;
    }
    kv_batch_list(b, s, p, oldest - 15 * MINUTE, take_listed, &l);
    return l.failed ? -1 : 0;
}

static size_t count_ordered(const struct kv_batch *b, const struct kv_batch_part *like)
{
    size_t n = 0;
    for (size_t i = 0; i < kv_ledger_parts(b->ledger); i++) {
        const struct kv_batch_part *p = kv_ledger_part(b->ledger, i);
        n += p->step == KV_BATCH_CREATED && strcmp(p->endpoint, like->endpoint) == 0;
    }
    return n;
}

static int look_part(
    struct kv_batch *b, struct kv_batch_part *p, int64_t since_ms, struct kv_err *err)
{
    struct kv_err why;
    struct kv_batch_service *s = kv_batch_service_of(b, p, &why);
    if (!s) {
        b->tally.refused = true;
        kv_batch_say(b, p, "%s", why.text);
        return 0;
    }
    if (!s->stopped && s->listed_ms < since_ms && count_ordered(b, p) > MANY) {
        s->listed_ms = kv_batch_now_ms();
        if (look_by_list(b, s, p, err) != 0)
            return -1;
    }
    if (s->stopped || p->step != KV_BATCH_CREATED || p->looked_ms >= since_ms)
        return 0;
    p->looked_ms = kv_batch_now_ms();
    return look_at(b, s, p, err);
}

int kv_batch_look(struct kv_batch *b, struct kv_err *err)
{
    int64_t now = kv_batch_now_ms();
    for (size_t i = 0; i < kv_ledger_parts(b->ledger) && !b->tally.signal; i++) {
        struct kv_batch_part *p = kv_ledger_part(b->ledger, i);
        if (p->step != KV_BATCH_CREATED || p->looked_ms >= now)
            continue;
        if (look_part(b, p, now, err) != 0)
            return -1;
    }
    return 0;
}
