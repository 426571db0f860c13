/* quotation - a row read again, for what a report shows of it in words.
 *
 *     struct kv_quotation q;
 *     if (kv_quotation_read(&q, set, fact, &err) != 0) return -1;
 *     kv_quotation_add_text(&out, q.metadata, "question_text");
 *     kv_quotation_release(&q);
 */
#ifndef KV_QUOTATION_H
#define KV_QUOTATION_H

#include "rowset.h"

struct kv_quotation {
    struct kv_buf text;                 /* the row */
    struct kv_slice metadata, template; /* empty where the row has none */
    struct kv_slice whole;
};

int kv_quotation_read(
    struct kv_quotation *q, const struct kv_rowset *set, uint32_t fact, struct kv_err *err);
void kv_quotation_release(struct kv_quotation *q);

/* The member of an object; empty if there is none, or it is null. */
struct kv_slice kv_quotation_get(struct kv_slice object, const char *name);

/* Appends the text of a string member, nothing for another. */
void kv_quotation_add_text(struct kv_buf *out, struct kv_slice object, const char *name);

/* Appends why the row is a failure: its reason, or what a row of any kind (task_id) gives as its
 * error; nothing if it does not say. */
void kv_quotation_add_reason(struct kv_buf *out, struct kv_slice row);

/* Appends what the row's answer says, without the marks of a trace around it. */
void kv_quotation_add_answer(struct kv_buf *out, const struct kv_quotation *q);

/* Appends a field's value, expected or extracted, as JSON; null if there is none. */
void kv_quotation_add_field(struct kv_buf *out, const struct kv_quotation *q,
    const struct kv_rowset *set, uint32_t field, bool expected);

#endif
