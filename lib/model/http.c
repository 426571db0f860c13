/* http - many transfers at once on one thread, over libcurl's multi interface.
 *
 * The loop: which transfers there are, and what moves them. libcurl says which sockets it wants
 * looked at and is told which are ready (curl_multi_socket_action), so that an event costs what its
 * own transfer costs; curl_multi_perform would walk them all and ask the kernel about each. What a
 * transfer is stands in http_transfer. The choices that are not obvious:
 *   - MAXCONNECTS above the transfers in flight, or the tail of a burst closes its connections.
 *   - curl_multi_timeout and no timer callback: nothing is to be kept, and nothing missed.
 */
#include "http.h"

#include "child.h"
#include "http_descriptors.h"
#include "http_transfer.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { BODY_MAX = 16 << 20 };

struct kv_http {
    CURLM *multi;
    struct kv_http_means means;
    size_t capacity, count, flying;
    size_t held;  /* of those flying: not begun yet, see http_host */
    int running;  /* of the others: not finished, as libcurl said last */
    bool changed; /* some were begun or given up since */
    struct kv_http_hosts hosts;
    struct kv_http_transfer **all;
    struct kv_http_transfer *free, *lost; /* lost: in flight when the multi broke */
    struct kv_http_transfer *shown;       /* handed out by kv_http_next */
    int64_t broken_ms;
    bool unwatched; /* the multi broke because a socket could not be watched: … */
    struct kv_err why;
};

/* ---- transfers in store ---- */

static struct kv_http_transfer *get(struct kv_http *h, struct kv_err *err)
{
    struct kv_http_transfer *t = h->free;
    if (t) {
        h->free = t->next;
        return t;
    }
    if (!(t = kv_http_transfer_new(&h->means, err)))
        return NULL;
    h->all = kv_array(h->all, h->count + 1, sizeof *h->all);
    return h->all[h->count++] = t;
}

static void put(struct kv_http *h, struct kv_http_transfer *t)
{
    kv_http_transfer_clear(t);
    t->next = h->free;
    h->free = t;
}

/* ---- open and close ---- */

/* Called by libcurl: what it wants a socket looked at for. -1: the multi breaks, which is better than
 * a transfer that hears nothing until its time is over. */
static int watch(CURL *easy, curl_socket_t fd, int what, void *closure, void *unused)
{
    struct kv_http *h = closure;
    bool in = what == CURL_POLL_IN || what == CURL_POLL_INOUT;
    bool out = what == CURL_POLL_OUT || what == CURL_POLL_INOUT;
    struct kv_http_transfer *t = NULL;
    (void)unused;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
    if (t && (in || out))
        kv_http_host_socket(&t->flight, (int)fd);
    short events = (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0));
    if (kv_http_watch_set(h->means.watch, (int)fd, events, &h->why) == 0)
        return 0;
    h->unwatched = true;
    return -1;
}

static int multi_open(struct kv_http *h, struct kv_err *err)
{
    h->multi = curl_multi_init();
    if (!h->multi)
        return kv_err_set(err, KV_SYSTEM, "libcurl cannot make a multi handle");
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)h->capacity + 16);
    curl_multi_setopt(h->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, 0L);
    curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, 0L);
    curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    return 0;
}

static char *trusted(const char *given)
{
    const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
    if (given)
        return kv_strdup(given);
    return v->cainfo && access(v->cainfo, R_OK) == 0 ? kv_strdup(v->cainfo) : NULL;
}

static int curl_usable(struct kv_err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return kv_err_set(err, KV_SYSTEM, "libcurl cannot be initialised");
    const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
    if (v->version_num < 0x075800)
        return kv_err_set(err, KV_SYSTEM, "libcurl %s is too old: 7.88 is needed", v->version);
    if (!(v->features & CURL_VERSION_SSL) || !(v->features & CURL_VERSION_ASYNCHDNS))
        return kv_err_set(err, KV_SYSTEM, "libcurl %s lacks TLS or its own resolver", v->version);
    return 0;
}

/* What libcurl can decode. */
static char *encodings(const curl_version_info_data *v)
{
    static const struct {
        int feature;
        const char *names;
    } all[] = {{CURL_VERSION_LIBZ, "deflate, gzip"}, {CURL_VERSION_BROTLI, "br"},
        {CURL_VERSION_ZSTD, "zstd"}};
    struct kv_buf line = {0};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (v->features & all[i].feature)
            kv_buf_printf(&line, "%s%s", line.n ? ", " : "Accept-Encoding: ", all[i].names);
    return line.n ? kv_buf_detach(&line) : NULL;
}

static char *agent(const curl_version_info_data *v, const char *given)
{
    struct kv_buf line = {0};
    kv_buf_add_str(&line, "User-Agent: ");
    if (given)
        kv_buf_add_str(&line, given);
    else
        kv_buf_printf(&line, "kv/" KV_VERSION " libcurl/%s", v->version);
    return kv_buf_detach(&line);
}

static void set_means(struct kv_http_means *m, const struct kv_http_limits *limits)
{
    const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
    m->agent = agent(v, limits->user_agent);
    m->encodings = encodings(v);
    m->ca_file = trusted(limits->ca_file);
    m->ca_path = limits->ca_path ? kv_strdup(limits->ca_path) : NULL;
    m->body_max = limits->body_max ? limits->body_max : BODY_MAX;
    m->share = curl_share_init();
    if (!m->share)
        kv_no_memory();
    curl_share_setopt(m->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
}

struct kv_http *kv_http_open(const struct kv_http_limits *limits, struct kv_err *err)
{
    if (curl_usable(err) < 0)
        return NULL;
    struct kv_http *h = kv_calloc(1, sizeof *h);
    set_means(&h->means, limits);
    h->capacity = kv_http_descriptors_raise(limits->in_flight ? limits->in_flight : 1);
    h->broken_ms = INT64_MIN / 2;
    if ((h->means.watch = kv_http_watch_open(err)) && kv_http_descriptors_check(err) == 0 &&
        multi_open(h, err) == 0)
        return h;
    kv_http_close(h);
    return NULL;
}

void kv_http_close(struct kv_http *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->count; i++) {
        if (h->all[i]->flying && !h->all[i]->flight.held)
            curl_multi_remove_handle(h->multi, h->all[i]->easy);
        kv_http_transfer_free(h->all[i]);
    }
    curl_multi_cleanup(h->multi); /* it still says which sockets it closes */
    kv_http_watch_close(h->means.watch);
    curl_share_cleanup(h->means.share);
    kv_http_hosts_release(&h->hosts);
    free(h->all);
    free(h->means.agent);
    free(h->means.encodings);
    free(h->means.ca_file);
    free(h->means.ca_path);
    free(h);
}

size_t kv_http_capacity(const struct kv_http *h)
{
    return h->capacity;
}

size_t kv_http_flying(const struct kv_http *h)
{
    return h->flying;
}

/* ---- transfers ---- */

int kv_http_start(struct kv_http *h, const struct kv_http_request *request, struct kv_err *err)
{
    if (h->flying >= h->capacity)
        return kv_err_set(err, KV_BUSY, "%zu transfers are in flight already", h->flying);
    struct kv_http_transfer *t = get(h, err);
    if (!t)
        return -1;
    if (kv_http_transfer_prepare(t, request, err) < 0) {
        put(h, t);
        return -1;
    }
    bool shared = request->peer->share_connections && !request->fresh;
    bool held = shared && !kv_http_host_admit(&h->hosts, request->peer->host, &t->flight);
    CURLMcode code = held ? CURLM_OK : curl_multi_add_handle(h->multi, t->easy);
    if (code != CURLM_OK) {
        kv_http_host_left(&t->flight, 0);
        put(h, t);
        return kv_err_set(err, KV_SYSTEM, "libcurl: %s", curl_multi_strerror(code));
    }
    t->started_ms = held ? kv_child_now_ms() : 0;
    t->flying = h->changed = true;
    h->flying++;
    h->held += held;
    return 0;
}

static void unshow(struct kv_http *h)
{
    if (h->shown)
        put(h, h->shown);
    h->shown = NULL;
}

static void land(struct kv_http *h, struct kv_http_transfer *t)
{
    if (t->flight.held)
        h->held--;
    else
        curl_multi_remove_handle(h->multi, t->easy);
    kv_http_transfer_leave(t);
    t->flying = false;
    h->flying--;
}

size_t kv_http_cancel(struct kv_http *h, const void *user)
{
    size_t n = 0;
    for (size_t i = 0; i < h->count; i++) {
        struct kv_http_transfer *t = h->all[i];
        if (!t->flying || t->user != user)
            continue;
        land(h, t);
        put(h, t);
        h->changed = true;
        n++;
    }
    return n;
}

/* It ends as a lost connection. */
static void lose(struct kv_http *h, struct kv_http_transfer *t)
{
    land(h, t);
    t->next = h->lost;
    h->lost = t;
}

/* A multi that failed is not used again. Its transfers end as lost connections; if the next one
 * fails within a minute, the trouble is not the multi's. */
static int rebuild(struct kv_http *h, CURLMcode code, struct kv_err *err)
{
    for (size_t i = 0; i < h->count; i++) {
        if (h->all[i]->flying)
            lose(h, h->all[i]);
    }
    bool again = kv_child_now_ms() - h->broken_ms < 60000;
    h->broken_ms = kv_child_now_ms();
    curl_multi_cleanup(h->multi);
    kv_http_watch_clear(h->means.watch);
    h->multi = NULL;
    h->running = 0;
    bool unwatched = h->unwatched;
    h->unwatched = false;
    if (multi_open(h, err) < 0)
        return -1;
    if (again && unwatched)
        return kv_err_copy(err, &h->why);
    return again ? kv_err_set(err, KV_SYSTEM, "libcurl: %s", curl_multi_strerror(code)) : 0;
}

/* Begins what was held and may begin now. */
static bool begin_held(struct kv_http *h)
{
    struct kv_http_flight *flight;
    size_t before = h->held;
    while (h->held && (flight = kv_http_host_next(&h->hosts))) {
        struct kv_http_transfer *t = flight->user;
        h->held--;
        if (!kv_http_transfer_shorten(t) || curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
            lose(h, t);
        h->changed = true;
    }
    return h->held < before;
}

/* ---- what moves them ---- */

/* Something is ready at a socket, or, at CURL_SOCKET_TIMEOUT, it is time for something. */
static int act(struct kv_http *h, curl_socket_t fd, short events, struct kv_err *err)
{
    int bits = (events & POLLIN ? CURL_CSELECT_IN : 0) | (events & POLLOUT ? CURL_CSELECT_OUT : 0);
    h->changed &= fd != CURL_SOCKET_TIMEOUT;
    CURLMcode code = curl_multi_socket_action(h->multi, fd, bits, &h->running);
    return code == CURLM_OK ? 0 : rebuild(h, code, err);
}

/* Does what it is time for: begins those that were started, gives up those whose time is over. */
static int act_in_time(struct kv_http *h, struct kv_err *err)
{
    begin_held(h);
    do {
        long ms = -1;
        curl_multi_timeout(h->multi, &ms);
        if ((h->changed || ms == 0) && act(h, CURL_SOCKET_TIMEOUT, 0, err) < 0)
            return -1;
    } while (begin_held(h));
    return 0;
}

static bool any_finished(const struct kv_http *h)
{
    return h->lost || (size_t)h->running < h->flying - h->held;
}

/* Not longer than libcurl has patience, nor while something finished is there to be fetched. */
static int patience(struct kv_http *h, int timeout_ms)
{
    long ms = -1;
    if (any_finished(h))
        return 0;
    curl_multi_timeout(h->multi, &ms);
    if (ms < 0 || (timeout_ms >= 0 && timeout_ms < ms))
        return timeout_ms;
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

int kv_http_poll(
    struct kv_http *h, struct pollfd *fds, size_t nfds, int timeout_ms, struct kv_err *err)
{
    int fd;
    short events;
    unshow(h);
    if (act_in_time(h, err) < 0)
        return -1;
    kv_http_watch_wait(h->means.watch, fds, nfds, patience(h, timeout_ms));
    while (kv_http_watch_next(h->means.watch, &fd, &events))
        if (act(h, fd, events, err) < 0)
            return -1;
    return act_in_time(h, err);
}

/* ---- finished transfers ---- */

bool kv_http_next(struct kv_http *h, struct kv_http_done *done)
{
    unshow(h);
    struct kv_http_transfer *t = h->lost;
    CURLcode code = CURLE_RECV_ERROR;
    if (t)
        h->lost = t->next;
    CURLMsg *m;
    int left;
    while (!t && (m = curl_multi_info_read(h->multi, &left))) {
        if (m->msg != CURLMSG_DONE)
            continue;
        code = m->data.result; /* the message dies with the removal */
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        land(h, t);
    }
    if (!t)
        return false;
    kv_http_transfer_report(t, code, done);
    h->shown = t;
    return true;
}
