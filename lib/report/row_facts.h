/* row_facts - what a report remembers of one result: numbers, and names known by number.
 *
 * A results file may hold a million rows of several kilobytes; a report needs some fifty bytes of
 * each, and goes back to the file for the few that it shows. This takes those bytes out of a row
 * that was read (result.h). What is counted, and how, is no business of this
 * module.
 */
#ifndef KV_ROW_FACTS_H
#define KV_ROW_FACTS_H

#include "detail.h"
#include "marks.h"
#include "names.h"
#include "prices.h"
#include "result.h"

#include <stdbool.h>
#include <stdint.h>

enum kv_fact_flag {
    KV_FACT_PARTIAL = 1,     /* the answer was cut by a timeout */
    KV_FACT_RETRIED = 2,     /* some call was repeated */
    KV_FACT_ESTIMATED = 4,   /* token counts are missing or estimated */
    KV_FACT_WARNED = 8,      /* has warnings */
    KV_FACT_REPEATED = 16,   /* an earlier row has the same answer, read by another judge */
    KV_FACT_SUPERSEDED = 32, /* a newer row of the same task was met */
};

extern const char *const kv_row_facts_retries[KV_RETRY_CLASSES + 1];

struct kv_fact {
    uint32_t detail; /* where the rest of it is (kv_rowset_detail), of 40 bits the low ones */
    uint32_t question, line;
    int32_t replicate; /* KV_FACT_NO_REPLICATE: none */
    uint8_t outcome;   /* enum kv_result_outcome */
    uint8_t flags;
    uint8_t marks;       /* enum kv_mark */
    uint8_t detail_high; /* the others */
};
#define KV_FACT_NO_REPLICATE INT32_MIN

/* What facts refer to, shared by all rows of a file. Zero is empty. */
struct kv_fact_names {
    const struct kv_prices *prices; /* NULL: none; stays the caller's */
    struct kv_names fields, reasons, warnings, served;
};
void kv_fact_names_release(struct kv_fact_names *names);

/* Fills *fact from a row, but for question, line and where its detail is; and *detail, but for offset
 * and length. */
void kv_row_facts_take(struct kv_fact *fact, struct kv_detail *detail, const struct kv_result *row,
    struct kv_fact_names *names);

/* The same for rows whose judges share one answer. */
uint64_t kv_row_facts_answer(struct kv_slice raw_llm_response);

/* Appends what a report calls a model: "interface:name", with " (id)" where the id is another than
 * the name, and its tools; nothing for what is no identity. */
void kv_row_facts_add_model(struct kv_buf *out, struct kv_slice identity);

#endif
