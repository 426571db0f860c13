/* kvtest http - sends one request many times through lib/http and says how each one ended.
 *
 *     kvtest http [--count N] [--parallel N] [--timeout MS] [--connect-timeout MS] [--body FILE]
 *         [--header 'Name: value'] [--look-up NAME] [--ca FILE] [--apart] [--fresh] [--cancel]
 *         [--stream [--soon MS] [--later MS]] [--summary] URL
 *
 * Prints one object a transfer: {"end","status","bytes","sent","fresh","first_ms","total_ms",
 * "detail"}, or with --summary a single one with counts, rate and processor time a request. --look-up
 * adds "headers", how many the reply has, and "header", the one of that name.
 * Without --body it GETs. --cancel gives everything up after the first poll. --stream takes bodies in
 * pieces, and counts them and the waits that brought something; --soon and --later say from when on,
 * behind its first piece, what comes of a reply may wait.
 */
#include "kvtest.h"

#include "cli.h"
#include "http.h"
#include "io.h"
#include "json.h"
#include "json_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define HELP "usage: kvtest http [--count N] [--parallel N] [option...] URL\n"

static const char *const end_names[] = {
    "answered", "connection", "timeout", "garbage", "too_large", "tls", "proxy_auth", "refused"};

static struct {
    long count, parallel, timeout_ms, connect_timeout_ms;
    long soon_ms, later_ms;
    const char *body, *header, *look_up, *ca_file;
    bool apart, stream;
    bool fresh, summary, cancel;
} opt = {.count = 1, .parallel = 1, .soon_ms = -1, .later_ms = -1};

static long ends[8], statuses[600];
static long pieces, waits; /* waits: that brought a piece or an end */

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add_header_found(struct kv_buf *line, const struct kv_http_done *d)
{
    struct kv_slice name, value;
    const char *at = NULL;
    int n = 0;
    while (kv_http_header_next(d, &at, &name, &value))
        n++;
    kv_json_out_int(line, "headers", n);
    if (kv_http_header(d, opt.look_up, &value))
        kv_json_out_text(line, "header", value);
}

static void report(const struct kv_http_done *d)
{
    struct kv_buf line = {0};
    ends[d->end]++;
    if (d->status >= 0 && d->status < 600)
        statuses[d->status]++;
    if (opt.summary)
        return;
    kv_buf_printf(&line,
        "{\"end\":\"%s\",\"status\":%d,\"bytes\":%zu,\"sent\":%s,\"fresh\":%s,\"first_ms\":%lld,"
        "\"total_ms\":%lld,\"detail\":",
        end_names[d->end], d->status, d->body.n, d->sent ? "true" : "false",
        d->fresh ? "true" : "false", (long long)d->first_byte_us / 1000,
        (long long)d->total_us / 1000);
    kv_json_quote_str(&line, d->end == KV_HTTP_ANSWERED ? NULL : d->detail);
    if (opt.look_up)
        add_header_found(&line, d);
    kv_buf_add_char(&line, '}');
    puts(kv_slice_of(&line).p);
    kv_buf_release(&line);
}

static void summarise(double began)
{
    struct rusage use;
    double took = now_s() - began;
    getrusage(RUSAGE_SELF, &use);
    printf("{\"count\":%ld,\"seconds\":%.3f,\"per_second\":%.0f,\"user_us\":%.2f,\"sys_us\":%.2f,"
           "\"rss_kb\":%ld,\"pieces\":%ld,\"waits\":%ld,\"ends\":{",
        opt.count, took, (double)opt.count / took,
        seconds_of(use.ru_utime) * 1e6 / (double)opt.count,
        seconds_of(use.ru_stime) * 1e6 / (double)opt.count, use.ru_maxrss, pieces, waits);
    bool first = true;
    for (size_t i = 0; i < 8; i++)
        if (ends[i]) {
            printf("%s\"%s\":%ld", first ? "" : ",", end_names[i], ends[i]);
            first = false;
        }
    printf("},\"statuses\":{");
    first = true;
    for (size_t i = 0; i < 600; i++)
        if (statuses[i]) {
            printf("%s\"%zu\":%ld", first ? "" : ",", i, statuses[i]);
            first = false;
        }
    puts("}}");
}

/* One that is streamed. */
struct reply {
    double began; /* its first piece; 0: none has come */
};

static bool take(void *user, int status, struct kv_slice bytes)
{
    struct reply *r = user;
    (void)status, (void)bytes;
    pieces++;
    if (r->began == 0)
        r->began = now_s();
    return true;
}

static enum kv_http_haste haste(void *user)
{
    double ms = (now_s() - ((struct reply *)user)->began) * 1000;
    if (opt.later_ms >= 0 && ms >= (double)opt.later_ms)
        return KV_HTTP_LATER;
    return opt.soon_ms >= 0 && ms >= (double)opt.soon_ms ? KV_HTTP_SOON : KV_HTTP_AT_ONCE;
}

static int start(struct kv_http *http, const struct kv_http_request *request, struct kv_err *err)
{
    struct kv_http_request streamed = *request;
    if (!opt.stream)
        return kv_http_start(http, request, err);
    streamed.take = take;
    streamed.haste = haste;
    streamed.identity = true;
    streamed.user = kv_calloc(1, sizeof(struct reply));
    return kv_http_start(http, &streamed, err);
}

static int run(struct kv_http *http, const struct kv_http_request *request, struct kv_err *err)
{
    struct kv_http_done done;
    long started = 0, finished = 0, parallel = opt.parallel;
    if ((size_t)parallel > kv_http_capacity(http))
        parallel = (long)kv_http_capacity(http);
    while (finished < opt.count) {
        for (; started < opt.count && started - finished < parallel; started++)
            if (start(http, request, err) < 0)
                return -1;
        long before = pieces + finished;
        if (kv_http_poll(http, NULL, 0, opt.cancel ? 50 : 1000, err) < 0)
            return -1;
        if (opt.cancel) {
            size_t cancelled = kv_http_cancel(http, request->user);
            printf("{\"cancelled\":%zu,\"flying\":%zu}\n", cancelled, kv_http_flying(http));
            return 0;
        }
        for (; kv_http_next(http, &done); finished++) {
            report(&done);
            if (opt.stream)
                free(done.user);
        }
        waits += pieces + finished > before;
    }
    return 0;
}

static int add_header(struct kv_http_target *peer, struct kv_err *err)
{
    const char *colon = opt.header ? strchr(opt.header, ':') : NULL;
    if (!colon)
        return 0;
    char *name = kv_strndup(opt.header, (size_t)(colon - opt.header));
    int rc = kv_http_target_header(peer, name, kv_slice_strip(kv_slice(colon + 1)), err);
    free(name);
    return rc;
}

static const struct kv_option options[] = {
    {0, "count", KV_OPT_COUNT, &opt.count},
    {0, "parallel", KV_OPT_COUNT, &opt.parallel},
    {0, "timeout", KV_OPT_COUNT, &opt.timeout_ms},
    {0, "connect-timeout", KV_OPT_COUNT, &opt.connect_timeout_ms},
    {0, "body", KV_OPT_TEXT, &opt.body},
    {0, "header", KV_OPT_TEXT, &opt.header},
    {0, "look-up", KV_OPT_TEXT, &opt.look_up},
    {0, "ca", KV_OPT_TEXT, &opt.ca_file},
    {0, "soon", KV_OPT_COUNT, &opt.soon_ms},
    {0, "later", KV_OPT_COUNT, &opt.later_ms},
    {0, "stream", KV_OPT_FLAG, &opt.stream},
    {0, "apart", KV_OPT_FLAG, &opt.apart},
    {0, "fresh", KV_OPT_FLAG, &opt.fresh},
    {0, "cancel", KV_OPT_FLAG, &opt.cancel},
    {0, "summary", KV_OPT_FLAG, &opt.summary},
    {0},
};

int kvtest_http(int argc, char **argv)
{
    struct kv_cli cli;
    struct kv_err err;
    struct kv_buf body = {0};
    int first = kv_cli_begin(&cli, argc, argv, options, HELP);
    if (argc - first != 1)
        kv_cli_usage("one URL is expected");
    if (opt.body && kv_io_read(opt.body, 0, &body, &err) < 0)
        kv_cli_fail(&err);

    struct kv_http_limits limits = {.in_flight = (size_t)opt.parallel, .ca_file = opt.ca_file};
    struct kv_http *http = kv_http_open(&limits, &err);
    struct kv_http_target *peer = http ? kv_http_target_open(argv[first], &err) : NULL;
    if (!peer)
        kv_cli_fail(&err);
    if (add_header(peer, &err) < 0)
        kv_cli_fail(&err);
    peer->share_connections &= !opt.apart;
    struct kv_http_request request = {.peer = peer,
        .body = {opt.body ? (body.p ? body.p : "") : NULL, body.n},
        .timeout_ms = opt.timeout_ms,
        .connect_timeout_ms = opt.connect_timeout_ms,
        .fresh = opt.fresh,
        .user = &limits};
    double began = now_s();
    if (run(http, &request, &err) < 0)
        kv_cli_fail(&err);

    if (opt.summary)
        summarise(began);
    kv_http_close(http);
    kv_http_target_close(peer);
    kv_buf_release(&body);
    return kv_cli_end(KV_OK);
}
