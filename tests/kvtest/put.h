/* put - members of a line of answer, left out where nothing is known. */
#ifndef PUT_H
#define PUT_H

#include "buf.h"

#include <stdbool.h>
#include <stdint.h>

void put_text(struct kv_buf *out, const char *name, const struct kv_buf *text); /* unless empty */
void put_count(struct kv_buf *out, const char *name, int64_t n);                /* unless < 0 */
void put_flag(struct kv_buf *out, const char *name, bool set);                  /* if set */

#endif
