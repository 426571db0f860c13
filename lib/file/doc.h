/* doc - one or two growing documents (doc_version.h), committed together at constant cost,
 * published whole.
 *
 * What it promises: any process may open either document at any instant, without a lock, and read a
 * complete one; when a commit returns 0 both survive kill -9 and power loss; the cost is that of
 * what is added; writers are serialised by a lock that dies with its holder. The first document is
 * never behind the second one: after a death in between it is ahead by one commit, which the owner
 * of the meaning sees in his counters and repairs by adding to the second what it lacks.
 *
 * It knows JSON as lines and never what they mean.
 *
 *     struct kv_doc *d = kv_doc_new("out/results.json", (const char *[]){".tmp", ".state"}, 2);
 *     if (kv_doc_begin(d, true, err)) …             lock; both documents are open for reading
 *     struct kv_doc_version *t = kv_doc_view(d, 0); look at t->shape, t->head
 *     off_t at = kv_doc_add(d, 0, row);             stage; edit t->head in place
 *     kv_doc_add(d, 1, key);
 *     if (kv_doc_commit(d, err)) …                  durable, or as before
 *     … private files that follow the documents …
 *     kv_doc_end(d);                                unlock; without a commit nothing has changed
 *     kv_doc_free(d);
 *
 * Creating or rebuilding a document in the same frame, instead of (or before) adding to it:
 *
 *     kv_doc_rewrite(d, 0, err);
 *     kv_doc_text(d, 0, piece, err) …               any number of pieces, the last ends in "["
 *     kv_doc_add(d, 0, row) …                       its items, any number
 *
 * How (lib/file/README.md). Each document has a hidden spare one commit behind, called
 * ".results.json.tmp.spare0"; a second one is made when a reader still holds the first. A commit
 * brings the spare up to date in place, under a lease that is refused while anybody has it open,
 * syncs it, and exchanges its name with the visible one. A control record (control.h) inside the
 * lock file says which exact files are known to share a beginning; what does not match it exactly -
 * killed writer, foreign edit, restored backup, machine restarted - is thrown away and copied
 * whole, once. Where the file system has no reliable leases every commit copies, syncs, renames and
 * syncs the directory: the same promises, only the cost differs.
 *
 * A copy keeps permissions and, where permitted, the owner; ACLs and extended attributes are lost,
 * as with any program that replaces a file.
 *
 * Private files are called ".results.json.*" beside the documents. They may be deleted at any time
 * when no command runs; all that is lost is speed, once.
 *
 * A handle belongs to one thread. Nothing stays open between kv_doc_end and the next kv_doc_begin:
 * an own view kept open would make every commit find its spare busy.
 */
#ifndef KV_DOC_H
#define KV_DOC_H

#include "digest.h"
#include "doc_version.h"
#include "io_lock.h"

#include <stdbool.h>

enum { KV_DOC_MAX = 2 };

struct kv_doc;

/* ---- names ---- */

/* Documents are called base + suffix. Nothing is opened. */
struct kv_doc *kv_doc_new(const char *base, const char *const *suffixes, size_t count);
void kv_doc_free(struct kv_doc *d); /* ends what was begun */

/* How long kv_doc_begin waits for the lock where it waits at all; borrowed. */
void kv_doc_be_patient(struct kv_doc *d, const struct kv_patience *patience);

/* ---- a transaction ---- */

/* Waits for the lock (or, with wait == false, fails with KV_BUSY) and opens what is there. Absent
 * and foreign documents are shapes, not failures. A directory that does not exist is KV_INPUT. */
int kv_doc_begin(struct kv_doc *d, bool wait, struct kv_err *err);

/* Document i as it was at the beginning. Counters in v->head may be overwritten in place between
 * begin and commit: the commit publishes the v->head_n bytes as they are then. (The head of a
 * rewritten document is part of its text instead.) */
struct kv_doc_version *kv_doc_view(struct kv_doc *d, size_t i);

/* A random name for the unbroken history of the visible documents. It stays the same as long as
 * every change since was a commit through this module on the same boot of the machine, and is new
 * after anything else: foreign edit, restored or deleted file, lost record, rewrite, restart. A
 * private file that carries it and was written after a commit returned, before kv_doc_end, may be
 * believed as far as it reaches (it may be behind, never ahead) and need not be synced. Valid from
 * begin to end; a rewrite changes it at commit. */
struct kv_digest128 kv_doc_lineage(const struct kv_doc *d);

/* Stages one item, a JSON value without a line feed, and answers the offset in the document at
 * which it will begin. A line feed in it makes the commit fail, and so does a rewritten document
 * that could not take it. */
off_t kv_doc_add(struct kv_doc *d, size_t i, struct kv_slice item);

/* Starts document i anew; what it was stays visible until the commit. */
int kv_doc_rewrite(struct kv_doc *d, size_t i, struct kv_err *err);
int kv_doc_text(struct kv_doc *d, size_t i, struct kv_slice text, struct kv_err *err);
/* The rewritten documents have nothing to do with those that are there: if the second one exists it
 * is removed before the first is published, so that a death in between leaves no pair rather than a
 * wrong one. Without this call they are taken for other forms of the same content. */
void kv_doc_unrelated(struct kv_doc *d);

/* Publishes what was staged: the heads as edited, the items, the rewritten documents. 0: durable.
 * -1: the documents are as before, except after a failure of the very last step, when the result
 * may be visible but not yet durable. One commit a transaction. */
int kv_doc_commit(struct kv_doc *d, struct kv_err *err);

/* Closes and unlocks. If no document is left, the lock file goes as well. */
void kv_doc_end(struct kv_doc *d);

/* Inside a transaction: removes the documents (first, then second), the private files of this
 * module and those named in `also` ("index" is "out/.results.json.index"; NULL-terminated, may be
 * NULL), durably. kv_doc_end comes next. Readers that have a document open keep it. */
int kv_doc_remove(struct kv_doc *d, const char *const *also, struct kv_err *err);

/* True if document i was left by a creation, or a removal, that was killed. If the other one is
 * absent, it belongs to nobody. */
bool kv_doc_gave_up(const struct kv_doc *d, size_t i);

/* ---- what it took, of document i in the last commit ---- */

bool kv_doc_in_place(const struct kv_doc *d, size_t i); /* at constant cost */
/* "appended in place", "copied whole: a reader holds the spare", … */
const char *kv_doc_way(const struct kv_doc *d, size_t i);

#endif
