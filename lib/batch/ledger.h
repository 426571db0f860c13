/* ledger - what was ordered and has not been fetched: answers that are worked on elsewhere.
 *
 * The file NAME.batches beside the pair is the only record of it, so it is public (kv-batch(1)), and
 * each event is on the medium before the step that follows. JSON Lines, only ever added to: a line
 * {"event":"begin",…} with the nonce, then
 *
 *     call, fetched       a single answer that a service works on in the background
 *     part, sending, …    a batch of requests, from its request file to its collected replies
 *
 * A line that was torn by a death is cut off by the next writer. The file is gone when no single
 * answer is out and no part was ever made. It belongs to whoever holds the run lock; anybody may
 * read it.
 *
 *     struct kv_ledger *l = kv_ledger_open(paths, &err);
 *     if (kv_ledger_find(l, id)) … fetch it … else { … order … kv_ledger_add(l, id, …, &err); }
 *     kv_ledger_settle(l, id, &err);
 *     kv_ledger_close(l);
 */
#ifndef KV_LEDGER_H
#define KV_LEDGER_H

#include "batch_part.h"
#include "err.h"
#include "paths.h"
#include "state.h"

struct kv_ledger;

/* Reads what is there; nothing is created or changed yet. KV_INPUT for a file that is no ledger. */
struct kv_ledger *kv_ledger_open(const struct kv_paths *paths, struct kv_err *err);
void kv_ledger_close(struct kv_ledger *l); /* NULL is fine */

/* Names calls: 16 hex digits, of the file or, while there is none, made up. */
const char *kv_ledger_nonce(const struct kv_ledger *l);
/* The run whose calls a ledger is to name; without effect on one that is begun, whose names stay while
 * harmless settings of the run change. */
void kv_ledger_set_run(struct kv_ledger *l, const struct kv_state_info *run);
/* True if it is that of another run: both say when they started, and differ. */
bool kv_ledger_is_of_another(const struct kv_ledger *l, const struct kv_state_info *run);
/* Names this ledger at services: two with one nonce, as of shards of one state, are kept apart. */
const char *kv_ledger_mark(const struct kv_ledger *l);
const char *kv_ledger_path(const struct kv_ledger *l);
/* Bytes of a torn last line, which the first event to be written will replace. */
size_t kv_ledger_torn(const struct kv_ledger *l);

/* ---- single answers ---- */

size_t kv_ledger_open_calls(const struct kv_ledger *l);
/* The id of the response that a call waits for; NULL: none. */
const char *kv_ledger_find(const struct kv_ledger *l, const char *id);

/* An answer was ordered, and is to be fetched as `response`. Durable when it returns. */
int kv_ledger_add(struct kv_ledger *l, const char *id, const char *response, const char *endpoint,
    struct kv_err *err);
/* It has been fetched, or is not to be had. */
int kv_ledger_settle(struct kv_ledger *l, const char *id, struct kv_err *err);

/* ---- parts ---- */

size_t kv_ledger_parts(const struct kv_ledger *l);
struct kv_batch_part *kv_ledger_part(const struct kv_ledger *l, size_t i); /* by place, from 0 */
struct kv_batch_part *kv_ledger_part_of(const struct kv_ledger *l, int64_t number); /* or NULL */
int64_t kv_ledger_last_part(const struct kv_ledger *l); /* the highest number; 0: none */
size_t kv_ledger_open_parts(const struct kv_ledger *l);

/* Writes an event, durably, and takes it in as a reader of the file would. `members` is the JSON of
 * its further members, "\"part\":3,…", and may be empty. */
int kv_ledger_note(
    struct kv_ledger *l, const char *event, struct kv_slice members, struct kv_err *err);

/* Removes the file; when nothing of it is open. One that is not there is fine. */
int kv_ledger_remove(struct kv_ledger *l, struct kv_err *err);

#endif
