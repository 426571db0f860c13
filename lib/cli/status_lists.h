/* status_lists - the lists of tasks in the object of a status. Private to status*.c. */
#ifndef KV_STATUS_LISTS_H
#define KV_STATUS_LISTS_H

#include "status_figures.h"

/* The lists, behind what *out holds; what has come together is printed, and *out has
 * the rest. Memory does not grow with them. */
int kv_status_print_lists(struct kv_buf *out, struct kv_status *st, struct kv_err *err);
int kv_status_print_orphans(struct kv_buf *out, struct kv_status *st, struct kv_err *err);

#endif
