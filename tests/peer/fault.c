/* fault - sends a decided reply, or does to the connection what the script wants instead. */
#include "fault.h"

#include "json.h"
#include "queue.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum {
    DRIP_MS = 500,
    HEADER_LINE = 150 << 10,
    HEADERS_ALL = 5 << 20,
};

bool fault_stopping;

static int descriptor(const struct call *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info->connect_fd;
}

/* Bytes behind microhttpd's back; a reader that stops reading ends it. */
static void send_raw(const struct call *c, struct kv_slice bytes)
{
    int fd = descriptor(c);
    while (bytes.n > 0) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n > 0) {
            bytes.p += n;
            bytes.n -= (size_t)n;
        } else if (errno != EAGAIN || poll(&(struct pollfd){fd, POLLOUT, 0}, 1, 2000) <= 0)
            return;
    }
}

static void send_str(const struct call *c, const char *text)
{
    send_raw(c, kv_slice(text));
}

static void make_reset(const struct call *c)
{
    struct linger hard = {1, 0};
    setsockopt(descriptor(c), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

static void send_headers(const struct call *c, size_t line, size_t total)
{
    struct kv_buf out = {0};
    kv_buf_add_str(&out, "HTTP/1.1 200 OK\r\n");
    for (size_t n = 0; out.n < total; n++) {
        kv_buf_printf(&out, "X-Filler-%zu: ", n);
        for (size_t i = 0; i < line; i++)
            kv_buf_add_char(&out, 'x');
        kv_buf_add_str(&out, "\r\n");
    }
    kv_buf_add_str(&out, "Content-Length: 2\r\n\r\n{}");
    send_raw(c, kv_slice_of(&out));
    kv_buf_release(&out);
}

/* Faults done with raw bytes; the connection is closed after them. False: not one of these. */
static bool fault_raw(const struct call *c, const char *peer)
{
    struct kv_slice half = {c->reply.p, c->reply.n / 2};
    if (strcmp(peer, "close") == 0)
        return true;
    if (strcmp(peer, "reset") == 0)
        make_reset(c);
    else if (strcmp(peer, "garbage") == 0)
        send_str(c, "\x16\x03 this is not HTTP\r\n\r\n");
    else if (strcmp(peer, "short") == 0) {
        send_str(
            c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n");
        send_raw(c, half);
    } else if (strcmp(peer, "break") == 0) {
        send_str(c, "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n");
        send_raw(c, half);
        make_reset(c);
    } else if (strcmp(peer, "badchunk") == 0)
        send_str(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n");
    else if (strcmp(peer, "line") == 0)
        send_headers(c, HEADER_LINE, 1000);
    else if (strcmp(peer, "headers") == 0)
        send_headers(c, 1000, HEADERS_ALL);
    else
        return false;
    return true;
}

static ssize_t read_half(void *closure, uint64_t at, char *to, size_t room)
{
    const struct call *c = closure;
    size_t half = c->reply.n / 2, n = half - (size_t)at;
    if (at >= half)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    n = n < room ? n : room;
    memcpy(to, c->reply.p + at, n);
    return (ssize_t)n;
}

static ssize_t read_drip(void *closure, uint64_t at, char *to, size_t room)
{
    struct call *c = closure;
    (void)room;
    if (at >= c->reply.n || fault_stopping)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (c->stage == READING) {
        queue_add(c, queue_now() + (c->deed->latency_ms > 0 ? c->deed->latency_ms : DRIP_MS));
        return 0;
    }
    c->stage = READING;
    *to = c->reply.p[at];
    return 1;
}

static ssize_t read_endless(void *closure, uint64_t at, char *to, size_t room)
{
    (void)closure;
    (void)at;
    memset(to, ' ', room);
    return fault_stopping ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)room;
}

static ssize_t end_saying(struct call *c)
{
    if (fault_stopping || c->saying.end == SAY_CLEAN)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (c->saying.end == SAY_BREAK)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    c->stage = HANGING;
    MHD_suspend_connection(c->connection);
    return 0;
}

static ssize_t read_saying(void *closure, uint64_t at, char *to, size_t room)
{
    struct call *c = closure;
    struct saying *s = &c->saying;
    (void)at;
    if (s->at == s->count || fault_stopping)
        return end_saying(c);
    const struct piece *p = &s->pieces[s->at];
    if (p->wait_ms > 0 && !s->waited) {
        s->waited = true;
        queue_add(c, queue_now() + p->wait_ms);
        return 0;
    }
    size_t n = p->n - s->part < room ? p->n - s->part : room;
    memcpy(to, s->bytes.p + s->sent, n);
    s->sent += n;
    s->part += n;
    if (s->part == p->n) {
        s->at++;
        s->part = 0;
        s->waited = false;
    }
    return (ssize_t)n;
}

static struct MHD_Response *make_response(struct call *c, const char *peer)
{
    if (c->saying.pieces)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, read_saying, c, NULL);
    if (!peer)
        return MHD_create_response_from_buffer(
            c->reply.n, c->reply.p ? c->reply.p : "", MHD_RESPMEM_PERSISTENT);
    c->stage = READING;
    if (strcmp(peer, "cut") == 0)
        return MHD_create_response_from_callback(c->reply.n, 16384, read_half, c, NULL);
    if (strcmp(peer, "chunk") == 0)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, read_half, c, NULL);
    if (strcmp(peer, "drip") == 0)
        return MHD_create_response_from_callback(c->reply.n, 16, read_drip, c, NULL);
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 65536, read_endless, c, NULL);
}

static void add_headers(struct MHD_Response *r, const struct call *c)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    bool typed = false;
    if (c->retry_after.n)
        MHD_add_response_header(r, "Retry-After", c->retry_after.p);
    kv_json_begin(&w, c->deed ? c->deed->headers : (struct kv_slice){"{}", 2});
    while (kv_json_member(&w, &key, &value)) {
        char *name = kv_json_strdup(key);
        char *text =
            kv_json_type(value) == KV_JSON_STRING ? kv_json_strdup(value) : kv_slice_dup(value);
        typed = typed || strcasecmp(name, "Content-Type") == 0;
        MHD_add_response_header(r, name, text);
        free(name);
        free(text);
    }
    if (!typed)
        MHD_add_response_header(
            r, "Content-Type", c->saying.pieces ? "text/event-stream" : "application/json");
}

enum MHD_Result fault_send(struct call *c)
{
    const char *peer = c->deed ? c->deed->peer : NULL;
    if (c->deed && c->deed->raw.n) {
        struct kv_buf bytes = {0};
        kv_json_unescape(c->deed->raw, &bytes);
        send_raw(c, kv_slice_of(&bytes));
        kv_buf_release(&bytes);
        return MHD_NO;
    }
    if (peer && fault_raw(c, peer))
        return MHD_NO;
    struct MHD_Response *r = make_response(c, peer);
    add_headers(r, c);
    enum MHD_Result result = MHD_queue_response(c->connection, (unsigned)c->status, r);
    MHD_destroy_response(r);
    return result;
}
