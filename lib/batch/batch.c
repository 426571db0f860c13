/* batch - requests ordered in batches, looked after and collected, by processes that may die. */
#include "batch.h"

#include "batch_json.h"
#include "batch_private.h"
#include "call_id.h"
#include "io.h"
#include "json.h"
#include "json_out.h"
#include "state.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- open and close ---- */

static int open_http(struct kv_batch *b, struct kv_err *err)
{
    kv_env_fn *env = b->options.env;
    const struct kv_http_limits limits = {.in_flight = 2,
        .body_max = (size_t)64 << 20,
        .ca_file = env("CURL_CA_BUNDLE") ? env("CURL_CA_BUNDLE") : env("SSL_CERT_FILE"),
        .ca_path = env("SSL_CERT_DIR")};
    kv_secret_forget_env("SSLKEYLOGFILE");
    b->http = kv_http_open(&limits, err);
    return b->http ? 0 : -1;
}

/* Calls of a run have the names that the run gives them, with or without a ledger. */
static int name_after_run(struct kv_batch *b, struct kv_err *err)
{
    int there = kv_io_exists(b->paths.state, err);
    struct kv_state *s = there > 0 ? kv_state_open(b->paths.state, err) : NULL;
    if (!s)
        return there ? -1 : 0;
    kv_ledger_set_run(b->ledger, kv_state_info(s));
    kv_state_close(s);
    return 0;
}

static int open_ledger(struct kv_batch *b, struct kv_err *err)
{
    b->ledger = kv_ledger_open(&b->paths, err);
    if (!b->ledger)
        return -1;
    size_t torn = kv_ledger_torn(b->ledger);
    if (torn)
        kv_batch_say(b, NULL, "a torn last line of %zu bytes is cut off", torn);
    return kv_ledger_parts(b->ledger) ? 0 : name_after_run(b, err);
}

/* Nothing was ever ordered where there is no ledger: that is mostly a slip of the name. */
static int find_ledger(struct kv_batch *b, struct kv_err *err)
{
    if (kv_batch_find_paths(b->options.operand, &b->paths, err) != 0)
        return -1;
    char *path = kv_batch_ledger_path(&b->paths);
    int there = b->options.begins ? 1 : kv_io_exists(path, err);
    if (there == 0)
        kv_err_set(err, KV_INPUT,
            "%s: no ledger: nothing was ordered there (kv-batch submit begins one)", path);
    free(path);
    return there > 0 ? 0 : -1;
}

struct kv_batch *kv_batch_open(const struct kv_batch_options *options, struct kv_err *err)
{
    struct kv_batch *b = kv_calloc(1, sizeof *b);
    b->options = *options;
    b->lock = -1;
    b->ring = options->ring;
    if (!(b->options.pace > 0))
        b->options.pace = 1;
    bool ok = find_ledger(b, err) == 0 &&
              (!options->lock || kv_paths_run_lock(&b->paths, &b->lock, err) == 0) &&
              open_ledger(b, err) == 0;
    if (ok && !b->ring) {
        b->ring = kv_secret_open();
        b->own_ring = true;
    }
    if (ok && open_http(b, err) == 0)
        return b;
    kv_batch_close(b);
    return NULL;
}

static void close_service(struct kv_batch_service *s)
{
    kv_provider_close(&s->line.provider);
    free(s->endpoint);
    free(s->dialect);
    free(s->base_url);
    free(s);
}

/* The lock file of a run tells how long it was worked at; where there is no run it tells nothing. */
static void give_back_lock(struct kv_batch *b)
{
    if (b->lock >= 0 && kv_io_exists(b->paths.state, NULL) == 0)
        kv_paths_run_unlock(&b->paths, b->lock);
    else if (b->lock >= 0)
        close(b->lock);
}

void kv_batch_close(struct kv_batch *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->service_count; i++)
        close_service(b->services[i]);
    free(b->services);
    kv_exchange_release(&b->x);
    kv_batch_seen_release(&b->seen);
    kv_http_close(b->http);
    if (b->own_ring)
        kv_secret_close(b->ring);
    kv_ledger_close(b->ledger);
    give_back_lock(b);
    kv_paths_release(&b->paths);
    free(b);
}

struct kv_ledger *kv_batch_ledger(const struct kv_batch *b)
{
    return b->ledger;
}

const struct kv_batch_tally *kv_batch_told(const struct kv_batch *b)
{
    return &b->tally;
}

/* ---- services ---- */

const char *kv_batch_shape(const char *dialect, const char *base_url, const char *given)
{
    const struct kv_service *d = *dialect ? kv_service_find(dialect) : NULL;
    struct kv_http_place place;
    struct kv_err ignored;
    if (!d && *base_url && kv_http_place_read(&place, base_url, &ignored) == 0) {
        d = kv_service_of_host(place.host);
        kv_http_place_release(&place);
    }
    return d && d->batch && !d->batch_untried ? d->batch : given;
}

static struct kv_batch_service *find_service(
    const struct kv_batch *b, const struct kv_batch_part *p)
{
    for (size_t i = 0; i < b->service_count; i++) {
        struct kv_batch_service *s = b->services[i];
        if (strcmp(s->endpoint, p->endpoint) == 0 && strcmp(s->dialect, p->dialect) == 0 &&
            strcmp(s->base_url, p->base_url) == 0)
            return s;
    }
    return NULL;
}

/* What an earlier process was told: to leave the service alone until then. */
static void heed_pause(
    struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *like)
{
    int64_t until = 0, now = kv_batch_now_ms();
    for (size_t i = 0; i < kv_ledger_parts(b->ledger); i++) {
        const struct kv_batch_part *p = kv_ledger_part(b->ledger, i);
        until =
            kv_batch_part_is_beside(p, like) && p->look_after_ms > until ? p->look_after_ms : until;
    }
    if (until <= now)
        return;
    s->stopped = b->tally.waits = true;
    struct kv_buf time = {0};
    kv_batch_json_time_text(&time, until);
    kv_batch_say(b, NULL, "%s wants to be asked again at %s: run again then",
        s->line.provider.chat->host, time.p);
    kv_buf_release(&time);
}

struct kv_batch_service *kv_batch_service_of(
    struct kv_batch *b, const struct kv_batch_part *p, struct kv_err *err)
{
    struct kv_batch_service *s = find_service(b, p);
    if (s)
        return s;
    const struct kv_choice choice = {.id = p->endpoint,
        .model = p->model,
        .interface = *p->dialect ? "langchain" : "openai_endpoint",
        .base_url = *p->base_url ? p->base_url : NULL,
        .extra = KV_SLICE("{}"),
        .dialect = *p->dialect ? p->dialect : NULL};
    s = kv_calloc(1, sizeof *s);
    if (kv_provider_open(&s->line.provider, &choice, b->options.env, b->ring, err) != 0) {
        free(s);
        return NULL;
    }
    s->endpoint = kv_strdup(p->endpoint);
    s->dialect = kv_strdup(p->dialect);
    s->base_url = kv_strdup(p->base_url);
    s->line.http = b->http;
    s->line.ring = b->ring;
    s->line.signal = &b->tally.signal;
    s->line.signal_fd = b->options.signal_fd;
    s->line.pace = b->options.pace;
    heed_pause(b, s, p);
    b->services = kv_grow(b->services, b->service_count, sizeof *b->services);
    b->services[b->service_count++] = s;
    return s;
}

const struct kv_batch_wire *kv_batch_wire_for(const struct kv_batch_part *p)
{
    const struct kv_batch_wire *w = kv_batch_wire_of(kv_slice(p->shape));
    return w ? w : &kv_batch_wire_files;
}

/* ---- time ---- */

int64_t kv_batch_since_ms(const struct kv_batch *b, int64_t then_ms)
{
    return (int64_t)((double)(kv_batch_now_ms() - then_ms) * b->options.pace);
}

int64_t kv_batch_in_ms(const struct kv_batch *b, int64_t ms)
{
    return kv_batch_now_ms() + (int64_t)((double)ms / b->options.pace);
}

/* ---- saying and noting ---- */

void kv_batch_say(struct kv_batch *b, const struct kv_batch_part *p, const char *format, ...)
{
    struct kv_buf text = {0};
    va_list ap;
    if (!b->options.say)
        return;
    kv_buf_printf(&text, "%s.batches: ", b->paths.output);
    if (p && p->number)
        kv_buf_printf(&text, "part %lld: ", (long long)p->number);
    va_start(ap, format);
    kv_buf_vprintf(&text, format, ap);
    va_end(ap);
    b->options.say(b->options.closure, text.p);
    kv_buf_release(&text);
}

int kv_batch_note(struct kv_batch *b, const struct kv_batch_part *p, const char *event,
    const char *more, struct kv_err *err)
{
    struct kv_buf members = {0};
    kv_json_out_int(&members, "part", p->number);
    if (more)
        kv_buf_printf(&members, ",%s", more);
    int failed = kv_ledger_note(b->ledger, event, kv_slice_of(&members), err);
    kv_buf_release(&members);
    return failed;
}

void kv_batch_add_label(const struct kv_batch *b, const struct kv_batch_part *p, struct kv_buf *out)
{
    kv_buf_printf(out, "%s/%lld", kv_ledger_mark(b->ledger), (long long)p->number);
}

void kv_batch_add_name(const struct kv_batch *b, const struct kv_batch_part *p, struct kv_buf *out)
{
    kv_buf_printf(out, "kv-%s-%lld", kv_ledger_mark(b->ledger), (long long)p->number);
}

void kv_batch_add_file_name(
    const struct kv_batch *b, const struct kv_batch_part *p, struct kv_buf *out)
{
    kv_batch_add_name(b, p, out);
    kv_buf_add_str(out, ".jsonl");
}

int kv_batch_note_uploaded(struct kv_batch *b, const struct kv_batch_part *p, const char *file,
    int64_t expires_ms, struct kv_err *err)
{
    struct kv_buf more = {0};
    kv_json_out_str(&more, "file", file);
    kv_batch_json_add_time(&more, "expires_at", expires_ms);
    int failed = kv_batch_note(b, p, "uploaded", more.p, err);
    kv_buf_release(&more);
    return failed;
}

int kv_batch_note_created(struct kv_batch *b, const struct kv_batch_part *p,
    const struct kv_batch_seen *seen, bool adopted, struct kv_err *err)
{
    struct kv_buf more = {0};
    kv_json_out_str(&more, "batch", seen->id);
    if (seen->created_ms)
        kv_batch_json_add_time(&more, "created_at", seen->created_ms);
    kv_batch_json_add_time(&more, "expires_at", seen->expires_ms);
    kv_json_out_flag(&more, "adopted", adopted);
    int failed = kv_batch_note(b, p, "created", more.p, err);
    kv_buf_release(&more);
    return failed;
}

int kv_batch_note_culprit(struct kv_batch *b, const struct kv_batch_part *p,
    const struct kv_batch_culprit *culprit, struct kv_err *err)
{
    struct kv_buf more = {0};
    kv_json_out_str(&more, "status", kv_batch_status_name(KV_BATCH_FAILED));
    kv_json_out_object(&more, "reply");
    kv_json_out_json(&more, "custom_id", culprit->id);
    kv_json_out_object(&more, "response");
    kv_json_out_int(&more, "status_code", culprit->status);
    kv_json_out_object(&more, "body");
    kv_json_out_object(&more, "error");
    kv_json_out_str(&more, "type", culprit->type);
    if (culprit->code)
        kv_json_out_str(&more, "code", culprit->code);
    kv_json_out_str(&more, "message", culprit->message);
    kv_buf_add_str(&more, "}}}");
    kv_json_out_null(&more, "error");
    kv_buf_add_char(&more, '}');
    int failed = kv_batch_note(b, p, "ended", more.p, err);
    kv_buf_release(&more);
    return failed;
}

/* ---- asking ---- */

enum { PATIENCE_MS = 120000, ASKS = 4 };

/* True if it was done once more what the service wants to be asked later, and soon. */
static bool comes_again(
    struct kv_batch *b, struct kv_batch_service *s, const struct kv_exchange_request *request)
{
    const struct kv_exchange *x = &b->x;
    bool reads = !request->body.p && !request->from_file && !request->method;
    bool busy = x->end != KV_EXCHANGE_DONE && (x->status == 429 || x->status == 503);
    return reads && busy && x->retry_after_ms >= 0 && x->retry_after_ms <= PATIENCE_MS &&
           kv_exchange_pause(&s->line, x->retry_after_ms);
}

void kv_batch_ask(struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *p,
    const char *path, const struct kv_exchange_request *how)
{
    struct kv_exchange_request request = how ? *how : (struct kv_exchange_request){0};
    struct kv_buf url = {0};
    kv_exchange_url(&s->line, path, &url);
    if (!request.url)
        request.url = url.p;
    kv_exchange_run(&b->x, &s->line, &request);
    for (int i = 1; i < ASKS && comes_again(b, s, &request); i++)
        kv_exchange_run(&b->x, &s->line, &request);
    kv_buf_release(&url);
    if (b->x.end == KV_EXCHANGE_REFUSED && (b->x.status == 401 || b->x.status == 403) &&
        !s->stopped) {
        s->stopped = b->tally.refused = true;
        kv_batch_say(b, p, "%s refuses the key: %s", s->line.provider.chat->host, b->x.message.p);
    }
}

void kv_batch_take_refusal(
    struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *p)
{
    const struct kv_exchange *x = &b->x;
    if (b->tally.signal || s->stopped)
        return;
    if (x->end == KV_EXCHANGE_REFUSED && x->status != 429) {
        b->tally.refused = true;
        kv_batch_say(b, p, "%s refuses: %s", s->line.provider.chat->host, x->message.p);
        return;
    }
    b->tally.waits = true;
    s->stopped = x->end == KV_EXCHANGE_UNMADE || x->status == 429;
    kv_batch_say(b, p, "%s: %s; run again", s->line.provider.chat->host, x->message.p);
}

int kv_batch_note_refusal(struct kv_batch *b, struct kv_batch_service *s,
    const struct kv_batch_part *p, struct kv_err *err)
{
    const struct kv_exchange *x = &b->x;
    bool later = !s->stopped && x->status == 429 && x->retry_after_ms > 0;
    struct kv_buf more = {0};
    kv_batch_take_refusal(b, s, p);
    if (!later || b->tally.signal)
        return 0;
    kv_json_out_str(&more, "step", "look");
    kv_json_out_str(&more, "class", kv_outcome_name(x->class));
    kv_json_out_int(&more, "status", x->status);
    kv_json_out_str(&more, "message", x->message.p);
    kv_batch_json_add_time(&more, "not_before", kv_batch_in_ms(b, x->retry_after_ms));
    int failed = kv_batch_note(b, p, "refused", more.p, err);
    kv_buf_release(&more);
    return failed;
}

bool kv_batch_get(
    struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *p, const char *id)
{
    const struct kv_batch_wire *w = kv_batch_wire_for(p);
    struct kv_buf path = {0};
    kv_buf_printf(&path, "%s/%s", w->batches, id);
    kv_batch_ask(b, s, p, path.p, NULL);
    kv_buf_release(&path);
    if (b->x.end != KV_EXCHANGE_DONE)
        return false;
    w->read(b->x.json, &b->seen);
    return true;
}

/* One page, of which the items are looked at. *last: the id to go on behind; "" at the end. False:
 * it is no page, or there are more that cannot be asked for. */
static bool list_page(struct kv_batch *b, const struct kv_batch_wire *w, int64_t until_ms,
    bool (*look)(void *closure, const struct kv_batch_seen *seen), void *closure,
    char last[KV_BATCH_ID_MAX + 1])
{
    struct kv_slice data, item, more;
    struct kv_json_walk walk;
    *last = '\0';
    if (!kv_json_get(b->x.json, "data", &data))
        return false;
    kv_json_begin(&walk, data);
    while (kv_json_item(&walk, &item)) {
        w->read(item, &b->seen);
        if (b->seen.created_ms && b->seen.created_ms < until_ms) {
            *last = '\0';
            return true;
        }
        memcpy(last, b->seen.id, sizeof b->seen.id);
        if (!look(closure, &b->seen)) {
            *last = '\0';
            return true;
        }
    }
    if (kv_json_get(b->x.json, "has_more", &more) && kv_json_is_true(more))
        return *last != '\0';
    *last = '\0';
    return true;
}

bool kv_batch_list(struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *p,
    int64_t until_ms, bool (*look)(void *closure, const struct kv_batch_seen *seen), void *closure)
{
    const struct kv_batch_wire *w = kv_batch_wire_for(p);
    char last[KV_BATCH_ID_MAX + 1] = "";
    struct kv_buf path = {0};
    bool ok;
    do {
        kv_buf_clear(&path);
        kv_buf_printf(&path, "%s?%s", w->batches, w->page);
        if (*last)
            kv_buf_printf(&path, "&%s=%s", w->after, last);
        kv_batch_ask(b, s, p, path.p, NULL);
        ok = b->x.end == KV_EXCHANGE_DONE && list_page(b, w, until_ms, look, closure, last);
        if (b->x.end == KV_EXCHANGE_DONE && !ok)
            kv_exchange_mistrust(&b->x, &s->line, "the list of batches cannot be read");
    } while (ok && *last);
    kv_buf_release(&path);
    return ok;
}

/* ---- telling ---- */

static const char *step_word(const struct kv_batch_part *p)
{
    static const char *const words[] = {[KV_BATCH_MADE] = "not sent",
        [KV_BATCH_SENDING_UPLOAD] = "in doubt",
        [KV_BATCH_UPLOADED] = "not sent",
        [KV_BATCH_SENDING_CREATE] = "in doubt",
        [KV_BATCH_COLLECTED] = "collected",
        [KV_BATCH_GIVEN_UP] = "given up"};
    if (p->step == KV_BATCH_CREATED || p->step == KV_BATCH_ENDED)
        return kv_batch_status_name(p->status);
    return words[p->step];
}

static void add_count(struct kv_buf *out, const char *name, int64_t n)
{
    if (n < 0)
        kv_json_out_null(out, name);
    else
        kv_json_out_int(out, name, n);
}

void kv_batch_add_status(const struct kv_batch_part *p, struct kv_buf *out)
{
    kv_json_out_object(out, NULL);
    kv_json_out_int(out, "part", p->number);
    kv_json_out_str(out, "batch", *p->batch ? p->batch : NULL);
    kv_json_out_str(out, "model", p->model);
    kv_json_out_str(out, "status", step_word(p));
    kv_json_out_int(out, "requests", p->requests);
    add_count(out, "done", p->step == KV_BATCH_COLLECTED ? p->replies : p->counts.done);
    add_count(out, "failed", p->step == KV_BATCH_COLLECTED ? p->failures : p->counts.failed);
    kv_batch_json_add_time(out, "created_at", p->created_ms);
    kv_batch_json_add_time(out, "expires_at", p->expires_ms);
    kv_batch_json_add_time(out, "results_until", p->results_until_ms);
    if (*p->said)
        kv_json_out_str(out, "said", p->said);
    kv_buf_add_str(out, "}\n");
}
