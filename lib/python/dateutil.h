/* dateutil - points in time read from text: ISO 8601 and common named forms, or a given format.
 *
 * What dateutil would guess is not guessed: a text that is a date to it and not one of our forms is
 * `KV_DATE_UNSUPPORTED`, which fails the check by name instead of deciding it by chance. Partial
 * dates, which dateutil completes from today's, are among these.
 */
#ifndef KV_DATEUTIL_H
#define KV_DATEUTIL_H

#include "buf.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_date {
    int year, month, day;
    int hour, minute, second, microsecond;
    bool zoned;
    int offset; /* seconds east of UTC */
};

enum kv_date_outcome {
    KV_DATE_OK,
    KV_DATE_NONE,        /* no date to anybody */
    KV_DATE_UNSUPPORTED, /* perhaps one, read by guessing */
    KV_DATE_OVERFLOW,    /* a run of digits that Python's parser raises on */
};

enum kv_date_outcome kv_dateutil_read(struct kv_slice text, struct kv_date *d);

bool kv_dateutil_exists(int year, int month, int day); /* in the years 1 to 9999 */
int64_t kv_dateutil_day(const struct kv_date *d); /* days since 1970-01-01, time and zone dropped */
int64_t kv_dateutil_micros(const struct kv_date *d); /* since 1970-01-01T00:00, zone taken off */

#endif
