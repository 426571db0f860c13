/* worked - how long runs have worked at a state, without the pauses between them.
 *
 * The note is a line of four numbers: seconds worked and tasks completed in the runs before, then
 * when this one began, in milliseconds, and how many tasks were completed then.
 */
#include "worked.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS, COMPLETED, BEGIN_MS, BEGIN_COMPLETED, NUMBERS };

/* The note as it stands; false if it is none. */
static bool read_note(const struct kv_paths *p, int64_t note[NUMBERS])
{
    char text[128], *at = text, *end;
    char *path = kv_paths_private(p, "run");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t n = fd < 0 ? 0 : pread(fd, text, sizeof text - 1, 0);
    if (fd >= 0)
        close(fd);
    free(path);
    text[n > 0 ? n : 0] = '\0';
    for (int i = 0; i < NUMBERS; i++, at = end) {
        note[i] = strtoll(at, &end, 10);
        if (end == at || note[i] < 0 || note[i] > INT64_MAX / 4)
            return false;
    }
    return *at == '\n';
}

/* Adds what the run of the note has done to what those before it did. */
static void add_run(int64_t note[NUMBERS], int64_t completed, int64_t last_update)
{
    int64_t seconds = last_update - note[BEGIN_MS] / 1000,
            tasks = completed - note[BEGIN_COMPLETED];
    if (seconds > 0 && tasks > 0) {
        note[SECONDS] += seconds;
        note[COMPLETED] += tasks;
    }
}

void kv_worked_begin(int run_lock, const struct kv_paths *p, int64_t completed, int64_t last_update)
{
    struct timespec now;
    int64_t note[NUMBERS];
    struct kv_buf text = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    if (read_note(p, note))
        add_run(note, completed, last_update);
    else
        note[SECONDS] = note[COMPLETED] = 0;
    kv_buf_printf(&text, "%lld %lld %lld %lld\n", (long long)note[SECONDS],
        (long long)note[COMPLETED], (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000,
        (long long)completed);
    if (pwrite(run_lock, text.p, text.n, 0) != (ssize_t)text.n ||
        ftruncate(run_lock, (off_t)text.n)) {
        /* an estimate less */
    }
    kv_buf_release(&text);
}

bool kv_worked_read(
    const struct kv_paths *p, int64_t completed, int64_t last_update, struct kv_worked *w)
{
    int64_t note[NUMBERS];
    if (!read_note(p, note))
        return false;
    add_run(note, completed, last_update);
    *w = (struct kv_worked){(double)note[SECONDS], note[COMPLETED]};
    return true;
}
