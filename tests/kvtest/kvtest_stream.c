/* kvtest stream - streamed replies on a virtual clock, as a filter for tests.
 *
 *     kvtest stream run   {"dialect","wire","schema","step","status":N,
 *                         "limits":{"first","idle","total","life"},
 *                         "pieces":[[MS,"BYTES"],…],"end":"clean"|"broken"|"open"}
 *                        -> {"ending","text",…,"at":MS,"first_token","first_text","gap",
 *                        "soon":MS,"later":MS}
 *     kvtest stream cut   the same -> {"cuts":N,"different":N}: the pieces as one text, cut in two
 *                        at each of its first bytes, byte by byte, and with other line ends: is all
 * the same?
 *     kvtest stream learn {"outcome":"connection","status":N,"silent":MS} -> {"streamed":true}: how a
 *                        call ended that was not streamed, and whether the next one is
 *
 * A piece may be an array of numbers (bytes) in the place of the text. One line of output a line of
 * input; the input is the member "in" of the line if it has one.
 */
#include "kvtest.h"

#include "cli.h"
#include "filter.h"
#include "json.h"
#include "json_out.h"
#include "num.h"
#include "put.h"
#include "stream.h"
#include "streaming.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELP "usage: kvtest stream run | cut | learn\n"

enum { CUTS_MAX = 800 }; /* of one text in two: behind that a stream repeats itself */

/* ---- reading a line ---- */

static int64_t count_at(struct kv_slice object, const char *name, int64_t fallback)
{
    struct kv_slice value;
    int64_t n;
    return kv_json_get(object, name, &value) && kv_num_int64(value, &n) ? n : fallback;
}

static bool is_at(struct kv_slice object, const char *name, const char *text)
{
    struct kv_slice value;
    return kv_json_get(object, name, &value) && kv_json_string_is(value, text);
}

static struct kv_response_to read_to(struct kv_slice line)
{
    struct kv_slice value;
    char *name = kv_json_get(line, "dialect", &value) ? kv_json_strdup(value) : NULL;
    struct kv_response_to to = {.dialect = kv_service_find(name ? name : "generic")};
    free(name);
    to.wire = is_at(line, "wire", "responses") ? KV_PROTOCOL_RESPONSES : to.dialect->wire;
    to.schema_name = kv_json_get(line, "schema", &value) ? "answer" : NULL;
    to.step = is_at(line, "step", "tool") ? KV_STEP_TOOL : KV_STEP_SCHEMA;
    return to;
}

static struct kv_stream_limits read_limits(struct kv_slice line)
{
    struct kv_slice limits = {"", 0};
    kv_json_get(line, "limits", &limits);
    return (struct kv_stream_limits){.first_ms = count_at(limits, "first", 300000),
        .idle_ms = count_at(limits, "idle", 120000),
        .total_ms = count_at(limits, "total", 600000),
        .life_ms = count_at(limits, "life", 0)};
}

static void add_bytes(struct kv_buf *out, struct kv_slice piece)
{
    struct kv_json_walk w;
    struct kv_slice item;
    int64_t n;
    if (kv_json_type(piece) == KV_JSON_STRING)
        kv_json_unescape(piece, out);
    kv_json_begin(&w, piece);
    while (kv_json_item(&w, &item))
        if (kv_num_int64(item, &n))
            kv_buf_add_char(out, (char)n);
}

/* ---- writing a line ---- */

static void put(struct kv_buf *out, const struct kv_stream *s, int64_t at, const int64_t *haste)
{
    const struct kv_response *r = &s->reply;
    kv_json_out_object(out, NULL);
    kv_json_out_str(out, "ending", kv_outcome_name(r->outcome));
    kv_json_out_text(out, "text", kv_slice_of(&r->text));
    put_text(out, "reasoning", &r->reasoning);
    put_text(out, "refusal", &r->refusal);
    put_text(out, "finish", &r->finish);
    put_text(out, "error", &r->error);
    put_count(out, "in", r->usage.in_total);
    put_count(out, "out", r->usage.out_total);
    put_count(out, "retry", r->retry == KV_RETRY_NEVER ? -1 : 1);
    put_count(out, "unknown", r->finish_unknown ? 1 : -1);
    put_count(out, "at", at);
    put_count(out, "first_token", s->measures.first_token_ms);
    put_count(out, "first_text", s->measures.first_text_ms);
    put_count(out, "gap", s->measures.gap_ms);
    put_count(out, "soon", haste[KV_HTTP_SOON]);
    put_count(out, "later", haste[KV_HTTP_LATER]);
    put_count(out, "progress", (int64_t)s->measures.progress);
    kv_buf_add_char(out, '}');
}

/* ---- run ---- */

/* Lets the clock go on to `to_ms`: true if a clock of the stream ran out on the way. */
static bool passes(struct kv_stream *s, int64_t to_ms, int64_t *now_ms)
{
    int64_t due = kv_stream_due_ms(s);
    *now_ms = due <= to_ms ? due : to_ms;
    if (due <= to_ms)
        kv_stream_expire(s, due);
    return due <= to_ms;
}

static void end_transfer(struct kv_stream *s, int status, const char *how)
{
    struct kv_http_done done = {.status = status,
        .end = strcmp(how, "clean") == 0 ? KV_HTTP_ANSWERED : KV_HTTP_CONNECTION,
        .detail = "the connection was closed",
        .sent = true};
    kv_stream_end(s, &done);
}

static void check_run(struct kv_slice line, struct kv_buf *out)
{
    struct kv_stream s;
    struct kv_response_to to = read_to(line);
    struct kv_stream_limits limits = read_limits(line);
    struct kv_slice pieces = {"", 0}, piece, part;
    struct kv_json_walk w, inner;
    int status = (int)count_at(line, "status", 200);
    int64_t now = 0, at = 0, haste[KV_HTTP_HASTES] = {0, -1, -1};
    bool over = false;
    kv_stream_begin(&s, &to, &limits, 0);
    kv_json_get(line, "pieces", &pieces);
    kv_json_begin(&w, pieces);
    while (!over && kv_json_item(&w, &piece)) {
        struct kv_buf bytes = {0};
        kv_json_begin(&inner, piece);
        kv_json_item(&inner, &part);
        kv_num_int64(part, &at);
        kv_json_item(&inner, &part);
        add_bytes(&bytes, part);
        over = passes(&s, at, &now);
        if (!over && !kv_stream_take(&s, status, kv_slice_of(&bytes), now)) {
            end_transfer(&s, status, "broken");
            over = true;
        }
        if (haste[kv_stream_haste(&s, now)] < 0)
            haste[kv_stream_haste(&s, now)] = now;
        kv_buf_release(&bytes);
    }
    if (!over && is_at(line, "end", "open"))
        passes(&s, INT64_MAX, &now);
    else if (!over)
        end_transfer(&s, status, is_at(line, "end", "broken") ? "broken" : "clean");
    put(out, &s, now, haste);
    kv_stream_release(&s);
}

/* ---- cut ---- */

/* What comes of a text that arrives in pieces of `step` bytes, the first of `first`. */
static void read_in_pieces(
    struct kv_slice line, struct kv_slice text, size_t first, size_t step, struct kv_buf *out)
{
    struct kv_stream s;
    struct kv_response_to to = read_to(line);
    struct kv_stream_limits limits = read_limits(line);
    int status = (int)count_at(line, "status", 200);
    bool more = true;
    static const int64_t never[KV_HTTP_HASTES] = {0, -1, -1};
    kv_stream_begin(&s, &to, &limits, 0);
    for (size_t at = 0, n = first; more && at < text.n; at += n, n = step) {
        n = n < text.n - at ? n : text.n - at;
        more = kv_stream_take(&s, status, (struct kv_slice){text.p + at, n}, 0);
    }
    end_transfer(&s, status, is_at(line, "end", "broken") || !more ? "broken" : "clean");
    kv_buf_clear(out);
    put(out, &s, 0, never);
    kv_stream_release(&s);
}

static void change_line_ends(struct kv_slice text, const char *end, struct kv_buf *out)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\n')
            kv_buf_add_str(out, end);
        else
            kv_buf_add_char(out, text.p[i]);
}

static void check_cut(struct kv_slice line, struct kv_buf *out)
{
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    struct kv_buf whole = {0}, text = {0}, expected = {0}, got = {0};
    struct kv_slice pieces = {"", 0}, piece, part;
    struct kv_json_walk w, inner;
    size_t cuts = 0, different = 0;
    kv_json_get(line, "pieces", &pieces);
    kv_json_begin(&w, pieces);
    while (kv_json_item(&w, &piece)) {
        kv_json_begin(&inner, piece);
        kv_json_item(&inner, &part);
        kv_json_item(&inner, &part);
        add_bytes(&whole, part);
    }
    read_in_pieces(line, kv_slice_of(&whole), whole.n, 1, &expected);
    for (size_t e = 0; e < 3; e++) {
        kv_buf_clear(&text);
        change_line_ends(kv_slice_of(&whole), ends[e], &text);
        for (size_t at = 0; at <= text.n && at <= CUTS_MAX; at++, cuts++) { /* 0: byte by byte */
            read_in_pieces(line, kv_slice_of(&text), at ? at : 1, at ? text.n : 1, &got);
            different += !kv_slice_eq(kv_slice_of(&got), kv_slice_of(&expected));
        }
    }
    kv_buf_printf(
        out, "{\"cuts\":%zu,\"different\":%zu,\"result\":%s}", cuts, different, expected.p);
    kv_buf_release(&whole);
    kv_buf_release(&text);
    kv_buf_release(&expected);
    kv_buf_release(&got);
}

/* ---- learn ---- */

static void check_learn(struct kv_slice line, struct kv_buf *out)
{
    struct kv_endpoint e = {.name = "m", .streaming.when = KV_STREAM_AUTO};
    struct kv_response reply = {.status = (int)count_at(line, "status", 0)};
    while (!is_at(line, "outcome", kv_outcome_name(reply.outcome)))
        reply.outcome++;
    kv_streaming_learn(&e, &reply, count_at(line, "silent", 0));
    kv_json_out_object(out, NULL);
    kv_json_out_flag(out, "streamed", e.quirks & KV_QUIRK_STREAM);
    kv_buf_add_char(out, '}');
    kv_buf_release(&e.remark);
}

int kvtest_stream(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*check)(struct kv_slice line, struct kv_buf *out);
    } checks[] = {{"run", check_run}, {"cut", check_cut}, {"learn", check_learn}};
    struct kv_cli cli;
    const struct kv_option options[] = {{0}};
    int first = kv_cli_begin(&cli, argc, argv, options, HELP);
    for (size_t i = 0; first < argc && i < sizeof checks / sizeof *checks; i++)
        if (strcmp(argv[first], checks[i].name) == 0) {
            filter_member(KV_JSON_STRICT, "in", checks[i].check);
            return kv_cli_end(KV_OK);
        }
    kv_cli_usage("what to check is missing or unknown");
}
