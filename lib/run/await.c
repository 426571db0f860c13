/* await - waits until the servers of a run are there: started elsewhere, they load for minutes. */
#include "await.h"

#include <string.h>

enum { FIRST_PAUSE_MS = 250, LONGEST_PAUSE_MS = 4000, ANSWER_MS = 10000 };

struct waiting {
    struct kv_http *http;
    int64_t deadline_ms;
    void (*say)(void *closure, const char *text);
    void *closure;
};

/* Asks once: *there if the server is there, else *why is what was heard. */
static int ask(const struct waiting *w, struct kv_http_target *target, bool *there,
    struct kv_buf *why, struct kv_err *err)
{
    const struct kv_http_request request = {
        .peer = target, .timeout_ms = ANSWER_MS, .user = target};
    struct kv_http_done done;
    if (kv_http_start(w->http, &request, err) != 0)
        return -1;
    while (!kv_http_next(w->http, &done))
        if (kv_http_poll(w->http, NULL, 0, 1000, err) != 0)
            return -1;
    bool loads = done.status == 502 || done.status == 503 || done.status == 504;
    *there = done.end == KV_HTTP_ANSWERED && !loads;
    kv_buf_clear(why);
    if (loads)
        kv_buf_printf(why, "it answers %d", done.status);
    else
        kv_buf_add_plain(why, kv_slice(done.detail));
    return 0;
}

int kv_await_pause(struct kv_http *http, int64_t ms, struct kv_err *err)
{
    int64_t until = kv_child_now_ms() + ms;
    for (int64_t left = ms; left > 0; left = until - kv_child_now_ms())
        if (kv_http_poll(http, NULL, 0, (int)left, err) != 0)
            return -1;
    return 0;
}

static void tell(const struct waiting *w, const struct kv_endpoint *e, const struct kv_buf *why)
{
    struct kv_buf text = {0};
    kv_buf_printf(&text, "waiting for %s: %s", e->provider.chat->host, why->p ? why->p : "");
    w->say(w->closure, text.p);
    kv_buf_release(&text);
}

static int await_one(const struct waiting *w, const struct kv_endpoint *e, struct kv_err *err)
{
    struct kv_buf why = {0};
    bool there = false, told = false;
    int failed = 0;
    for (int64_t pause = FIRST_PAUSE_MS; !failed; pause *= 2) {
        failed = ask(w, e->provider.models, &there, &why, err);
        if (failed || there)
            break;
        if (kv_child_now_ms() + pause > w->deadline_ms) {
            failed = kv_err_set(err, KV_PROVIDER, "%s is not there: %s", e->provider.chat->host,
                why.p ? why.p : "");
            break;
        }
        if (!told)
            tell(w, e, &why);
        told = true;
        pause = pause > LONGEST_PAUSE_MS ? LONGEST_PAUSE_MS : pause;
        failed = kv_await_pause(w->http, pause, err);
    }
    kv_buf_release(&why);
    return failed;
}

static int await_role(
    const struct waiting *w, const struct kv_endpoint *e, size_t n, struct kv_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (!e[i].command && !e[i].silent && await_one(w, &e[i], err) != 0)
            return -1;
    return 0;
}

int kv_await(const struct kv_models *m, int64_t wait_ms,
    void (*say)(void *closure, const char *text), void *closure, struct kv_err *err)
{
    struct waiting w = {.http = m->http,
        .deadline_ms = kv_child_now_ms() + wait_ms,
        .say = say,
        .closure = closure};
    if (!m->http)
        return 0;
    if (await_role(&w, m->answering, m->config->answering_count, err) != 0)
        return -1;
    return await_role(&w, m->judging, m->config->parsing_count, err);
}
