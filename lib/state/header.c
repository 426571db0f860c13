/* header - the first block of our two growing documents. */
#include "header.h"

#include "num.h"

#include <stddef.h>
#include <string.h>

enum kind { COUNT, TEXT, TIME };

/* One field: the bytes before it, and how wide it is. */
struct field {
    const char *before;
    enum kind kind;
    size_t at; /* in struct kv_header */
    size_t width;
};

#define FIELD(name) offsetof(struct kv_header, name)

static const struct field state_fields[] = {
    {"{\"format_version\": \"1.0\", \"created_at\": \"", TEXT, FIELD(created), 20},
    {"\", \"last_updated_at\": \"", TIME, FIELD(updated), 20},
    {"\",\n \"total_tasks\": ", COUNT, FIELD(total), 12},
    {", \"completed_count\": ", COUNT, FIELD(completed), 12},
    {", \"failed_count\": ", COUNT, FIELD(failed), 12},
    {", \"pending_count\": ", COUNT, FIELD(pending), 12},
    {", \"row_count\": ", COUNT, FIELD(rows), 12},
    {",\n \"kv_outcomes\": [", COUNT, FIELD(outcomes.passed), 12},
    {",", COUNT, FIELD(outcomes.wrong), 12},
    {",", COUNT, FIELD(outcomes.declined), 12},
    {",", COUNT, FIELD(outcomes.errors), 12},
    {",", COUNT, FIELD(outcomes.unscored), 12},
    {",", COUNT, FIELD(outcomes.marks[0]), 12},
    {",", COUNT, FIELD(outcomes.marks[1]), 12},
    {",", COUNT, FIELD(outcomes.marks[2]), 12},
    {",", COUNT, FIELD(outcomes.marks[3]), 12},
    {",", COUNT, FIELD(outcomes.marks[4]), 12},
    {"],\n \"start_time\": ", TEXT, FIELD(start), 24},
    {",\n ", TEXT, 0, 0},
};

static const struct field results_fields[] = {
    {"{\"format_version\": \"2.2\", \"metadata\": {\"export_timestamp\": \"", TIME, FIELD(updated),
        23},
    {"\",\n \"job_summary\": {\"total_questions\": ", COUNT, FIELD(total), 12},
    {", \"successful_count\": ", COUNT, FIELD(completed), 12},
    {", \"failed_count\": 0, \"start_time\": ", TEXT, FIELD(start), 24},
    {", \"end_time\": null, \"total_duration\": null, \"is_complete\": false},\n \"row_count\": ",
        COUNT, FIELD(rows), 12},
    {",\n ", TEXT, 0, 0},
};

static const struct field *fields_of(enum kv_header_of which, size_t *n)
{
    *n = which == KV_HEADER_STATE ? sizeof state_fields / sizeof *state_fields
                                  : sizeof results_fields / sizeof *results_fields;
    return which == KV_HEADER_STATE ? state_fields : results_fields;
}

/* Days since 1970 to a date of the proleptic Gregorian calendar (years counted from March). */
static void civil(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468; /* from 1 March of the year 0 */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned doe = (unsigned)(days - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned shifted = (5 * doy + 2) / 153;
    *day = doy - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = (int64_t)yoe + era * 400 + (*month <= 2);
}

void kv_header_add_time(struct kv_buf *out, int64_t seconds, enum kv_header_of which)
{
    const int64_t last = 253402300799; /* the end of the year 9999: the width is fixed */
    int64_t year, in_day;
    unsigned month, day;
    seconds = seconds < 0 ? 0 : seconds > last ? last : seconds;
    in_day = seconds % 86400;
    civil(seconds / 86400, &year, &month, &day);
    kv_buf_printf(out,
        which == KV_HEADER_STATE ? "%04d-%02u-%02uT%02d:%02d:%02dZ"
                                 : "%04d-%02u-%02u %02d:%02d:%02d UTC",
        (int)year, month, day, (int)(in_day / 3600), (int)(in_day / 60 % 60), (int)(in_day % 60));
}

/* Two or four digits at a place; -1 if they are none. */
static int digits(const char *p, int n)
{
    int x = 0;
    for (int i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        x = x * 10 + (p[i] - '0');
    }
    return x;
}

bool kv_header_read_time(struct kv_slice text, int64_t *seconds)
{
    if (text.n != 20 || text.p[4] != '-' || text.p[10] != 'T' || text.p[19] != 'Z')
        return false;
    const char *p = text.p;
    int year = digits(p, 4), month = digits(p + 5, 2), day = digits(p + 8, 2);
    int hour = digits(p + 11, 2), minute = digits(p + 14, 2), second = digits(p + 17, 2);
    if (year < 1970 || month < 1 || month > 12 || day < 1 || hour < 0 || minute < 0 || second < 0)
        return false;
    int64_t y = month > 2 ? year : year - 1; /* civil() backwards */
    int64_t era = y / 400, yoe = y - era * 400;
    int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t days = era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
    *seconds = days * 86400 + hour * 3600 + minute * 60 + second;
    return true;
}

static void add_field(
    struct kv_buf *out, const struct kv_header *h, const struct field *f, enum kv_header_of which)
{
    const char *value = (const char *)h + f->at;
    kv_buf_add_str(out, f->before);
    if (!f->width)
        return;
    if (f->kind == COUNT) {
        int64_t n;
        memcpy(&n, value, sizeof n);
        kv_buf_printf(out, "%12lld", (long long)n);
    } else if (f->kind == TIME) {
        kv_header_add_time(out, h->updated, which);
    } else {
        kv_buf_printf(out, "%-*s", (int)f->width, value);
    }
}

void kv_header_add(struct kv_buf *out, const struct kv_header *h, enum kv_header_of which)
{
    size_t n;
    const struct field *fields = fields_of(which, &n);
    for (size_t i = 0; i < n; i++)
        add_field(out, h, &fields[i], which);
}

size_t kv_header_size(enum kv_header_of which)
{
    size_t n, size = 0;
    const struct field *fields = fields_of(which, &n);
    for (size_t i = 0; i < n; i++)
        size += strlen(fields[i].before) + fields[i].width;
    return size;
}

/* A time is not read back: it is written anew with every version. */
static bool read_value(char *to, const struct field *f, const char *from)
{
    size_t skip = 0, n = f->width;
    if (f->kind == TEXT) {
        while (n && from[n - 1] == ' ')
            n--;
        memcpy(to, from, n);
        to[n] = '\0';
    } else if (f->kind == COUNT) {
        int64_t count;
        while (skip < n && from[skip] == ' ')
            skip++;
        if (!kv_num_int64((struct kv_slice){from + skip, n - skip}, &count) || count < 0)
            return false;
        memcpy(to, &count, sizeof count);
    }
    return true;
}

bool kv_header_read(struct kv_header *h, struct kv_slice text, enum kv_header_of which)
{
    size_t n;
    const struct field *fields = fields_of(which, &n);
    const char *at = text.p;
    struct kv_header read = *h;
    if (text.n < kv_header_size(which))
        return false;
    for (size_t i = 0; i < n; i++) {
        size_t before = strlen(fields[i].before);
        if (memcmp(at, fields[i].before, before) != 0)
            return false;
        at += before;
        if (fields[i].width && !read_value((char *)&read + fields[i].at, &fields[i], at))
            return false;
        at += fields[i].width;
    }
    *h = read;
    return true;
}
