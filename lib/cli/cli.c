/* cli - the face of every program: options, messages, exit status. */
#include "cli.h"

#include "io.h"
#include "num.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct kv_cli *face; /* of this process: messages need its name wherever they arise */
static bool progress_shown;
static int signal_pipe[2] = {-1, -1};
static struct {
    const char *what;
    const volatile long *count;
    time_t start;
} work; /* for the status line */

void kv_cli_say(const char *format, ...)
{
    struct kv_buf text = {0}, line = {0};
    va_list ap;
    kv_cli_progress("");
    kv_buf_printf(&text, "%s: ", face ? face->program : "kv");
    va_start(ap, format);
    kv_buf_vprintf(&text, format, ap);
    va_end(ap);
    kv_buf_add_plain(&line, kv_slice_of(&text)); /* what it quotes may come from anywhere */
    kv_buf_add_char(&line, '\n');
    kv_io_write(STDERR_FILENO, kv_slice_of(&line), NULL);
    kv_buf_release(&text);
    kv_buf_release(&line);
}

static void say_note(void *closure, const char *text)
{
    (void)closure;
    kv_cli_say("%s", text);
}

const struct kv_notes kv_cli_notes = {.say = say_note};

void kv_cli_warn(const struct kv_err *err)
{
    kv_cli_say("%s", err->text);
}

_Noreturn void kv_cli_fail(const struct kv_err *err)
{
    fflush(stdout);
    if (err->kind == KV_USAGE)
        kv_cli_say("%s (try '%s --help')", err->text, face->program);
    else if (err->sys != EPIPE)
        kv_cli_warn(err);
    exit((int)err->kind);
}

_Noreturn void kv_cli_usage(const char *format, ...)
{
    struct kv_err err;
    char text[KV_ERR_TEXT_MAX];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    kv_err_set(&err, KV_USAGE, "%s", text);
    kv_cli_fail(&err);
}

#define CENTURY_S (100 * 365.25 * 86400)

static bool parse_count(const char *text, long least, long *to)
{
    int64_t x;
    if (!kv_num_int64(kv_slice(text), &x) || x < least || x > KV_OPT_COUNT_MAX)
        return false;
    *to = (long)x;
    return true;
}

static bool parse_number(const char *text, double *to)
{
    double x;
    if (!kv_num_double(kv_slice(text), &x) || x < 0 || !isfinite(x))
        return false;
    *to = x;
    return true;
}

/* With an exponent they may be too large, or so small that nothing is left of them. */
static bool parse_rate(const char *text, double *to)
{
    double x;
    if (!parse_number(text, &x) || !(x > 1e-9))
        return false;
    *to = x;
    return true;
}

/* 1h30m: a sum of numbers with units; a last number without one is seconds. */
bool kv_cli_seconds(const char *text, double *to)
{
    double sum = 0;
    if (!*text)
        return false;
    while (*text) {
        size_t n = strspn(text, "0123456789.");
        double x;
        if (!kv_num_double((struct kv_slice){text, n}, &x))
            return false;
        text += n;
        static const char unit[] = "smhd";
        static const double seconds[] = {1, 60, 3600, 86400};
        const char *u = *text ? strchr(unit, *text) : unit;
        if (!u)
            return false;
        sum += x * seconds[u - unit];
        if (*text)
            text++;
    }
    if (sum > CENTURY_S)
        return false;
    *to = sum;
    return true;
}

/* A limit of no time would be none, or stop what has not begun. */
static bool parse_limit(const char *text, double *to)
{
    double x;
    if (!kv_cli_seconds(text, &x) || !(x >= 0.001))
        return false;
    *to = x;
    return true;
}

int kv_cli_choose(const char *option, const char *word, const char *const *words)
{
    struct kv_buf known = {0};
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], word) == 0) {
            kv_buf_release(&known);
            return i;
        }
        kv_buf_printf(&known, "%s%s", i ? ", " : "", words[i]);
    }
    kv_cli_usage("--%s: expected %s, not '%s'", option, known.p, word);
}

static bool add_to_list(struct kv_opt_list *list, const char *arg)
{
    list->items = kv_grow(list->items, list->n, sizeof *list->items);
    list->items[list->n++] = arg;
    return true;
}

static bool take(const struct kv_option *o, const char *arg)
{
    switch (o->kind) {
    case KV_OPT_FLAG:
    case KV_OPT_NEGATE:
        *(bool *)o->to = o->kind == KV_OPT_FLAG;
        return true;
    case KV_OPT_TEXT:
    case KV_OPT_MAYBE:
        *(const char **)o->to = arg ? arg : "";
        return o->kind == KV_OPT_MAYBE || *arg;
    case KV_OPT_COUNT:
    case KV_OPT_SOME:
        return parse_count(arg, o->kind == KV_OPT_SOME, o->to);
    case KV_OPT_NUMBER:
        return parse_number(arg, o->to);
    case KV_OPT_RATE:
        return parse_rate(arg, o->to);
    case KV_OPT_SECONDS:
        return kv_cli_seconds(arg, o->to);
    case KV_OPT_LIMIT:
        return parse_limit(arg, o->to);
    case KV_OPT_LIST:
        return *arg && add_to_list(o->to, arg);
    }
    return false;
}

/* What arguments of this kind are, for people. */
static const char *expected(enum kv_opt_kind kind)
{
    switch (kind) {
    case KV_OPT_COUNT:
        return "a whole number from 0 to 10^15";
    case KV_OPT_SOME:
        return "a whole number from 1 to 10^15";
    case KV_OPT_NUMBER:
        return "a number from 0";
    case KV_OPT_RATE:
        return "a number above 0";
    case KV_OPT_LIMIT:
        return "a time above 0, such as 90, 55m or 1h30m, at most 36525d";
    case KV_OPT_TEXT:
    case KV_OPT_LIST:
        return "an argument"; /* an empty one is a variable that is not set */
    default:
        return "a time, such as 90, 55m or 1h30m, at most 36525d";
    }
}

static int has_argument(enum kv_opt_kind kind)
{
    if (kind == KV_OPT_FLAG || kind == KV_OPT_NEGATE)
        return no_argument;
    return kind == KV_OPT_MAYBE ? optional_argument : required_argument;
}

enum { MAX_OPTIONS = 64, HELP = 256, VERSION, FIRST };

static void build_tables(const struct kv_option *options, struct option *longs, char *letters)
{
    int n = 0;
    *letters++ = ':';
    for (const struct kv_option *o = options; o->name && n < MAX_OPTIONS; o++, n++) {
        longs[n] = (struct option){o->name, has_argument(o->kind), NULL, FIRST + n};
        if (!o->letter)
            continue;
        *letters++ = o->letter;
        if (longs[n].has_arg == required_argument)
            *letters++ = ':';
    }
    longs[n++] = (struct option){"help", no_argument, NULL, HELP};
    longs[n++] = (struct option){"version", no_argument, NULL, VERSION};
    longs[n] = (struct option){0};
    memcpy(letters, "hV", 3);
}

static const struct kv_option *find(const struct kv_option *options, int c)
{
    if (c >= FIRST)
        return &options[c - FIRST];
    for (; options->name; options++)
        if (options->letter == c)
            return options;
    return NULL;
}

/* Not through stdio, which forgets why the writing of a text longer than its buffer failed. */
static void answer_help(void)
{
    struct kv_err err;
    if (kv_cli_put(kv_slice(face->help), &err) != 0)
        kv_cli_fail(&err);
    exit(kv_cli_end(KV_OK));
}

static void answer_version(void)
{
    printf("%s %s\n", face->program, KV_VERSION);
    exit(kv_cli_end(KV_OK));
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- signals ---- */

static time_t now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

/* Only what a signal handler may call: no stdio, no memory. */
static char *add_text(char *at, const char *end, const char *text)
{
    while (*text && at < end)
        *at++ = *text++;
    return at;
}

static char *add_number(char *at, const char *end, long n)
{
    char digits[24];
    size_t i = sizeof digits - 1;
    digits[i] = '\0';
    do
        digits[--i] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    return add_text(at, end, digits + i);
}

static void tell_status(int number)
{
    char line[200], *at = line;
    const char *end = line + sizeof line - 1;
    int saved = errno;
    (void)number;
    at = add_text(at, end, face->program);
    at = add_text(at, end, ": ");
    if (work.count) {
        at = add_number(at, end, *work.count);
        at = add_text(at, end, " ");
        at = add_text(at, end, work.what);
        at = add_text(at, end, ", ");
    }
    at = add_number(at, end, (long)(now_s() - work.start));
    at = add_text(at, end, " s\n");
    if (write(STDERR_FILENO, line, (size_t)(at - line)) < 0) {
        /* nobody can be told */
    }
    errno = saved;
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction old, new = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(number, NULL, &old);
    if (old.sa_handler != SIG_IGN)
        sigaction(number, &new, NULL);
}

/* ---- starting ---- */

/* A standard descriptor that is closed would be given to the next file that is opened, and messages
 * or results be written into that. These are there, and refuse. */
static void hold_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            _exit(KV_SYSTEM);
}

int kv_cli_begin(
    struct kv_cli *cli, int argc, char **argv, const struct kv_option *options, const char *help)
{
    struct option longs[MAX_OPTIONS + 3];
    char letters[2 * MAX_OPTIONS + 4];
    *cli = (struct kv_cli){argc ? base_name(argv[0]) : "kv", help};
    face = cli;
    hold_standard_descriptors();
    work.start = now_s();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    handle(SIGUSR1, tell_status);
    handle(SIGUSR2, tell_status);
    build_tables(options, longs, letters);
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
        if (c == 'h' || c == HELP)
            answer_help();
        if (c == 'V' || c == VERSION)
            answer_version();
        if (c == ':')
            kv_cli_usage("option '%s' needs an argument", argv[optind - 1]);
        if (c == '?' && optopt && optopt < HELP)
            kv_cli_usage("unknown option '-%c'", optopt);
        if (c == '?')
            kv_cli_usage(
                optopt ? "option '%s' takes no argument" : "unknown option '%s'", argv[optind - 1]);
        const struct kv_option *o = find(options, c);
        if (!take(o, optarg))
            kv_cli_usage("--%s: expected %s, not '%s'", o->name, expected(o->kind), optarg);
    }
    return optind;
}

int kv_cli_put(struct kv_slice bytes, struct kv_err *err)
{
    if (kv_io_write(STDOUT_FILENO, bytes, err) != 0)
        return kv_err_device(err, "stdout", err->sys);
    return 0;
}

int kv_cli_end(enum kv_kind status)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout) && close(STDOUT_FILENO) == 0)
        return (int)status;
    struct kv_err err;
    kv_err_device(&err, "stdout", errno);
    if (err.sys != EPIPE)
        kv_cli_warn(&err);
    return KV_SYSTEM;
}

void kv_cli_count(const char *what, const long *count)
{
    work.what = what;
    work.count = count;
}

static void note_signal(int number)
{
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    if (write(signal_pipe[1], &byte, 1) < 0) {
        /* the pipe is full: it has been told often enough */
    }
    errno = saved;
}

int kv_cli_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
    struct kv_err err;
    if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        kv_err_sys(&err, "pipe");
        kv_cli_fail(&err);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        handle(numbers[i], note_signal);
    return signal_pipe[0];
}

bool kv_cli_watched(void)
{
    return isatty(STDERR_FILENO) == 1;
}

bool kv_cli_redraws(int fd)
{
    const char *term = kv_cli_env("TERM");
    return isatty(fd) == 1 && term && strcmp(term, "dumb") != 0;
}

size_t kv_cli_progress_columns(void)
{
    struct winsize size = {0};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

void kv_cli_progress(const char *line)
{
    struct kv_buf text = {0};
    int most = (int)kv_cli_progress_columns() - 1; /* a wrapped line would stay */
    if (!*line && !progress_shown)
        return;
    kv_buf_printf(&text, "\r\033[K%.*s", most, line);
    kv_io_write(STDERR_FILENO, kv_slice_of(&text), NULL);
    kv_buf_release(&text);
    progress_shown = *line != '\0';
}

size_t kv_cli_columns(void)
{
    struct winsize size = {0};
    if (isatty(STDOUT_FILENO) != 1)
        return 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

const char *kv_cli_env(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

double kv_cli_time(void)
{
    const char *given = kv_cli_env("SOURCE_DATE_EPOCH");
    struct timespec now;
    double seconds;
    if (given && kv_num_double(kv_slice(given), &seconds))
        return seconds;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)(now.tv_nsec / 1000) / 1e6;
}

char *kv_cli_share(const char *given)
{
    struct stat st;
    if (given) {
        if (stat(given, &st) != 0 || !S_ISDIR(st.st_mode)) {
            struct kv_err err;
            kv_err_set(&err, KV_INPUT, "--share: '%s' is no folder of data files", given);
            kv_cli_fail(&err);
        }
        return kv_strdup(given);
    }
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    struct kv_buf path = {0};
    for (size_t i = 0; i < 2; i++) {
        kv_buf_clear(&path);
        kv_buf_printf(&path, i ? "%s/../share" : "%s/../share/kv", slash ? self : ".");
        if (stat(path.p, &st) == 0 && S_ISDIR(st.st_mode))
            break;
    }
    return kv_buf_detach(&path);
}
