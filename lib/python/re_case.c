/* re_case - which characters are the same when case is ignored.
 *
 * Two characters are the same if the upper case of their lower case is: that is the relation that
 * re's own table of extra cases completes (i and dotless i, s and long s, the three sigmas).
 */
#include "re_case.h"

#include "buf.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unicase.h>

enum { LAST_CASED = 0x1EFFF }; /* no character above has a case */

struct cased {
    uint32_t key, c;
};

static struct cased *by_key;
static size_t count;

static int compare(const void *a, const void *b)
{
    const struct cased *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->c > y->c) - (x->c < y->c);
}

static uint32_t key_of(uint32_t c)
{
    return uc_toupper(uc_tolower(c));
}

static bool has_case(uint32_t c)
{
    return uc_tolower(c) != c || uc_toupper(c) != c;
}

static void build(void)
{
    size_t room = 0;
    for (uint32_t c = 0; c <= LAST_CASED; c++) {
        if (!has_case(c))
            continue;
        if (count + 2 > room) {
            room = room ? room * 2 : 4096;
            by_key = kv_array(by_key, room, sizeof *by_key);
        }
        by_key[count++] = (struct cased){key_of(c), c};
        if (!has_case(
                uc_tolower(c))) /* a small letter without a capital of its own, as the sharp s */
            by_key[count++] = (struct cased){key_of(c), uc_tolower(c)};
    }
    qsort(by_key, count, sizeof *by_key, compare);
}

static size_t first_of(uint32_t key)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_key[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void each_same(uint32_t c, void (*each)(void *to, uint32_t c), void *to)
{
    uint32_t key = key_of(c);
    for (size_t i = first_of(key); i < count && by_key[i].key == key; i++)
        if (by_key[i].c != c)
            each(to, by_key[i].c);
}

void kv_re_case_each(
    uint32_t first, uint32_t last, int ascii, void (*each)(void *to, uint32_t c), void *to)
{
    if (ascii) {
        for (uint32_t c = first; c <= last && c < 0x80; c++)
            if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
                each(to, c ^ 0x20);
        return;
    }
    if (!by_key)
        build();
    for (uint32_t c = first; c <= last && c <= LAST_CASED; c++)
        each_same(c, each, to);
}
