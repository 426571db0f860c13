/* usage_members - the members in which each protocol says what a call used.
 *
 * One table of names, so that a new spelling is a new row. Counts that are negative, fractional or
 * no numbers are as good as not said; a later event of a stream replaces what an earlier one said,
 * for the counts of a stream are cumulative.
 */
#ifndef KV_USAGE_MEMBERS_H
#define KV_USAGE_MEMBERS_H

#include "buf.h"
#include "protocol_kind.h"
#include "usage.h"

/* Reads the usage object of a body or an event (checked JSON) into *u, over what is there. */
void kv_usage_members_read(
    struct kv_usage *u, enum kv_protocol_kind protocol, struct kv_slice object);

#endif
