/* child - commands run by sh: text in, text out, within a time limit, many at once.
 *
 * For --exec, --answer-cmd, --judge-cmd and --template-cmd. A command gets its input on stdin and
 * answers on stdout; its stderr is ours. Each runs in a process group of its own, so that Ctrl-C at
 * the terminal does not reach it, and so that all it started can be stopped with it. Signals are as
 * usual. No command outlives this process, however it ends: the kernel kills the shell, and a
 * process that watches for it whatever the shell has started in its group. Nothing here blocks,
 * except kv_child_run.
 *
 *     struct kv_child *c = kv_child_start("./grade", input, &options, now_ms, &err);
 *     … poll(2) on what kv_child_fds gives, or until kv_child_deadline …
 *     if (kv_child_turn(c, now_ms)) { … c->status, c->output …; kv_child_close(c); }
 */
#ifndef KV_CHILD_H
#define KV_CHILD_H

#include "buf.h"
#include "err.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct kv_child_options {
    int64_t timeout_ms;       /* 0: none */
    size_t output_max;        /* bytes; 0: 64 MiB */
    const char *const *extra; /* "NAME=value" added to its environment, NULL-terminated; or NULL */
};

enum kv_child_end {
    KV_CHILD_RUNNING,
    KV_CHILD_EXITED,   /* status is its exit status */
    KV_CHILD_KILLED,   /* status is the signal */
    KV_CHILD_TIMEOUT,  /* took longer than allowed, and was killed */
    KV_CHILD_TOO_LONG, /* printed more than allowed, and was killed */
};

struct kv_child {
    enum kv_child_end end;
    int status;
    struct kv_buf output;
    /* private */
    pid_t pid;
    int in, out, pidfd;
    struct kv_buf input;
    size_t written, output_max;
    int64_t deadline_ms;
};

/* `input` is copied. Times are milliseconds of CLOCK_MONOTONIC. */
struct kv_child *kv_child_start(const char *command, struct kv_slice input,
    const struct kv_child_options *options, int64_t now_ms, struct kv_err *err);

/* How many may run at once, at most `wanted`, by the descriptors this process may have. Raises the
 * soft limit of descriptors where that is needed; children get the raised one too. */
size_t kv_child_capacity(size_t wanted);

/* Fills at most two pollfds and returns how many. */
size_t kv_child_fds(const struct kv_child *c, struct pollfd *fds);
int64_t kv_child_deadline(const struct kv_child *c); /* INT64_MAX: none */

/* Moves bytes and looks whether it ended. True once it has: c->end and c->status are set, and its
 * output is complete. */
bool kv_child_turn(struct kv_child *c, int64_t now_ms);

/* Kills it if it still runs (its whole group), and frees. */
void kv_child_close(struct kv_child *c);

/* Appends how it ended, for people: "exit status 3", "killed by signal 9", "timed out after 30 s".
 */
void kv_child_describe(const struct kv_child *c, struct kv_buf *out);

/* Runs a command to its end and waits. Fails with KV_INPUT unless it exits 0. */
int kv_child_run(const char *command, struct kv_slice input, const struct kv_child_options *options,
    struct kv_buf *output, struct kv_err *err);

int64_t kv_child_now_ms(void); /* CLOCK_MONOTONIC */

#endif
