/* jq - the border to libjq: programs compiled once and run many times, JSON bytes in and out.
 *
 * Only this module sees <jv.h> and <jq.h>. libjq 1.6 has no interruption, carries numbers as
 * doubles and trusts its programs. So our own programs, from share/, run in this process and are
 * given numbers they may have; what a user wrote runs in jq_sandbox.h instead.
 */
#ifndef KV_JQ_H
#define KV_JQ_H

#include "buf.h"
#include "err.h"

struct kv_jq;

/* Compiles a program. `arguments` is a JSON object of named values ($name), or n == 0. NULL, with
 * libjq's own words and the context of the name, if it does not compile. */
struct kv_jq *kv_jq_open(
    const char *name, struct kv_slice program, struct kv_slice arguments, struct kv_err *err);
void kv_jq_close(struct kv_jq *q); /* NULL is fine */

/* Runs it on one JSON value and appends its first output, compact. -1, kind KV_INPUT, if it raises
 * an error (the message is the text), gives nothing, or the input is no JSON. */
int kv_jq_run(struct kv_jq *q, struct kv_slice input, struct kv_buf *out, struct kv_err *err);

#endif
