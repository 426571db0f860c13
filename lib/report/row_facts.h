/* row_facts - what a report remembers of one result: numbers, and names known by number.
 *
 * A results file may hold a hundred thousand rows of several kilobytes; a report needs about a
 * hundred bytes of each, and goes back to the file for the few that it shows. This takes those
 * bytes out of a row that was read (result.h). What is counted, and how, is no business of this
 * module.
 */
#ifndef KV_ROW_FACTS_H
#define KV_ROW_FACTS_H

#include "marks.h"
#include "names.h"
#include "prices.h"
#include "result.h"

#include <stdbool.h>
#include <stdint.h>

/* What of the calls of a row is known: tokens as the rows state them, money as the service said it,
 * else by a price file. `cached` is a part of input, `reasoning` of output. */
struct kv_consumption {
    uint64_t input, output, cached, reasoning;
    double cost; /* NaN: not known */
};

enum kv_fact_flag {
    KV_FACT_PARTIAL = 1,   /* the answer was cut by a timeout */
    KV_FACT_RETRIED = 2,   /* some call was repeated */
    KV_FACT_ESTIMATED = 4, /* token counts are missing or estimated */
    KV_FACT_WARNED = 8,    /* has warnings */
    KV_FACT_JUDGED = 16,   /* has a verdict of its own: true or false */
};

enum { KV_RETRY_CLASSES = 4 }; /* connection, timeout, rate_limit, server_error */
extern const char *const kv_row_facts_retries[KV_RETRY_CLASSES + 1];

/* What a judge's extraction of one field came to. */
enum kv_field_verdict { KV_FIELD_FAILED, KV_FIELD_PASSED, KV_FIELD_MISSING };
struct kv_field_fact {
    uint64_t value; /* tells extracted values apart; only of fields that did not pass, else 0 */
    uint32_t field; /* a name */
    enum kv_field_verdict verdict;
};

struct kv_fact {
    uint64_t offset;             /* of the row in its file */
    uint64_t answer;             /* the same for rows whose judges share one answer */
    double seconds, first_token; /* NaN: not said */
    struct kv_consumption answering, judging;
    uint32_t length; /* of the row */
    uint32_t question, line;
    uint32_t reason;                    /* of a row that did not pass: a name, else KV_NO_NAME */
    uint32_t served;                    /* the model that answered, if it said so: a name */
    uint32_t field_at, field_count;     /* into fields */
    uint32_t warning_at, warning_count; /* into warnings */
    int32_t replicate;                  /* KV_FACT_NO_REPLICATE: none */
    uint16_t retries[KV_RETRY_CLASSES];
    uint8_t outcome; /* enum kv_result_outcome */
    uint8_t flags;
    uint8_t marks;   /* enum kv_mark */
    bool superseded; /* a newer row of the same task was met */
};
#define KV_FACT_NO_REPLICATE INT32_MIN

/* What facts refer to, shared by all rows of a file. Zero is empty. */
struct kv_fact_names {
    const struct kv_prices *prices; /* NULL: none; stays the caller's */
    struct kv_names fields, reasons, warnings, served;
    struct kv_field_fact *field_facts;
    size_t field_count;
    uint32_t *warning_ids;
    size_t warning_count;
};
void kv_fact_names_release(struct kv_fact_names *names);

/* Fills *fact from a row, but for offset, length, question and line. */
void kv_row_facts_take(
    struct kv_fact *fact, const struct kv_result *row, struct kv_fact_names *names);

/* Appends what a report calls a model: "interface:name", with " (id)" where the id is another than
 * the name, and its tools; nothing for what is no identity. */
void kv_row_facts_add_model(struct kv_buf *out, struct kv_slice identity);

#endif
