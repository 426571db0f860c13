/* feed - who is bringing results into a run at this moment. */
#include "feed.h"

#include "io.h"
#include "io_at.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    PLACES = 128,
    PLACE = 64, /* bytes */
    TICK_MS = 20,
    MOMENT_MS = 1000, /* for others to end */
    DRAIN_MS = 10000, /* for our own reader to keep what it has */
    KIN_MS = 200,     /* for our own reader to come, where another may be taken for it */
};

struct note {
    uint64_t dev, ino; /* of the pipe it reads from; 0: it reads from something else */
    int64_t pid, group, busy;
};

_Static_assert(sizeof(struct note) <= PLACE, "a note fits its place");

static void sleep_tick(void)
{
    nanosleep(&(struct timespec){.tv_nsec = TICK_MS * 1000000L}, NULL);
}

static bool is_pipe(int fd, struct stat *st)
{
    return fd >= 0 && fstat(fd, st) == 0 && (S_ISFIFO(st->st_mode) || S_ISSOCK(st->st_mode));
}

/* Opens the file; `make` it if it is not there, else -1 with KV_OK says so. */
static int open_places(const struct kv_paths *p, bool make, struct kv_err *err)
{
    char *directory, *name, *path = kv_paths_private(p, "feed");
    int fd = -1;
    kv_io_split(path, &directory, &name);
    int dir = kv_io_dir_open(directory, err);
    if (dir >= 0 && !make && (fd = kv_io_open(dir, name, KV_IO_UPDATE)) < 0)
        errno == ENOENT ? kv_err_set(err, KV_OK, "none") : kv_err_sys(err, "%s", path);
    else if (dir >= 0 && make)
        fd = kv_io_open_private(dir, name, p->state, err);
    if (dir >= 0)
        close(dir);
    free(directory);
    free(name);
    free(path);
    return fd;
}

/* True if the open file still is the one that others will find. */
static bool is_current(const struct kv_paths *p, int fd)
{
    struct stat ours, named;
    char *path = kv_paths_private(p, "feed");
    bool same = fstat(fd, &ours) == 0 && lstat(path, &named) == 0 && ours.st_ino == named.st_ino &&
                ours.st_dev == named.st_dev;
    free(path);
    return same;
}

/* ---- a place ---- */

static void write_note(const struct kv_feed *f, int input)
{
    struct stat st;
    struct note n = {.pid = getpid(), .group = getpgrp(), .busy = 1};
    if (is_pipe(input, &st)) {
        n.dev = st.st_dev;
        n.ino = st.st_ino;
    }
    kv_io_pwrite(f->fd, (struct kv_slice){(const char *)&n, sizeof n}, f->at, NULL);
}

/* 1: taken; 0: none is free; -1. */
static int take_place(struct kv_feed *f, struct kv_err *err)
{
    int got = 0;
    for (f->at = 0; got == 0 && f->at < PLACES * PLACE; f->at += PLACE)
        got = kv_io_lock_range(f->fd, f->at, PLACE, err);
    f->at -= PLACE;
    return got;
}

/* The run may have ended while we waited: then there is nothing to feed, and nothing is left. */
static int leave_if_gone(struct kv_feed *f, const struct kv_paths *p, struct kv_err *err)
{
    int there = kv_io_exists(p->state, err);
    if (there == 0) {
        char *path = kv_paths_private(p, "feed");
        unlink(path);
        free(path);
    }
    if (there != 1)
        kv_feed_close(f);
    return there < 0 ? -1 : 0;
}

int kv_feed_open(struct kv_feed *f, const struct kv_paths *p, int input,
    const struct kv_patience *patience, struct kv_err *err)
{
    for (;;) {
        *f = (struct kv_feed){.fd = open_places(p, true, err)};
        int got = f->fd < 0 ? -1 : take_place(f, err);
        if (got == 1 && is_current(p, f->fd)) {
            write_note(f, input);
            return leave_if_gone(f, p, err);
        }
        kv_feed_close(f);
        if (got < 0)
            return kv_err_context(err, "%s", p->state);
        if (got == 0 && patience && !patience->go_on(patience->closure))
            return kv_err_set(err, KV_BUSY, "%s: held by another program", p->state);
        if (got == 0)
            sleep_tick();
    }
}

void kv_feed_busy(struct kv_feed *f, bool busy)
{
    int64_t word = busy;
    if (f->fd >= 0)
        kv_io_pwrite(f->fd, (struct kv_slice){(const char *)&word, sizeof word},
            f->at + (off_t)offsetof(struct note, busy), NULL);
}

void kv_feed_close(struct kv_feed *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

/* ---- looking ---- */

struct look {
    long other;   /* process of somebody else's feed, 0 if there is none */
    long own;     /* process that reads from our output */
    bool working; /* it has not kept all of it yet */
    long kin;     /* process of our group that may read from it by way of others */
};

/* `output` is ours, if it is a pipe, and *out what it is; else -1. */
static void note_feeder(struct look *l, const struct note *n, int output, const struct stat *out)
{
    bool piped = output >= 0;
    if (n->pid == getpid())
        return;
    if (piped && n->ino == out->st_ino && n->dev == out->st_dev) {
        int waiting = 0;
        l->own = (long)n->pid;
        if (ioctl(output, FIONREAD, &waiting) == 0 && waiting > 0)
            l->working = true;
        l->working = l->working || n->busy;
    } else if (piped && n->group == getpgrp()) {
        l->kin = (long)n->pid;
    } else {
        l->other = (long)n->pid ? (long)n->pid : 1;
    }
}

static int look_around(
    int fd, int output, const struct stat *out, struct look *l, struct kv_err *err)
{
    *l = (struct look){0};
    int held = kv_io_range_held(fd, 0, PLACES * PLACE, err);
    for (off_t at = 0; held == 1 && at < PLACES * PLACE; at += PLACE) {
        struct note n = {0};
        int one = kv_io_range_held(fd, at, PLACE, err);
        if (one < 0)
            return -1;
        if (one == 1) {
            kv_io_pread(fd, &n, sizeof n, at, NULL);
            note_feeder(l, &n, output, out);
        }
    }
    return held < 0 ? -1 : 0;
}

static int refuse(const struct kv_paths *p, long pid, struct kv_err *err)
{
    return kv_err_set(err, KV_BUSY,
        "%s: results are still on their way into it (kv-append, process %ld); try again when that "
        "has ended",
        p->state, pid);
}

/* Where our own reader is there, one of our group that reads from something else is another's. */
static bool may_begin(const struct look *l, int waited_ms)
{
    if (l->other || (l->own && (l->kin || l->working)))
        return false;
    return !l->kin || waited_ms >= KIN_MS;
}

int kv_feed_await(const struct kv_paths *p, int output, struct kv_err *err)
{
    struct stat out = {0};
    struct look l;
    if (!is_pipe(output, &out))
        output = -1;
    int fd = open_places(p, false, err), failed = 0, waited = 0;
    if (fd < 0)
        return err->kind == KV_OK ? 0 : -1;
    for (;; waited += TICK_MS) {
        failed = look_around(fd, output, &out, &l, err);
        if (failed || may_begin(&l, waited))
            break;
        bool others = l.other || (l.own && l.kin);
        if (waited >= (others ? MOMENT_MS : DRAIN_MS)) {
            failed = refuse(p, l.other ? l.other : l.kin ? l.kin : l.own, err);
            break;
        }
        sleep_tick();
    }
    close(fd);
    return failed;
}

int kv_feed_exclude(const struct kv_paths *p, int *fd, struct kv_err *err)
{
    struct look l;
    int got = 0;
    *fd = open_places(p, false, err);
    if (*fd < 0)
        return err->kind == KV_OK ? 0 : -1;
    for (int waited = 0; waited <= MOMENT_MS && got == 0; waited += TICK_MS) {
        got = kv_io_lock_range(*fd, 0, PLACES * PLACE, err);
        if (got == 0)
            sleep_tick();
    }
    if (got == 1)
        return 0;
    if (got == 0 && look_around(*fd, -1, NULL, &l, err) == 0)
        refuse(p, l.other, err);
    close(*fd);
    *fd = -1;
    return -1;
}
