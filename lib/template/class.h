/* class - the declarative Python form of a template, as checkpoints hold it.
 *
 * Reads what parser.h found: classes that derive from BaseAnswer, directly or through one another,
 * their VerifiedField and Field assignments, and an inner VerificationStrategy. Source:
 * kv-benchmark(5); messages are karenina's where it has words of its own.
 */
#ifndef KV_CLASS_H
#define KV_CLASS_H

#include "err.h"
#include "fields.h"

#include <stdbool.h>

/* Fills `t` from source. -1 with KV_INPUT; *code tells the two failures apart: false, it is no
 * valid template; true, it may be one, but its meaning is in code that would have to be executed.
 */
int kv_class_read(struct kv_slice source, struct kv_template *t, bool *code, struct kv_err *err);

#endif
