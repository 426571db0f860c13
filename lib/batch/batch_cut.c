/* batch_cut - request lines cut into parts, each with its own request file, written down.
 *
 * The ledger names the parts once all lines have been read: a file with a line that cannot be taken
 * leaves nothing behind that would be ordered later.
 *
 * One line is always held back, so that a part whose size would be that of another open one can be
 * closed before its last line, which then begins the next.
 */
#include "batch_cut.h"

#include "batch_json.h"
#include "batch_lines.h"
#include "digest.h"
#include "io.h"
#include "io_at.h"
#include "json.h"
#include "json_out.h"
#include "request_line.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    REQUESTS = 1000,
    BYTES = 20000000,
    WRAPPING = 64,       /* of a request in another body than its line's, and around all of them */
    ANSWER_TOKENS = 1000 /* of an answer that nobody limits */
};

/* A part that is cut, and not in the ledger yet. */
struct made {
    int64_t number, requests;
    const char *shape; /* borrowed */
    struct kv_buf members;
    struct kv_buf large; /* custom_id, as JSON, of its one request, which no batch can hold */
};

struct cutter {
    struct kv_batch *b;
    const struct kv_batch_sources *sources;
    struct made *made;
    size_t made_count;
    /* the source that is read */
    const struct kv_batch_source *source;
    const struct kv_batch_limits *limits;
    const struct kv_batch_wire *wire;
    struct kv_batch_ids *ids;
    struct kv_buf url, model; /* of its lines */
    struct kv_buf id, asked;  /* of one of them */
    double queue_limit;       /* of prompt tokens; 0: none is known */
    int64_t repeated;         /* lines that are the same as one before; the first of them: */
    size_t repeated_at;
    /* the part that is being written */
    bool open;
    int64_t number, requests, bytes;
    double prompt, answer;
    struct kv_publish file;
    struct kv_buf text;
    struct kv_digest *digest;
    /* the line held back */
    struct kv_buf held;
    double held_prompt, held_answer;
};

static int64_t most_requests(const struct cutter *c)
{
    int64_t n = c->limits->requests > 0 ? c->limits->requests : REQUESTS;
    return n < c->wire->requests_max ? n : c->wire->requests_max;
}

static int64_t most_bytes(const struct cutter *c)
{
    int64_t n = c->limits->bytes > 0 ? c->limits->bytes : BYTES;
    int64_t most = c->wire->bytes_max / 100 * 95;
    return n < most ? n / 100 * 95 : most;
}

/* What the service said its queue holds for this model, last. */
static double find_queue_limit(const struct cutter *c)
{
    double limit = 0;
    for (size_t i = 0; i < kv_ledger_parts(c->b->ledger); i++) {
        const struct kv_batch_part *p = kv_ledger_part(c->b->ledger, i);
        if (p->queue_limit > 0 && strcmp(p->endpoint, c->source->endpoint) == 0)
            limit = (double)p->queue_limit * 0.9;
    }
    return limit;
}

static int64_t next_number(const struct cutter *c)
{
    return kv_ledger_last_part(c->b->ledger) + (int64_t)c->made_count + 1;
}

/* True if an open part of the endpoint has so many requests, where that would confuse. */
static bool is_taken(const struct cutter *c, int64_t requests)
{
    for (size_t i = 0; !c->wire->has_files && i < kv_ledger_parts(c->b->ledger); i++) {
        const struct kv_batch_part *p = kv_ledger_part(c->b->ledger, i);
        if (kv_batch_part_is_open(p) && p->requests == requests &&
            strcmp(p->shape, c->source->shape) == 0)
            return true;
    }
    for (size_t i = 0; !c->wire->has_files && i < c->made_count; i++)
        if (c->made[i].requests == requests && strcmp(c->made[i].shape, c->source->shape) == 0)
            return true;
    return false;
}

/* ---- one part ---- */

static int open_part(struct cutter *c, struct kv_err *err)
{
    c->number = next_number(c);
    char *path = kv_batch_request_path(&c->b->paths, c->number);
    int failed = kv_publish_begin(&c->file, path, err);
    free(path);
    if (failed)
        return -1;
    c->open = true;
    c->requests = c->bytes = 0;
    c->prompt = c->answer = 0;
    kv_buf_clear(&c->text);
    c->digest = kv_digest_begin();
    return 0;
}

static int flush(struct cutter *c, struct kv_err *err)
{
    int failed = kv_io_write(c->file.fd, kv_slice_of(&c->text), err);
    kv_buf_clear(&c->text);
    return failed;
}

static void add_part(const struct cutter *c, const char *sha256, struct kv_buf *out)
{
    const struct kv_batch_source *s = c->source;
    kv_json_out_str(out, "endpoint", s->endpoint);
    enum kv_protocol_kind wire;
    bool known = kv_request_line_wire(kv_slice_of(&c->url), &wire);
    kv_json_out_str(out, "wire", *s->wire || !known ? s->wire : kv_request_line_wire_name(wire));
    kv_json_out_str(out, "dialect", s->dialect);
    kv_json_out_str(out, "shape", s->shape);
    kv_json_out_str(out, "url", c->url.p);
    kv_json_out_str(out, "base_url", s->base_url);
    kv_json_out_str(out, "model", c->model.p);
    kv_json_out_int(out, "requests", c->requests);
    kv_json_out_int(out, "bytes", c->bytes);
    kv_json_out_str(out, "sha256", sha256);
    kv_json_out_number(out, "prompt_tokens", c->prompt);
    kv_json_out_object(out, "reserve");
    kv_json_out_number(out, "tokens", c->prompt + c->answer);
    kv_json_out_null(out, "cost"); /* prices are not known here */
    kv_buf_add_char(out, '}');
}

static int close_part(struct cutter *c, struct kv_err *err)
{
    char sha256[KV_SHA256_HEX + 1];
    kv_digest_end(c->digest, sha256);
    c->digest = NULL;
    c->open = false;
    if (flush(c, err) != 0 || kv_publish_end(&c->file, err) != 0) {
        kv_publish_abandon(&c->file);
        return -1;
    }
    c->made = kv_grow(c->made, c->made_count, sizeof *c->made);
    struct made *m = &c->made[c->made_count++];
    *m = (struct made){.number = c->number, .requests = c->requests, .shape = c->source->shape};
    add_part(c, sha256, &m->members);
    return 0;
}

static void abandon_part(struct cutter *c)
{
    char hex[KV_SHA256_HEX + 1];
    if (!c->open)
        return;
    kv_digest_end(c->digest, hex);
    kv_publish_abandon(&c->file);
    c->open = false;
}

/* Puts the line that was held back into the part. */
static int put_held(struct cutter *c, struct kv_err *err)
{
    if (!c->open && open_part(c, err) != 0)
        return -1;
    kv_digest_update(c->digest, kv_slice_of(&c->held));
    kv_buf_add_slice(&c->text, kv_slice_of(&c->held));
    c->requests++;
    c->bytes += (int64_t)c->held.n;
    c->prompt += c->held_prompt;
    c->answer += c->held_answer;
    kv_buf_clear(&c->held);
    return c->text.n < (1 << 20) ? 0 : flush(c, err);
}

/* True if the part is full with so many requests more. */
static bool is_full(const struct cutter *c, size_t bytes, double prompt)
{
    int64_t most = most_requests(c);
    while (most > 1 && is_taken(c, most))
        most--;
    int64_t wrapped = c->bytes + (int64_t)bytes + (c->requests + 1) * WRAPPING;
    return c->requests >= most || wrapped > most_bytes(c) ||
           (c->queue_limit > 0 && c->prompt + prompt > c->queue_limit);
}

/* ---- lines ---- */

/* What a body asks for at most, by any of the names for it. */
static double answer_tokens(struct kv_slice body)
{
    static const char *const names[] = {"max_tokens", "max_completion_tokens", "max_output_tokens"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        double n = kv_batch_json_number(body, names[i], 0);
        if (n > 0)
            return n;
    }
    return ANSWER_TOKENS;
}

/* The URL and the model of the first line are those of all. */
static int check_same(struct cutter *c, const struct kv_request_line *r, struct kv_err *err)
{
    struct kv_buf url = {0}, model = {0};
    kv_json_unescape(r->url, &url);
    if (r->model.n && kv_json_type(r->model) == KV_JSON_STRING)
        kv_json_unescape(r->model, &model);
    if (!c->url.n) {
        kv_buf_add_slice(&c->url, kv_slice_of(&url));
        kv_buf_add_slice(&c->model, model.n ? kv_slice_of(&model) : kv_slice(c->source->model));
        if (!c->model.n)
            kv_buf_add_str(&c->model, "");
    }
    bool same_url = kv_slice_eq(kv_slice_of(&url), kv_slice_of(&c->url));
    bool same = !model.n || kv_slice_eq(kv_slice_of(&model), kv_slice_of(&c->model));
    kv_buf_release(&url);
    kv_buf_release(&model);
    if (same_url && same)
        return 0;
    return kv_err_set(err, KV_INPUT, "another %s than in the first line: a file is for one %s",
        same_url ? "model" : "url", same_url ? "model" : "url");
}

static int close_all(struct cutter *c, struct kv_err *err)
{
    if (c->held.n && put_held(c, err) != 0)
        return -1;
    return c->open ? close_part(c, err) : 0;
}

/* A request that no batch can hold has a part of its own, which has failed. */
static int refuse_line(
    struct cutter *c, struct kv_slice line, struct kv_slice id, struct kv_err *err)
{
    if (close_all(c, err) != 0)
        return -1;
    kv_json_compact(&c->held, line);
    kv_buf_add_char(&c->held, '\n');
    if (close_all(c, err) != 0)
        return -1;
    kv_buf_add_slice(&c->made[c->made_count - 1].large, id);
    kv_batch_say(c->b, NULL, "%s: %.80s is larger than a batch may be", c->source->path, c->id.p);
    return 0;
}

/* 1 for the first line with its id, 0 for the same request once more. Replies are told apart by the id
 * alone, so another request with it is a mistake. */
static int claim(
    struct cutter *c, const struct kv_request_line *r, size_t number, struct kv_err *err)
{
    struct kv_batch_ids_line first;
    kv_buf_clear(&c->asked);
    kv_buf_add_slice(&c->asked, r->url);
    kv_json_compact(&c->asked, r->body);
    const struct kv_batch_ids_line line = {.asked = kv_digest_128(kv_slice_of(&c->asked)).lo,
        .file = (uint32_t)(c->source - c->sources->items),
        .number = (uint32_t)number};
    if (kv_batch_ids_claim(c->ids, kv_slice_of(&c->id), &line, &first))
        return 1;
    if (first.asked != line.asked)
        return kv_err_set(err, KV_INPUT, "custom_id %.*s: another request than in %s:%u",
            r->id.n < 80 ? (int)r->id.n : 80, r->id.p,
            kv_io_name(c->sources->items[first.file].path), (unsigned)first.number);
    if (!c->repeated++)
        c->repeated_at = number;
    return 0;
}

static int take_line(struct cutter *c, struct kv_slice line, size_t number, struct kv_err *err)
{
    struct kv_request_line r;
    if (kv_request_line_read(&r, line, err) != 0 || check_same(c, &r, err) != 0)
        return -1;
    kv_buf_clear(&c->id);
    kv_json_unescape(r.id, &c->id);
    int fresh = claim(c, &r, number, err);
    if (fresh != 1)
        return fresh;
    unsigned known = kv_batch_ids_find(c->ids, kv_slice_of(&c->id));
    if (known & (KV_BATCH_ID_HELD | KV_BATCH_ID_ANSWERED | KV_BATCH_ID_FAILED))
        return 0;
    kv_batch_ids_add(c->ids, kv_slice_of(&c->id), KV_BATCH_ID_HELD);
    if ((int64_t)line.n + WRAPPING > c->wire->bytes_max / 100 * 95)
        return refuse_line(c, line, r.id, err);
    double prompt = ceil((double)r.body.n / 3.5), answer = answer_tokens(r.body);
    if (c->held.n && put_held(c, err) != 0)
        return -1;
    if (c->open && is_full(c, line.n, prompt) && close_part(c, err) != 0)
        return -1;
    kv_json_compact(&c->held, line);
    kv_buf_add_char(&c->held, '\n');
    c->held_prompt = prompt;
    c->held_answer = answer;
    return 0;
}

/* What is left, in a part or, where its size is another's, in two. */
static int end(struct cutter *c, struct kv_err *err)
{
    if (!c->held.n)
        return c->open ? close_part(c, err) : 0;
    if (c->open && is_taken(c, c->requests + 1) && close_part(c, err) != 0)
        return -1;
    return put_held(c, err) != 0 ? -1 : close_part(c, err);
}

/* Cuts one source. */
static int cut(struct cutter *c, struct kv_err *err)
{
    struct kv_batch_lines lines;
    struct kv_slice line;
    c->wire = kv_batch_wire_of(kv_slice(c->source->shape));
    c->queue_limit = find_queue_limit(c);
    c->repeated = 0;
    kv_buf_clear(&c->url);
    kv_buf_clear(&c->model);
    int got = kv_batch_lines_open(&lines, c->source->path, err);
    while (got >= 0 && (got = kv_batch_lines_next(&lines, &line, err)) == 1)
        if (take_line(c, line, lines.lines.number, err) != 0) {
            got = err->sys ? -1 : kv_batch_lines_blame(&lines, err);
            break;
        }
    if (got >= 0 && lines.torn)
        got = kv_err_set(err, KV_INPUT, "%s: its last line is torn", c->source->path);
    if (got >= 0)
        got = end(c, err);
    if (got >= 0 && c->repeated)
        kv_batch_say(c->b, NULL, "%s: %lld line%s, the first is line %zu: ordered once", lines.path,
            (long long)c->repeated,
            c->repeated == 1 ? " is the same as one before" : "s are the same as ones before",
            c->repeated_at);
    abandon_part(c);
    kv_batch_lines_close(&lines);
    return got < 0 ? -1 : 0;
}

static int note_part(struct cutter *c, const struct made *m, struct kv_err *err)
{
    const struct kv_batch_part part = {.number = m->number};
    const struct kv_batch_culprit culprit = {.id = kv_slice_of(&m->large),
        .status = 413,
        .type = "request_too_large",
        .message = "the request is larger than a batch may be"};
    if (kv_batch_note(c->b, &part, "part", m->members.p, err) != 0)
        return -1;
    return m->large.n ? kv_batch_note_culprit(c->b, &part, &culprit, err) : 0;
}

/* Puts the parts into the ledger; `failed`: their files are removed instead. */
static int note_made(struct cutter *c, int failed, struct kv_err *err)
{
    bool kept = !failed;
    for (size_t i = 0; i < c->made_count; i++) {
        if (!failed)
            failed = note_part(c, &c->made[i], err);
        if (!kept) {
            char *path = kv_batch_request_path(&c->b->paths, c->made[i].number);
            kv_io_remove(AT_FDCWD, path);
            free(path);
        }
        kv_buf_release(&c->made[i].members);
        kv_buf_release(&c->made[i].large);
    }
    return failed;
}

/* What a death before the ledger named it has left. */
static void remove_strays(const struct cutter *c)
{
    bool there = true;
    for (int64_t n = next_number(c); there; n++) {
        char *path = kv_batch_request_path(&c->b->paths, n);
        there = kv_io_exists(path, NULL) > 0 && kv_io_remove(AT_FDCWD, path) == 0;
        free(path);
    }
}

int kv_batch_cut(struct kv_batch *b, const struct kv_batch_sources *sources,
    const struct kv_batch_limits *limits, struct kv_batch_ids *ids, struct kv_err *err)
{
    struct cutter c = {.b = b, .sources = sources, .limits = limits, .ids = ids};
    int failed = 0;
    remove_strays(&c);
    for (size_t i = 0; !failed && i < sources->n; i++) {
        c.source = &sources->items[i];
        failed = cut(&c, err);
    }
    failed = note_made(&c, failed, err);
    free(c.made);
    kv_buf_release(&c.url);
    kv_buf_release(&c.model);
    kv_buf_release(&c.id);
    kv_buf_release(&c.asked);
    kv_buf_release(&c.text);
    kv_buf_release(&c.held);
    return failed ? -1 : 0;
}
