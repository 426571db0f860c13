/* field_facts - what the rules are told about a field: its values as number, text, date, …
 * (share/verify).
 *
 * Everything that needs Python's rules, full Unicode or every digit happens here; what follows from
 * it is decided by the jq programs, or as they would by plain_rules.h.
 *
 *     struct kv_field_facts facts = {0};
 *     int rc = kv_field_facts_gather(s, field, value, trace, &facts, &err);
 *     kv_field_facts_write(&json, field, &facts, rc == 0 ? NULL : err.text);
 */
#ifndef KV_FIELD_FACTS_H
#define KV_FIELD_FACTS_H

#include "buf.h"
#include "err.h"
#include "fields.h"

#include <stdbool.h>
#include <stdint.h>

enum kv_told {
    KV_TOLD_NOTHING, /* the primitive needs no such fact, or it was not found out */
    KV_TOLD_NULL,
    KV_TOLD_BOOL,     /* truth */
    KV_TOLD_NEITHER,  /* a word that is no truth value */
    KV_TOLD_NUMBER,   /* number */
    KV_TOLD_WHOLE,    /* whole: a count, a length, a day */
    KV_TOLD_TEXT,     /* text: itself */
    KV_TOLD_LIST,     /* text: a JSON array of strings, equal ones spelled alike */
    KV_TOLD_SEQUENCE, /* the same with its length as Python sees it in whole */
    KV_TOLD_MOMENT,   /* whole seconds and micros since 1970; truth: with a zone */
    KV_TOLD_JSON,     /* text: a JSON value; of an array of truth values any and all as well */
};

struct kv_fact {
    enum kv_told kind;
    bool truth, any, all;
    int micros;
    int64_t whole;
    double number;
    struct kv_buf text;
};

/* What share/verify/README calls x, e, min and max. Reused from field to field. */
struct kv_field_facts {
    bool skipped; /* the judge extracted nothing, so that nothing is told */
    struct kv_fact x, e, min, max;
};
void kv_field_facts_release(struct kv_field_facts *facts);

struct kv_facts;

/* Holds compiled patterns and the sandbox for users' filters from one field to the next. */
struct kv_facts *kv_field_facts_open(void);
void kv_field_facts_close(struct kv_facts *s); /* NULL is fine */

/* Finds out what the field's primitive goes by: `value` is what was extracted (n == 0: nothing),
 * `trace` the raw trace. -1, KV_INPUT, why the check cannot be made, in the words of the result. */
int kv_field_facts_gather(struct kv_facts *s, const struct kv_answer_field *f,
    struct kv_slice value, struct kv_slice trace, struct kv_field_facts *out, struct kv_err *err);

/* Appends them as the JSON object that the jq programs are given; `raised`: why there are none, or
 * NULL. */
void kv_field_facts_write(struct kv_buf *out, const struct kv_answer_field *f,
    const struct kv_field_facts *facts, const char *raised);

#endif
