/* batch_json - members of the small objects that ledgers and services are written in. */
#include "batch_json.h"

#include "json.h"
#include "json_out.h"
#include "num.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

char *kv_batch_json_text(struct kv_slice object, const char *name)
{
    struct kv_slice value;
    if (!kv_json_get(object, name, &value) || kv_json_type(value) != KV_JSON_STRING)
        return kv_strdup("");
    return kv_json_strdup(value);
}

double kv_batch_json_number(struct kv_slice object, const char *name, double otherwise)
{
    struct kv_slice value;
    double x;
    return kv_json_get(object, name, &value) && kv_num_double(value, &x) ? x : otherwise;
}

int64_t kv_batch_json_whole(struct kv_slice object, const char *name, int64_t otherwise)
{
    struct kv_slice value;
    int64_t n;
    return kv_json_get(object, name, &value) && kv_num_int64(value, &n) ? n : otherwise;
}

/* Of a fraction behind the seconds, ".123456", the milliseconds. */
static int64_t fraction_ms(const char **at)
{
    int64_t ms = 0, unit = 100;
    if (**at != '.')
        return 0;
    for ((*at)++; **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
        ms += (**at - '0') * unit;
    return ms;
}

/* Of a zone, "Z", "+02:00" or nothing: seconds to take away. */
static int64_t zone_s(const char *at)
{
    if ((*at != '+' && *at != '-') || strlen(at) < 6)
        return 0;
    int64_t s = strtol(at + 1, NULL, 10) * 3600 + strtol(at + 4, NULL, 10) * 60;
    return *at == '+' ? s : -s;
}

static int64_t read_text(const char *text)
{
    struct tm utc = {0};
    const char *end = strptime(text, "%Y-%m-%d", &utc);
    if (!end || (*end != 'T' && *end != ' '))
        return 0;
    end = strptime(end + 1, "%H:%M:%S", &utc);
    if (!end)
        return 0;
    int64_t ms = fraction_ms(&end);
    return ((int64_t)timegm(&utc) - zone_s(end)) * 1000 + ms;
}

int64_t kv_batch_json_time(struct kv_slice object, const char *name)
{
    struct kv_slice value;
    double x;
    if (!kv_json_get(object, name, &value))
        return 0;
    if (kv_num_double(value, &x))
        return kv_num_whole(x > 1e12 ? x : x * 1000);
    if (kv_json_type(value) != KV_JSON_STRING)
        return 0;
    char *text = kv_json_strdup(value);
    int64_t ms = read_text(text);
    free(text);
    return ms;
}

void kv_batch_json_time_text(struct kv_buf *out, int64_t ms)
{
    struct tm utc;
    char text[32];
    time_t s = (time_t)(ms / 1000);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime_r(&s, &utc));
    kv_buf_printf(out, "%s.%03dZ", text, (int)(ms % 1000));
}

void kv_batch_json_add_time(struct kv_buf *out, const char *name, int64_t ms)
{
    struct kv_buf text = {0};
    if (ms > 0)
        kv_batch_json_time_text(&text, ms);
    kv_json_out_str(out, name, ms > 0 ? text.p : NULL);
    kv_buf_release(&text);
}

int64_t kv_batch_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
