/* http_transfer - one transfer: an easy handle of libcurl with its reply, used again for the next.
 *
 * The choices that are not obvious:
 *   - NOSIGNAL, or libcurl calls sigaction four times a request.
 *   - A CA file and CAPATH NULL: with a CA directory the whole bundle is parsed at every handshake.
 *   - A share for TLS sessions: before 8.12 they belong to the handle, so nothing would resume.
 *   - MAXAGE_CONN below the server's idle time, or a dying connection has the request sent twice.
 *   - CURLOPT_URL beside CURLOPT_CURLU, or 7.88 writes the URL anew from its parts.
 *   - The bound on a body is kept in the write callback: MAXFILESIZE does not see chunked bodies.
 *   - No LOW_SPEED_*: a model that thinks for minutes is not slow.
 */
#include "http_transfer.h"

#include "child.h"
#include "http_setting.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

enum {
    BODY_KEPT = 256 << 10, /* a larger buffer is given back after its call */
    SILENT_MS = 60000,
    LEAST_MS = 1000, /* for what was held longer than a limit allows */
};

/* ---- what libcurl calls ---- */

/* A socket of its own, or shared with others. */
static void set_haste(const struct kv_http_transfer *t, struct kv_http_socket socket)
{
    kv_http_watch_haste(t->means->watch, socket.fd, socket.haste);
}

static void relax(struct kv_http_transfer *t)
{
    enum kv_http_haste haste = t->haste ? t->haste(t->user) : KV_HTTP_AT_ONCE;
    if (haste != t->flight.haste)
        set_haste(t, kv_http_host_haste(&t->flight, haste));
}

static size_t take(char *bytes, size_t size, size_t n, void *to)
{
    struct kv_http_transfer *t = to;
    long status = 0;
    if (t->take) {
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        if (!t->take(t->user, (int)status, (struct kv_slice){bytes, size * n}))
            return CURL_WRITEFUNC_ERROR;
        kv_http_watch_took(t->means->watch, size * n);
        relax(t);
        return size * n;
    }
    kv_buf_add(&t->body, bytes, size * n);
    if (!t->body.failed)
        return size * n;
    t->capped = true;
    return CURL_WRITEFUNC_ERROR;
}

static size_t take_line(char *bytes, size_t size, size_t n, void *to)
{
    struct kv_http_transfer *t = to;
    kv_http_headers_take(&t->headers, (struct kv_slice){bytes, size * n});
    return size * n;
}

/* Called when a connection is there, before the request goes out. */
static int connected(void *to, char *peer_ip, char *own_ip, int peer_port, int own_port)
{
    struct kv_http_transfer *t = to;
    (void)peer_ip, (void)own_ip, (void)peer_port;
    t->sent = true;
    set_haste(t, kv_http_host_connected(&t->flight, own_port));
    return CURL_PREREQFUNC_OK;
}

/* ---- what never changes ---- */

static void set_trust(struct kv_http_setting *s, const struct kv_http_means *m)
{
    if (m->ca_file) {
        SET(s, CURLOPT_CAINFO, m->ca_file);
        SET(s, CURLOPT_CAPATH, NULL);
    }
    if (m->ca_path)
        SET(s, CURLOPT_CAPATH, m->ca_path);
    SET(s, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(s, CURLOPT_SSL_VERIFYHOST, 2L);
    SET(s, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(s, CURLOPT_SHARE, m->share);
}

/* A host that has confirmed nothing for so long is gone. Probes alone would not tell: none are sent
 * while a request is on its way. It fails on what is no TCP, which does not matter. */
static int set_patience(void *closure, curl_socket_t fd, curlsocktype purpose)
{
    (void)closure, (void)purpose;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(unsigned){SILENT_MS}, sizeof(unsigned));
    return CURL_SOCKOPT_OK;
}

static int configure(struct kv_http_transfer *t, const struct kv_http_means *m, struct kv_err *err)
{
    struct kv_http_setting s = {.easy = t->easy};
    SET(&s, CURLOPT_PRIVATE, t);
    SET(&s, CURLOPT_ERRORBUFFER, t->error);
    SET(&s, CURLOPT_WRITEFUNCTION, take);
    SET(&s, CURLOPT_WRITEDATA, t);
    SET(&s, CURLOPT_HEADERFUNCTION, take_line);
    SET(&s, CURLOPT_HEADERDATA, t);
    SET(&s, CURLOPT_PREREQFUNCTION, connected);
    SET(&s, CURLOPT_PREREQDATA, t);
    SET(&s, CURLOPT_NOSIGNAL, 1L);
    SET(&s, CURLOPT_NOPROGRESS, 1L);
    SET(&s, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(&s, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(&s, CURLOPT_FOLLOWLOCATION, 0L);
    SET(&s, CURLOPT_FAILONERROR, 0L);
    SET(&s, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(&s, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(&s, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(&s, CURLOPT_MAXLIFETIME_CONN, 900L);
    SET(&s, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(&s, CURLOPT_TCP_KEEPIDLE, 30L); /* what stands between may forget silent ones after 60 s */
    SET(&s, CURLOPT_TCP_KEEPINTVL, 10L);
    SET(&s, CURLOPT_SOCKOPTFUNCTION, set_patience);
    SET(&s, CURLOPT_ACCEPT_ENCODING, "");
    SET(&s, CURLOPT_READFUNCTION, kv_http_file_read);
    SET(&s, CURLOPT_READDATA, &t->file);
    SET(&s, CURLOPT_SEEKFUNCTION, kv_http_file_seek);
    SET(&s, CURLOPT_SEEKDATA, &t->file);
    set_trust(&s, m);
    return kv_http_settled(&s, err);
}

/* ---- life ---- */

struct kv_http_transfer *kv_http_transfer_new(const struct kv_http_means *means, struct kv_err *err)
{
    struct kv_http_transfer *t = kv_calloc(1, sizeof *t);
    t->means = means;
    t->body.max = means->body_max;
    t->easy = curl_easy_init();
    if (!t->easy)
        kv_no_memory();
    if (configure(t, means, err) == 0)
        return t;
    kv_http_transfer_free(t);
    return NULL;
}

void kv_http_transfer_free(struct kv_http_transfer *t)
{
    curl_easy_cleanup(t->easy);
    kv_buf_release(&t->body);
    kv_http_headers_release(&t->headers);
    kv_http_lines_release(&t->lines);
    free(t);
}

void kv_http_transfer_clear(struct kv_http_transfer *t)
{
    size_t max = t->body.max;
    if (t->body.cap > BODY_KEPT)
        kv_buf_release(&t->body);
    else
        kv_buf_clear(&t->body);
    t->body.max = max;
    kv_http_headers_clear(&t->headers);
    t->sent = t->capped = false;
    t->user = NULL;
}

/* ---- what a request decides ---- */

static void set_body(
    struct kv_http_setting *s, struct kv_http_transfer *t, const struct kv_http_request *r)
{
    if (r->from_file) {
        t->file = (struct kv_http_file){.fd = r->file, .size = r->file_size};
        SET(s, CURLOPT_POST, 1L);
        SET(s, CURLOPT_POSTFIELDS, NULL);
        SET(s, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->file_size);
    } else if (r->body.p) {
        SET(s, CURLOPT_POST, 1L);
        SET(s, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
        SET(s, CURLOPT_POSTFIELDS, r->body.p);
    } else
        SET(s, CURLOPT_HTTPGET, 1L);
    if (r->method || t->custom)
        SET(s, CURLOPT_CUSTOMREQUEST, r->method);
    t->custom = r->method != NULL;
}

static long left(long limit_ms, int64_t held_ms)
{
    long least = limit_ms < LEAST_MS ? limit_ms : LEAST_MS;
    return limit_ms - held_ms > least ? limit_ms - (long)held_ms : least;
}

/* After a connection that failed the time that it was held counts for the next one too: those behind
 * it would try in vain as long again as it did. */
bool kv_http_transfer_shorten(struct kv_http_transfer *t)
{
    struct kv_http_setting s = {.easy = t->easy};
    int64_t held_ms = kv_child_now_ms() - t->started_ms;
    SET(&s, CURLOPT_TIMEOUT_MS, left(t->timeout_ms, held_ms));
    if (t->flight.host->failed)
        SET(&s, CURLOPT_CONNECTTIMEOUT_MS, left(t->connect_timeout_ms, held_ms));
    return s.code == CURLE_OK;
}

/* Of what libcurl has options for, too: it writes those lines twice, once by themselves, and lines of
 * ours once. */
static struct curl_slist *own_lines(struct kv_http_transfer *t, const struct kv_http_request *r)
{
    static char document[] = "Accept: application/json", events[] = "Accept: text/event-stream";
    const struct kv_http_target *peer = r->peer;
    char *const lines[KV_HTTP_OWN_LINES] = {peer->says_accept ? NULL
                                            : r->take         ? events
                                                              : document,
        r->identity || peer->says_encodings ? NULL : t->means->encodings,
        peer->says_agent ? NULL : t->means->agent};
    struct curl_slist *first = peer->headers;
    for (size_t i = 0; i < KV_HTTP_OWN_LINES; i++)
        if (lines[i]) {
            t->own[i] = (struct curl_slist){lines[i], first};
            first = &t->own[i];
        }
    return first;
}

static void set_headers(
    struct kv_http_setting *s, struct kv_http_transfer *t, const struct kv_http_request *r)
{
    struct curl_slist *own = own_lines(t, r);
    SET(s, CURLOPT_HTTPHEADER,
        r->field_count ? kv_http_lines_make(&t->lines, r->fields, r->field_count, own) : own);
}

/* What stays for all requests to it. A proxy that is asked for a tunnel is told who asks, and nothing
 * else; one that passes on a request reads it there. Addresses of loopback are not looked up anew. */
static void set_peer(
    struct kv_http_setting *s, struct kv_http_transfer *t, const struct kv_http_target *peer)
{
    bool loopback = peer->place.loopback, shared = peer->share_connections;
    if (t->peer_state == peer->state)
        return;
    t->tunnel = (struct curl_slist){t->means->agent, NULL};
    SET(s, CURLOPT_URL, peer->secret_url ? peer->secret_url : peer->place.url);
    SET(s, CURLOPT_CURLU, peer->parsed);
    SET(s, CURLOPT_UNIX_SOCKET_PATH, peer->socket);
    SET(s, CURLOPT_NOPROXY, loopback ? "*" : NULL); /* NULL: as the variables say */
    SET(s, CURLOPT_PROXYHEADER, peer->place.encrypted ? &t->tunnel : NULL);
    SET(s, CURLOPT_DNS_CACHE_TIMEOUT, loopback ? -1L : 300L);
    SET(s, CURLOPT_MAXAGE_CONN, peer->idle_s);
    SET(s, CURLOPT_HTTP_VERSION, (long)(shared ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
    t->peer_state = s->code == CURLE_OK ? peer->state : 0;
}

/* To another place at the host of the peer. */
static void set_url(struct kv_http_setting *s, struct kv_http_transfer *t, const char *url)
{
    SET(s, CURLOPT_URL, url);
    SET(s, CURLOPT_CURLU, NULL);
    t->peer_state = 0;
}

int kv_http_transfer_prepare(
    struct kv_http_transfer *t, const struct kv_http_request *r, struct kv_err *err)
{
    struct kv_http_setting s = {.easy = t->easy};
    t->take = r->take;
    t->haste = r->haste;
    t->flight = (struct kv_http_flight){.user = t, .socket = -1};
    set_peer(&s, t, r->peer);
    if (r->url)
        set_url(&s, t, r->url);
    set_headers(&s, t, r);
    t->timeout_ms = r->timeout_ms > 0 ? r->timeout_ms : 600000;
    t->connect_timeout_ms = r->connect_timeout_ms > 0 ? r->connect_timeout_ms : 10000;
    SET(&s, CURLOPT_TIMEOUT_MS, t->timeout_ms);
    SET(&s, CURLOPT_CONNECTTIMEOUT_MS, t->connect_timeout_ms);
    SET(&s, CURLOPT_FRESH_CONNECT, r->fresh ? 1L : 0L);
    if (r->identity != t->identity)
        SET(&s, CURLOPT_ACCEPT_ENCODING, r->identity ? NULL : "");
    set_body(&s, t, r);
    t->identity = r->identity;
    t->peer = r->peer;
    t->user = r->user;
    t->error[0] = '\0';
    return kv_http_settled(&s, err);
}

/* ---- the end ---- */

void kv_http_transfer_leave(struct kv_http_transfer *t)
{
    long version = 0;
    if (!t->flight.held)
        curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &version);
    set_haste(t, kv_http_host_left(&t->flight, version == CURL_HTTP_VERSION_2_0 ? 2 : version > 0));
}

/* True if a proxy could not be reached, rather than the host that was asked: libcurl names the one
 * it tried. */
static bool blames_proxy(const struct kv_http_transfer *t, CURLcode code, int proxy_status,
    const struct kv_http_done *done)
{
    if (code == CURLE_COULDNT_CONNECT)
        return t->error[0] && !t->peer->socket && !strstr(t->error, t->peer->place.host) &&
               (strstr(t->error, " port ") || strstr(t->error, " over proxy "));
    return code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_PROXY || proxy_status >= 300 ||
           done->status == 407;
}

void kv_http_transfer_report(struct kv_http_transfer *t, CURLcode code, struct kv_http_done *done)
{
    struct kv_slice kept;
    long status = 0, connects = 0, proxy = 0;
    curl_off_t total = 0, first = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
    curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &total);
    curl_easy_getinfo(t->easy, CURLINFO_STARTTRANSFER_TIME_T, &first);
    *done = (struct kv_http_done){.user = t->user,
        .status = (int)status,
        .body = {t->body.p ? t->body.p : "", t->body.n},
        .detail = t->error[0] ? t->error : curl_easy_strerror(code),
        .sent = t->sent,
        .fresh = connects > 0,
        .total_us = total,
        .first_byte_us = first,
        .transfer = t};
    curl_easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE, &proxy);
    done->end = kv_http_outcome_of((int)code, &(struct kv_http_trace){.status = done->status,
                                                  .proxy_status = (int)proxy,
                                                  .sent = done->sent,
                                                  .capped = t->capped,
                                                  .detail = done->detail});
    done->proxied = blames_proxy(t, code, (int)proxy, done);
    if (done->fresh && kv_http_header(done, "Keep-Alive", &kept))
        kv_http_target_kept(t->peer, kept.p);
}

bool kv_http_header(const struct kv_http_done *done, const char *name, struct kv_slice *value)
{
    const struct kv_http_transfer *t = done->transfer;
    return kv_http_headers_find(&t->headers, name, value);
}

bool kv_http_header_next(
    const struct kv_http_done *done, const char **at, struct kv_slice *name, struct kv_slice *value)
{
    const struct kv_http_transfer *t = done->transfer;
    return kv_http_headers_next(&t->headers, at, name, value);
}
