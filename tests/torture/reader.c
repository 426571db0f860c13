/* reader - reads one document over and over while somebody writes it, and checks what it got.
 *
 *     reader FILE SECONDS read|slow|mmap|old ARRAY COUNTER
 *
 * read: 64 KiB at a time; slow: 4 KiB with pauses; mmap: mapped, the descriptor closed, a pause;
 * old: keeps one version open all the time and finds it unchanged. A document must be valid JSON,
 * the number called COUNTER in its head equal to the number of lines of the array called ARRAY, and
 * never smaller than the time before. Prints {"reads":…,"invalid":…,"miscounted":…,"back":…}.
 */
#include "valid.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HEAD = 512 };

struct seen {
    long long reads, invalid, miscounted, back, last;
};

struct bytes {
    char *p;
    size_t n, room;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void pause_us(long us)
{
    struct timespec t = {0, us * 1000};
    nanosleep(&t, NULL);
}

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void read_all(int fd, struct bytes *b, size_t chunk, long pause)
{
    ssize_t got;
    b->n = 0;
    do {
        if (b->room - b->n < chunk && !(b->p = realloc(b->p, b->room = 2 * b->room + chunk)))
            die("realloc");
        got = read(fd, b->p + b->n, chunk);
        if (got < 0)
            die("read");
        b->n += (size_t)got;
        if (pause && got)
            pause_us(pause);
    } while (got > 0);
}

static void map_all(int fd, struct bytes *b)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        die("fstat");
    b->n = (size_t)st.st_size;
    b->p = mmap(NULL, b->n, PROT_READ, MAP_SHARED, fd, 0);
    if (b->p == MAP_FAILED)
        die("mmap");
}

/* The lines between "ARRAY":[ and the end, which is "\n]}\n". */
static long long items(const struct bytes *b, const char *array)
{
    const char *at = memmem(b->p, b->n, array, strlen(array)), *end = b->p + b->n;
    long long lines = 0;
    for (; at && (at = memchr(at, '\n', (size_t)(end - at))); at++)
        lines++;
    return lines - 2;
}

static long long counter(const struct bytes *b, const char *name)
{
    const char *at = memmem(b->p, b->n < HEAD ? b->n : HEAD, name, strlen(name));
    return at ? strtoll(at + strlen(name), NULL, 10) : -1;
}

static void judge(struct seen *s, const struct bytes *b, const char *array, const char *name)
{
    size_t wrong = valid_json(b->p, b->n);
    long long count = counter(b, name);
    s->reads++;
    if (wrong) {
        if (s->invalid++ == 0)
            fprintf(stderr, "reader: invalid at byte %zu of %zu\n", wrong - 1, b->n);
        return;
    }
    s->miscounted += count != items(b, array);
    s->back += count < s->last;
    s->last = count;
}

static void read_once(
    struct seen *s, char **argv, struct bytes *b, const char *array, const char *name)
{
    bool map = strcmp(argv[3], "mmap") == 0, slow = strcmp(argv[3], "slow") == 0;
    int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die(argv[1]);
    if (!map) {
        read_all(fd, b, slow ? 4096 : 65536, slow ? 50 : 0);
        close(fd);
        judge(s, b, array, name);
        return;
    }
    map_all(fd, b);
    close(fd);
    pause_us(200);
    judge(s, b, array, name);
    munmap(b->p, b->n);
}

static void hold_one(struct seen *s, char **argv, double end)
{
    struct bytes first = {0}, again = {0};
    int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die(argv[1]);
    read_all(fd, &first, 65536, 0);
    while (now() < end) {
        if (lseek(fd, 0, SEEK_SET) != 0)
            die("lseek");
        read_all(fd, &again, 65536, 0);
        s->reads++;
        s->invalid += first.n != again.n || memcmp(first.p, again.p, first.n) != 0;
        pause_us(1000);
    }
    close(fd);
    free(first.p);
    free(again.p);
}

int main(int argc, char **argv)
{
    char array[64], name[64];
    struct bytes b = {0};
    struct seen s = {.last = -1};
    if (argc != 6) {
        fprintf(stderr, "usage: reader FILE SECONDS read|slow|mmap|old ARRAY COUNTER\n");
        return 2;
    }
    snprintf(array, sizeof array, "\"%s\":", argv[4]);
    snprintf(name, sizeof name, "\"%s\":", argv[5]);
    double end = now() + strtod(argv[2], NULL);

    if (strcmp(argv[3], "old") == 0)
        hold_one(&s, argv, end);
    else
        while (now() < end)
            read_once(&s, argv, &b, array, name);

    printf("{\"reads\":%lld,\"invalid\":%lld,\"miscounted\":%lld,\"back\":%lld}\n", s.reads,
        s.invalid, s.miscounted, s.back);
    return 0;
}
