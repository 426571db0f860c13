/* run_end - what kv-run tells when it has ended, and the command to type next. */
#ifndef KV_RUN_END_H
#define KV_RUN_END_H

#include "progress.h"

struct kv_run_end {
    const struct kv_progress *progress;
    const struct kv_paths *paths;
    const char *again; /* the command line, without a pipeline behind it */
    bool append;       /* … which needs none */
    bool followed;     /* somebody wants to know how it went, also when all is well */
};

/* How many tasks have a result, and how those of this run ended. */
void kv_run_end_tell(const struct kv_run_end *e, const struct kv_run_tally *tally);
/* How results ended, where some are errors or their answers are not what they seem. `counted`: their
 * numbers have been told. */
void kv_run_end_tell_outcomes(const struct kv_outcomes *o, bool counted);
/* What was spent by the price file, and how sure that is. */
void kv_run_end_tell_cost(const struct kv_run_tally *tally);
/* Says once what remains, and gives the exit status that tells the same. `gives_up`: tasks that are
 * refused again and again come to an end. */
enum kv_kind kv_run_end_conclude(const struct kv_run_tally *tally, bool gives_up);
/* What to type next: after a signal always, else where it is followed. Nothing if the results went
 * into a file, which is nothing to go on from, or if KV_NO_HINTS is set. */
void kv_run_end_tell_next(const struct kv_run_end *e, const struct kv_run_tally *tally);
/* Says of a finished run how its failures, which are results, are tried again: KV_INPUT if it has any,
 * else KV_OK. */
enum kv_kind kv_run_end_tell_finished(const char *operand);

/* Appends argv as it was typed, for a shell. */
void kv_run_end_add_words(struct kv_buf *out, int argc, char **argv);
/* Appends how results that go to a terminal are kept: the same with kv-append behind it, and its
 * short form. */
void kv_run_end_add_ways(struct kv_buf *out, const char *again, const struct kv_paths *paths);

#endif
