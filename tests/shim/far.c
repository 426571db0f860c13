/* far - LD_PRELOAD: makes a directory look as if it were on a network file system, and its lock as if
 * it were lost, for tests of what a host does that its server takes for dead.
 *
 *     KV_FAR_FS=6969       statfs names this type (hexadecimal) for every file system
 *     KV_FAR_NOLOCK=1      the first flock of a .lock file succeeds and locks nothing
 *     KV_FAR_LOST=FILE     while FILE exists nothing can be written to lock files
 *     KV_FAR_HOLD=STEP     the first time the process is at STEP (create, write, rename: of a spare;
 *                          again: its second flock of a .lock file; several with a comma between
 *                          them) it makes the file STEP.reached, and goes on when there is STEP.go
 *     KV_FAR_STALE=1       the first read of a results file says that it was replaced on the server
 *     KV_FAR_AT=DIRECTORY  where these files are; as a rule in the working directory
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* The definition that ours stands before. */
#define NEXT(name) ((__typeof__(&name))(intptr_t)dlsym(RTLD_NEXT, #name))

static void hold(const char *step)
{
    const char *wanted = getenv("KV_FAR_HOLD"), *at = getenv("KV_FAR_AT");
    char file[4096];
    struct stat st;
    snprintf(file, sizeof file, "%s/%s.reached", at ? at : ".", step);
    if (!wanted || !strstr(wanted, step) || stat(file, &st) == 0)
        return;
    close(NEXT(openat)(AT_FDCWD, file, O_WRONLY | O_CREAT, 0666));
    snprintf(file, sizeof file, "%s/%s.go", at ? at : ".", step);
    while (stat(file, &st) != 0)
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

static bool is_spare(const char *name)
{
    return strstr(name, ".spare") != NULL;
}

static void name_of(int fd, char name[4096])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, 4095);
    name[n < 0 ? 0 : n] = '\0';
}

static bool ends_in(int fd, const char *end)
{
    char name[4096];
    name_of(fd, name);
    return strlen(name) > strlen(end) && strcmp(name + strlen(name) - strlen(end), end) == 0;
}

static bool is_lost(int fd)
{
    struct stat st;
    const char *flag = getenv("KV_FAR_LOST");
    return flag && stat(flag, &st) == 0 && (ends_in(fd, ".lock") || ends_in(fd, ".run"));
}

int fstatfs(int fd, struct statfs *fs)
{
    const char *type = getenv("KV_FAR_FS");
    int failed = NEXT(fstatfs)(fd, fs);
    if (type)
        fs->f_type = (__typeof__(fs->f_type))strtol(type, NULL, 16);
    return failed;
}

int flock(int fd, int how)
{
    static int locked;
    if (ends_in(fd, ".lock") && how & LOCK_EX && locked++ && getenv("KV_FAR_NOLOCK"))
        hold("again");
    return locked == 1 && getenv("KV_FAR_NOLOCK") ? 0 : NEXT(flock)(fd, how);
}

int openat(int dir, const char *name, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (flags & O_CREAT && is_spare(name))
        hold("create");
    return NEXT(openat)(dir, name, flags, mode);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    char name[4096];
    name_of(fd, name);
    if (is_spare(name))
        hold("write");
    if (is_lost(fd)) {
        errno = EIO;
        return -1;
    }
    return NEXT(pwrite)(fd, bytes, n, at);
}

ssize_t pread(int fd, void *bytes, size_t n, off_t at)
{
    static bool told;
    if (getenv("KV_FAR_STALE") && !told && ends_in(fd, ".tmp")) {
        told = true;
        errno = ESTALE;
        return -1;
    }
    return NEXT(pread)(fd, bytes, n, at);
}

int ftruncate(int fd, off_t size)
{
    if (is_lost(fd)) {
        errno = EIO;
        return -1;
    }
    return NEXT(ftruncate)(fd, size);
}

int renameat(int from, const char *old, int to, const char *name)
{
    if (is_spare(old))
        hold("rename");
    return NEXT(renameat)(from, old, to, name);
}
