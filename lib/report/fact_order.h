/* fact_order - the orders of the facts of a file: by line and by question.
 *
 * Counted into place, as both have numbers from 0: sorting would hold every fact a second time.
 */
#ifndef KV_FACT_ORDER_H
#define KV_FACT_ORDER_H

#include "rowset.h"

/* Makes by_line, by_question, line_at and question_at. */
void kv_fact_order_make(struct kv_rowset *set);

/* Of kv_row_facts_answer 48 bits: only answers to the same question are compared by it. */
struct kv_answer_mark {
    uint16_t words[3];
};
struct kv_answer_mark kv_fact_order_answer(uint64_t answer);

/* Sets KV_FACT_REPEATED; `answers` are those of all facts. */
void kv_fact_order_mark_repeated(struct kv_rowset *set, const struct kv_answer_mark *answers);

#endif
