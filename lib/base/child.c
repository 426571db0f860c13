/* child - commands run by sh: text in, text out, within a time limit, many at once. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

extern char **environ;

enum {
    CHUNK = 1 << 16,
    DESCRIPTORS_EACH =
        4, /* two pipes and a pidfd, and a connection for what comes before or after */
    DESCRIPTORS_APART = 21, /* files of the run, and those that exist only while one is started */
};

int64_t kv_child_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

size_t kv_child_capacity(size_t wanted)
{
    struct rlimit limit;
    size_t needed = wanted * DESCRIPTORS_EACH + DESCRIPTORS_APART;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return wanted;
    limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= needed)
        return wanted;
    size_t left = (size_t)limit.rlim_cur;
    return left > DESCRIPTORS_APART + DESCRIPTORS_EACH
               ? (left - DESCRIPTORS_APART) / DESCRIPTORS_EACH
               : 1;
}

/* The environment with the extra entries in front, where getenv finds them first. */
static char **merge_environment(const char *const *extra)
{
    size_t n = 0, k = 0;
    while (extra && extra[n])
        n++;
    while (environ[k])
        k++;
    char **all = kv_array(NULL, n + k + 1, sizeof *all);
    for (size_t i = 0; i < n; i++)
        all[i] = (char *)(uintptr_t)extra[i];
    memcpy(all + n, environ, (k + 1) * sizeof *all);
    return all;
}

struct launch {
    const char *command;
    char **env;
    int in, out;
    pid_t parent;
    volatile int error; /* the memory is shared until the command runs */
};

/* The new process, in the memory of the old one: only system calls. All signals are blocked. */
static _Noreturn void become(struct launch *l)
{
    static char sh[] = "sh", c[] = "-c";
    char *argv[] = {sh, c, (char *)(uintptr_t)l->command, NULL};
    sigset_t none;
    struct sigaction usual = {.sa_handler = SIG_DFL};
    for (int n = 1; n < NSIG; n++)
        sigaction(n, &usual, NULL);
    setpgid(0, 0);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != l->parent) /* it died before it could be said */
        _exit(127);
#endif
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(l->in, STDIN_FILENO) >= 0 && dup2(l->out, STDOUT_FILENO) >= 0)
        execve("/bin/sh", argv, l->env);
    l->error = errno;
    _exit(127);
}

/* As posix_spawn(3) does it, which cannot have the command die with its parent. */
static int spawn(pid_t *pid, const char *command, int in, int out, const char *const *extra)
{
    sigset_t all, before;
    struct launch l = {.command = command,
        .env = merge_environment(extra),
        .in = in,
        .out = out,
        .parent = getpid()};
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t child = vfork();
    if (child == 0)
        become(&l);
    int number = child < 0 ? errno : l.error;
    sigprocmask(SIG_SETMASK, &before, NULL);
    free(l.env);
    if (child > 0 && number)
        waitpid(child, NULL, 0);
    *pid = child;
    errno = number;
    return number ? -1 : 0;
}

/* ---- the keeper ---- */

/* What a command has started in turn does not die with us. A process of its own, which Ctrl-C and a
 * kill of our group do not reach, holds the groups of all commands under way; when our end of its
 * pipe closes, because we have ended in whatever way, it kills them. */
enum { GROUPS_MAX = 1 << 16 };

static _Noreturn void keep(int pipe_end)
{
    static pid_t groups[GROUPS_MAX];
    static const int passed[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    pid_t told;
    size_t n = 0;
    setsid();
#ifdef __linux__
    prctl(PR_SET_NAME, "kv-keeper");
#endif
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
        signal(passed[i], SIG_IGN);
    long most = sysconf(_SC_OPEN_MAX);
    for (int fd = 0; fd < (most > 0 && most < 65536 ? (int)most : 65536); fd++)
        if (fd != pipe_end)
            close(fd); /* locks and pipes among them */
    for (ssize_t got; (got = read(pipe_end, &told, sizeof told)) != 0;) {
        size_t i = 0;
        if (got != sizeof told)
            continue;
        if (told > 0 && n < GROUPS_MAX)
            groups[n++] = told;
        while (told < 0 && i < n && groups[i] != -told)
            i++;
        if (told < 0 && i < n)
            groups[i] = groups[--n];
    }
    while (n > 0)
        kill(-groups[--n], SIGKILL);
    _exit(0);
}

static int keeper_pipe = -1;

/* Without a keeper there is still PR_SET_PDEATHSIG. */
static void start_keeper(void)
{
    int ends[2];
    if (keeper_pipe >= 0 || pipe2(ends, O_CLOEXEC) != 0)
        return;
    pid_t pid = fork();
    if (pid == 0)
        keep(ends[0]);
    close(ends[0]);
    if (pid > 0)
        keeper_pipe = ends[1];
    else
        close(ends[1]);
}

/* A group that begins; negative: one that has ended. */
static void tell_keeper(pid_t group)
{
    if (keeper_pipe >= 0 && write(keeper_pipe, &group, sizeof group) < 0) {
        close(keeper_pipe); /* it is gone */
        keeper_pipe = -1;
    }
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* A descriptor that becomes readable when the process ends; -1 where the system has none. */
static int open_pidfd(pid_t pid)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0);
#else
    (void)pid;
    return -1;
#endif
}

struct kv_child *kv_child_start(const char *command, struct kv_slice input,
    const struct kv_child_options *options, int64_t now_ms, struct kv_err *err)
{
    int in[2], out[2] = {-1, -1};
    if (pipe2(in, O_CLOEXEC) != 0) {
        kv_err_sys(err, "pipe");
        return NULL;
    }
    start_keeper();
    struct kv_child *c = kv_calloc(1, sizeof *c);
    c->in = in[1];
    if (pipe2(out, O_CLOEXEC) != 0 || spawn(&c->pid, command, in[0], out[1], options->extra) != 0) {
        kv_err_sys(err, "%s", command);
        close_fd(&in[0]);
        close_fd(&in[1]);
        close_fd(&out[0]);
        close_fd(&out[1]);
        free(c);
        return NULL;
    }
    tell_keeper(c->pid);
    close(in[0]);
    close(out[1]);
    c->out = out[0];
    fcntl(c->in, F_SETFL, O_NONBLOCK);
    fcntl(c->out, F_SETFL, O_NONBLOCK);
    kv_buf_add_slice(&c->input, input);
    c->pidfd = open_pidfd(c->pid);
    c->output_max = options->output_max ? options->output_max : (size_t)64 << 20;
    c->deadline_ms = options->timeout_ms ? now_ms + options->timeout_ms : INT64_MAX;
    return c;
}

size_t kv_child_fds(const struct kv_child *c, struct pollfd *fds)
{
    size_t n = 0;
    if (c->in >= 0)
        fds[n++] = (struct pollfd){.fd = c->in, .events = POLLOUT};
    if (c->out >= 0)
        fds[n++] = (struct pollfd){.fd = c->out, .events = POLLIN};
    else if (c->pidfd >= 0)
        fds[n++] = (struct pollfd){.fd = c->pidfd, .events = POLLIN};
    return n;
}

int64_t kv_child_deadline(const struct kv_child *c)
{
    return c->deadline_ms;
}

static void feed(struct kv_child *c)
{
    while (c->in >= 0 && c->written < c->input.n) {
        ssize_t n = write(c->in, c->input.p + c->written, c->input.n - c->written);
        if (n > 0)
            c->written += (size_t)n;
        else if (n < 0 && errno == EINTR)
            continue;
        else if (n < 0 && errno == EAGAIN)
            return;
        else
            break; /* it does not want its input: its own affair */
    }
    close_fd(&c->in);
}

static void kill_group(struct kv_child *c)
{
    kill(-c->pid, SIGKILL);
}

static void drain(struct kv_child *c)
{
    while (c->out >= 0) {
        kv_buf_reserve(&c->output, CHUNK);
        ssize_t n = read(c->out, c->output.p + c->output.n, CHUNK);
        if (n > 0) {
            c->output.n += (size_t)n;
            c->output.p[c->output.n] = '\0';
            if (c->output.n <= c->output_max)
                continue;
            c->end = KV_CHILD_TOO_LONG;
            kill_group(c);
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else if (n < 0 && errno == EAGAIN) {
            return;
        }
        close_fd(&c->out);
    }
}

static bool reap(struct kv_child *c, int flags)
{
    int status;
    pid_t got;
    do
        got = waitpid(c->pid, &status, flags);
    while (got < 0 && errno == EINTR);
    if (got != c->pid)
        return got < 0;
    if (c->end == KV_CHILD_RUNNING) {
        c->end = WIFEXITED(status) ? KV_CHILD_EXITED : KV_CHILD_KILLED;
        c->status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    }
    tell_keeper(-c->pid);
    c->pid = 0;
    return true;
}

bool kv_child_turn(struct kv_child *c, int64_t now_ms)
{
    feed(c);
    drain(c);
    if (c->pid > 0 && now_ms >= c->deadline_ms && c->end == KV_CHILD_RUNNING) {
        c->end = KV_CHILD_TIMEOUT;
        kill_group(c);
        close_fd(&c->out);
    }
    if (c->out >= 0)
        return false; /* it may still print, or something it left behind */
    /* Its stdout is closed, so it is about to end; without a pidfd there is nothing to poll for. */
    return c->pid == 0 || reap(c, c->pidfd >= 0 ? WNOHANG : 0);
}

void kv_child_close(struct kv_child *c)
{
    if (!c)
        return;
    close_fd(&c->in);
    close_fd(&c->out);
    if (c->pid > 0) {
        kill_group(c);
        reap(c, 0);
    }
    close_fd(&c->pidfd);
    kv_buf_release(&c->input);
    kv_buf_release(&c->output);
    free(c);
}

void kv_child_describe(const struct kv_child *c, struct kv_buf *out)
{
    switch (c->end) {
    case KV_CHILD_RUNNING:
        kv_buf_add_str(out, "still running");
        break;
    case KV_CHILD_EXITED:
        kv_buf_printf(out, "exit status %d", c->status);
        break;
    case KV_CHILD_KILLED:
        kv_buf_printf(out, "killed by signal %d", c->status);
        break;
    case KV_CHILD_TIMEOUT:
        kv_buf_add_str(out, "timed out");
        break;
    case KV_CHILD_TOO_LONG:
        kv_buf_printf(out, "printed more than %zu bytes", c->output_max);
        break;
    }
}

int kv_child_run(const char *command, struct kv_slice input, const struct kv_child_options *options,
    struct kv_buf *output, struct kv_err *err)
{
    struct kv_child *c = kv_child_start(command, input, options, kv_child_now_ms(), err);
    if (!c)
        return -1;
    while (!kv_child_turn(c, kv_child_now_ms())) {
        struct pollfd fds[2];
        size_t n = kv_child_fds(c, fds);
        int64_t left = kv_child_deadline(c) - kv_child_now_ms();
        poll(fds, n, left > 60000 ? 60000 : left < 0 ? 0 : (int)left + 1);
    }
    int failed = 0;
    if (c->end == KV_CHILD_EXITED && c->status == 0) {
        kv_buf_add(output, c->output.p, c->output.n);
    } else {
        struct kv_buf how = {0};
        kv_child_describe(c, &how);
        failed = kv_err_set(err, KV_INPUT, "%s: %s", command, how.p);
        kv_buf_release(&how);
    }
    kv_child_close(c);
    return failed;
}
