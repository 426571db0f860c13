/* io_reach - who sees a lock: what is known of the file system it is on.
 *
 * A lock is worth what everybody who can write to a file learns of it. Some file systems that
 * several hosts mount keep locks within one mount, and say nothing.
 */
#ifndef KV_IO_REACH_H
#define KV_IO_REACH_H

#include "buf.h"

#include <stdbool.h>

/* False if other hosts, or other mounts of it, do not see the locks that are taken in this directory;
 * then appends to *name what the file system is called: "fuse.sshfs", "9p", "nfs with
 * local_lock=all". True also where nothing is known. */
bool kv_io_reach_is_full(int dir, struct kv_buf *name);

#endif
