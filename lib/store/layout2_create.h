/* layout2_create - a new pair of layout 2.0, which karenina's command line resumes.
 *
 *     if (kv_layout2_create(&plan, &err)) …        plan as for kv_store_create
 */
#ifndef KV_LAYOUT2_CREATE_H
#define KV_LAYOUT2_CREATE_H

#include "layout1_create.h"

/* As kv_store_create: both files or neither, durable. The pair has no place for `models` and
 * `rubric`; rows to begin with are gone through once. */
int kv_layout2_create(const struct kv_store_plan *plan, struct kv_err *err);

#endif
