/* own_append - a kv-append of one's own behind stdout: kv-run --append.
 *
 *     kv_own_append_start("results.json.state", &err);   stdout is its input from here on
 *     … results are written to stdout …
 *     status = kv_own_append_wait();                     closes stdout
 *
 * It is the program beside ours, else the one on PATH, in our process group, as in a pipeline that
 * a shell has made: Ctrl-C does not reach it, and it drains what it was given. At exit it is waited
 * for in any case.
 */
#ifndef KV_OWN_APPEND_H
#define KV_OWN_APPEND_H

#include "err.h"

/* KV_SYSTEM if it cannot be started. */
int kv_own_append_start(const char *state, struct kv_err *err);
/* Its exit status, 128 and the signal if one ended it, 0 if none was started. Twice is fine. */
int kv_own_append_wait(void);

#endif
