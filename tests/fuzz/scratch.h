/* scratch - a directory of a fuzz target's own, in memory where there is such a file system.
 *
 * It is made at the first use, emptied on request, and gone when the fuzzer ends.
 */
#ifndef KV_SCRATCH_H
#define KV_SCRATCH_H

#include "buf.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch[64];

static inline void scratch_empty(void)
{
    DIR *d = opendir(scratch);
    for (struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
}

static inline void scratch_remove(void)
{
    scratch_empty();
    rmdir(scratch);
}

/* The path of a file in it; holds for four calls. */
static inline const char *scratch_path(const char *name)
{
    static char paths[4][96];
    static unsigned next;
    if (!scratch[0]) {
        snprintf(scratch, sizeof scratch, "%s/kv-fuzz-XXXXXX",
            access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(scratch))
            abort();
        atexit(scratch_remove);
    }
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    return path;
}

static inline void scratch_write(const char *name, struct kv_slice text)
{
    FILE *f = fopen(scratch_path(name), "w");
    if (!f || (text.n && fwrite(text.p, 1, text.n, f) != text.n) || fclose(f) != 0)
        abort();
}

/* Takes what stands before the next NUL byte, or all, off the front of *rest. */
static inline struct kv_slice scratch_part(struct kv_slice *rest)
{
    struct kv_slice part = *rest;
    const char *nul = part.n ? memchr(part.p, 0, part.n) : NULL;
    if (nul)
        part.n = (size_t)(nul - part.p);
    *rest = (struct kv_slice){part.p + part.n + !!nul, rest->n - part.n - !!nul};
    return part;
}

#endif
