/* store - the pair as it is written: create, add, repair, take away.
 *
 * Owns the growing form of layout 1.0 (what stands in the first 512 bytes of both files, and that
 * every item has its own line), the private index beside it, and the rules for rows: what is a
 * duplicate, what supersedes what, which key a row completes. How a document grows at constant cost
 * is doc.h; layout 2.0 pairs are appended to in place (layout2.h). Readers need state.h only.
 *
 *     struct kv_store *st = kv_store_open("results.json.state", KV_STORE_DEFAULT, &err);
 *     kv_store_begin(st, &err);                 locked; whatever was wrong is repaired
 *     kv_store_add(st, row, &added, &key, &err);    staged; as often as wanted
 *     kv_store_commit(st, &err);                durable; unlocked
 *     kv_store_close(st);
 *
 * An add that fails leaves the others of its batch alone. A commit that fails leaves both files as
 * they were, or, where the system could not tell, the rows in place: adding them again is harmless.
 */
#ifndef KV_STORE_H
#define KV_STORE_H

#include "buf.h"
#include "digest.h"
#include "err.h"
#include "io_lock.h"
#include "layout1_create.h" /* kv_store_create */
#include "notes.h"
#include "state.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- adding ---- */

enum kv_store_flag {
    KV_STORE_DEFAULT = 0,
    KV_STORE_EXTEND = 1,  /* a key that is not in the manifest is added to it */
    KV_STORE_TRY = 2,     /* begin fails with KV_BUSY instead of waiting for the lock */
    KV_STORE_REPLACE = 4, /* a row supersedes any other of its task, a good one too */
};

struct kv_store;
struct kv_store *kv_store_open(const char *operand, unsigned flags, struct kv_err *err);
void kv_store_close(struct kv_store *st); /* aborts an open batch; NULL is fine */

const struct kv_paths *kv_store_paths(const struct kv_store *st);
bool kv_store_is_finished(
    const struct kv_store *st); /* only its export is left: nothing is added */

/* Where it says what was found and repaired, and what path a commit took and why; NULL: nowhere. */
void kv_store_on_note(struct kv_store *st, const struct kv_notes *notes);

/* True if it failed because the pair became another run since kv_store_open. */
bool kv_store_is_other(const struct kv_store *st);

/* How long kv_store_begin waits for the lock; borrowed. Its failure is then KV_BUSY. */
void kv_store_be_patient(struct kv_store *st, const struct kv_patience *patience);

/* Takes the lock and reads what is needed. What is not in order is repaired: at once a torn line at
 * the end of a .jsonl, with the first add a pair that is not in the growing form, with the commit
 * keys that .state lacks and counts that are wrong. KV_INPUT (with the place) if a file is missing
 * or damaged, or if the pair became another run since kv_store_open; nothing is changed then. */
int kv_store_begin(struct kv_store *st, struct kv_err *err);

enum kv_added {
    KV_ADDED,         /* staged; its task is completed */
    KV_ADDED_AGAIN,   /* staged; supersedes a recorded failure, or an answer that was only kept */
    KV_ADDED_ANSWER,  /* staged; the answer is kept, the task stays pending (kv_result_settles) */
    KV_ADDED_NOT,     /* its task is completed already: skipped */
    KV_ADDED_PREVIEW, /* a preview: ignored */
};

/* Stages one row: one line of checked JSON, kept byte for byte. KV_INPUT: no result, no key, or a
 * key that is not in the manifest (with the nearest one as a hint). *key is the row's key, borrowed
 * until the next add. */
int kv_store_add(struct kv_store *st, struct kv_slice row, enum kv_added *added,
    struct kv_slice *key, struct kv_err *err);

/* False when a failed add has ended the batch: the pair itself could not be brought in order. */
bool kv_store_begun(const struct kv_store *st);

/* The counts with what is staged so far. */
struct kv_store_counts {
    int64_t total, completed, failed, pending, rows;
};
void kv_store_counts(const struct kv_store *st, struct kv_store_counts *c);

/* Stages another configuration, one that may go on with the run (config_diff.h), and its hash. The
 * text is in the spelling of a .state (kv_config_add_state_text). Before any add. */
int kv_store_set_config(
    struct kv_store *st, struct kv_slice config, const char *hash, struct kv_err *err);

int kv_store_commit(struct kv_store *st, struct kv_err *err); /* durable; ends the batch */
void kv_store_abort(struct kv_store *st);                     /* ends the batch, nothing changed */

/* ---- between begin and commit or abort: looking ---- */

/* What is known of a key, and where its newest row lies. */
int kv_store_find(
    struct kv_store *st, struct kv_slice key, struct kv_task_state *task, struct kv_err *err);

/* What rows supersede one another by: the task key; for a scenario the key and the turn. Appended.
 */
void kv_store_row_id(struct kv_slice key, const struct kv_result *row, struct kv_buf *id);

/* The key a row belongs to in this pair (replaces what *key holds; see kv_state_row_key). */
int kv_store_row_key(
    struct kv_store *st, const struct kv_result *row, struct kv_buf *key, struct kv_err *err);

/* Goes through the completed keys: how many are in the manifest and have no row, the first of these
 * (appended to *key), and of how many the newest row is a failure. */
int kv_store_holes(
    struct kv_store *st, int64_t *count, struct kv_buf *key, int64_t *failed, struct kv_err *err);

/* A sum of keys, the same in any order, by which two sets of them are compared. */
void kv_store_sum(struct kv_digest128 *sum, struct kv_slice key);

/* The sum of the completed keys as the files have them; one that no row speaks for and that is not
 * in the manifest is left out. */
int kv_store_sum_completed(struct kv_store *st, struct kv_digest128 *sum, struct kv_err *err);

/* What kv_store_find says may come from a private file, which is never the truth. When it does not
 * add up: 1 if all has been read again, in a batch of its own (rows and states of the one before
 * are void); 0 if everything was read from the pair itself already; -1, and no batch. */
int kv_store_read_again(struct kv_store *st, struct kv_err *err);

/* True if kv_store_find has failed, or a call that uses it: then what kv_store_read_again says holds
 * too. */
bool kv_store_in_doubt(const struct kv_store *st);

/* The pair as it stands in its files; borrowed until the batch ends. NULL if they have gone or
 * broken in this moment. */
const struct kv_state *kv_store_state(struct kv_store *st, struct kv_err *err);

/* ---- taking away ---- */

/* After begin: removes results, .state and all private files, in an order in which any interruption
 * leaves either the pair or something a second call can finish. Ends the batch. */
int kv_store_remove(struct kv_store *st, struct kv_err *err);

/* 1 if the .state is what a killed removal has left, and everything else is gone; 0 if not; -1. */
int kv_store_gave_up(const struct kv_paths *p, struct kv_err *err);

/* The private files alone, of a pair that is gone. */
void kv_store_remove_private(const struct kv_paths *p);

#endif
