/* http_watch - the sockets that libcurl wants looked at, and which of them are ready. */
#include "http_watch.h"

#include "buf.h"
#include "child.h"

#include <errno.h>
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

enum kind { HASTY, CALM };

struct watched {
    short events; /* 0: it is not watched */
    enum kind kind;
};

struct ready {
    int fd;
    short events;
};

struct kv_http_watch {
    struct watched *all; /* by descriptor */
    size_t room;
    size_t calm; /* how many are */
    struct pollfd *polled;
    struct ready *ready;
    size_t ready_count, ready_room, at;
    int64_t look_ms; /* before that time nobody waits for the calm ones */
    int sets[2];     /* by kind */
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

#if HAVE_EPOLL

enum { AT_ONCE = 256 }; /* of more, the others are met by the next wait */

static int sets_open(struct kv_http_watch *w, struct kv_err *err)
{
    w->sets[HASTY] = epoll_create1(EPOLL_CLOEXEC);
    w->sets[CALM] = epoll_create1(EPOLL_CLOEXEC);
    if (w->sets[HASTY] < 0 || w->sets[CALM] < 0)
        return kv_err_sys(err, "epoll_create1");
    return 0;
}

static void sets_close(struct kv_http_watch *w)
{
    for (int i = HASTY; i <= CALM; i++)
        if (w->sets[i] >= 0)
            close(w->sets[i]);
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
static size_t list(struct kv_http_watch *w, enum kind last)
{
    w->polled = kv_array(w->polled, 2, sizeof *w->polled);
    for (int i = HASTY; i <= (int)last; i++)
        w->polled[i] = (struct pollfd){.fd = w->sets[i], .events = POLLIN};
    return (size_t)last + 1;
}

static void collect(struct kv_http_watch *w, const struct pollfd *polled)
{
    struct epoll_event events[AT_ONCE];
    int n = polled->revents ? epoll_wait(polled->fd, events, AT_ONCE, 0) : 0;
    for (int i = 0; i < n; i++)
        add_ready(w, events[i].data.fd, events[i].events & EPOLLIN, events[i].events & EPOLLOUT,
            events[i].events & (EPOLLERR | EPOLLHUP));
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

static size_t list(struct kv_http_watch *w, enum kind last)
{
    size_t n = 0;
    w->polled = kv_array(w->polled, w->room + 1, sizeof *w->polled);
    for (size_t fd = 0; fd < w->room; fd++)
        if (w->all[fd].events && w->all[fd].kind <= last)
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
    w->calm -= was->events && was->kind == CALM;
    w->calm += is.events && is.kind == CALM;
    *was = is;
    return 0;
}

void kv_http_watch_clear(struct kv_http_watch *w)
{
    for (size_t fd = 0; fd < w->room; fd++)
        if (w->all[fd].events)
            (void)change(w, (int)fd, (struct watched){0});
    w->ready_count = w->at = 0;
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
    if (change(w, fd, (struct watched){events, events ? w->all[fd].kind : HASTY}) < 0)
        return kv_err_sys(err, "epoll_ctl");
    return 0;
}

void kv_http_watch_calm(struct kv_http_watch *w, int fd, bool calm)
{
    if (fd >= 0 && (size_t)fd < w->room && w->all[fd].events)
        (void)change(w, fd, (struct watched){w->all[fd].events, calm ? CALM : HASTY});
}

/* ---- waiting ---- */

/* Up to the last kind. True if something happened. */
static bool look(
    struct kv_http_watch *w, enum kind last, struct pollfd *fds, size_t nfds, int timeout_ms)
{
    size_t n = list(w, last);
    w->polled = kv_array(w->polled, n + nfds, sizeof *w->polled);
    for (size_t i = 0; i < nfds; i++)
        w->polled[n + i] = fds[i];
    bool any = poll(w->polled, (nfds_t)(n + nfds), timeout_ms) > 0;
    for (size_t i = 0; i < nfds; i++)
        fds[i].revents = any ? w->polled[n + i].revents : 0;
    for (size_t i = 0; any && i < n; i++)
        collect(w, &w->polled[i]);
    return any;
}

void kv_http_watch_wait(struct kv_http_watch *w, struct pollfd *fds, size_t nfds, int timeout_ms)
{
    int64_t now = kv_child_now_ms();
    w->ready_count = w->at = 0;
    if (timeout_ms != 0 && w->calm && now < w->look_ms) {
        int first = (int)(w->look_ms - now);
        first = timeout_ms >= 0 && timeout_ms < first ? timeout_ms : first;
        if (look(w, HASTY, fds, nfds, first))
            return;
        timeout_ms -= timeout_ms >= 0 ? first : 0;
    }
    look(w, w->calm ? CALM : HASTY, fds, nfds, timeout_ms);
    for (size_t i = 0; w->calm && i < w->ready_count; i++)
        if (w->all[w->ready[i].fd].kind == CALM)
            w->look_ms = kv_child_now_ms() + KV_HTTP_CALM_MS;
}

bool kv_http_watch_next(struct kv_http_watch *w, int *fd, short *events)
{
    while (w->at < w->ready_count) {
        const struct ready *r = &w->ready[w->at++];
        if (!w->all[r->fd].events) /* closed since */
            continue;
        *fd = r->fd;
        *events = r->events;
        return true;
    }
    return false;
}
