/* status - how far a run is, as kv-status shows it: an object for programs, a table for people.
 *
 * The object is that of karenina's verify-status (same members, same nesting) with ours behind. The
 * counts are those of the .state, as recorded; what has failed is told by the rows, where the
 * .state does not say.
 *
 *     struct kv_status *st = kv_status_open("results.json.state", now, &err);
 *     kv_status_print_json(st, &err);         reads the lists
 *     kv_status_add_counts(&out, st);         the object without them
 *     kv_status_add_table(&out, st);          counts only: milliseconds at any size
 *     kv_status_close(st);
 */
#ifndef KV_STATUS_H
#define KV_STATUS_H

#include "shard.h"
#include "state.h"

struct kv_status;
struct kv_status *kv_status_open(const char *operand, double now, struct kv_err *err);
void kv_status_close(struct kv_status *st); /* NULL is fine */

/* From here on lists and kv_status_is_complete speak of the tasks of a shard alone. */
void kv_status_restrict(struct kv_status *st, const struct kv_shard *shard);

/* True if no task of the manifest is without a recorded key. */
bool kv_status_is_complete(struct kv_status *st);

/* Prints one compact object and its line end, in pieces: its lists are as long as the run. */
int kv_status_print_json(struct kv_status *st, struct kv_err *err);

/* Appends one compact object of what was used and what it cost, by model: {"usage":[…],"cost":…}.
 * Reads all rows. */
int kv_status_add_usage(struct kv_buf *out, struct kv_status *st, struct kv_err *err);

/* The same without its lists of ids, which is small and costs the same at any size. */
void kv_status_add_counts(struct kv_buf *out, struct kv_status *st);

/* Appends the counts as one line for people, without a line end: it differs when they do. */
void kv_status_add_line(struct kv_buf *out, struct kv_status *st);

/* Appends a table of several lines, the last ones with the commands to type next. */
void kv_status_add_table(struct kv_buf *out, struct kv_status *st);

/* Prints tasks of the manifest in its order, one a line as kv-manifest --print has them. Those that rows
 * show to be done are not pending. */
enum kv_status_list { KV_STATUS_PENDING, KV_STATUS_COMPLETED, KV_STATUS_FAILED };
int kv_status_list(struct kv_status *st, enum kv_status_list which, struct kv_err *err);

/* ---- several runs as one ---- */

/* What runs come to together, the shards of one manifest for instance. The rate is that from the
 * first start to the last result. Begin with {0}. */
struct kv_status_sum {
    int64_t states, complete, active; /* runs; those that have nothing left, or are held now */
    int64_t total, completed, pending, failed;
    int64_t unknown; /* runs whose failures cannot be told */
    struct kv_outcomes outcomes;
    double first_start, last_update; /* POSIX seconds; 0: not known */
};
void kv_status_sum_add(struct kv_status_sum *sum, struct kv_status *st);
void kv_status_sum_add_json(struct kv_buf *out, const struct kv_status_sum *sum); /* no line end */
void kv_status_sum_add_table(struct kv_buf *out, const struct kv_status_sum *sum);
double kv_status_sum_rate(const struct kv_status_sum *sum); /* tasks a minute; 0: not known */

/* Says on stderr what is odd about the files, one line each. */
void kv_status_tell(struct kv_status *st);

#endif
