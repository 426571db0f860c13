/* re_case - which characters are the same to Python's `re` when case is ignored.
 *
 * The table is made from Unicode's simple mappings at the first use.
 */
#ifndef KV_RE_CASE_H
#define KV_RE_CASE_H

#include <stddef.h>
#include <stdint.h>

/* Calls `each` for every character that is the same as one in [first, last], itself left out. With
 * `ascii` only the letters A to Z have a case. */
void kv_re_case_each(
    uint32_t first, uint32_t last, int ascii, void (*each)(void *to, uint32_t c), void *to);

#endif
