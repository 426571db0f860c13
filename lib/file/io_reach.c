/* io_reach - who sees a lock: what is known of the file system it is on. */
#include "io_reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined __linux__ && !defined KV_PORTABLE
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

/* Sources: flock(2) NOTES, nfs(5) local_lock, mount.cifs(8) nobrl, Lustre's manual on localflock,
 * the kernel's fs/fuse/file.c and fs/9p/vfs_file.c: both keep flock within the mount unless the
 * server takes it. */
static const struct file_system {
    unsigned long type; /* statfs(2) */
    const char *name;   /* where no mount tells a better one */
    const char *local;  /* mount options that keep locks here; NULL: they always are kept */
    const char *full;   /* kinds whose servers do take them, or that one host alone can mount */
} known[] = {
    {0x65735546, "fuse", NULL,
        " fuseblk fuse.fuse-overlayfs fuse.glusterfs fuse.ceph fuse.ceph-fuse "},
    {0x01021997, "9p", NULL, ""},
    {0x786F4256, "vboxsf", NULL, ""},
    {0x5346414F, "afs", NULL, ""},
    {0x6969, "nfs", "nolock local_lock=all local_lock=flock", ""},
    {0x0BD00BD0, "lustre", "localflock", ""},
    {0xFF534D42, "cifs", "nobrl", ""},
    {0xFE534D42, "cifs", "nobrl", ""},
};

/* The line of mountinfo, proc(5), from its kind on: "fuse.sshfs n1:/data rw,user_id=0". */
static bool find_mount(int dir, char *line, size_t size)
{
    struct stat st;
    char device[32];
    bool found = false;
    FILE *mounts = fstat(dir, &st) == 0 ? fopen("/proc/self/mountinfo", "re") : NULL;
    snprintf(device, sizeof device, " %u:%u ", major(st.st_dev), minor(st.st_dev));
    while (mounts && !found && fgets(line, (int)size, mounts)) {
        char *at = strstr(line, device), *kind = at ? strstr(at, " - ") : NULL;
        if (!kind)
            continue;
        memmove(line, kind + 3, strlen(kind + 3) + 1);
        line[strcspn(line, "\n")] = '\0';
        found = true;
    }
    if (mounts)
        fclose(mounts);
    return found;
}

/* True if one of the words of `list` is among those of `line`, which commas or blanks divide; *word
 * is then where it begins, *n its length. */
static bool has_word(const char *line, const char *list, const char **word, size_t *n)
{
    for (*word = list; **word; *word += *n + ((*word)[*n] == ' ')) {
        *n = strcspn(*word, " ");
        for (const char *at = line; *n && *at;) {
            size_t length = strcspn(at, ", ");
            if (length == *n && memcmp(at, *word, length) == 0)
                return true;
            at += length + (at[length] != '\0');
        }
    }
    return false;
}

bool kv_io_reach_is_full(int dir, struct kv_buf *name)
{
    struct statfs fs;
    char line[4096];
    const struct file_system *f = NULL;
    const char *word;
    size_t n;
    if (fstatfs(dir, &fs) != 0)
        return true;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (((unsigned long)fs.f_type & 0xFFFFFFFF) == known[i].type)
            f = &known[i];
    if (!f)
        return true;
    if (!find_mount(dir, line, sizeof line))
        snprintf(line, sizeof line, "%s", f->name);
    char *options = line + strcspn(line, " ");
    if (f->local && !has_word(options, f->local, &word, &n))
        return true;
    if (*options)
        *options = '\0';
    if (!f->local && *f->full && has_word(f->full, line, &word, &n))
        return true;
    kv_buf_add_str(name, line);
    if (f->local)
        kv_buf_printf(name, " with %.*s", (int)n, word);
    return false;
}
#else
bool kv_io_reach_is_full(int dir, struct kv_buf *name)
{
    (void)dir, (void)name;
    return true;
}
#endif
