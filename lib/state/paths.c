/* paths - where the files of a run lie. */
#include "paths.h"

#include "buf.h"
#include "io.h"
#include "io_at.h"
#include "io_lock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char suffix[] = ".state";

/* "./a//b/." -> "a/b"; ".." stays, as does a leading slash. */
static char *normalise(const char *path)
{
    struct kv_buf out = {0};
    if (*path == '/')
        kv_buf_add_char(&out, '/');
    while (*path) {
        size_t n = strcspn(path, "/");
        if (n && !(n == 1 && *path == '.')) {
            if (out.n && out.p[out.n - 1] != '/')
                kv_buf_add_char(&out, '/');
            kv_buf_add(&out, path, n);
        }
        path += n;
        path += *path == '/';
    }
    return kv_buf_detach(&out);
}

static char *join(const char *a, const char *b)
{
    struct kv_buf out = {0};
    kv_buf_printf(&out, "%s%s", a, b);
    return kv_buf_detach(&out);
}

char *kv_paths_private(const struct kv_paths *p, const char *what)
{
    const char *slash = strrchr(p->output, '/');
    int dir = slash ? (int)(slash + 1 - p->output) : 0;
    struct kv_buf out = {0};
    kv_buf_printf(&out, "%.*s.%s.%s", dir, p->output, p->output + dir, what);
    return kv_buf_detach(&out);
}

void kv_paths_add_word(struct kv_buf *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "/._-+=:,@%";
    if (*word && *word != '-' && !word[strspn(word, plain)]) {
        kv_buf_add_str(out, word);
        return;
    }
    kv_buf_add_str(out, *word == '-' ? "./'" : "'");
    for (const char *c = word; *c; c++)
        if (*c == '\'')
            kv_buf_add_str(out, "'\\''");
        else
            kv_buf_add_char(out, *c);
    kv_buf_add_char(out, '\'');
}

static char *resume_command(const char *state)
{
    struct kv_buf out = {0};
    kv_buf_add_str(&out, "kv-run ");
    kv_paths_add_word(&out, state);
    kv_buf_add_str(&out, " | kv-append -q ");
    kv_paths_add_word(&out, state);
    return kv_buf_detach(&out);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The last ".state" of the file name; NULL if it has none. ".state" alone names nothing. */
static char *find_suffix(char *path)
{
    char *found = NULL;
    char *base = path + (base_name(path) - path);
    for (char *at = base; (at = strstr(at, suffix)); at++)
        if (at > base)
            found = at;
    return found;
}

static bool exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static void derive(struct kv_paths *p)
{
    p->tmp = join(p->output, ".tmp");
    p->jsonl = join(p->output, ".results.jsonl");
    p->index = kv_paths_private(p, "index");
    p->resume = resume_command(p->state);
}

static int refuse_nameless(struct kv_paths *p, const char *operand, struct kv_err *err)
{
    const char *base = base_name(p->output);
    if (*base && strcmp(base, "..") != 0)
        return 0;
    kv_paths_release(p);
    return kv_err_set(err, KV_INPUT, "%s: not the name of a file", *operand ? operand : "''");
}

/* A state that is reached by a symbolic link is the one behind it: its files lie there, with their
 * lock, and the link stays. */
static void follow(struct kv_paths *p)
{
    struct stat st;
    char *real = lstat(p->state, &st) == 0 && S_ISLNK(st.st_mode) ? realpath(p->state, NULL) : NULL;
    char *cut = real ? find_suffix(real) : NULL;
    if (!cut || strcmp(cut, suffix) != 0) {
        free(real);
        return;
    }
    free(p->state);
    free(p->output);
    p->state = kv_strdup(real);
    p->output = kv_strndup(real, (size_t)(cut - real));
    p->odd = false;
    free(real);
}

int kv_paths_of_output(struct kv_paths *p, const char *output, struct kv_err *err)
{
    *p = (struct kv_paths){.output = normalise(output)};
    if (refuse_nameless(p, output, err) != 0)
        return -1;
    p->state = join(p->output, suffix);
    follow(p);
    derive(p);
    return 0;
}

int kv_paths_find(struct kv_paths *p, const char *operand, struct kv_err *err)
{
    char *given = normalise(operand), *beside = join(given, suffix), *cut = find_suffix(given);
    *p = (struct kv_paths){0};
    if (!cut && (exists(beside) || !exists(given))) { /* the output path was given */
        p->state = beside;
        p->output = given;
    } else {
        p->state = given;
        p->output = cut ? kv_strndup(given, (size_t)(cut - given)) : kv_strdup(given);
        p->odd = !cut || strcmp(cut, suffix) != 0;
        free(beside);
    }
    follow(p);
    derive(p);
    return refuse_nameless(p, operand, err);
}

void kv_paths_release(struct kv_paths *p)
{
    free(p->state);
    free(p->output);
    free(p->tmp);
    free(p->jsonl);
    free(p->index);
    free(p->resume);
    *p = (struct kv_paths){0};
}

/* 1, 0; -1 where the system could not tell. */
static int is_newer(const char *path, const struct stat *than, struct kv_err *err)
{
    struct stat st;
    int there = kv_io_exists(path, err);
    if (there != 1)
        return there;
    if (stat(path, &st) != 0)
        return kv_err_sys(err, "%s", path);
    if (st.st_mtim.tv_sec != than->st_mtim.tv_sec)
        return st.st_mtim.tv_sec > than->st_mtim.tv_sec;
    return st.st_mtim.tv_nsec > than->st_mtim.tv_nsec;
}

int kv_paths_settled(const struct kv_paths *p, struct kv_err *err)
{
    const char *const others[] = {p->tmp, p->jsonl};
    struct stat output;
    int there = kv_io_exists(p->state, err), newer = 0;
    if (there != 0)
        return there < 0 ? -1 : 0;
    if ((there = kv_io_exists(p->output, err)) != 1)
        return there;
    if (stat(p->output, &output) != 0)
        return kv_err_sys(err, "%s", p->output);
    for (size_t i = 0; i < sizeof others / sizeof *others && newer == 0; i++)
        newer = is_newer(others[i], &output, err);
    return newer < 0 ? -1 : !newer;
}

/* ---- the run lock ---- */

/* A descriptor with the lock, or -1. */
static int try_lock(const char *path, struct kv_err *err)
{
    char *directory, *name;
    kv_io_split(path, &directory, &name);
    int dir = kv_io_dir_open(directory, err);
    int fd = dir < 0 ? -1 : kv_io_lock(dir, name, name, false, NULL, err);
    if (dir >= 0)
        close(dir);
    free(directory);
    free(name);
    return fd;
}

int kv_paths_run_lock(const struct kv_paths *p, int *fd, struct kv_err *err)
{
    char *path = kv_paths_private(p, "run");
    int got = try_lock(path, err);
    for (int i = 0; got < 0 && err->kind == KV_BUSY && i < 10; i++) {
        /* kv-status looks by taking it for a moment */
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        got = try_lock(path, err);
    }
    free(path);
    if (got < 0 && err->kind == KV_BUSY)
        kv_err_set(err, KV_BUSY, "%s: another run holds this state", p->state);
    if (got < 0)
        return -1;
    *fd = got;
    return 0;
}

void kv_paths_run_unlock(const struct kv_paths *p, int fd)
{
    char *path = kv_paths_private(p, "run");
    if (fd >= 0) {
        unlink(path); /* whoever waits for it locks its successor */
        close(fd);
    }
    free(path);
}

bool kv_paths_run_active(const struct kv_paths *p)
{
    char *path = kv_paths_private(p, "run");
    struct kv_err err = {0};
    int fd = exists(path) ? try_lock(path, &err) : -1;
    free(path);
    if (fd >= 0)
        close(fd);
    return fd < 0 && err.kind == KV_BUSY;
}
