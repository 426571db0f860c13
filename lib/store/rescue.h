/* rescue - what was read and cannot be kept at the moment, in a file of its own beside the pair.
 *
 * Results that came through a pipe are nowhere else. While their reader waits for a lock and may be
 * ended at any moment, they are saved as they came, to be added later:
 *
 *     kv_rescue_save(&r, output, line, &lines, &err);    again and again: what came since is added
 *     kv_rescue_drop(&r);                                they were kept after all
 *
 * The file is public, made new, and durable when save returns: "results.json.rescue-PID.jsonl".
 */
#ifndef KV_RESCUE_H
#define KV_RESCUE_H

#include "buf.h"
#include "err.h"
#include "io.h"

struct kv_rescue {
    char *path;   /* NULL: nothing was saved */
    int fd;       /* while path is there */
    size_t saved; /* of what the lines hold */
};

/* Saves `line`, which was taken from `lines`, what these hold behind it, and what can be read from
 * their descriptor without waiting; that stays there to be taken. */
int kv_rescue_save(struct kv_rescue *r, const char *output, struct kv_slice line,
    struct kv_lines *lines, struct kv_err *err);

void kv_rescue_drop(struct kv_rescue *r);  /* removes the file, if there is one */
void kv_rescue_leave(struct kv_rescue *r); /* releases; the file stays */

#endif
