/* lost_parts - batches of a run whose replies would be of no use with another configuration.
 *
 * The name of a call has a digest of its model's settings (call_name.h): where they are other ones, no
 * call asks for what is ordered.
 */
#ifndef KV_LOST_PARTS_H
#define KV_LOST_PARTS_H

#include "config.h"
#include "state.h"

/* Appends {"part":1,"model":"a","requests":300} for each open part of the state whose model `given` has
 * not, or with other settings: the text between the brackets of an array. A finished run has none. */
int kv_lost_parts_add(const struct kv_state *s, const struct kv_config *given, struct kv_buf *items,
    struct kv_err *err);

#endif
