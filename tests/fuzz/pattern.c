/* pattern - fuzz target: patterns from templates and rubrics, and texts that they are looked for
 * in.
 *
 * Byte 0 holds the flags; the pattern follows up to a NUL byte, then the text.
 */
#include "re.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_err err;
    if (n == 0)
        return 0;
    struct kv_slice pattern = {(const char *)bytes + 1, n - 1}, text = KV_SLICE("");
    const char *nul = n > 1 ? memchr(pattern.p, 0, pattern.n) : NULL;
    if (nul) {
        pattern.n = (size_t)(nul - pattern.p);
        text = (struct kv_slice){nul + 1, n - 2 - pattern.n};
    }
    struct kv_re *p = kv_re_open(pattern, bytes[0], &err);
    if (p) {
        long one = kv_re_count(p, text, 1, &err), all = kv_re_count(p, text, 1000, &err);
        assert(one <= 1 && (one < 0 || all < 0 || (one > 0) == (all > 0)));
        kv_re_close(p);
    }
    return 0;
}
