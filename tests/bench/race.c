/* race - two programs in turn, each a new process for one row: what does an add cost beside the
 * least that durability can cost?
 *
 *     race RUNS FIRST SIZE FLOOR PROGRAM [ARGUMENT...]
 *     race floor FILE
 *
 * PROGRAM gets rows on standard input, one a process: {"task_id":"task-…"} numbered from FIRST,
 * SIZE bytes. After each, this program itself runs as `race floor FLOOR` on the same row: it reads
 * the row and does one write and one fdatasync. Prints medians in microseconds, from spawn to exit.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int floor_program(const char *path)
{
    static char row[1 << 20];
    size_t n = 0;
    for (ssize_t got; (got = read(STDIN_FILENO, row + n, sizeof row - n)) > 0;)
        n += (size_t)got;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0666);
    return fd < 0 || write(fd, row, n) != (ssize_t)n || fdatasync(fd) != 0;
}

static double run(char *const argv[], const char *row, size_t n)
{
    posix_spawn_file_actions_t actions;
    int feed[2], status;
    pid_t child;
    double start = now_us();
    if (pipe2(feed, O_CLOEXEC) != 0 || posix_spawn_file_actions_init(&actions) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, feed[0], STDIN_FILENO) != 0 ||
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) != 0)
        die("pipe");
    if (posix_spawnp(&child, argv[0], &actions, NULL, argv, environ) != 0)
        die(argv[0]);
    posix_spawn_file_actions_destroy(&actions);
    close(feed[0]);
    if (write(feed[1], row, n) != (ssize_t)n)
        die("write");
    close(feed[1]);
    if (waitpid(child, &status, 0) != child)
        die("waitpid");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "race: %s failed\n", argv[0]);
        exit(1);
    }
    return now_us() - start;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "floor") == 0)
        return floor_program(argv[2]);
    if (argc < 6) {
        fprintf(stderr, "usage: race RUNS FIRST SIZE FLOOR PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    size_t runs = strtoul(argv[1], NULL, 10), size = strtoul(argv[3], NULL, 10);
    long first = strtol(argv[2], NULL, 10);
    char *const floor_argv[] = {argv[0], (char[]){"floor"}, argv[4], NULL};
    double *ours = calloc(runs + 1, sizeof *ours), *theirs = calloc(runs + 1, sizeof *theirs);
    char *row = malloc(size + 64);
    if (!ours || !theirs || !row)
        die("malloc");

    for (size_t i = 0; i < runs; i++) {
        size_t n = (size_t)snprintf(
            row, size + 64, "{\"task_id\":\"task-%09ld\",\"text\":\"", first + (long)i);
        while (n + 3 < size)
            row[n++] = 'r';
        memcpy(row + n, "\"}\n", 3);
        ours[i] = run(argv + 5, row, n + 3);
        theirs[i] = run(floor_argv, row, n + 3);
    }

    qsort(ours, runs, sizeof *ours, by_size);
    qsort(theirs, runs, sizeof *theirs, by_size);
    printf("{\"us\":%.0f,\"p99_us\":%.0f,\"floor_us\":%.0f,\"ratio\":%.2f}\n", ours[runs / 2],
        ours[runs * 99 / 100], theirs[runs / 2], ours[runs / 2] / theirs[runs / 2]);
    return 0;
}
