/* cli - the face of every program: options, messages, exit status, progress.
 *
 * The only library module that touches stderr, getenv or exit. A main() reads
 *
 *     struct kv_cli cli;
 *     const struct kv_option options[] = {
 *         {'q', "quiet", KV_OPT_FLAG, &quiet},
 *         {0, "rejects", KV_OPT_TEXT, &rejects},
 *         {0},
 *     };
 *     int first = kv_cli_begin(&cli, argc, argv, options, help);
 *     … work; kv_cli_fail(&err) ends the program …
 *     return kv_cli_end(KV_OK);
 *
 * `help` comes from the program's man page: the build turns man/NAME.1 into build/help/NAME.h,
 * which defines KV_HELP. -h, --help, -V and --version are understood everywhere.
 */
#ifndef KV_CLI_H
#define KV_CLI_H

#include "buf.h"
#include "err.h"
#include "notes.h"

#include <stdbool.h>

enum kv_opt_kind {
    KV_OPT_FLAG,    /* bool *: set to true */
    KV_OPT_NEGATE,  /* bool *: set to false */
    KV_OPT_TEXT,    /* const char **: the argument, which is not empty */
    KV_OPT_MAYBE,   /* const char **: --name gives "", --name=ARG gives ARG */
    KV_OPT_COUNT,   /* long *: a whole number from 0 to KV_OPT_COUNT_MAX */
    KV_OPT_SOME,    /* long *: the same from 1 */
    KV_OPT_NUMBER,  /* double *: a number from 0 */
    KV_OPT_RATE,    /* double *: a number above 0 */
    KV_OPT_SECONDS, /* double *: 90, 90s, 55m, 2h, 1d, 1h30m; in seconds, at most a hundred years */
    KV_OPT_LIMIT,   /* double *: the same above 0 */
    KV_OPT_LIST,    /* struct kv_opt_list *: the argument, not empty; may be given several times */
};

#define KV_OPT_COUNT_MAX 1000000000000000L

struct kv_opt_list {
    const char **items; /* the program's to free */
    size_t n;
};

struct kv_option {
    char letter; /* 0: none */
    const char *name;
    enum kv_opt_kind kind;
    void *to;
};

struct kv_cli {
    const char *program; /* the name in messages */
    const char *help;    /* first line: "usage: …" */
};

/* Parses the options (getopt_long; "--" ends them) and answers the index of the first operand.
 * Prints help or version and exits 0, or one line and exits 2, where that is what was asked. Sets
 * SIGPIPE and SIGXFSZ so that writing to a closed pipe fails with EPIPE and beyond a limit on files
 * with EFBIG, SIGUSR1 and SIGUSR2 so that they print a status line (kv_cli_count), and sees to it
 * that no file that is opened later becomes stdin, stdout or stderr. */
int kv_cli_begin(
    struct kv_cli *cli, int argc, char **argv, const struct kv_option *options, const char *help);

/* "<program>: <text>" on stderr, then exit with the status that belongs to the kind. For a usage
 * error a hint at --help follows. */
_Noreturn void kv_cli_fail(const struct kv_err *err);
_Noreturn void kv_cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "<program>: <text>" on stderr; the program goes on. Always one line: control characters in what
 * is quoted are replaced. */
void kv_cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void kv_cli_warn(const struct kv_err *err);
extern const struct kv_notes kv_cli_notes; /* says them so */

/* Flushes stdout; if it could not take everything, says so and answers 4 (nothing is said when the
 * reader has gone: EPIPE), else `status`. The last call of main. */
int kv_cli_end(enum kv_kind status);

/* Writes to stdout, one call one write: data for another program. Fails with KV_SYSTEM (err->sys is
 * EPIPE when the reader has gone). */
int kv_cli_put(struct kv_slice bytes, struct kv_err *err);

/* What the status line of SIGUSR1 and SIGUSR2 counts: "kv-append: 1200 results kept, 12 s". It is
 * read at any time; until a count is given only the time is told. Signals ignored at start stay so.
 */
void kv_cli_count(const char *what, const long *count);

/* From here on SIGINT, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 no longer do anything by themselves:
 * each writes a byte, its number, to the descriptor that is returned, for poll(2). A signal that was
 * ignored at start stays ignored. */
int kv_cli_signals(void);

/* True if stderr is a terminal that somebody may be watching. */
bool kv_cli_watched(void);
/* Shows one line in place of the last one shown, cut at the terminal's width; messages push it
 * down. "" takes it away. */
void kv_cli_progress(const char *line);
size_t kv_cli_progress_columns(void); /* of that terminal; 80 where it does not say */

/* True if `fd` is a terminal on which a line can be replaced: TERM says so; dumb ones and none
 * cannot. */
bool kv_cli_redraws(int fd);

/* How many columns the terminal has that stdout is; 0 if it is none, and what is printed there is
 * for another program. */
size_t kv_cli_columns(void);

/* Reads a time as KV_OPT_SECONDS does. */
bool kv_cli_seconds(const char *text, double *seconds);

/* The place of a word in a list that ends with NULL; a usage error that tells the list if it is none of
 * them. */
int kv_cli_choose(const char *option, const char *word, const char *const *words);

/* The environment, read here only. NULL if unset or empty. */
const char *kv_cli_env(const char *name);

/* Seconds since 1970, to a millionth; what SOURCE_DATE_EPOCH says, where it is a number. */
double kv_cli_time(void);

/* The directory of the data files: share/ beside the directory of the running program, as in the
 * checkout, or share/kv under its prefix. `given` (--share) wins; what is no folder ends the program.
 * Caller frees. */
char *kv_cli_share(const char *given);

#endif
