/* fact_order - the orders of the facts of a file: by line and by question.
 *
 * Counted into place, as both have numbers from 0: sorting would hold every fact a second time.
 */
#ifndef KV_FACT_ORDER_H
#define KV_FACT_ORDER_H

#include "rowset.h"

/* Makes by_line, by_question, line_at and question_at. */
void kv_fact_order_make(struct kv_rowset *set);

/* Sets KV_FACT_REPEATED; `answers` are those of the facts (kv_row_facts_answer). */
void kv_fact_order_mark_repeated(struct kv_rowset *set, const uint64_t *answers);

#endif
