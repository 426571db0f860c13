/* workers - work spread over copies of this process, its results in the order of the work.
 *
 * A worker has one piece at a time, and reads it whole before it answers: so writing a piece to one
 * that is free never waits for long, and its answer is read as it comes. Answers that are whole wait
 * in a ring until those before them have been taken.
 */
#include "workers.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    AHEAD = 4, /* answers a worker that may wait */
    CHUNK = 1 << 18,
    PIPE_BYTES = 1 << 18, /* a piece and its answer pass without a wait in between */
};

struct worker {
    pid_t pid;
    int to, from;
    bool busy;
    uint64_t piece;     /* the number of its piece */
    struct kv_buf text; /* of the answer so far, behind its size */
};

struct kv_workers {
    kv_work *work;
    void *closure;
    size_t most, count;
    struct worker *all;
    uint64_t given, taken;
    struct kv_buf *answers; /* a ring: those from `taken` on */
    bool *whole;            /* which of them are there */
};

size_t kv_workers_processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > KV_WORKERS_MAX ? KV_WORKERS_MAX : (size_t)n;
}

struct kv_workers *kv_workers_open(size_t most, kv_work *work, void *closure)
{
    struct kv_workers *w = kv_calloc(1, sizeof *w);
    w->work = work;
    w->closure = closure;
    w->most = most < 1 ? 1 : most > KV_WORKERS_MAX ? KV_WORKERS_MAX : most;
    w->all = kv_calloc(w->most, sizeof *w->all);
    w->answers = kv_calloc(w->most * AHEAD, sizeof *w->answers);
    w->whole = kv_calloc(w->most * AHEAD, sizeof *w->whole);
    return w;
}

void kv_workers_close(struct kv_workers *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->count; i++) {
        close(w->all[i].to);
        close(w->all[i].from);
    }
    for (size_t i = 0; i < w->count; i++) {
        while (waitpid(w->all[i].pid, NULL, 0) < 0 && errno == EINTR)
            ;
        kv_buf_release(&w->all[i].text);
    }
    for (size_t i = 0; i < w->most * AHEAD; i++)
        kv_buf_release(&w->answers[i]);
    free(w->all);
    free(w->answers);
    free(w->whole);
    free(w);
}

/* ---- bytes ---- */

/* All of them, or false: the other end has gone. */
static bool put(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno != EINTR)
            return false;
        p += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

static bool get(int fd, void *bytes, size_t n)
{
    char *p = bytes;
    while (n) {
        ssize_t got = read(fd, p, n);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        p += got > 0 ? got : 0;
        n -= got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* ---- in a worker ---- */

_Noreturn static void serve(struct kv_workers *w, int in, int out)
{
    struct kv_buf piece = {0}, answer = {0};
    uint64_t n;
    signal(SIGUSR1, SIG_IGN); /* progress is told by the process that gives the work */
    while (get(in, &n, sizeof n)) {
        kv_buf_clear(&piece);
        kv_buf_clear(&answer);
        kv_buf_reserve(&piece, (size_t)n);
        if (!get(in, piece.p, (size_t)n))
            break;
        w->work(w->closure, (struct kv_slice){piece.p, (size_t)n}, &answer);
        n = answer.n;
        if (!put(out, &n, sizeof n) || !put(out, answer.p, answer.n))
            break;
    }
    _exit(0);
}

/* Fails where the user has too many already; the pieces then pass in parts. */
static void widen(int fd)
{
#ifdef F_SETPIPE_SZ
    fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
#else
    (void)fd;
#endif
}

/* The worker that is new, or NULL. */
static struct worker *start(struct kv_workers *w, struct kv_err *err)
{
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0) {
        kv_err_sys(err, "cannot start a worker");
        return NULL;
    }
    if (pipe2(from, O_CLOEXEC) != 0) {
        kv_err_sys(err, "cannot start a worker");
        close(to[0]);
        close(to[1]);
        return NULL;
    }
    widen(to[1]);
    widen(from[1]);
    pid_t pid = fork();
    if (pid == 0) {
        close(to[1]);
        close(from[0]);
        for (size_t i = 0; i < w->count; i++) {
            close(w->all[i].to);
            close(w->all[i].from);
        }
        serve(w, to[0], from[1]);
    }
    if (pid < 0)
        kv_err_sys(err, "cannot start a worker");
    close(to[0]);
    close(from[1]);
    if (pid < 0) {
        close(to[1]);
        close(from[0]);
        return NULL;
    }
    w->all[w->count] = (struct worker){.pid = pid, .to = to[1], .from = from[0]};
    return &w->all[w->count++];
}

/* ---- receiving ---- */

static int ended(struct kv_err *err)
{
    return kv_err_set(err, KV_SYSTEM, "a worker has ended before it answered");
}

/* Reads what has come of an answer. -1 if no more will. */
static int receive(struct kv_workers *w, struct worker *one)
{
    uint64_t n;
    kv_buf_reserve(&one->text, CHUNK);
    ssize_t got = read(one->from, one->text.p + one->text.n, CHUNK);
    if (got <= 0)
        return got < 0 && errno == EINTR ? 0 : -1;
    one->text.n += (size_t)got;
    if (one->text.n < sizeof n)
        return 0;
    memcpy(&n, one->text.p, sizeof n);
    if (one->text.n < sizeof n + n)
        return 0;
    size_t place = (size_t)(one->piece % (w->most * AHEAD));
    kv_buf_release(&w->answers[place]);
    w->answers[place] = one->text;
    w->whole[place] = true;
    one->text = (struct kv_buf){0};
    one->busy = false;
    return 0;
}

/* Receives what there is; with a time of -1 there will be something. */
static int receive_all(struct kv_workers *w, int fd, int ms)
{
    struct pollfd fds[KV_WORKERS_MAX + 1];
    struct worker *of[KV_WORKERS_MAX + 1];
    nfds_t n = 0;
    for (size_t i = 0; i < w->count; i++)
        if (w->all[i].busy) {
            of[n] = &w->all[i];
            fds[n++] = (struct pollfd){.fd = w->all[i].from, .events = POLLIN};
        }
    fds[n] = (struct pollfd){.fd = fd, .events = POLLIN};
    if ((n == 0 && fd < 0) || poll(fds, n + 1, ms) <= 0)
        return 0;
    for (nfds_t i = 0; i < n; i++)
        if (fds[i].revents && receive(w, of[i]) != 0)
            return -1;
    return 0;
}

/* ---- giving ---- */

static struct worker *idle(const struct kv_workers *w)
{
    for (size_t i = 0; i < w->count; i++)
        if (!w->all[i].busy)
            return &w->all[i];
    return NULL;
}

bool kv_workers_free(const struct kv_workers *w)
{
    return w->given - w->taken < w->most * AHEAD && (w->count < w->most || idle(w));
}

int kv_workers_give(struct kv_workers *w, struct kv_slice piece, struct kv_err *err)
{
    uint64_t n = piece.n;
    struct worker *one;
    while (!(one = idle(w)) && !(one = start(w, err))) {
        if (!w->count)
            return -1;
        if (receive_all(w, -1, -1) != 0) /* fewer will do, as long as there are any */
            return ended(err);
    }
    one->busy = true;
    one->piece = w->given++;
    return put(one->to, &n, sizeof n) && put(one->to, piece.p, piece.n) ? 0 : ended(err);
}

/* ---- taking ---- */

void kv_workers_await(struct kv_workers *w, int fd)
{
    receive_all(w, fd, -1); /* one that has ended is told by kv_workers_take */
}

bool kv_workers_busy(const struct kv_workers *w)
{
    return w->taken < w->given;
}

int kv_workers_take(struct kv_workers *w, bool wait, struct kv_buf *answer, struct kv_err *err)
{
    size_t place = (size_t)(w->taken % (w->most * AHEAD));
    if (!kv_workers_busy(w))
        return 0;
    for (bool tried = false; !w->whole[place]; tried = true) {
        if (tried && !wait)
            return 0;
        if (receive_all(w, -1, wait ? -1 : 0) != 0)
            return ended(err);
    }
    kv_buf_release(answer);
    *answer = w->answers[place];
    w->answers[place] = (struct kv_buf){0};
    kv_buf_cut(answer, 0, sizeof(uint64_t));
    w->whole[place] = false;
    w->taken++;
    return 1;
}
