/* journal - replies that were paid for, kept until the pair has their results.
 *
 * A reply is in the memory of a run, then in a result, then in a pipe, then with kv-append, then in
 * the pair. Whoever dies on that way takes it along, and the next run asks again. So each reply is
 * written down the moment it has come, and a run looks here before it asks.
 *
 *     struct kv_journal *j = kv_journal_open(state, &err);       drops what the pair has
 *     kv_journal_begin(j, &err);
 *     struct kv_digest128 id = kv_journal_id(j, &call);
 *     if (kv_journal_has(j, id)) … kv_journal_read(j, id, &kept) …
 *     else { … ask …; kv_journal_add(j, id, &tasks, &answer, true, &err); }
 *     kv_journal_sync(j, now_ms, &err);                          once a round
 *     kv_journal_close(j);
 *
 * The file .NAME.journal lies beside the pair and is JSON Lines: a first line that names the run,
 * then one reply a line, with the tasks it belongs to. It has the mode of the pair, is always made
 * new (O_EXCL) and put in its place by a rename, and never holds a key, a header or a URL. It
 * belongs to the run that holds the run lock. A line that is torn or no JSON is passed over; a
 * journal of another run, or of another user than the pair's, is dropped. Deleting it costs money,
 * no result.
 *
 * What it promises: a reply that was read survives the death of every process of the run; the
 * machine's own death may take those of the last quarter of a second (SYNC_MS). Room for what is
 * under way is reserved ahead, so that it is kept also when the disk is full.
 */
#ifndef KV_JOURNAL_H
#define KV_JOURNAL_H

#include "answer_json.h"
#include "paid_call.h"
#include "state.h"

struct kv_journal;

/* Opens the journal of a state whose tasks are loaded. Of what is there, replies whose tasks the
 * pair has completed since are dropped. Nothing is created yet. */
struct kv_journal *kv_journal_open(const struct kv_state *state, struct kv_err *err);

/* Makes the file, and room in it, before anything is asked: a disk that is full has to be met now. */
int kv_journal_begin(struct kv_journal *j, struct kv_err *err);

/* Syncs, and removes a journal without replies. NULL is fine. */
void kv_journal_close(struct kv_journal *j);

/* The id of a call in this journal. */
struct kv_digest128 kv_journal_id(struct kv_journal *j, const struct kv_paid_call *call);

size_t kv_journal_count(const struct kv_journal *j); /* of replies that it has */
bool kv_journal_has(const struct kv_journal *j, struct kv_digest128 id);

/* Reads a reply; the answer borrows from *kept. False if it cannot be read any more: it is
 * forgotten, and has to be asked for. */
bool kv_journal_read(struct kv_journal *j, struct kv_digest128 id, struct kv_kept_answer *kept);

/* Writes a reply down. `soon`: it will be read once, soon, and may be held in memory until then. -1,
 * KV_SYSTEM: the journal cannot be written; what it has stays, and every further call fails as well. */
int kv_journal_add(struct kv_journal *j, struct kv_digest128 id, const struct kv_paid_tasks *t,
    const struct kv_answer *answer, bool soon, struct kv_err *err);

/* Makes what was added durable, if the last time is a quarter of a second ago. */
int kv_journal_sync(struct kv_journal *j, int64_t now_ms, struct kv_err *err);

/* kv_journal_is_long is true if the journal has grown so much that looking at the pair again may
 * pay. kv_journal_shrink then drops what the pair has by now: it reads the state once; nothing is
 * lost if it fails. */
bool kv_journal_is_long(const struct kv_journal *j);
void kv_journal_shrink(struct kv_journal *j);

const char *kv_journal_path(const struct kv_journal *j); /* for messages */

#endif
