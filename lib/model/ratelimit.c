/* ratelimit - what a reply says about how fast one may go on. */
#include "ratelimit.h"

#include "num.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    RESET_WAIT_MAX_MS = 60000, /* a reset says when the window is full, not when one may go on */
};
static const int64_t longest_ms = (int64_t)30 * 24 * 3600 * 1000;

/* ---- spellings of time ---- */

static bool same(struct kv_slice a, const char *b)
{
    return a.n == strlen(b) && strncasecmp(a.p, b, a.n) == 0;
}

static bool take_prefix(struct kv_slice *s, const char *prefix)
{
    size_t n = strlen(prefix);
    if (s->n < n || strncasecmp(s->p, prefix, n) != 0)
        return false;
    s->p += n;
    s->n -= n;
    return true;
}

/* Reads digits with an optional fraction off the front. */
static bool take_number(struct kv_slice *s, double *x)
{
    size_t digits = 0;
    double value = 0, scale = 1;
    while (digits < s->n && isdigit((unsigned char)s->p[digits]))
        value = value * 10 + (s->p[digits++] - '0');
    size_t used = digits;
    if (used < s->n && s->p[used] == '.' && used + 1 < s->n &&
        isdigit((unsigned char)s->p[used + 1]))
        for (used++; used < s->n && isdigit((unsigned char)s->p[used]); used++)
            value += (s->p[used] - '0') * (scale /= 10);
    if (digits == 0)
        return false;
    *x = value;
    s->p += used;
    s->n -= used;
    return true;
}

static double take_unit(struct kv_slice *s)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (take_prefix(s, units[i].name))
            return units[i].ms;
    return 0;
}

static int64_t bounded(double ms)
{
    return ms >= 0 && ms <= (double)longest_ms ? (int64_t)(ms + 0.5) : -1;
}

int64_t kv_ratelimit_duration(struct kv_slice text)
{
    struct kv_slice s = kv_slice_strip(text);
    double x, ms = 0;
    if (!take_number(&s, &x))
        return -1;
    if (s.n == 0)
        return bounded(x * 1e3);
    for (;;) {
        double unit = take_unit(&s);
        if (unit <= 0)
            return -1;
        ms += x * unit;
        if (s.n == 0)
            return bounded(ms);
        if (!take_number(&s, &x))
            return -1;
    }
}

static int64_t parse_date(const char *text)
{
    static const char *const formats[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %d %H:%M:%S %Y", "%Y-%m-%dT%H:%M:%S"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct tm tm = {0};
        const char *end = strptime(text, formats[i], &tm);
        if (!end)
            continue;
        int64_t s = (int64_t)timegm(&tm);
        int hours, minutes;
        char sign;
        if (i == 3 && *end == '.')
            end += 1 + strspn(end + 1, "0123456789");
        if (i == 3 && sscanf(end, "%c%2d:%2d", &sign, &hours, &minutes) == 3)
            s -= (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
        return s * 1000;
    }
    return -1;
}

int64_t kv_ratelimit_time(struct kv_slice text)
{
    struct kv_slice s = kv_slice_strip(text);
    double x;
    char copy[64];
    if (kv_num_double(s, &x)) {
        if (x > 1e12 && x < 1e14)
            return (int64_t)x;
        return x > 1e9 && x < 1e11 ? (int64_t)(x * 1000) : -1;
    }
    if (s.n == 0 || s.n >= sizeof copy)
        return -1;
    memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return parse_date(copy);
}

int64_t kv_ratelimit_prose(struct kv_slice message)
{
    static const char *const leads[] = {"try again in ", "retry in ", "retry after "};
    for (size_t i = 0; i < message.n; i++)
        for (size_t l = 0; l < sizeof leads / sizeof *leads; l++) {
            struct kv_slice s = {message.p + i, message.n - i};
            if (!take_prefix(&s, leads[l]))
                continue;
            size_t n = 0;
            while (n < s.n && (isalnum((unsigned char)s.p[n]) || s.p[n] == '.'))
                n++;
            while (n > 0 && s.p[n - 1] == '.')
                n--;
            return kv_ratelimit_duration((struct kv_slice){s.p, n});
        }
    return -1;
}

/* ---- headers ---- */

void kv_ratelimit_begin(struct kv_ratelimit *r)
{
    *r = (struct kv_ratelimit){.retry_after_ms = -1,
        .refill_ms = -1,
        .should_retry = -1,
        .hint_ms = -1,
        .hint_s_ms = -1,
        .hint_at_ms = -1};
    for (int k = 0; k < KV_RATELIMIT_KINDS; k++) {
        r->window[k] = (struct kv_ratelimit_window){-1, -1, -1};
        r->reset_at_ms[k] = -1;
    }
}

static int64_t whole(struct kv_slice value)
{
    double x;
    if (!kv_num_double(kv_slice_strip(value), &x) || !(x >= 0 && x < 1e15))
        return -1;
    return (int64_t)x;
}

/* The suffix of a header name: "requests", "input-tokens", or nothing for plain request windows. */
static int kind_of(struct kv_slice name)
{
    static const char *const kinds[] = {"requests", "tokens", "input-tokens", "output-tokens"};
    for (int k = 0; k < KV_RATELIMIT_KINDS; k++)
        if (same(name, kinds[k]))
            return k;
    return name.n == 0 ? KV_RATELIMIT_REQUESTS : -1;
}

enum field { LIMIT, REMAINING, RESET, NO_FIELD };

static enum field take_field(struct kv_slice *s)
{
    static const char *const fields[] = {"limit", "remaining", "reset"};
    for (int f = LIMIT; f < NO_FIELD; f++)
        if (take_prefix(s, fields[f]))
            return (enum field)f;
    return NO_FIELD;
}

static void note_window(struct kv_ratelimit *r, int kind, enum field f, struct kv_slice value)
{
    struct kv_ratelimit_window *w = &r->window[kind];
    if (f == LIMIT) {
        int64_t limit = whole(value);
        w->limit = limit > 0 ? limit : -1;
    } else if (f == REMAINING)
        w->remaining = whole(value);
    else {
        r->reset_at_ms[kind] = kv_ratelimit_time(value);
        w->reset_ms = r->reset_at_ms[kind] < 0 ? kv_ratelimit_duration(value) : -1;
    }
}

/* "x-ratelimit-FIELD-KIND" and "anthropic-ratelimit-KIND-FIELD". */
static void note_ratelimit(struct kv_ratelimit *r, struct kv_slice name, struct kv_slice value)
{
    enum field f = NO_FIELD;
    struct kv_slice kind = {"", 0};
    if (take_prefix(&name, "x-ratelimit-")) {
        f = take_field(&name);
        kind = name;
        if (kind.n && !take_prefix(&kind, "-"))
            return;
    } else if (take_prefix(&name, "anthropic-ratelimit-")) {
        for (size_t i = name.n; i-- > 0 && f == NO_FIELD;)
            if (name.p[i] == '-') {
                struct kv_slice last = {name.p + i + 1, name.n - i - 1};
                f = take_field(&last);
                kind = (struct kv_slice){name.p, i};
            }
    }
    int k = kind_of(kind);
    if (f != NO_FIELD && k >= 0)
        note_window(r, k, f, value);
}

void kv_ratelimit_note(struct kv_ratelimit *r, struct kv_slice name, struct kv_slice value)
{
    take_prefix(&name, "llm_provider-"); /* the same, passed on by a proxy */
    if (name.n == 0 || !strchr("xXrRdDaA", name.p[0]))
        return;
    if (same(name, "retry-after-ms"))
        r->hint_ms = whole(value);
    else if (same(name, "retry-after")) {
        r->hint_s_ms = kv_ratelimit_duration(value);
        r->hint_at_ms = r->hint_s_ms < 0 ? kv_ratelimit_time(value) : -1;
    } else if (same(name, "date"))
        r->date = value;
    else if (same(name, "x-should-retry"))
        r->should_retry = same(kv_slice_strip(value), "true");
    else
        note_ratelimit(r, name, value);
}

/* From an absolute time to a span; the server's own clock is the better one. */
static int64_t until(int64_t at_ms, int64_t now_ms)
{
    if (at_ms < 0)
        return -1;
    return at_ms > now_ms ? bounded((double)(at_ms - now_ms)) : 0;
}

static int64_t empty_window(const struct kv_ratelimit *r)
{
    int64_t wait = -1;
    for (int k = 0; k < KV_RATELIMIT_KINDS; k++)
        if (r->window[k].remaining == 0 && r->window[k].reset_ms > wait)
            wait = r->window[k].reset_ms;
    return wait > RESET_WAIT_MAX_MS ? RESET_WAIT_MAX_MS : wait;
}

/* Now, by the server's clock if it told: the client's may be off. */
static int64_t clock_of(const struct kv_ratelimit *r, int64_t now_ms)
{
    bool dated = r->hint_at_ms >= 0;
    for (int k = 0; k < KV_RATELIMIT_KINDS; k++)
        dated = dated || r->reset_at_ms[k] >= 0;
    int64_t date_ms = dated && r->date.n ? kv_ratelimit_time(r->date) : -1;
    return date_ms >= 0 ? date_ms : now_ms;
}

void kv_ratelimit_settle(struct kv_ratelimit *r, int64_t now_ms)
{
    int64_t now = clock_of(r, now_ms);
    for (int k = 0; k < KV_RATELIMIT_KINDS; k++)
        if (r->reset_at_ms[k] >= 0)
            r->window[k].reset_ms = until(r->reset_at_ms[k], now);
    r->retry_after_ms = r->hint_ms <= longest_ms ? r->hint_ms : -1;
    if (r->retry_after_ms < 0)
        r->retry_after_ms = r->hint_s_ms;
    if (r->retry_after_ms < 0)
        r->retry_after_ms = until(r->hint_at_ms, now);
    r->refill_ms = empty_window(r);
    r->date = (struct kv_slice){NULL, 0};
}
