/* random - see random.h. */
#include "random.h"

#include <stdlib.h>
#include <unistd.h>

#ifdef __APPLE__
#include <sys/random.h>
#endif

void kv_random(void *to, size_t n)
{
    if (getentropy(to, n) != 0)
        abort(); /* cannot happen for n <= 256 on a system that has it at all */
}
