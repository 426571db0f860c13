/* strptime - points in time read by a format.
 *
 * A matcher with backtracking, because "%d%m" may have to give a digit back: each directive says
 * which lengths it accepts, longest first, and the rest is tried with each.
 */
#include "strptime.h"

#include <string.h>
#include <strings.h>

enum { MAX_STEPS = 20000, UNSET = -1 };

struct match {
    struct kv_date *d;
    int am_pm, day_of_year, hour12;
    int steps;
    bool unsupported;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= 9 && c <= 13);
}

/* n digits at p as a number in [low, high], else -1. */
static int number(const char *p, const char *end, int n, int low, int high)
{
    int v = 0;
    if (end - p < n)
        return -1;
    for (int i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        v = v * 10 + (p[i] - '0');
    }
    return v >= low && v <= high ? v : -1;
}

struct digits {
    char letter;
    int least, most, low, high;
};

static const struct digits digits[] = {{'d', 1, 2, 1, 31}, {'H', 1, 2, 0, 23}, {'I', 1, 2, 1, 12},
    {'j', 1, 3, 1, 366}, {'m', 1, 2, 1, 12}, {'M', 1, 2, 0, 59}, {'S', 1, 2, 0, 61},
    {'w', 1, 1, 0, 6}, {'y', 2, 2, 0, 99}, {'Y', 4, 4, 0, 9999}};

static void set(struct match *m, char letter, int v)
{
    switch (letter) {
    case 'd':
        m->d->day = v;
        break;
    case 'H': /* of %H and %I the later one counts */
        m->d->hour = v;
        m->hour12 = UNSET;
        break;
    case 'I':
        m->hour12 = v;
        break;
    case 'j':
        m->day_of_year = v;
        break;
    case 'm':
        m->d->month = v;
        break;
    case 'M':
        m->d->minute = v;
        break;
    case 'S':
        m->d->second = v;
        break;
    case 'y':
        m->d->year = v + (v < 69 ? 2000 : 1900);
        break;
    case 'Y':
        m->d->year = v;
        break;
    default:
        break;
    }
}

static bool match(struct match *m, const char *f, const char *fend, const char *p, const char *end);

static bool match_digits(struct match *m, const struct digits *g, const char *f, const char *fend,
    const char *p, const char *end)
{
    for (int n = g->most; n >= g->least; n--) {
        struct match before = *m;
        struct kv_date date = *m->d;
        bool padded = n == 2 && g->letter == 'd' && p < end && *p == ' '; /* " 7" */
        int v = number(p + padded, end, n - padded, g->low, g->high);
        if (v < 0)
            continue;
        set(m, g->letter, v);
        if (match(m, f, fend, p + n, end))
            return true;
        int steps = m->steps;
        *m = before;
        *m->d = date;
        m->steps = steps;
    }
    return false;
}

/* One of the names at p, in full or its first three letters: its index, or -1. */
static int name(
    const char *const *names, int count, bool full, const char *p, const char *end, size_t *n)
{
    for (int i = 0; i < count; i++) {
        *n = full ? strlen(names[i]) : 3;
        if ((size_t)(end - p) >= *n && strncasecmp(p, names[i], *n) == 0)
            return i;
    }
    return -1;
}

static bool match_name(
    struct match *m, char letter, const char *f, const char *fend, const char *p, const char *end)
{
    static const char *const months[] = {"January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December"};
    static const char *const days[] = {
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
    static const char *const halves[] = {"AM", "PM"}, *const zones[] = {"UTC", "GMT"};
    size_t n = 0;
    int i = -1;
    if (letter == 'b' || letter == 'B') {
        i = name(months, 12, letter == 'B', p, end, &n);
        m->d->month = i + 1;
    } else if (letter == 'a' || letter == 'A') {
        i = name(days, 7, letter == 'A', p, end, &n);
    } else if (letter == 'p') {
        i = name(halves, 2, true, p, end, &n);
        m->am_pm = i;
    } else {
        i = name(zones, 2, true, p, end, &n);
    }
    return i >= 0 && match(m, f, fend, p + n, end);
}

static bool match_fraction(
    struct match *m, const char *f, const char *fend, const char *p, const char *end)
{
    for (int n = 6; n >= 1; n--) {
        int v = number(p, end, n, 0, 999999);
        if (v < 0)
            continue;
        for (int i = n; i < 6; i++)
            v *= 10;
        m->d->microsecond = v;
        if (match(m, f, fend, p + n, end))
            return true;
    }
    return false;
}

/* Z, +HHMM, +HH:MM, with seconds perhaps. */
static bool match_zone(
    struct match *m, const char *f, const char *fend, const char *p, const char *end)
{
    m->d->zoned = true;
    m->d->offset = 0;
    if (p < end && *p == 'Z')
        return match(m, f, fend, p + 1, end);
    if (p >= end || (*p != '+' && *p != '-'))
        return false;
    int sign = *p++ == '-' ? -1 : 1, hours = number(p, end, 2, 0, 23);
    p += 2;
    bool colon = p < end && *p == ':';
    int minutes = hours < 0 ? -1 : number(p + colon, end, 2, 0, 59);
    if (minutes < 0)
        return false;
    p += colon + 2;
    const char *rest = p + (p < end && *p == ':');
    int seconds = number(rest, end, 2, 0, 59), offset = hours * 3600 + minutes * 60;
    m->d->offset = sign * (offset + seconds);
    if (seconds >= 0 && match(m, f, fend, rest + 2, end))
        return true;
    m->d->offset = sign * offset;
    return match(m, f, fend, p, end);
}

/* %c, %x and %X stand for formats of their own. */
static const char *expand(char letter)
{
    return letter == 'c'   ? "%a %b %d %H:%M:%S %Y"
           : letter == 'x' ? "%m/%d/%y"
           : letter == 'X' ? "%H:%M:%S"
                           : NULL;
}

static bool match_directive(
    struct match *m, char letter, const char *f, const char *fend, const char *p, const char *end)
{
    for (size_t i = 0; i < sizeof digits / sizeof *digits; i++)
        if (digits[i].letter == letter)
            return match_digits(m, &digits[i], f, fend, p, end);
    if (strchr("aAbBpZ", letter))
        return match_name(m, letter, f, fend, p, end);
    if (letter == 'f')
        return match_fraction(m, f, fend, p, end);
    if (letter == 'z')
        return match_zone(m, f, fend, p, end);
    const char *own = expand(letter);
    if (own) {
        char whole[256];
        size_t n = strlen(own), rest = (size_t)(fend - f);
        if (n + rest > sizeof whole)
            return false;
        memcpy(whole, own, n);
        memcpy(whole + n, f, rest);
        return match(m, whole, whole + n + rest, p, end);
    }
    m->unsupported |= strchr("GuUVW", letter) != NULL;
    return false;
}

static bool match(struct match *m, const char *f, const char *fend, const char *p, const char *end)
{
    if (++m->steps > MAX_STEPS)
        return false;
    while (f < fend && (*f != '%' || (fend - f > 1 && f[1] == '%'))) {
        if (is_space(*f)) { /* any white space in the format stands for some in the text */
            while (f < fend && is_space(*f))
                f++;
            if (p >= end || !is_space(*p))
                return false;
            while (p < end && is_space(*p))
                p++;
            continue;
        }
        f += *f == '%'; /* %% */
        if (p >= end || strncasecmp(f, p, 1) != 0)
            return false;
        f++;
        p++;
    }
    if (f >= fend)
        return p == end;
    return fend - f > 1 && f[1] && match_directive(m, f[1], f + 2, fend, p, end);
}

/* Python raises on a directive that occurs twice; so the matcher is never deeper than they are
 * many. `seen` holds the letters before. */
static bool repeats(const char *f, const char *fend, bool seen[128])
{
    for (; fend - f > 1; f++) {
        if (*f != '%')
            continue;
        unsigned char letter = (unsigned char)*++f;
        const char *own = expand((char)letter);
        if (letter == '%' || letter > 127)
            continue;
        if (seen[letter] || (own && repeats(own, own + strlen(own), seen)))
            return true;
        seen[letter] = true;
    }
    return false;
}

/* Fills in month and day from the day of the year. */
static void set_day_of_year(struct kv_date *d, int day)
{
    d->month = 1;
    for (d->day = day; d->month < 12; d->month++) {
        int length = kv_dateutil_exists(d->year, d->month, 31)   ? 31
                     : kv_dateutil_exists(d->year, d->month, 30) ? 30
                     : kv_dateutil_exists(d->year, d->month, 29) ? 29
                                                                 : 28;
        if (d->day <= length)
            break;
        d->day -= length;
    }
}

enum kv_date_outcome kv_strptime_read(
    struct kv_slice text, struct kv_slice format, struct kv_date *d)
{
    *d = (struct kv_date){.year = 1900, .month = 1, .day = 1};
    struct match m = {d, UNSET, UNSET, UNSET, 0, false};
    bool seen[128] = {false};
    if (repeats(format.p, format.p + format.n, seen))
        return KV_DATE_UNSUPPORTED;
    if (!match(&m, format.p, format.p + format.n, text.p, text.p + text.n))
        return m.unsupported ? KV_DATE_UNSUPPORTED : KV_DATE_NONE;
    if (m.hour12 != UNSET)
        d->hour = m.hour12 % 12 + (m.am_pm == 1 ? 12 : 0);
    if (m.day_of_year != UNSET)
        set_day_of_year(d, m.day_of_year);
    return kv_dateutil_exists(d->year, d->month, d->day) && d->second < 60 ? KV_DATE_OK
                                                                           : KV_DATE_NONE;
}
