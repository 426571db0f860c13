/* unicode_name - the character that a Unicode name means, as \N{…} in Python has it.
 *
 * What libunistring knows, and what it does not: the names of control characters, of ideographs and
 * of some syllables.
 */
#ifndef KV_UNICODE_NAME_H
#define KV_UNICODE_NAME_H

#include "buf.h"

#include <stdbool.h>
#include <unitypes.h>

/* False if there is none of that name. */
bool kv_unicode_name(struct kv_slice name, ucs4_t *c);

#endif
