/* batch_collect - fetches the results of batches that ended into the file of replies. */
#include "batch_collect.h"

#include "batch_body.h"
#include "batch_ids.h"
#include "batch_json.h"
#include "batch_lines.h"
#include "batch_replies.h"
#include "io.h"
#include "io_at.h"
#include "json.h"
#include "json_out.h"
#include "reply_line.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MINUTE = 60000,
    FETCH_MS = 60 * MINUTE,
    FETCHES = 5,
    PUT = 1 << 16,
    MISSING_MS = 30 * MINUTE, /* a 404 is not final sooner */
};

/* ---- fetching ---- */

struct download {
    int fd;
    bool failed; /* to write, as err says */
    struct kv_err *err;
    char last; /* byte */
};

static bool take(void *user, struct kv_slice bytes)
{
    struct download *d = user;
    if (bytes.n == 0)
        return true;
    d->failed = kv_io_write(d->fd, bytes, d->err) != 0;
    d->last = bytes.p[bytes.n - 1];
    return !d->failed;
}

/* Appends what is at a path, or at a URL of the service's own, to the file. 1: it all came, 0: it did
 * not, -1: it cannot be written. */
static int fetch(struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *p,
    const char *path, const char *url, int fd, struct kv_err *err)
{
    struct download d = {.fd = fd, .err = err, .last = '\n'};
    const struct kv_exchange_request how = {
        .url = url, .timeout_ms = FETCH_MS, .take = take, .user = &d};
    kv_batch_ask(b, s, p, path, &how);
    if (b->x.end == KV_EXCHANGE_DONE && !d.failed && d.last != '\n')
        take(&d, KV_SLICE("\n"));
    return d.failed ? kv_err_context(err, "results") : b->x.end == KV_EXCHANGE_DONE;
}

int kv_batch_fetch_file(struct kv_batch *b, struct kv_batch_service *s,
    const struct kv_batch_part *p, const char *id, int fd, struct kv_err *err)
{
    struct kv_buf path = {0};
    if (!*id)
        return 1;
    kv_buf_printf(&path, "/files/%s/content", id);
    int got = fetch(b, s, p, path.p, NULL, fd, err);
    kv_buf_release(&path);
    return got;
}

/* The key goes with the request, so a URL at another host is not followed. */
static int fetch_inline(struct kv_batch *b, struct kv_batch_service *s,
    const struct kv_batch_part *p, int fd, struct kv_err *err)
{
    struct kv_buf path = {0};
    const char *url = *p->results_url ? p->results_url : NULL;
    if (url && !kv_exchange_is_ours(&s->line, url)) {
        kv_batch_say(b, p, "its results are said to be at another host than %s: not fetched",
            s->line.provider.chat->host);
        b->tally.refused = s->stopped = true;
        return 0;
    }
    kv_buf_printf(&path, "%s/%s/results", kv_batch_wire_for(p)->batches, p->batch);
    int got = fetch(b, s, p, path.p, url, fd, err);
    kv_buf_release(&path);
    return got;
}

int kv_batch_fetch_results(struct kv_batch *b, struct kv_batch_service *s,
    const struct kv_batch_part *p, int fd, struct kv_err *err)
{
    if (kv_io_truncate(fd, 0, err) != 0)
        return kv_err_context(err, "results");
    if (lseek(fd, 0, SEEK_SET) != 0)
        return kv_err_sys(err, "results");
    if (!kv_batch_wire_for(p)->has_files)
        return fetch_inline(b, s, p, fd, err);
    int got = kv_batch_fetch_file(b, s, p, p->output, fd, err);
    return got == 1 ? kv_batch_fetch_file(b, s, p, p->errors, fd, err) : got;
}

/* ---- counting ---- */

/* Lines that can be read; -1 if one in the middle cannot, -2 with *err if the file cannot. */
static int64_t count_lines(int fd, struct kv_err *err)
{
    struct kv_batch_lines lines;
    struct kv_slice line;
    int64_t n = 0;
    int got = kv_batch_lines_again(&lines, fd, "results", err);
    while (got >= 0 && (got = kv_batch_lines_next(&lines, &line, err)) == 1)
        n++;
    kv_batch_lines_close(&lines);
    return got == 0 ? n : err->kind == KV_SYSTEM ? -2 : -1;
}

/* How many lines the service's counts promise. */
static int64_t promised(const struct kv_batch_part *p)
{
    const struct kv_batch_counts *c = &p->counts;
    if (kv_batch_wire_for(p)->counts_all && c->total >= 0)
        return c->total;
    return c->done >= 0 && c->failed >= 0 ? c->done + c->failed : 0;
}

/* Files lag behind what is said of them, and a transfer that was cut looks like a short file: they
 * are fetched again a few times, then taken as they are. 1: they are there, 0: not to be had now. */
static int fetch_whole(struct kv_batch *b, struct kv_batch_service *s,
    const struct kv_batch_part *p, int fd, struct kv_err *err)
{
    static const int64_t pauses_ms[FETCHES] = {0, 10000, 60000, 120000, 400000};
    bool whole = false, came = false;
    for (int i = 0; i < FETCHES && !whole; i++) {
        if (!kv_exchange_pause(&s->line, pauses_ms[i]))
            return 0;
        int got = kv_batch_fetch_results(b, s, p, fd, err);
        if (got < 0)
            return -1;
        if (s->stopped || (!got && b->x.end == KV_EXCHANGE_REFUSED))
            return 0;
        int64_t n = got ? count_lines(fd, err) : -1;
        if (n == -2)
            return -1;
        whole = n >= promised(p);
        came = n >= 0;
    }
    return came;
}

/* ---- taking in ---- */

struct tally {
    int64_t replies, failures, strangers, repeated; /* calls */
    struct {
        int status;
        int64_t n;
        char *text;
    } final[8]; /* by status, of failures that stay */
    double tokens;
};

struct intake {
    struct kv_batch *b;
    const struct kv_batch_part *p;
    const struct kv_batch_sink *sink;
    struct kv_batch_ids *ids;
    struct kv_batch_replies replies;
    struct kv_buf out;
    struct tally t;
    struct kv_buf at;
};

static void count_final(struct tally *t, const struct kv_reply_line *r)
{
    struct kv_slice message;
    for (size_t i = 0; i < sizeof t->final / sizeof *t->final; i++) {
        if (t->final[i].n && t->final[i].status != r->status)
            continue;
        t->final[i].status = r->status;
        t->final[i].n++;
        if (!t->final[i].text && kv_json_path(r->body, &message, "error", "message", NULL) &&
            kv_json_type(message) == KV_JSON_STRING)
            t->final[i].text = kv_json_strdup(message);
        return;
    }
}

/* A success beats any failure; an id is counted once. */
static void count(struct intake *in, const struct kv_reply_line *r)
{
    struct tally *t = &in->t;
    struct kv_slice id = kv_slice_of(&r->id), usage;
    unsigned known = kv_batch_ids_find(in->ids, id);
    unsigned flag = kv_batch_ids_flag(r);
    t->strangers += !known;
    if (!known || !flag)
        return;
    t->repeated += (known & flag) != 0;
    if (flag == KV_BATCH_ID_ANSWERED && !(known & KV_BATCH_ID_ANSWERED)) {
        t->replies++;
        t->failures -= (known & (KV_BATCH_ID_OTHER | KV_BATCH_ID_FAILED)) != 0;
    } else if (known == KV_BATCH_ID_HELD)
        t->failures++;
    if (flag == KV_BATCH_ID_FAILED && known == KV_BATCH_ID_HELD)
        count_final(t, r);
    if (flag == KV_BATCH_ID_ANSWERED && kv_json_get(r->body, "usage", &usage))
        t->tokens += kv_batch_json_number(usage, "total_tokens", 0);
    kv_batch_ids_add(in->ids, id, flag);
}

static int put(struct intake *in, struct kv_err *err)
{
    const struct kv_batch_sink *sink = in->sink;
    int failed = sink->put && in->out.n ? sink->put(sink->closure, kv_slice_of(&in->out), err) : 0;
    kv_buf_clear(&in->out);
    return failed;
}

static int take_line(struct intake *in, struct kv_slice line, struct kv_err *err)
{
    struct kv_reply_line r = {0};
    const struct kv_reply_from from = {.part = in->p->number,
        .batch = in->p->batch,
        .wire = *in->p->wire ? in->p->wire : NULL,
        .tier = "batch",
        .at = in->at.p};
    size_t before = in->out.n;
    if (kv_reply_line_read(&r, line, err) != 0) {
        kv_batch_say(in->b, in->p, "a line of its results is passed over: %s", err->text);
        kv_reply_line_release(&r);
        return 0;
    }
    count(in, &r);
    kv_reply_line_write(&in->out, &r, &from);
    kv_reply_line_release(&r);
    const struct kv_slice made = {in->out.p + before, in->out.n - before};
    if (kv_batch_replies_add(&in->replies, made, err) != 0)
        return -1;
    return in->out.n < PUT ? 0 : put(in, err);
}

static int take_lines(struct intake *in, int fd, struct kv_err *err)
{
    struct kv_batch_lines lines;
    struct kv_slice line;
    int got = kv_batch_lines_again(&lines, fd, "results", err);
    while (got >= 0 && (got = kv_batch_lines_next(&lines, &line, err)) == 1)
        if (take_line(in, line, err) != 0)
            got = -1;
    kv_batch_lines_close(&lines);
    return got < 0 ? -1 : put(in, err);
}

/* ---- the end of a part ---- */

static int note_collected(const struct intake *in, struct kv_err *err)
{
    const struct tally *t = &in->t;
    struct kv_buf more = {0};
    kv_json_out_int(&more, "replies", t->replies);
    kv_json_out_int(&more, "failures", t->failures);
    kv_json_out_int(&more, "missing", in->p->requests - t->replies - t->failures);
    kv_json_out_int(&more, "bytes", in->replies.bytes);
    kv_json_out_int(&more, "size", in->replies.size);
    kv_json_out_str(&more, "sha256", in->replies.sha256);
    int failed = kv_batch_note(in->b, in->p, "collected", more.p, err);
    kv_buf_release(&more);
    return failed;
}

/* More than half of a batch failed for one reason that stays: that is the configuration. */
static void tell_refusals(const struct intake *in)
{
    for (size_t i = 0; i < sizeof in->t.final / sizeof *in->t.final; i++) {
        if (in->t.final[i].n * 2 <= in->p->requests)
            continue;
        in->b->tally.refused = true;
        kv_batch_say(in->b, in->p, "%lld of %lld requests were refused: %d: %s",
            (long long)in->t.final[i].n, (long long)in->p->requests, in->t.final[i].status,
            in->t.final[i].text ? in->t.final[i].text : "no reason is given");
    }
}

static void tell(const struct intake *in)
{
    const struct tally *t = &in->t;
    int64_t missing = in->p->requests - t->replies - t->failures;
    if (t->strangers)
        kv_batch_say(in->b, in->p, "%lld replies belong to none of its requests, and are kept",
            (long long)t->strangers);
    if (t->repeated)
        kv_batch_say(in->b, in->p, "%lld requests are answered more than once: the first counts",
            (long long)t->repeated);
    if (missing > 0)
        kv_batch_say(in->b, in->p, "%lld of %lld requests %s; run again", (long long)missing,
            (long long)in->p->requests,
            in->p->status == KV_BATCH_EXPIRED     ? "expired"
            : in->p->status == KV_BATCH_CANCELLED ? "were cancelled"
                                                  : "have no reply");
    if (t->failures)
        kv_batch_say(in->b, in->p, "%lld of %lld requests failed", (long long)t->failures,
            (long long)in->p->requests);
    if (in->p->usage > 0 && t->tokens > 0 && fabs(t->tokens - in->p->usage) > in->p->usage / 100)
        kv_batch_say(in->b, in->p, "its replies say %.0f tokens, the service says %.0f", t->tokens,
            in->p->usage);
    if (!*in->p->reply)
        tell_refusals(in);
}

static void end_intake(struct intake *in)
{
    for (size_t i = 0; i < sizeof in->t.final / sizeof *in->t.final; i++)
        free(in->t.final[i].text);
    kv_batch_ids_close(in->ids);
    kv_batch_replies_abandon(&in->replies);
    kv_buf_release(&in->out);
    kv_buf_release(&in->at);
}

static int take_in(struct kv_batch *b, const struct kv_batch_part *p,
    const struct kv_batch_sink *sink, int fd, struct kv_err *err)
{
    struct intake in = {.b = b, .p = p, .sink = sink, .ids = kv_batch_ids_open()};
    char *path = kv_batch_request_path(&b->paths, p->number);
    kv_batch_json_time_text(&in.at, kv_batch_now_ms());
    int failed = kv_batch_ids_add_requests(in.ids, path, KV_BATCH_ID_HELD, NULL, err) ||
                 kv_batch_replies_begin(&in.replies, &b->paths, err) || take_lines(&in, fd, err) ||
                 kv_batch_replies_end(&in.replies, err) || note_collected(&in, err);
    if (!failed) {
        tell(&in);
        if (p->replies + p->failures >= p->requests) /* else it says which have no reply */
            kv_io_remove(AT_FDCWD, path);
    }
    end_intake(&in);
    free(path);
    return failed ? -1 : 0;
}

/* Results that are not to be had: a 404 is not final for half an hour. */
static void tell_unfetched(
    struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *p)
{
    b->tally.waits = true;
    if (b->tally.signal || s->stopped)
        return;
    bool fresh = kv_batch_since_ms(b, p->ended_ms) < MISSING_MS;
    if (b->x.status == 404 && fresh)
        return;
    if (b->x.status == 404)
        kv_batch_say(b, p,
            "its results are not found at the service; to order it again: kv-batch forget %s %lld",
            kv_ledger_path(b->ledger), (long long)p->number);
    else
        kv_batch_say(b, p, "its results could not be fetched: %s; run again",
            b->x.message.n ? b->x.message.p : "they are cut short");
}

/* The failure of one request stands for all results. */
static int take_culprit(struct kv_batch *b, const struct kv_batch_part *p,
    const struct kv_batch_sink *sink, int fd, struct kv_err *err)
{
    if (kv_io_write(fd, kv_slice(p->reply), err) != 0 || kv_io_write(fd, KV_SLICE("\n"), err) != 0)
        return kv_err_context(err, "results");
    return take_in(b, p, sink, fd, err);
}

static int collect_fetched(struct kv_batch *b, struct kv_batch_part *p,
    const struct kv_batch_sink *sink, int fd, struct kv_err *err)
{
    struct kv_err why;
    struct kv_batch_service *s = kv_batch_service_of(b, p, &why);
    if (!s) {
        b->tally.refused = true;
        kv_batch_say(b, p, "%s", why.text);
        return 0;
    }
    if (s->stopped)
        return 0;
    int got = fetch_whole(b, s, p, fd, err);
    if (got == 1)
        return take_in(b, p, sink, fd, err);
    if (got == 0 && b->x.status == 429)
        return kv_batch_note_refusal(b, s, p, err);
    if (got == 0)
        tell_unfetched(b, s, p);
    return got;
}

/* Without its requests nobody can say what is missing of it. */
static bool has_requests(const struct kv_batch *b, const struct kv_batch_part *p)
{
    char *path = kv_batch_request_path(&b->paths, p->number);
    bool there = kv_io_exists(path, NULL) != 0;
    free(path);
    return there;
}

static int collect_part(struct kv_batch *b, struct kv_batch_part *p,
    const struct kv_batch_sink *sink, struct kv_err *err)
{
    if (!has_requests(b, p)) {
        b->tally.waits = true;
        return 0;
    }
    int fd = kv_batch_body_scratch(&b->paths, err);
    if (fd < 0)
        return -1;
    int failed =
        *p->reply ? take_culprit(b, p, sink, fd, err) : collect_fetched(b, p, sink, fd, err);
    p->told |= p->step == KV_BATCH_COLLECTED;
    close(fd);
    return failed;
}

int kv_batch_collect(struct kv_batch *b, const struct kv_batch_sink *sink, struct kv_err *err)
{
    for (size_t i = 0; i < kv_ledger_parts(b->ledger) && !b->tally.signal; i++) {
        struct kv_batch_part *p = kv_ledger_part(b->ledger, i);
        if (p->step == KV_BATCH_ENDED && collect_part(b, p, sink, err) != 0)
            return -1;
    }
    return 0;
}

int kv_batch_collected(struct kv_batch *b, const struct kv_batch_sink *sink, struct kv_err *err)
{
    struct kv_batch_lines lines;
    struct kv_slice line;
    struct kv_buf out = {0};
    char *path = kv_batch_replies_path(&b->paths);
    int got = kv_io_exists(path, err);
    if (got > 0) {
        got = kv_batch_lines_open(&lines, path, err);
        while (got >= 0 && (got = kv_batch_lines_next(&lines, &line, err)) == 1) {
            kv_buf_add_slice(&out, line);
            kv_buf_add_char(&out, '\n');
            if (out.n >= PUT) {
                got = sink->put(sink->closure, kv_slice_of(&out), err);
                kv_buf_clear(&out);
            }
        }
        kv_batch_lines_close(&lines);
        if (got == 0 && out.n)
            got = sink->put(sink->closure, kv_slice_of(&out), err);
    }
    kv_buf_release(&out);
    free(path);
    return got < 0 ? -1 : 0;
}
