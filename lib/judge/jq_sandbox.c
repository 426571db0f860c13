/* jq_sandbox - runs jq programs and patterns that users wrote, with bounds on what they can do.
 *
 * One socket pair; a message is a byte (of a request: what to run; of a reply: did it work), the
 * lengths of its texts (three, and one), and the texts, each with a NUL behind it. It is sent in one
 * piece, so that a process wakes once for it. The worker bounds itself: RLIMIT_NOFILE 0 lets it keep
 * its socket and open nothing else, which also keeps `import` and a ~/.jq out; RLIMIT_AS makes libjq
 * abort when it wants too much; a profiling timer ends it when a run takes too long. The parent waits
 * with a deadline of its own and puts a silent worker down. libjq cannot be interrupted in any other
 * way. A pattern that is known to be quick is matched by the parent: waiting for the worker costs
 * more, and much more where every processor is busy.
 */
#include "jq_sandbox.h"

#include "jq.h"
#include "json.h"
#include "patterns.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { PARTS = 3, COMPILED = 8, COMPILE_MS = 1000 };
enum { RUN_JQ = 'j', RUN_PATTERN = 'p' };

struct kv_jq_sandbox {
    struct kv_jq_sandbox_limits limits;
    pid_t pid; /* 0: no worker */
    int socket;
    struct kv_buf out, reply;
    struct kv_patterns quick;
};

extern char **environ;

/* ---- both sides ---- */

static bool send_all(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Sends a byte and texts; buf is room for them. */
static bool send_message(
    int fd, struct kv_buf *buf, char first, const struct kv_slice *texts, size_t count)
{
    kv_buf_clear(buf);
    kv_buf_add_char(buf, first);
    for (size_t i = 0; i < count; i++)
        kv_buf_add(buf, &(uint64_t){texts[i].n}, sizeof(uint64_t));
    for (size_t i = 0; i < count; i++) {
        kv_buf_add_slice(buf, texts[i]);
        kv_buf_add_char(buf, '\0');
    }
    return send_all(fd, buf->p, buf->n);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Fails at the deadline (0: none) and at the end of the stream. */
static bool receive(int fd, void *to, size_t n, int64_t deadline)
{
    char *p = to;
    while (n) {
        ssize_t got = recv(fd, p, n, deadline ? MSG_DONTWAIT : 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && deadline && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            struct pollfd ready = {fd, POLLIN, 0};
            int64_t left = deadline - now_ms();
            if (left <= 0 || poll(&ready, 1, (int)left) == 0)
                return false;
            continue;
        }
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

/* Receives what send_message sent: *texts lie in buf, each with a NUL behind it. */
static bool receive_message(
    int fd, struct kv_buf *buf, char *first, struct kv_slice *texts, size_t count, int64_t deadline)
{
    char head[1 + PARTS * sizeof(uint64_t)];
    uint64_t n[PARTS];
    size_t total = 0;
    if (!receive(fd, head, 1 + count * sizeof *n, deadline))
        return false;
    *first = head[0];
    memcpy(n, head + 1, count * sizeof *n);
    for (size_t i = 0; i < count; i++) {
        if (n[i] >= SIZE_MAX / 2 - total)
            return false;
        total += (size_t)n[i] + 1;
    }
    kv_buf_clear(buf);
    kv_buf_reserve(buf, total);
    if (!receive(fd, buf->p, total, deadline))
        return false;
    const char *p = buf->p;
    for (size_t i = 0; i < count; i++, p += texts[i - 1].n + 1)
        texts[i] = (struct kv_slice){p, (size_t)n[i]};
    return true;
}

/* ---- the worker ---- */

struct compiled {
    struct kv_buf text; /* the filter, a NUL, $expected */
    struct kv_jq *program;
};

/* What the process has mapped already; the limit on memory counts from there. */
static rlim_t mapped(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%lu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void close_others(int keep)
{
    long most = sysconf(_SC_OPEN_MAX);
    for (int fd = 0; fd < (most > 0 && most < 65536 ? (int)most : 65536); fd++)
        if (fd != keep)
            close(fd);
}

#if defined(__SANITIZE_ADDRESS__)
enum { WATCHED = 1 }; /* a sanitizer maps terabytes for itself: no limit on memory then */
#elif defined(__has_feature)
enum { WATCHED = __has_feature(address_sanitizer) };
#else
enum { WATCHED = 0 };
#endif

#define LIMIT(what, most) setrlimit(what, &(struct rlimit){most, most})

static void confine(const struct kv_jq_sandbox *j, int socket)
{
    static char *none[] = {NULL};
    environ = none;
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#endif
    rlim_t has = mapped();
    signal(SIGINT, SIG_IGN); /* Ctrl-C is for the parent, which may be draining */
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPROF, SIG_DFL);
    close_others(socket);
    if (!WATCHED)
        LIMIT(RLIMIT_AS, has + (rlim_t)j->limits.memory_mb * 1024 * 1024);
    LIMIT(RLIMIT_CORE, 0);
    LIMIT(RLIMIT_FSIZE, 0);
    LIMIT(RLIMIT_NPROC, 0);
    LIMIT(RLIMIT_NOFILE, 0);
}

static void start_clock(long ms)
{
    struct itimerval t = {{0, 0}, {ms / 1000, ms % 1000 * 1000}};
    setitimer(ITIMER_PROF, &t, NULL);
}

/* A filter that begins with a module directive; libjq aborts on those without a search path. */
static bool wants_module(struct kv_slice filter)
{
    static const char *const words[] = {"import", "include", "module"};
    const char *p = filter.p, *end = p + filter.n;
    while (p < end && strchr(" \t\r\n#", *p) && *p) {
        const char *lf = *p == '#' ? memchr(p, '\n', (size_t)(end - p)) : p;
        p = lf ? lf + 1 : end;
    }
    struct kv_slice rest = {p, (size_t)(end - p)};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (kv_slice_starts(rest, words[i]))
            return true;
    return false;
}

/* The compiled filter, from the last few or anew. */
static struct kv_jq *find_program(
    struct compiled *cache, const struct kv_slice request[PARTS], struct kv_err *err)
{
    static size_t next;
    if (wants_module(request[0])) {
        kv_err_set(err, KV_INPUT, "Jq: modules are not available");
        return NULL;
    }
    struct kv_buf key = {0}, arguments = {0};
    kv_buf_add(&key, request[0].p, request[0].n + 1); /* with its NUL */
    kv_buf_add_slice(&key, request[2]);
    struct compiled *c = NULL;
    for (size_t i = 0; i < COMPILED && !c; i++)
        if (cache[i].program && kv_slice_eq(kv_slice_of(&cache[i].text), kv_slice_of(&key)))
            c = &cache[i];
    if (c) {
        kv_buf_release(&key);
        return c->program;
    }
    c = &cache[next++ % COMPILED];
    kv_jq_close(c->program);
    kv_buf_release(&c->text);
    kv_buf_add_str(&arguments, "{\"expected\":");
    kv_buf_add_slice(&arguments, request[2]);
    kv_buf_add_char(&arguments, '}');
    c->text = key;
    c->program = kv_jq_open("Jq", request[0], kv_slice_of(&arguments), err);
    kv_buf_release(&arguments);
    return c->program;
}

static bool count_matches(const struct kv_jq_sandbox *j, const struct kv_slice request[PARTS],
    struct kv_buf *result, struct kv_err *err)
{
    static struct kv_patterns cache;
    char *end;
    unsigned flags = (unsigned)strtoul(request[2].p, &end, 10);
    long most = strtol(end, NULL, 10);
    const struct kv_re *p = kv_patterns_find(&cache, request[0], flags, err);
    start_clock(j->limits.time_ms);
    long n = p ? kv_re_count(p, request[1], most, err) : -1;
    if (n >= 0)
        kv_buf_printf(result, "%ld", n);
    return n >= 0;
}

static bool run_jq(const struct kv_jq_sandbox *j, const struct kv_slice request[PARTS],
    struct kv_buf *result, struct kv_err *err)
{
    static struct compiled cache[COMPILED];
    struct kv_jq *q = find_program(cache, request, err);
    start_clock(j->limits.time_ms);
    return q && kv_jq_run(q, request[1], result, err) == 0;
}

static _Noreturn void work(const struct kv_jq_sandbox *j, int socket)
{
    struct kv_buf in = {0}, out = {0}, result = {0};
    struct kv_slice request[PARTS];
    struct kv_err err;
    char what;
    confine(j, socket);
    while (receive_message(socket, &in, &what, request, PARTS, 0)) {
        kv_buf_clear(&result);
        start_clock(COMPILE_MS);
        char ok = what == RUN_JQ ? run_jq(j, request, &result, &err)
                                 : count_matches(j, request, &result, &err);
        start_clock(0);
        struct kv_slice reply = ok ? kv_slice_of(&result) : kv_slice(err.text);
        if (!send_message(socket, &out, ok, &reply, 1))
            break;
    }
    _exit(0);
}

/* ---- the parent ---- */

struct kv_jq_sandbox *kv_jq_sandbox_open(const struct kv_jq_sandbox_limits *limits)
{
    static const struct kv_jq_sandbox_limits usual = {1000, 128, 1 << 20};
    struct kv_jq_sandbox *j = kv_calloc(1, sizeof *j);
    j->limits = limits ? *limits : usual;
    j->socket = -1;
    j->quick.bounded = true;
    return j;
}

/* Ends the worker; *status is how it ended. */
static void put_down(struct kv_jq_sandbox *j, int *status)
{
    if (!j->pid)
        return;
    close(j->socket);
    kill(j->pid, SIGKILL);
    while (waitpid(j->pid, status, 0) < 0 && errno == EINTR)
        ;
    j->pid = 0;
}

void kv_jq_sandbox_close(struct kv_jq_sandbox *j)
{
    int ignored;
    if (!j)
        return;
    put_down(j, &ignored);
    kv_patterns_release(&j->quick);
    kv_buf_release(&j->out);
    kv_buf_release(&j->reply);
    free(j);
}

static int start(struct kv_jq_sandbox *j, struct kv_err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return kv_err_sys(err, "cannot start a worker");
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        work(j, pair[1]);
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return kv_err_sys(err, "cannot start a worker");
    }
    j->pid = pid;
    j->socket = pair[0];
    return 0;
}

/* Why the worker did not answer. A worker that has ended by itself is reaped before it is killed.
 */
static int failed(struct kv_jq_sandbox *j, char what, int64_t deadline, struct kv_err *err)
{
    const char *name = what == RUN_JQ ? "Jq:" : "the pattern";
    int status = 0;
    bool late = now_ms() >= deadline;
    if (!late)
        while (waitpid(j->pid, &status, 0) < 0 && errno == EINTR)
            ;
    else
        put_down(j, &status);
    if (!late) {
        close(j->socket);
        j->pid = 0;
    }
    if (late || (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF))
        return kv_err_set(err, KV_INPUT, "%s took longer than %ld ms", name, j->limits.time_ms);
    return kv_err_set(
        err, KV_INPUT, "%s needed more than %ld MB, or crashed", name, j->limits.memory_mb);
}

/* Appends what the worker answers. */
static int ask(struct kv_jq_sandbox *j, char what, const struct kv_slice request[PARTS],
    struct kv_buf *out, struct kv_err *err)
{
    struct kv_slice value;
    char ok = 0;
    if (!j->pid && start(j, err) != 0)
        return -1;
    int64_t deadline = now_ms() + COMPILE_MS + 2 * j->limits.time_ms;
    if (!send_message(j->socket, &j->out, what, request, PARTS) ||
        !receive_message(j->socket, &j->reply, &ok, &value, 1, deadline))
        return failed(j, what, deadline, err);
    if (ok && value.n > j->limits.output)
        ok = 0, kv_err_set(err, KV_INPUT, "Jq: a result of %zu bytes is too long", value.n);
    else if (!ok)
        kv_err_set(err, KV_INPUT, "%.*s", (int)(value.n < 900 ? value.n : 900), value.p);
    else
        kv_buf_add_slice(out, value);
    return ok ? 0 : -1;
}

int kv_jq_sandbox_run(struct kv_jq_sandbox *j, struct kv_slice filter, struct kv_slice input,
    struct kv_slice expected, struct kv_buf *out, struct kv_err *err)
{
    const struct kv_slice request[PARTS] = {filter, input, expected};
    return ask(j, RUN_JQ, request, out, err);
}

int kv_jq_sandbox_count(struct kv_jq_sandbox *j, struct kv_slice pattern, unsigned flags,
    struct kv_slice text, long most, long *count, struct kv_err *err)
{
    struct kv_buf how = {0}, answer = {0};
    const struct kv_re *quick = kv_patterns_find(&j->quick, pattern, flags, NULL);
    if (quick && kv_re_is_quick(quick, text.n)) {
        *count = kv_re_count(quick, text, most, err);
        return *count < 0 ? -1 : 0;
    }
    kv_buf_printf(&how, "%u %ld", flags, most);
    const struct kv_slice request[PARTS] = {pattern, text, kv_slice_of(&how)};
    int rc = ask(j, RUN_PATTERN, request, &answer, err);
    if (rc == 0)
        *count = strtol(answer.p, NULL, 10);
    kv_buf_release(&how);
    kv_buf_release(&answer);
    return rc;
}
