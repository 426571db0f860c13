/* valid - is this text one JSON value? A second opinion, sharing no code with lib/json.
 *
 * RFC 8259 with UTF-8 checked: no over-long forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef VALID_H
#define VALID_H

#include <stddef.h>

/* 0 if it is, else 1 + the offset of the first byte that cannot be right. */
size_t valid_json(const char *text, size_t n);

#endif
