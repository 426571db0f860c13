/* recorded - answers recorded before: manual trace files and replay stores.
 *
 * A trace file is one object: MD5 of a question's exact text -> answer text
 * (lib/pipeline/README.md). A replay store names its entries by question id, and optionally by
 * answering model (its display string) and replicate; the most specific entry wins
 * (lib/pipeline/README.md). Both are read whole, checked whole, and then only looked up.
 */
#ifndef KV_RECORDED_H
#define KV_RECORDED_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- manual traces ---- */

struct kv_traces;
/* Reads a trace file's text. NULL with KV_INPUT: not JSON, no object, empty, a key that is not 32
 * hexadecimal digits, or a value that is not a text. */
struct kv_traces *kv_traces_open(struct kv_slice text, struct kv_err *err);
void kv_traces_close(struct kv_traces *t);
size_t kv_traces_count(const struct kv_traces *t);
/* The answer recorded for a question's text. False if there is none. */
bool kv_traces_find(
    const struct kv_traces *t, struct kv_slice question_text, struct kv_slice *answer);

/* ---- replay stores ---- */

struct kv_recorded_entry {
    struct kv_slice question_id, model; /* unescaped; model.p == NULL: any */
    int64_t replicate;                  /* INT64_MIN: any */
    bool scenario;                      /* belongs to a scenario: never found here */
    bool visit;                         /* names a visit: never found here */
    struct kv_slice raw_trace;          /* unescaped */
    struct kv_slice trace_messages, parsed_fields, usage, metrics; /* JSON; n == 0: null */
    struct kv_slice verify_result;                                 /* JSON boolean; n == 0: null */
};

struct kv_recorded;
/* `name` is the file's, for messages. NULL with KV_INPUT: not JSON, another version, an unknown key
 * or policy, an entry without question_id or raw_trace. */
struct kv_recorded *kv_recorded_open(struct kv_slice text, const char *name, struct kv_err *err);
void kv_recorded_close(struct kv_recorded *r);
bool kv_recorded_strict(const struct kv_recorded *r); /* a miss is an error, not a live call */

/* The entry for a task, or NULL. `model` is the answering model's display string; replicate
 * INT64_MIN: none. */
const struct kv_recorded_entry *kv_recorded_find(const struct kv_recorded *r,
    struct kv_slice question_id, struct kv_slice model, int64_t replicate);

#endif
