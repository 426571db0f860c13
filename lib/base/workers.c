/* workers - work spread over copies of this process, its results in the order of the work.
 *
 * Pieces and answers stand in memory that all processes share, in rooms of one size; through the pipes
 * goes only how large they are. What is larger than a room follows in the pipe, and so does everything
 * where there is no such memory. A worker has one piece at a time, and reads it whole before it
 * answers: so writing a piece to one that is free never waits for long, and its answer is read as it
 * comes. Answers that are whole wait in a ring until those before them have been taken.
 */
#include "workers.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    AHEAD = 4, /* answers a worker that may wait */
    CHUNK = 1 << 18,
    ROOM_BYTES = 1 << 19, /* only what is used of it takes memory */
};

/* What a worker is given: a piece of so many bytes, and the place of its answer in the ring. */
struct order {
    size_t n, place;
};

struct worker {
    pid_t pid;
    int to, from;
    bool busy;
    size_t place; /* of its answer in the ring */
    bool sized;   /* of its answer n, the size, is known */
    size_t n;
    struct kv_buf text; /* of an answer that follows in the pipe, what has come */
};

/* In the ring. */
struct answer {
    bool whole;
    struct kv_slice text; /* in its room, or held */
    struct kv_buf held;
};

struct kv_workers {
    kv_work *work;
    void *closure;
    size_t most, count;
    struct worker *all;
    uint64_t given, taken;
    struct answer *answers; /* a ring: those from `taken` on */
    struct kv_buf out;      /* the text of the answer taken last, if it was held */
    char *rooms; /* shared: one for the piece of each worker, then one for each answer; or NULL */
};

size_t kv_workers_processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > KV_WORKERS_MAX ? KV_WORKERS_MAX : (size_t)n;
}

static size_t rooms_bytes(const struct kv_workers *w)
{
    return w->most * (1 + AHEAD) * ROOM_BYTES;
}

static bool fits(const struct kv_workers *w, size_t n)
{
    return w->rooms && n <= ROOM_BYTES;
}

static char *room_of_piece(const struct kv_workers *w, const struct worker *one)
{
    return w->rooms + (size_t)(one - w->all) * ROOM_BYTES;
}

static char *room_of_answer(const struct kv_workers *w, size_t place)
{
    return w->rooms + (w->most + place) * ROOM_BYTES;
}

struct kv_workers *kv_workers_open(size_t most, kv_work *work, void *closure)
{
    struct kv_workers *w = kv_calloc(1, sizeof *w);
    w->work = work;
    w->closure = closure;
    w->most = most < 1 ? 1 : most > KV_WORKERS_MAX ? KV_WORKERS_MAX : most;
    w->all = kv_calloc(w->most, sizeof *w->all);
    w->answers = kv_calloc(w->most * AHEAD, sizeof *w->answers);
    w->rooms = mmap(NULL, rooms_bytes(w), PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (w->rooms == MAP_FAILED)
        w->rooms = NULL;
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
        kv_buf_release(&w->answers[i].held);
    kv_buf_release(&w->out);
    if (w->rooms)
        munmap(w->rooms, rooms_bytes(w));
    free(w->all);
    free(w->answers);
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

/* The piece, or p == NULL: there will be none. */
static struct kv_slice read_piece(
    const struct kv_workers *w, const struct worker *self, int in, size_t n, struct kv_buf *held)
{
    if (fits(w, n))
        return (struct kv_slice){room_of_piece(w, self), n};
    kv_buf_clear(held);
    kv_buf_reserve(held, n);
    return (struct kv_slice){get(in, held->p, n) ? held->p : NULL, n};
}

static bool write_answer(const struct kv_workers *w, size_t place, int out, struct kv_slice answer)
{
    if (answer.n && fits(w, answer.n))
        memcpy(room_of_answer(w, place), answer.p, answer.n);
    return put(out, &answer.n, sizeof answer.n) &&
           (fits(w, answer.n) || put(out, answer.p, answer.n));
}

_Noreturn static void serve(struct kv_workers *w, const struct worker *self, int in, int out)
{
    struct kv_buf held = {0}, answer = {0};
    struct kv_slice piece;
    struct order order;
    signal(SIGUSR1, SIG_IGN); /* progress is told by the process that gives the work */
#ifdef MADV_DONTFORK
    if (w->rooms) /* a process that a worker starts has no business in the rooms of others */
        madvise(w->rooms, rooms_bytes(w), MADV_DONTFORK);
#endif
    while (get(in, &order, sizeof order)) {
        piece = read_piece(w, self, in, order.n, &held);
        if (!piece.p)
            break;
        kv_buf_clear(&answer);
        w->work(w->closure, piece, &answer);
        if (!write_answer(w, order.place, out, kv_slice_of(&answer)))
            break;
    }
    _exit(0);
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
    pid_t pid = fork();
    if (pid == 0) {
        close(to[1]);
        close(from[0]);
        for (size_t i = 0; i < w->count; i++) {
            close(w->all[i].to);
            close(w->all[i].from);
        }
        serve(w, &w->all[w->count], to[0], from[1]);
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

/* Reads what has come of an answer that is in no room; -1 if no more will. */
static int receive_text(struct worker *one)
{
    size_t rest = one->n - one->text.n;
    kv_buf_reserve(&one->text, rest < CHUNK ? rest : CHUNK);
    ssize_t got = read(one->from, one->text.p + one->text.n, rest < CHUNK ? rest : CHUNK);
    if (got <= 0)
        return got < 0 && errno == EINTR ? 0 : -1;
    one->text.n += (size_t)got;
    return 0;
}

/* Reads what has come of an answer. -1 if no more will. */
static int receive(struct kv_workers *w, struct worker *one)
{
    struct answer *a = &w->answers[one->place];
    if (one->sized && receive_text(one) != 0)
        return -1;
    if (!one->sized && !get(one->from, &one->n, sizeof one->n))
        return -1;
    one->sized = true;
    bool follows = !fits(w, one->n);
    if (follows && one->text.n < one->n)
        return 0;
    a->held = one->text;
    a->text =
        follows ? kv_slice_of(&a->held) : (struct kv_slice){room_of_answer(w, one->place), one->n};
    a->whole = true;
    one->text = (struct kv_buf){0};
    one->busy = one->sized = false;
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
    struct worker *one;
    while (!(one = idle(w)) && !(one = start(w, err))) {
        if (!w->count)
            return -1;
        if (receive_all(w, -1, -1) != 0) /* fewer will do, as long as there are any */
            return ended(err);
    }
    const struct order order = {piece.n, (size_t)(w->given++ % (w->most * AHEAD))};
    one->busy = true;
    one->place = order.place;
    if (fits(w, piece.n))
        memcpy(room_of_piece(w, one), piece.p, piece.n);
    bool done =
        put(one->to, &order, sizeof order) && (fits(w, piece.n) || put(one->to, piece.p, piece.n));
    return done ? 0 : ended(err);
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

int kv_workers_take(struct kv_workers *w, bool wait, struct kv_slice *answer, struct kv_err *err)
{
    struct answer *a = &w->answers[w->taken % (w->most * AHEAD)];
    if (!kv_workers_busy(w))
        return 0;
    for (bool tried = false; !a->whole; tried = true) {
        if (tried && !wait)
            return 0;
        if (receive_all(w, -1, wait ? -1 : 0) != 0)
            return ended(err);
    }
    kv_buf_release(&w->out);
    w->out = a->held;
    a->held = (struct kv_buf){0};
    *answer = a->text;
    a->whole = false;
    w->taken++;
    return 1;
}
