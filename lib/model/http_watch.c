/* http_watch - the sockets that libcurl wants looked at, and which of them are ready. */
#include "http_watch.h"

#include "buf.h"
#include "child.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined __linux__ && !defined KV_PORTABLE
#define HAVE_EPOLL 1
#include <sys/epoll.h>
#include <unistd.h>
#else
#define HAVE_EPOLL 0
#endif

struct watched {
    short events;             /* 0: it is not watched */
    enum kv_http_haste haste; /* that was asked for */
    enum kv_http_haste kind;  /* the set that it is in */
    int64_t since_ms;         /* bytes: that came since then */
    size_t bytes;
};

struct ready {
    int fd;
    short events;
};

struct kv_http_watch {
    struct watched *all; /* by descriptor */
    size_t room;
    size_t count[KV_HTTP_HASTES];
    struct pollfd *polled;
    size_t polled_room;
    struct ready *ready;
    size_t ready_count, ready_room, at;
    int named;                       /* of the ready ones, the last that was told; -1 */
    int64_t look_ms[KV_HTTP_HASTES]; /* before that time nobody waits for those of the kind */
    int64_t now_ms;                  /* when the last wait ended */
#if HAVE_EPOLL
    int sets[KV_HTTP_HASTES];
    struct epoll_event *events; /* as many as may be ready */
    size_t events_room;
#endif
};

static void add_ready(struct kv_http_watch *w, int fd, bool in, bool out, bool broken)
{
    if (w->ready_count == w->ready_room) {
        w->ready_room = 2 * w->ready_room + 64;
        w->ready = kv_array(w->ready, w->ready_room, sizeof *w->ready);
    }
    short events = (short)((in || broken ? POLLIN : 0) | (out || broken ? POLLOUT : 0));
    w->ready[w->ready_count++] = (struct ready){fd, events};
}

static void make_room(struct kv_http_watch *w, size_t n)
{
    if (n <= w->polled_room)
        return;
    w->polled_room = 2 * n;
    w->polled = kv_array(w->polled, w->polled_room, sizeof *w->polled);
}

#if HAVE_EPOLL

static int sets_open(struct kv_http_watch *w, struct kv_err *err)
{
    for (int i = 0; i < KV_HTTP_HASTES; i++)
        w->sets[i] = -1;
    for (int i = 0; i < KV_HTTP_HASTES; i++)
        if ((w->sets[i] = epoll_create1(EPOLL_CLOEXEC)) < 0)
            return kv_err_sys(err, "epoll_create1");
    return 0;
}

static void sets_close(struct kv_http_watch *w)
{
    for (int i = 0; i < KV_HTTP_HASTES; i++)
        if (w->sets[i] >= 0)
            close(w->sets[i]);
    free(w->events);
}

/* The descriptor is another socket than we knew by it: one that is closed leaves its set by itself. */
static bool is_stale(int error)
{
    return error == EEXIST || error == ENOENT;
}

/* Where the kernel will not watch one more (ENOSPC, ENOMEM) everything stays as it was. */
static int move(const struct kv_http_watch *w, int fd, struct watched was, struct watched is)
{
    struct epoll_event event = {.data.fd = fd};
    event.events = (is.events & POLLIN ? EPOLLIN : 0U) | (is.events & POLLOUT ? EPOLLOUT : 0U);
    bool same = was.events && is.events && was.kind == is.kind;
    if (is.events &&
        epoll_ctl(w->sets[is.kind], same ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0 &&
        (!is_stale(errno) ||
            epoll_ctl(w->sets[is.kind], same ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) < 0))
        return -1;
    if (was.events && !same)
        (void)epoll_ctl(w->sets[was.kind], EPOLL_CTL_DEL, fd, &event);
    return 0;
}

/* Each set is one descriptor, which is readable while one of its sockets is ready. */
static size_t list(struct kv_http_watch *w, const bool *kinds)
{
    size_t n = 0;
    make_room(w, KV_HTTP_HASTES);
    for (int i = 0; i < KV_HTTP_HASTES; i++)
        if (kinds[i])
            w->polled[n++] = (struct pollfd){.fd = w->sets[i], .events = POLLIN};
    return n;
}

/* All of them: those that were left out would not be looked at again before their time. */
static void collect(struct kv_http_watch *w, const struct pollfd *polled)
{
    size_t most = 0;
    for (int i = 0; i < KV_HTTP_HASTES; i++)
        most += w->count[i];
    if (!polled->revents || most == 0)
        return;
    if (most > w->events_room) {
        w->events_room = 2 * most;
        w->events = kv_array(w->events, w->events_room, sizeof *w->events);
    }
    int n = epoll_wait(polled->fd, w->events, (int)most, 0);
    for (int i = 0; i < n; i++) {
        const struct epoll_event *e = &w->events[i];
        add_ready(w, e->data.fd, e->events & EPOLLIN, e->events & EPOLLOUT,
            e->events & (EPOLLERR | EPOLLHUP));
    }
}

#else

static int sets_open(struct kv_http_watch *w, struct kv_err *err)
{
    (void)w, (void)err;
    return 0;
}

static void sets_close(struct kv_http_watch *w)
{
    (void)w;
}

static int move(const struct kv_http_watch *w, int fd, struct watched was, struct watched is)
{
    (void)w, (void)fd, (void)was, (void)is;
    return 0;
}

static size_t list(struct kv_http_watch *w, const bool *kinds)
{
    size_t n = 0;
    make_room(w, w->room);
    for (size_t fd = 0; fd < w->room; fd++)
        if (w->all[fd].events && kinds[w->all[fd].kind])
            w->polled[n++] = (struct pollfd){.fd = (int)fd, .events = w->all[fd].events};
    return n;
}

static void collect(struct kv_http_watch *w, const struct pollfd *polled)
{
    if (polled->revents)
        add_ready(w, polled->fd, polled->revents & POLLIN, polled->revents & POLLOUT,
            polled->revents & (POLLERR | POLLHUP | POLLNVAL));
}

#endif

/* ---- what is watched ---- */

struct kv_http_watch *kv_http_watch_open(struct kv_err *err)
{
    struct kv_http_watch *w = kv_calloc(1, sizeof *w);
    w->named = -1;
    if (sets_open(w, err) == 0)
        return w;
    kv_http_watch_close(w);
    return NULL;
}

void kv_http_watch_close(struct kv_http_watch *w)
{
    if (!w)
        return;
    sets_close(w);
    free(w->all);
    free(w->polled);
    free(w->ready);
    free(w);
}

static int change(struct kv_http_watch *w, int fd, struct watched is)
{
    struct watched *was = &w->all[fd];
    if (move(w, fd, *was, is) < 0)
        return -1;
    w->count[was->kind] -= was->events != 0;
    w->count[is.kind] += is.events != 0;
    *was = is;
    return 0;
}

void kv_http_watch_clear(struct kv_http_watch *w)
{
    for (size_t fd = 0; fd < w->room; fd++)
        if (w->all[fd].events)
            (void)change(w, (int)fd, (struct watched){0});
    w->ready_count = w->at = 0;
    w->named = -1;
}

int kv_http_watch_set(struct kv_http_watch *w, int fd, short events, struct kv_err *err)
{
    size_t room = w->room;
    if (fd < 0)
        return 0;
    if ((size_t)fd >= room) {
        w->room = 2 * (size_t)fd + 64;
        w->all = kv_array(w->all, w->room, sizeof *w->all);
        memset(w->all + room, 0, (w->room - room) * sizeof *w->all);
    }
    struct watched is = events ? w->all[fd] : (struct watched){0};
    is.events = events;
    if (change(w, fd, is) < 0)
        return kv_err_sys(err, "epoll_ctl");
    return 0;
}

static void hasten(struct kv_http_watch *w, int fd, enum kv_http_haste kind)
{
    struct watched is = w->all[fd];
    is.kind = kind;
    if (w->all[fd].kind != kind)
        (void)change(w, fd, is);
}

void kv_http_watch_haste(struct kv_http_watch *w, int fd, enum kv_http_haste haste)
{
    if (fd < 0 || (size_t)fd >= w->room || !w->all[fd].events)
        return;
    w->all[fd].haste = haste;
    hasten(w, fd, w->all[fd].bytes >= KV_HTTP_MANY ? KV_HTTP_AT_ONCE : haste);
}

void kv_http_watch_took(struct kv_http_watch *w, size_t n)
{
    if (w->named < 0 || !w->all[w->named].events)
        return;
    struct watched *at = &w->all[w->named];
    bool over = w->now_ms - at->since_ms >= KV_HTTP_LATER_MS, many = at->bytes >= KV_HTTP_MANY;
    if (over) {
        at->since_ms = w->now_ms;
        at->bytes = 0;
    }
    at->bytes += n;
    if (over || at->bytes >= KV_HTTP_MANY)
        hasten(w, w->named, many || at->bytes >= KV_HTTP_MANY ? KV_HTTP_AT_ONCE : at->haste);
}

/* ---- waiting ---- */

/* At those of some kinds. True if something happened. */
static bool look(
    struct kv_http_watch *w, const bool *kinds, struct pollfd *fds, size_t nfds, int64_t timeout_ms)
{
    size_t n = list(w, kinds);
    int most = timeout_ms > INT_MAX ? -1 : (int)timeout_ms;
    make_room(w, n + nfds);
    for (size_t i = 0; i < nfds; i++)
        w->polled[n + i] = fds[i];
    bool any = poll(w->polled, (nfds_t)(n + nfds), most) > 0;
    for (size_t i = 0; i < nfds; i++)
        fds[i].revents = any ? w->polled[n + i].revents : 0;
    for (size_t i = 0; any && i < n; i++)
        collect(w, &w->polled[i]);
    return any;
}

/* Which kinds are looked at now, and until when: the end, or when it is time for more of them. True
 * if those are all that there are. */
static bool plan(const struct kv_http_watch *w, int64_t now, bool *kinds, int64_t *until_ms)
{
    int64_t end_ms = *until_ms;
    bool all = true;
    for (int i = 0; i < KV_HTTP_HASTES; i++) {
        kinds[i] = i == KV_HTTP_AT_ONCE || (w->count[i] && (now >= w->look_ms[i] || now >= end_ms));
        if (kinds[i] || !w->count[i])
            continue;
        all = false;
        *until_ms = w->look_ms[i] < *until_ms ? w->look_ms[i] : *until_ms;
    }
    return all;
}

/* Those of a kind that were ready are not waited for again before their time. */
static void put_off(struct kv_http_watch *w)
{
    static const int every_ms[KV_HTTP_HASTES] = {0, KV_HTTP_SOON_MS, KV_HTTP_LATER_MS};
    for (size_t i = 0; i < w->ready_count; i++) {
        enum kv_http_haste kind = w->all[w->ready[i].fd].kind;
        w->look_ms[kind] = w->now_ms + every_ms[kind];
    }
}

void kv_http_watch_wait(struct kv_http_watch *w, struct pollfd *fds, size_t nfds, int timeout_ms)
{
    bool kinds[KV_HTTP_HASTES], all, any;
    int64_t end_ms = timeout_ms < 0 ? INT64_MAX : kv_child_now_ms() + timeout_ms;
    w->ready_count = w->at = 0;
    w->named = -1;
    do {
        int64_t now = kv_child_now_ms(), until_ms = end_ms;
        all = plan(w, now, kinds, &until_ms);
        any = look(w, kinds, fds, nfds, until_ms > now ? until_ms - now : 0);
    } while (!any && !all);
    w->now_ms = kv_child_now_ms();
    put_off(w);
}

bool kv_http_watch_next(struct kv_http_watch *w, int *fd, short *events)
{
    while (w->at < w->ready_count) {
        const struct ready *r = &w->ready[w->at++];
        if (!w->all[r->fd].events) /* closed since */
            continue;
        w->named = *fd = r->fd;
        *events = r->events;
        return true;
    }
    w->named = -1;
    return false;
}
