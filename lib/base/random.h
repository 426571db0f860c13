/* random - bytes that nobody can foretell: names of files, lineages, ids. */
#ifndef KV_RANDOM_H
#define KV_RANDOM_H

#include <stddef.h>

/* At most 256 bytes, from getentropy(3). Does not fail: a system without them ends the process. */
void kv_random(void *to, size_t n);

#endif
