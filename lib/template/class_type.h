/* class_type - the type of a field in a Python template: an annotation, as parser.h writes it. */
#ifndef KV_CLASS_TYPE_H
#define KV_CLASS_TYPE_H

#include "class_value.h"

/* Sets f->type, f->nullable and f->literals. A plain field may be of any type, one that is verified
 * only of those of kv-benchmark(5); -1, with r->err set, for another. */
int kv_template_read_type(struct kv_template_reader *r, struct kv_slice statement,
    struct kv_slice annotation, struct kv_answer_field *f);

#endif
