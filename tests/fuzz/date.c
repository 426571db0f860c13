/* date - fuzz target: dates as they are, and by a format, which stands before a NUL byte.
 *
 * What was read exists, and is at most a day, the widest zone, away from where its day begins.
 */
#include "dateutil.h"

#include "strptime.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check(enum kv_date_outcome outcome, const struct kv_date *d)
{
    if (outcome != KV_DATE_OK)
        return;
    assert(kv_dateutil_exists(d->year, d->month, d->day));
    const int64_t day = INT64_C(86400000000);
    int64_t after = kv_dateutil_micros(d) - kv_dateutil_day(d) * day;
    assert(after >= -day && after < 2 * day);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_slice text = {(const char *)bytes, n};
    struct kv_date d;
    const char *nul = n ? memchr(text.p, 0, n) : NULL;
    if (nul) {
        struct kv_slice format = {text.p, (size_t)(nul - text.p)};
        text = (struct kv_slice){nul + 1, n - format.n - 1};
        check(kv_strptime_read(text, format, &d), &d);
    }
    check(kv_dateutil_read(text, &d), &d);
    return 0;
}
