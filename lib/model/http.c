/* http - many transfers at once on one thread, over libcurl's multi interface.
 *
 * A slot is an easy handle with its reply buffer. What never changes is set when the slot is made,
 * what a request decides is set at every start; curl_easy_reset between calls would cost more than
 * the transfer. The choices that are not obvious:
 *   - NOSIGNAL, or libcurl calls sigaction four times a request.
 *   - A CA file and CAPATH NULL: with a CA directory the whole bundle is parsed at every handshake.
 *   - A share for TLS sessions: before 8.12 they belong to the handle, so nothing would resume.
 *   - MAXCONNECTS above the transfers in flight, or the tail of a burst closes its connections.
 *   - MAXAGE_CONN below the server's idle time, or a dying connection has the request sent twice.
 *   - The bound on a body is kept in the write callback: MAXFILESIZE does not see chunked bodies.
 *   - No LOW_SPEED_*: a model that thinks for minutes is not slow.
 */
#include "http.h"

#include "child.h"
#include "http_descriptors.h"
#include "http_host.h"
#include "http_setting.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BODY_MAX = 16 << 20,
    BODY_KEPT = 256 << 10, /* a larger buffer is given back after its call */
    LOOK_EVERY_MS = 10,    /* at the caller's descriptors, however busy we are */
    SILENT_MS = 60000,
    LEAST_MS = 1000, /* for what was held longer than a limit allows */
};

struct slot {
    CURL *easy;
    struct kv_buf body;
    struct kv_http_target *peer;
    void *user;
    bool flying, capped, identity;
    bool (*take)(void *user, int status, struct kv_slice bytes);
    struct kv_http_flight flight;
    int64_t started_ms;
    long timeout_ms, connect_timeout_ms;
    struct curl_slist accept;   /* in front of the peer's headers */
    struct kv_http_lines lines; /* in place of both, where the request has headers of its own */
    struct kv_http_file file;   /* that is sent */
    bool custom;                /* a method of its own was set */
    struct slot *next;          /* in the free or the lost list */
    char error[CURL_ERROR_SIZE];
};

struct kv_http {
    CURLM *multi;
    CURLSH *share;
    char *agent, *ca_file, *ca_path;
    size_t body_max, capacity, count, flying;
    size_t held; /* of those flying: not begun yet, see http_host */
    struct kv_http_hosts hosts;
    struct slot **slots;
    struct slot *free, *lost; /* lost: in flight when the multi broke */
    struct slot *shown;       /* handed out by kv_http_next */
    struct curl_waitfd *waits;
    int64_t looked_ms, broken_ms;
};

/* ---- slots ---- */

static size_t take(char *bytes, size_t size, size_t n, void *to)
{
    struct slot *s = to;
    long status = 0;
    if (s->take) {
        curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
        bool more = s->take(s->user, (int)status, (struct kv_slice){bytes, size * n});
        return more ? size * n : CURL_WRITEFUNC_ERROR;
    }
    kv_buf_add(&s->body, bytes, size * n);
    if (!s->body.failed)
        return size * n;
    s->capped = true;
    return CURL_WRITEFUNC_ERROR;
}

/* Called by libcurl when a connection is there, before the request goes out. */
static int connected(void *to, char *peer_ip, char *own_ip, int peer_port, int own_port)
{
    (void)peer_ip, (void)own_ip, (void)peer_port;
    kv_http_host_connected(&((struct slot *)to)->flight, own_port);
    return CURL_PREREQFUNC_OK;
}

static void set_trust(struct kv_http_setting *s, const struct kv_http *h)
{
    if (h->ca_file) {
        SET(s, CURLOPT_CAINFO, h->ca_file);
        SET(s, CURLOPT_CAPATH, NULL);
    }
    if (h->ca_path)
        SET(s, CURLOPT_CAPATH, h->ca_path);
    SET(s, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(s, CURLOPT_SSL_VERIFYHOST, 2L);
    SET(s, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(s, CURLOPT_SHARE, h->share);
}

/* A host that has confirmed nothing for so long is gone. Probes alone would not tell: none are sent
 * while a request is on its way. It fails on what is no TCP, which does not matter. */
static int set_patience(void *closure, curl_socket_t fd, curlsocktype purpose)
{
    (void)closure, (void)purpose;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(unsigned){SILENT_MS}, sizeof(unsigned));
    return CURL_SOCKOPT_OK;
}

static int slot_configure(struct slot *slot, const struct kv_http *h, struct kv_err *err)
{
    struct kv_http_setting s = {.easy = slot->easy};
    SET(&s, CURLOPT_PRIVATE, slot);
    SET(&s, CURLOPT_ERRORBUFFER, slot->error);
    SET(&s, CURLOPT_WRITEFUNCTION, take);
    SET(&s, CURLOPT_WRITEDATA, slot);
    SET(&s, CURLOPT_PREREQFUNCTION, connected);
    SET(&s, CURLOPT_PREREQDATA, slot);
    SET(&s, CURLOPT_NOSIGNAL, 1L);
    SET(&s, CURLOPT_NOPROGRESS, 1L);
    SET(&s, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(&s, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(&s, CURLOPT_FOLLOWLOCATION, 0L);
    SET(&s, CURLOPT_FAILONERROR, 0L);
    SET(&s, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(&s, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(&s, CURLOPT_USERAGENT, h->agent);
    SET(&s, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(&s, CURLOPT_MAXLIFETIME_CONN, 900L);
    SET(&s, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(&s, CURLOPT_TCP_KEEPIDLE, 30L); /* what stands between may forget silent ones after 60 s */
    SET(&s, CURLOPT_TCP_KEEPINTVL, 10L);
    SET(&s, CURLOPT_SOCKOPTFUNCTION, set_patience);
    SET(&s, CURLOPT_DNS_CACHE_TIMEOUT, 300L);
    SET(&s, CURLOPT_ACCEPT_ENCODING, "");
    SET(&s, CURLOPT_READFUNCTION, kv_http_file_read);
    SET(&s, CURLOPT_READDATA, &slot->file);
    SET(&s, CURLOPT_SEEKFUNCTION, kv_http_file_seek);
    SET(&s, CURLOPT_SEEKDATA, &slot->file);
    set_trust(&s, h);
    return kv_http_settled(&s, err);
}

static struct slot *slot_new(struct kv_http *h, struct kv_err *err)
{
    struct slot *slot = kv_calloc(1, sizeof *slot);
    slot->body.max = h->body_max;
    slot->easy = curl_easy_init();
    if (!slot->easy)
        kv_no_memory();
    if (slot_configure(slot, h, err) < 0) {
        curl_easy_cleanup(slot->easy);
        free(slot);
        return NULL;
    }
    h->slots = kv_array(h->slots, h->count + 1, sizeof *h->slots);
    h->slots[h->count++] = slot;
    return slot;
}

static struct slot *slot_get(struct kv_http *h, struct kv_err *err)
{
    struct slot *slot = h->free;
    if (!slot)
        return slot_new(h, err);
    h->free = slot->next;
    return slot;
}

static void slot_put(struct kv_http *h, struct slot *slot)
{
    size_t max = slot->body.max;
    if (slot->body.cap > BODY_KEPT)
        kv_buf_release(&slot->body);
    else
        kv_buf_clear(&slot->body);
    slot->body.max = max;
    slot->capped = false;
    slot->user = NULL;
    slot->next = h->free;
    h->free = slot;
}

static void set_body(struct kv_http_setting *s, struct slot *slot, const struct kv_http_request *r)
{
    if (r->from_file) {
        slot->file = (struct kv_http_file){.fd = r->file, .size = r->file_size};
        SET(s, CURLOPT_POST, 1L);
        SET(s, CURLOPT_POSTFIELDS, NULL);
        SET(s, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->file_size);
    } else if (r->body.p) {
        SET(s, CURLOPT_POST, 1L);
        SET(s, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
        SET(s, CURLOPT_POSTFIELDS, r->body.p);
    } else
        SET(s, CURLOPT_HTTPGET, 1L);
    if (r->method || slot->custom)
        SET(s, CURLOPT_CUSTOMREQUEST, r->method);
    slot->custom = r->method != NULL;
}

static long left(long limit_ms, int64_t held_ms)
{
    long least = limit_ms < LEAST_MS ? limit_ms : LEAST_MS;
    return limit_ms - held_ms > least ? limit_ms - (long)held_ms : least;
}

/* The time that a transfer was held counts. After a connection that failed it counts for the next one
 * too: those behind it would try in vain as long again as it did. */
static void shorten(struct kv_http_setting *s, const struct slot *slot)
{
    int64_t held_ms = kv_child_now_ms() - slot->started_ms;
    SET(s, CURLOPT_TIMEOUT_MS, left(slot->timeout_ms, held_ms));
    if (slot->flight.host->failed)
        SET(s, CURLOPT_CONNECTTIMEOUT_MS, left(slot->connect_timeout_ms, held_ms));
}

static int slot_prepare(struct slot *slot, const struct kv_http_request *r, struct kv_err *err)
{
    static char document[] = "Accept: application/json", events[] = "Accept: text/event-stream";
    struct kv_http_setting s = {.easy = slot->easy};
    slot->take = r->take;
    slot->accept = (struct curl_slist){r->take ? events : document, r->peer->headers};
    const char *url = r->peer->secret_url ? r->peer->secret_url : r->peer->place.url;
    SET(&s, CURLOPT_URL, r->url ? r->url : url);
    SET(&s, CURLOPT_UNIX_SOCKET_PATH, r->peer->socket);
    SET(&s, CURLOPT_PROXY, r->peer->place.loopback ? "" : NULL); /* NULL: what the variables say */
    SET(&s, CURLOPT_HTTPHEADER,
        r->field_count ? kv_http_lines_make(&slot->lines, r->fields, r->field_count, &slot->accept)
                       : &slot->accept);
    slot->timeout_ms = r->timeout_ms > 0 ? r->timeout_ms : 600000;
    slot->connect_timeout_ms = r->connect_timeout_ms > 0 ? r->connect_timeout_ms : 10000;
    SET(&s, CURLOPT_TIMEOUT_MS, slot->timeout_ms);
    SET(&s, CURLOPT_CONNECTTIMEOUT_MS, slot->connect_timeout_ms);
    SET(&s, CURLOPT_FRESH_CONNECT, r->fresh ? 1L : 0L);
    SET(&s, CURLOPT_MAXAGE_CONN, r->peer->idle_s);
    bool shared = r->peer->share_connections;
    SET(&s, CURLOPT_HTTP_VERSION, (long)(shared ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
    if (r->identity != slot->identity)
        SET(&s, CURLOPT_ACCEPT_ENCODING, r->identity ? NULL : "");
    set_body(&s, slot, r);
    slot->identity = r->identity;
    slot->peer = r->peer;
    slot->user = r->user;
    slot->error[0] = '\0';
    return kv_http_settled(&s, err);
}

/* ---- open and close ---- */

static int multi_open(struct kv_http *h, struct kv_err *err)
{
    h->multi = curl_multi_init();
    if (!h->multi)
        return kv_err_set(err, KV_SYSTEM, "libcurl cannot make a multi handle");
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)h->capacity + 16);
    curl_multi_setopt(h->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, 0L);
    curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, 0L);
    curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
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

struct kv_http *kv_http_open(const struct kv_http_limits *limits, struct kv_err *err)
{
    if (curl_usable(err) < 0)
        return NULL;
    struct kv_http *h = kv_calloc(1, sizeof *h);
    struct kv_buf agent = {0};
    kv_buf_printf(
        &agent, "kv/" KV_VERSION " libcurl/%s", curl_version_info(CURLVERSION_NOW)->version);
    h->agent = limits->user_agent ? kv_strdup(limits->user_agent) : kv_strdup(agent.p);
    kv_buf_release(&agent);
    h->ca_file = trusted(limits->ca_file);
    h->ca_path = limits->ca_path ? kv_strdup(limits->ca_path) : NULL;
    h->body_max = limits->body_max ? limits->body_max : BODY_MAX;
    h->capacity = kv_http_descriptors_raise(limits->in_flight ? limits->in_flight : 1);
    h->broken_ms = INT64_MIN / 2;
    h->share = curl_share_init();
    if (!h->share)
        kv_no_memory();
    curl_share_setopt(h->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    if (kv_http_descriptors_check(err) == 0 && multi_open(h, err) == 0)
        return h;
    kv_http_close(h);
    return NULL;
}

void kv_http_close(struct kv_http *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->count; i++) {
        if (h->slots[i]->flying && !h->slots[i]->flight.held)
            curl_multi_remove_handle(h->multi, h->slots[i]->easy);
        curl_easy_cleanup(h->slots[i]->easy);
        kv_buf_release(&h->slots[i]->body);
        kv_http_lines_release(&h->slots[i]->lines);
        free(h->slots[i]);
    }
    curl_multi_cleanup(h->multi);
    curl_share_cleanup(h->share);
    kv_http_hosts_release(&h->hosts);
    free(h->slots);
    free(h->waits);
    free(h->agent);
    free(h->ca_file);
    free(h->ca_path);
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
    struct slot *slot = slot_get(h, err);
    if (!slot)
        return -1;
    if (slot_prepare(slot, request, err) < 0) {
        slot_put(h, slot);
        return -1;
    }
    slot->flight = (struct kv_http_flight){.user = slot};
    bool shared = request->peer->share_connections && !request->fresh;
    bool held = shared && !kv_http_host_admit(&h->hosts, request->peer->host, &slot->flight);
    CURLMcode code = held ? CURLM_OK : curl_multi_add_handle(h->multi, slot->easy);
    if (code != CURLM_OK) {
        kv_http_host_left(&slot->flight, 0);
        slot_put(h, slot);
        return kv_err_set(err, KV_SYSTEM, "libcurl: %s", curl_multi_strerror(code));
    }
    slot->started_ms = held ? kv_child_now_ms() : 0;
    slot->flying = true;
    h->flying++;
    h->held += held;
    return 0;
}

static void unshow(struct kv_http *h)
{
    if (h->shown)
        slot_put(h, h->shown);
    h->shown = NULL;
}

static void land(struct kv_http *h, struct slot *slot)
{
    long version = 0;
    if (slot->flight.held) {
        h->held--;
    } else {
        curl_easy_getinfo(slot->easy, CURLINFO_HTTP_VERSION, &version);
        curl_multi_remove_handle(h->multi, slot->easy);
    }
    kv_http_host_left(&slot->flight, version == CURL_HTTP_VERSION_2_0 ? 2 : version > 0);
    slot->flying = false;
    h->flying--;
}

size_t kv_http_cancel(struct kv_http *h, const void *user)
{
    size_t n = 0;
    for (size_t i = 0; i < h->count; i++) {
        struct slot *slot = h->slots[i];
        if (!slot->flying || slot->user != user)
            continue;
        land(h, slot);
        slot_put(h, slot);
        n++;
    }
    return n;
}

/* It ends as a lost connection. */
static void lose(struct kv_http *h, struct slot *slot)
{
    land(h, slot);
    slot->next = h->lost;
    h->lost = slot;
}

/* A multi that failed is not used again. Its transfers end as lost connections; if the next one
 * fails within a minute, the trouble is not the multi's. */
static int rebuild(struct kv_http *h, CURLMcode code, struct kv_err *err)
{
    for (size_t i = 0; i < h->count; i++) {
        if (h->slots[i]->flying)
            lose(h, h->slots[i]);
    }
    bool again = kv_child_now_ms() - h->broken_ms < 60000;
    h->broken_ms = kv_child_now_ms();
    curl_multi_cleanup(h->multi);
    h->multi = NULL;
    if (multi_open(h, err) < 0)
        return -1;
    return again ? kv_err_set(err, KV_SYSTEM, "libcurl: %s", curl_multi_strerror(code)) : 0;
}

/* Begins what was held and may begin now. */
static bool begin_held(struct kv_http *h)
{
    struct kv_http_flight *flight;
    size_t before = h->held;
    while (h->held && (flight = kv_http_host_next(&h->hosts))) {
        struct slot *slot = flight->user;
        struct kv_http_setting s = {.easy = slot->easy};
        h->held--;
        shorten(&s, slot);
        if (s.code != CURLE_OK || curl_multi_add_handle(h->multi, slot->easy) != CURLM_OK)
            lose(h, slot);
    }
    return h->held < before;
}

static int perform(struct kv_http *h, bool *finished, struct kv_err *err)
{
    int running = 0;
    begin_held(h);
    do {
        CURLMcode code = curl_multi_perform(h->multi, &running);
        if (code != CURLM_OK && rebuild(h, code, err) < 0)
            return -1;
    } while (begin_held(h));
    *finished = h->lost || (size_t)running < h->flying - h->held;
    return 0;
}

/* libcurl's own look at foreign descriptors hides POLLERR and POLLHUP, so poll(2) has the last
 * word; while transfers finish all the time it is asked every few milliseconds only. */
static void look(struct kv_http *h, struct pollfd *fds, size_t nfds, bool at_once)
{
    for (size_t i = 0; i < nfds; i++)
        fds[i].revents = 0;
    if (nfds == 0 || (!at_once && kv_child_now_ms() - h->looked_ms < LOOK_EVERY_MS))
        return;
    while (poll(fds, (nfds_t)nfds, 0) < 0 && errno == EINTR)
        continue;
    h->looked_ms = kv_child_now_ms();
}

static void await(struct kv_http *h, const struct pollfd *fds, size_t nfds, int timeout_ms)
{
    h->waits = kv_array(h->waits, nfds + 1, sizeof *h->waits);
    for (size_t i = 0; i < nfds; i++) {
        int events = (fds[i].events & POLLIN ? CURL_WAIT_POLLIN : 0) |
                     (fds[i].events & POLLPRI ? CURL_WAIT_POLLPRI : 0) |
                     (fds[i].events & POLLOUT ? CURL_WAIT_POLLOUT : 0);
        h->waits[i] = (struct curl_waitfd){.fd = fds[i].fd, .events = (short)events};
    }
    curl_multi_poll(h->multi, h->waits, (unsigned)nfds, timeout_ms, NULL);
}

int kv_http_poll(
    struct kv_http *h, struct pollfd *fds, size_t nfds, int timeout_ms, struct kv_err *err)
{
    bool finished = false;
    unshow(h);
    if (perform(h, &finished, err) < 0)
        return -1;
    if (finished || timeout_ms == 0) {
        look(h, fds, nfds, false);
        return 0;
    }
    await(h, fds, nfds, timeout_ms < 0 ? INT_MAX : timeout_ms);
    look(h, fds, nfds, true);
    return perform(h, &finished, err);
}

/* ---- finished transfers ---- */

/* True if a proxy could not be reached, rather than the host that was asked: libcurl names the one
 * it tried. */
static bool blames_proxy(
    const struct slot *slot, CURLcode code, int proxy_status, const struct kv_http_done *done)
{
    if (code == CURLE_COULDNT_CONNECT)
        return slot->error[0] && !slot->peer->socket &&
               !strstr(slot->error, slot->peer->place.host) && strstr(slot->error, " port ");
    return code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_PROXY || proxy_status >= 300 ||
           done->status == 407;
}

static void report(struct slot *slot, CURLcode code, struct kv_http_done *done)
{
    struct kv_slice kept;
    long status = 0, connects = 0, proxy = 0;
    curl_off_t total = 0, before = 0, first = 0;
    curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(slot->easy, CURLINFO_NUM_CONNECTS, &connects);
    curl_easy_getinfo(slot->easy, CURLINFO_TOTAL_TIME_T, &total);
    curl_easy_getinfo(slot->easy, CURLINFO_PRETRANSFER_TIME_T, &before);
    curl_easy_getinfo(slot->easy, CURLINFO_STARTTRANSFER_TIME_T, &first);
    *done = (struct kv_http_done){.user = slot->user,
        .status = (int)status,
        .body = {slot->body.p ? slot->body.p : "", slot->body.n},
        .detail = slot->error[0] ? slot->error : curl_easy_strerror(code),
        .sent = before > 0,
        .fresh = connects > 0,
        .total_us = total,
        .first_byte_us = first,
        .slot = slot};
    curl_easy_getinfo(slot->easy, CURLINFO_HTTP_CONNECTCODE, &proxy);
    done->end = kv_http_outcome_of((int)code, &(struct kv_http_trace){.status = done->status,
                                                  .proxy_status = (int)proxy,
                                                  .sent = done->sent,
                                                  .capped = slot->capped,
                                                  .detail = done->detail});
    done->proxied = blames_proxy(slot, code, (int)proxy, done);
    if (done->fresh && kv_http_header(done, "Keep-Alive", &kept))
        kv_http_target_kept(slot->peer, kept.p);
}

bool kv_http_next(struct kv_http *h, struct kv_http_done *done)
{
    unshow(h);
    struct slot *slot = h->lost;
    CURLcode code = CURLE_RECV_ERROR;
    if (slot)
        h->lost = slot->next;
    CURLMsg *m;
    int left;
    while (!slot && (m = curl_multi_info_read(h->multi, &left))) {
        if (m->msg != CURLMSG_DONE)
            continue;
        code = m->data.result; /* the message dies with the removal */
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&slot);
        land(h, slot);
    }
    if (!slot)
        return false;
    report(slot, code, done);
    h->shown = slot;
    return true;
}

bool kv_http_header(const struct kv_http_done *done, const char *name, struct kv_slice *value)
{
    const struct slot *slot = done->slot;
    struct curl_header *found = NULL;
    if (curl_easy_header(slot->easy, name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK)
        return false;
    if (found->amount > 1)
        curl_easy_header(slot->easy, name, found->amount - 1, CURLH_HEADER, -1, &found);
    *value = kv_slice(found->value);
    return true;
}

bool kv_http_header_next(
    const struct kv_http_done *done, void **at, struct kv_slice *name, struct kv_slice *value)
{
    const struct slot *slot = done->slot;
    struct curl_header *found = curl_easy_nextheader(slot->easy, CURLH_HEADER, -1, *at);
    if (!found)
        return false;
    *at = found;
    *name = kv_slice(found->name);
    *value = kv_slice(found->value);
    return true;
}
