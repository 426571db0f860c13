/* own_program - where the other programs of this toolkit are. */
#include "own_program.h"

#include "buf.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

char *kv_own_program(const char *name)
{
    char self[PATH_MAX];
    struct kv_buf path = {0};
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    kv_buf_printf(&path, "%.*s%s", slash ? (int)(slash + 1 - self) : 0, self, name);
    if (access(path.p, X_OK) != 0) {
        kv_buf_clear(&path);
        kv_buf_add_str(&path, name);
    }
    return kv_buf_detach(&path);
}
