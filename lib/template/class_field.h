/* class_field - one field of a Python template: its VerifiedField(…), Field(…) or plain value.
 *
 * Statements as parser.h writes them. What a call says beyond what a template can hold (a
 * constraint, an alias) is code: it would change what is valid.
 */
#ifndef KV_CLASS_FIELD_H
#define KV_CLASS_FIELD_H

#include "class_value.h"

/* Adds the field that {"field":NAME,"annotation":…,"value":…} declares to r->t, in the place of one
 * of that name that was inherited. -1, with r->err set. */
int kv_template_read_field(struct kv_template_reader *r, struct kv_slice statement);

#endif
