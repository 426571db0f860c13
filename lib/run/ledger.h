/* ledger - what was ordered and has not been fetched: answers that are worked on elsewhere.
 *
 * The file NAME.batches beside the pair is the only record of it, so it is public and synced before
 * the step that follows. JSON Lines: a line {"event":"begin",…} with a nonce, and one line
 * {"event":"call","id","response","endpoint","at"} for each answer that is still out. It is replaced
 * whole, and gone when nothing is out any more. It belongs to the run that holds the run lock.
 *
 *     struct kv_ledger *l = kv_ledger_open(paths, &err);
 *     if (kv_ledger_find(l, id)) … fetch it … else { … order … kv_ledger_add(l, id, …, &err); }
 *     kv_ledger_settle(l, id, &err);
 *     kv_ledger_close(l);
 */
#ifndef KV_LEDGER_H
#define KV_LEDGER_H

#include "err.h"
#include "paths.h"

struct kv_ledger;

/* Reads what is there; nothing is created yet. KV_INPUT for a file that is no ledger. */
struct kv_ledger *kv_ledger_open(const struct kv_paths *paths, struct kv_err *err);
void kv_ledger_close(struct kv_ledger *l); /* NULL is fine */

const char *kv_ledger_nonce(const struct kv_ledger *l);
size_t kv_ledger_open_calls(const struct kv_ledger *l);
/* The id of the response that a call waits for; NULL: none. */
const char *kv_ledger_find(const struct kv_ledger *l, const char *id);

/* An answer was ordered, and is to be fetched as `response`. Durable when it returns. */
int kv_ledger_add(struct kv_ledger *l, const char *id, const char *response, const char *endpoint,
    struct kv_err *err);
/* It has been fetched, or is not to be had. */
int kv_ledger_settle(struct kv_ledger *l, const char *id, struct kv_err *err);

#endif
