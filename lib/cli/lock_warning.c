/* lock_warning - says of a pair that its locks do not reach everybody who can write to it. */
#include "lock_warning.h"

#include "cli.h"
#include "io_at.h"
#include "io_reach.h"

#include <stdlib.h>
#include <unistd.h>

void kv_lock_warning(const struct kv_paths *paths)
{
    char *directory, *name;
    struct kv_buf system = {0};
    if (kv_cli_env("KV_NO_HINTS"))
        return;
    kv_io_split(paths->state, &directory, &name);
    int dir = kv_io_dir_open(directory, NULL);
    if (dir >= 0 && !kv_io_reach_is_full(dir, &system))
        kv_cli_say(
            "%s is on %s, where a lock is not seen by other hosts or mounts: use it from one "
            "host only, see kv-state(5)",
            paths->state, system.p);
    if (dir >= 0)
        close(dir);
    free(directory);
    free(name);
    kv_buf_release(&system);
}
