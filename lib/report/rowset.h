/* rowset - the results of one file as a report sees them: the newest row of each task, as facts.
 *
 * Reads a finished export, the .tmp of a run in progress, or the JSON Lines of layout 2.0, once, in
 * bounded memory: about 60 bytes a row and the distinct names. The file stays open, so that rows
 * can be read again by their facts, of the same version that was counted, until it is closed.
 *
 *     struct kv_rowset *set = kv_rowset_open("results.json", NULL, &err);
 *     for (size_t i = 0; i < set->n; i++) … set->facts[set->by_line[i]] …
 *     kv_rowset_read(set, &set->facts[i], &text, &err);      that row's JSON
 *     kv_rowset_close(set);
 *
 * A *line* is one answering model with one judge: the unit that a report gives a rate for.
 */
#ifndef KV_ROWSET_H
#define KV_ROWSET_H

#include "buf.h"
#include "err.h"
#include "names.h"
#include "row_facts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kv_line {
    uint32_t answering, judge; /* names in models; the empty name: none */
};

/* Names in `keywords`. */
struct kv_rowset_keywords {
    const uint32_t *ids;
    size_t n;
};

struct kv_rowset {
    char *path;              /* of the file that was read */
    struct kv_buf header;    /* the document's other members, as a JSON object; "{}" if none */
    bool complete;           /* it does not say that it is unfinished */
    int64_t total_tasks;     /* as its header says; -1: it does not */
    uint64_t bytes;          /* of the file */
    uint64_t superseded;     /* rows that a newer one of the same task replaced */
    uint64_t previews, torn; /* rows that are no results; lines that could not be read (2.0) */
    struct kv_buf first_time, last_time; /* the smallest and largest metadata.timestamp, as text */

    struct kv_fact *facts; /* the newest of each task, in the order of the file */
    size_t n;
    struct kv_names models, questions, keywords;
    struct kv_fact_names names;
    struct kv_line *lines; /* in order of the judge's name, then the answering model's */
    size_t line_count;

    uint32_t *by_line;     /* numbers of facts, by line, question, replicate */
    uint32_t *by_question; /* by question, line, replicate */
    uint32_t *line_at;     /* line_count + 1 places in by_line */
    uint32_t *question_at; /* questions.n + 1 places in by_question */

    struct kv_rowset_private *private;
};

/* `operand` is a results file, or a .state or output path, in whose place the results file of its
 * pair is read. NULL with KV_INPUT: no such file, no document of results, or a row that is no
 * result (with its place). `prices` (NULL: none) are looked at while it is opened. */
struct kv_rowset *kv_rowset_open(
    const char *operand, const struct kv_prices *prices, struct kv_err *err);
void kv_rowset_close(struct kv_rowset *set); /* NULL is fine */

/* The keywords of a question, each once; and its first fact in the file, in whose row its text and
 * reference stand. */
struct kv_rowset_keywords kv_rowset_keywords_of(const struct kv_rowset *set, uint32_t question);
uint32_t kv_rowset_first(const struct kv_rowset *set, uint32_t question);

/* What of a fact is looked at seldom, in the place of what *out was (kv_detail_release it). */
void kv_rowset_detail(
    const struct kv_rowset *set, const struct kv_fact *fact, struct kv_detail *out);

/* The row of a fact, behind what *out holds. */
int kv_rowset_read(const struct kv_rowset *set, const struct kv_fact *fact, struct kv_buf *out,
    struct kv_err *err);
/* Exactly n bytes of the file. */
int kv_rowset_read_at(
    const struct kv_rowset *set, uint64_t at, char *to, size_t n, struct kv_err *err);

struct kv_slice kv_rowset_model(const struct kv_rowset *set, uint32_t model);
struct kv_slice kv_rowset_question(const struct kv_rowset *set, uint32_t question);

#endif
