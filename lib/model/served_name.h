/* served_name - whether the model that served is the one that was asked for. */
#ifndef KV_SERVED_NAME_H
#define KV_SERVED_NAME_H

#include "buf.h"

#include <stdbool.h>

/* The same, or the same under a longer name: with a date, a revision, a vendor, a path, a tag or an
 * ending of files. Nothing said is no other. */
bool kv_served_name_is(struct kv_slice asked, struct kv_slice served);

#endif
