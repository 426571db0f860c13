/* own_append - a kv-append of one's own behind stdout: kv-run --append. */
#include "own_append.h"

#include "buf.h"
#include "own_program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static pid_t child; /* 0: none is there */
static int status;

/* Ignored signals stay ignored in a new program: it has to live until its input ends. */
static int spawn(const char *state, int input)
{
    static char name[] = "kv-append", quiet[] = "-q", end[] = "--";
    char *path = kv_own_program("kv-append"), *operand = kv_strdup(state);
    char *argv[] = {name, quiet, end, operand, NULL};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, interrupt, hangup;
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    sigaction(SIGINT, &ignore, &interrupt);
    sigaction(SIGHUP, &ignore, &hangup);
    int failed = posix_spawnp(&child, path, &files, NULL, argv, environ);
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGHUP, &hangup, NULL);
    posix_spawn_file_actions_destroy(&files);
    free(operand);
    free(path);
    if (failed)
        child = 0;
    return failed;
}

static void wait_at_exit(void)
{
    kv_own_append_wait();
}

int kv_own_append_start(const char *state, struct kv_err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return kv_err_sys(err, "pipe");
    int number = spawn(state, ends[0]);
    if (!number && dup2(ends[1], STDOUT_FILENO) < 0)
        number = errno;
    close(ends[0]);
    close(ends[1]);
    atexit(wait_at_exit);
    errno = number;
    return number ? kv_err_sys(err, "kv-append") : 0;
}

int kv_own_append_wait(void)
{
    int ended;
    if (!child)
        return status;
    close(STDOUT_FILENO);
    while (waitpid(child, &ended, 0) < 0)
        if (errno != EINTR)
            return status = KV_SYSTEM;
    child = 0;
    return status = WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
}
