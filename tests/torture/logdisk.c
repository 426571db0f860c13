/* logdisk - a disk that remembers every write and every flush, in order.
 *
 *     logdisk MOUNT IMAGE LOG
 *
 * A FUSE file system with two files. MOUNT/disk has the bytes of IMAGE; put a loop device on it.
 * MOUNT/mark takes short texts into the same log. A record of LOG is a type ('W' write, 'F' flush,
 * 'M' mark), offset and length as 64-bit numbers of the machine, and the data. Ends at umount.
 */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int image;
static off_t size;
static FILE *out;

static void note(char type, off_t offset, const char *data, size_t n)
{
    uint64_t where[2] = {(uint64_t)offset, n};
    fputc(type, out);
    fwrite(where, sizeof where, 1, out);
    if (n)
        fwrite(data, 1, n, out);
}

static int on_getattr(const char *path, struct stat *st, struct fuse_file_info *file)
{
    (void)file;
    *st = (struct stat){.st_mode = S_IFREG | 0600, .st_nlink = 1};
    if (strcmp(path, "/") == 0)
        *st = (struct stat){.st_mode = S_IFDIR | 0700, .st_nlink = 2};
    else if (strcmp(path, "/disk") == 0)
        st->st_size = size;
    else if (strcmp(path, "/mark") != 0)
        return -ENOENT;
    return 0;
}

static int on_open(const char *path, struct fuse_file_info *file)
{
    file->fh = strcmp(path, "/disk") == 0;
    file->direct_io = !file->fh;
    return 0;
}

static int on_read(const char *path, char *to, size_t n, off_t at, struct fuse_file_info *file)
{
    (void)path;
    ssize_t got = file->fh ? pread(image, to, n, at) : 0;
    return got < 0 ? -errno : (int)got;
}

static int on_write(
    const char *path, const char *from, size_t n, off_t at, struct fuse_file_info *file)
{
    (void)path;
    note(file->fh ? 'W' : 'M', at, from, n);
    ssize_t done = file->fh ? pwrite(image, from, n, at) : (ssize_t)n;
    return done < 0 ? -errno : (int)done;
}

static int on_fsync(const char *path, int data_only, struct fuse_file_info *file)
{
    (void)path, (void)data_only;
    if (file->fh)
        note('F', 0, NULL, 0);
    return 0;
}

static int on_truncate(const char *path, off_t to, struct fuse_file_info *file)
{
    (void)path, (void)to, (void)file;
    return 0;
}

static void on_end(void *unused)
{
    (void)unused;
    fclose(out);
}

int main(int argc, char **argv)
{
    static const struct fuse_operations operations = {
        .getattr = on_getattr,
        .open = on_open,
        .read = on_read,
        .write = on_write,
        .fsync = on_fsync,
        .truncate = on_truncate,
        .destroy = on_end,
    };
    struct stat st;
    if (argc != 4) {
        fprintf(stderr, "usage: logdisk MOUNT IMAGE LOG\n");
        return 2;
    }
    image = open(argv[2], O_RDWR | O_CLOEXEC);
    out = fopen(argv[3], "we");
    if (image < 0 || !out || fstat(image, &st) != 0) {
        perror("logdisk");
        return 1;
    }
    size = st.st_size;
    char *args[] = {argv[0], (char[]){"-f"}, (char[]){"-s"}, argv[1], NULL};
    return fuse_main(4, args, &operations, NULL);
}
