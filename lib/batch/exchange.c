/* exchange - one request to a batch service and its reply, waited for. */
#include "exchange.h"

#include "error_body.h"
#include "json.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TIMEOUT_MS = 60000, TURN_MS = 1000 };

/* ---- URLs ---- */

/* The base of the batch service, where it is another one, unless the user has written it. */
static void add_batch_base(const struct kv_service *d, struct kv_buf *url)
{
    size_t n = d->batch_base ? strlen(d->batch_base) : 0;
    if (n && (url->n < n || memcmp(url->p + url->n - n, d->batch_base, n) != 0))
        kv_buf_add_str(url, d->batch_base);
}

void kv_exchange_url(const struct kv_exchange_line *line, const char *path, struct kv_buf *url)
{
    const char *models = line->provider.models->place.url;
    size_t n = strcspn(models, "?");
    size_t root = n >= 7 && memcmp(models + n - 7, "/models", 7) == 0 ? n - 7 : n;
    kv_buf_add(url, models, root);
    add_batch_base(line->provider.dialect, url);
    kv_buf_add_str(url, path);
    if (models[n])
        kv_buf_printf(url, "%c%s", strchr(path, '?') ? '&' : '?', models + n + 1);
}

bool kv_exchange_is_ours(const struct kv_exchange_line *line, const char *url)
{
    const struct kv_http_place *here = &line->provider.models->place;
    struct kv_http_place there;
    struct kv_err ignored;
    if (kv_http_place_read(&there, url, &ignored) != 0)
        return false;
    const char *a = here->port ? here->port : "", *b = there.port ? there.port : "";
    bool same = strcmp(here->host, there.host) == 0 && here->encrypted == there.encrypted &&
                strcmp(a, b) == 0;
    kv_http_place_release(&there);
    return same;
}

/* ---- waiting ---- */

/* SIGUSR1 and SIGUSR2 only ask how it goes. */
static void note_signal(const struct kv_exchange_line *line, const struct pollfd *fd)
{
    unsigned char number;
    if (fd->revents && read(line->signal_fd, &number, 1) == 1 && !*line->signal &&
        number != SIGUSR1 && number != SIGUSR2)
        *line->signal = number;
}

/* One turn; false if a signal came or waiting itself fails. */
static bool turn(const struct kv_exchange_line *line, int ms)
{
    struct kv_err ignored;
    struct pollfd fd = {.fd = line->signal_fd, .events = POLLIN};
    if (*line->signal)
        return false;
    if (kv_http_poll(line->http, &fd, line->signal_fd >= 0, ms, &ignored) != 0)
        return false;
    note_signal(line, &fd);
    return !*line->signal;
}

static int64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool kv_exchange_pause(const struct kv_exchange_line *line, int64_t ms)
{
    int64_t until = clock_ms() + (int64_t)((double)ms / line->pace) + 1;
    for (int64_t left = until - clock_ms(); left > 0; left = until - clock_ms())
        if (!turn(line, left < TURN_MS ? (int)left : TURN_MS))
            return false;
    return !*line->signal;
}

/* ---- what came ---- */

static void set_message(
    struct kv_exchange *x, const struct kv_exchange_line *line, struct kv_slice text)
{
    struct kv_buf plain = {0};
    kv_buf_add_plain(&plain, text);
    kv_buf_clear(&x->message);
    if (x->status)
        kv_buf_printf(&x->message, "%d: ", x->status);
    kv_secret_redact(line->ring, kv_slice_of(&plain), &x->message);
    if (!x->message.n)
        kv_buf_add_str(&x->message, "no reason is given");
    kv_buf_release(&plain);
}

void kv_exchange_mistrust(
    struct kv_exchange *x, const struct kv_exchange_line *line, const char *why)
{
    x->end = KV_EXCHANGE_DOUBT;
    x->class = KV_OUTCOME_BAD_RESPONSE;
    set_message(x, line, kv_slice(why));
}

static void read_refusal(struct kv_exchange *x, const struct kv_exchange_line *line)
{
    struct kv_error_body_text text = {0};
    kv_error_body_read(&text, kv_slice_of(&x->body));
    struct kv_error_body said = kv_error_body_of(&text, x->status, x->retry_after_ms, false);
    x->class = kv_outcome_of(&said);
    kv_buf_clear(&x->code);
    kv_buf_add_slice(&x->code, text.code.n ? kv_slice_of(&text.code) : kv_slice_of(&text.type));
    if (x->retry_after_ms < 0)
        x->retry_after_ms = text.delay_ms;
    set_message(x, line, text.message.n ? kv_slice_of(&text.message) : kv_slice_of(&x->body));
    kv_error_body_release(&text);
}

static void read_retry_after(struct kv_exchange *x, const struct kv_http_done *done)
{
    struct kv_slice value;
    char *end;
    x->retry_after_ms = -1;
    if (!kv_http_header(done, "Retry-After", &value))
        return;
    long s = strtol(value.p, &end, 10);
    if (end != value.p && s >= 0 && s < 1000000)
        x->retry_after_ms = s * 1000;
}

/* 5xx and what is no HTTP reply say nothing of what was done. A complete 4xx says: nothing. */
static void read_status(struct kv_exchange *x, const struct kv_exchange_line *line)
{
    struct kv_err ignored;
    bool taken = x->request->take != NULL;
    if (x->status >= 200 && x->status < 300) {
        x->end = KV_EXCHANGE_DONE;
        if (!taken &&
            kv_json_check(kv_slice_of(&x->body), KV_JSON_FOREIGN, &x->json, &ignored) != 0)
            kv_exchange_mistrust(x, line, "the reply is not JSON");
        return;
    }
    x->end = x->status >= 300 && x->status < 500 ? KV_EXCHANGE_REFUSED : KV_EXCHANGE_DOUBT;
    read_refusal(x, line);
}

static void read_done(
    struct kv_exchange *x, const struct kv_exchange_line *line, const struct kv_http_done *done)
{
    x->status = done->status;
    read_retry_after(x, done);
    if (!x->request->take || done->status != 200)
        kv_buf_add_slice(&x->body, done->body);
    if (done->end == KV_HTTP_ANSWERED) {
        read_status(x, line);
        return;
    }
    x->end = done->sent ? KV_EXCHANGE_DOUBT : KV_EXCHANGE_UNMADE;
    x->class = done->end == KV_HTTP_TIMEOUT ? KV_OUTCOME_TIMEOUT : KV_OUTCOME_CONNECTION;
    set_message(x, line, kv_slice(done->detail));
}

/* ---- one request ---- */

static bool take(void *user, int status, struct kv_slice bytes)
{
    struct kv_exchange *x = user;
    if (status == 200)
        return x->request->take(x->request->user, bytes);
    kv_buf_add_slice(&x->body, bytes);
    return x->body.n < (1 << 20);
}

static int start(struct kv_exchange *x, const struct kv_exchange_line *line, struct kv_err *err)
{
    const struct kv_exchange_request *r = x->request;
    struct kv_http_field fields[3];
    size_t n = 0;
    if (r->type)
        fields[n++] = (struct kv_http_field){"Content-Type", r->type};
    if (r->key)
        fields[n++] = (struct kv_http_field){"Idempotency-Key", r->key};
    if (r->take)
        fields[n++] = (struct kv_http_field){"Accept", "application/binary, */*;q=0.5"};
    const struct kv_http_request request = {.peer = line->provider.models,
        .url = r->url,
        .method = r->method,
        .body = r->body,
        .from_file = r->from_file,
        .file = r->file,
        .file_size = r->file_size,
        /* libcurl sends a request again by itself when a connection that it kept turns out dead: one
         * that must not be done twice gets a new one. */
        .fresh = r->body.p || r->from_file,
        .fields = fields,
        .field_count = n,
        .timeout_ms = r->timeout_ms ? r->timeout_ms : TIMEOUT_MS,
        .take = r->take ? take : NULL,
        .user = x};
    return kv_http_start(line->http, &request, err);
}

void kv_exchange_run(struct kv_exchange *x, const struct kv_exchange_line *line,
    const struct kv_exchange_request *request)
{
    struct kv_http_done done;
    struct kv_err err;
    kv_buf_clear(&x->body);
    kv_buf_clear(&x->code);
    kv_buf_clear(&x->message);
    x->status = 0;
    x->json = (struct kv_slice){"", 0};
    x->request = request;
    x->retry_after_ms = -1;
    if (*line->signal || start(x, line, &err) != 0) {
        x->end = KV_EXCHANGE_UNMADE;
        x->class = KV_OUTCOME_CONNECTION;
        set_message(x, line, kv_slice(*line->signal ? "stopped by a signal" : err.text));
        return;
    }
    while (!kv_http_next(line->http, &done))
        if (!turn(line, TURN_MS)) {
            kv_http_cancel(line->http, x);
            x->end = KV_EXCHANGE_DOUBT;
            x->class = KV_OUTCOME_CANCELLED;
            set_message(x, line, KV_SLICE("stopped by a signal"));
            return;
        }
    read_done(x, line, &done);
}

void kv_exchange_release(struct kv_exchange *x)
{
    kv_buf_release(&x->body);
    kv_buf_release(&x->code);
    kv_buf_release(&x->message);
}
