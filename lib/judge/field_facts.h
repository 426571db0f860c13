/* field_facts - what the rules are told about a field: its values as number, text, date, …
 * (share/verify).
 *
 * Everything that needs Python's rules, full Unicode or every digit happens here; what follows from
 * it is decided by the jq programs.
 */
#ifndef KV_FIELD_FACTS_H
#define KV_FIELD_FACTS_H

#include "buf.h"
#include "err.h"
#include "fields.h"

struct kv_facts;

/* Holds compiled patterns and the sandbox for users' filters from one field to the next. */
struct kv_facts *kv_field_facts_open(void);
void kv_field_facts_close(struct kv_facts *s); /* NULL is fine */

/* Appends the object for one verified field: `value` is what was extracted (n == 0: nothing),
 * `trace` the raw trace. What cannot be found out becomes "raise" in it, so this cannot fail. */
void kv_field_facts_add(struct kv_facts *s, const struct kv_answer_field *f, struct kv_slice value,
    struct kv_slice trace, struct kv_buf *out);

#endif
