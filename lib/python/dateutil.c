/* dateutil - points in time read from text.
 *
 * Free text is cut into tokens (numbers, words, marks) and must be one of our forms as a whole:
 *
 *     DATE [T| ] TIME [ZONE]     TIME DATE     DATE     WEEKDAY, DATE [TIME]
 *     DATE: 2020-03-05 2020/3/5 20200305 05.03.2020 3/5/2020 5 March 2020 March 5, 2020 5-Mar-2020
 *
 * Numeric dates with the year last are month first, as dateutil reads them, unless that cannot be.
 */
#include "dateutil.h"

#include "pystr.h"

#include <string.h>
#include <strings.h>

enum { MAX_TOKENS = 24 };

enum kind { NUMBER, WORD, MARK, SPACE, LAST };

struct token {
    enum kind kind;
    const char *p;
    size_t n;
};

struct reader {
    struct token tokens[MAX_TOKENS + 1];
    size_t n, at;
    struct kv_date *d;
    bool dated, timed;
    bool impossible; /* one of our forms, but there is no such day or hour */
};

/* ---- the calendar ---- */

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

bool kv_dateutil_exists(int year, int month, int day)
{
    return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
           day <= days_in(year, month);
}

int64_t kv_dateutil_day(const struct kv_date *d)
{
    int64_t y = d->year - (d->month <= 2), era = (y >= 0 ? y : y - 399) / 400,
            of_era = y - era * 400;
    int64_t month = (d->month + 9) % 12, of_year = (153 * month + 2) / 5 + d->day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int64_t kv_dateutil_micros(const struct kv_date *d)
{
    int64_t seconds = kv_dateutil_day(d) * 86400 + d->hour * 3600 + d->minute * 60 + d->second;
    return (seconds - (d->zoned ? d->offset : 0)) * 1000000 + d->microsecond;
}

/* ---- tokens ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static enum kind kind_of(char c)
{
    return is_digit(c) ? NUMBER : is_letter(c) ? WORD : c == ' ' ? SPACE : MARK;
}

static bool cut_tokens(struct kv_slice text, struct reader *r)
{
    for (size_t i = 0; i < text.n;) {
        enum kind kind = kind_of(text.p[i]);
        size_t n = 1;
        while (kind != MARK && i + n < text.n && kind_of(text.p[i + n]) == kind)
            n++;
        if (r->n == MAX_TOKENS)
            return false;
        r->tokens[r->n++] = (struct token){kind, text.p + i, n};
        i += n;
    }
    r->tokens[r->n] = (struct token){LAST, "", 0};
    return true;
}

static const struct token *ahead(const struct reader *r, size_t k)
{
    return &r->tokens[r->at + k < r->n ? r->at + k : r->n];
}

static bool is_mark(const struct token *t, char c)
{
    return t->kind == MARK && *t->p == c;
}

static bool take_mark(struct reader *r, char c)
{
    bool yes = is_mark(ahead(r, 0), c);
    r->at += yes;
    return yes;
}

static void skip_space(struct reader *r)
{
    r->at += ahead(r, 0)->kind == SPACE;
}

static int value(const struct token *t)
{
    int v = 0;
    for (size_t i = 0; i < t->n && i < 9; i++)
        v = v * 10 + (t->p[i] - '0');
    return v;
}

static bool is_word(const struct token *t, const char *word)
{
    return t->kind == WORD && t->n == strlen(word) && strncasecmp(t->p, word, t->n) == 0;
}

/* A name or its first three letters ("Sept" too): its number from 1, or 0. */
static int name_number(const struct token *t, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (is_word(t, names[i]) ||
            (t->kind == WORD && t->n == 3 && strncasecmp(t->p, names[i], 3) == 0))
            return i + 1;
    return 0;
}

static const char *const months[] = {"January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December"};
static const char *const weekdays[] = {
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

static int month_number(const struct token *t)
{
    return is_word(t, "Sept") ? 9 : name_number(t, months, 12);
}

/* ---- the parts of a free text ---- */

/* Two digits are a year within fifty of now; that is what dateutil does, and the only place where
 * the present comes in. Ours are fixed to 1969-2068, as in POSIX. */
static int full_year(const struct token *t)
{
    int year = value(t);
    return t->n <= 2 ? year + (year < 69 ? 2000 : 1900) : year;
}

static bool set_date(struct reader *r, int year, int month, int day)
{
    r->impossible |= !kv_dateutil_exists(year, month, day);
    if (r->dated || r->impossible)
        return false;
    r->d->year = year;
    r->d->month = month;
    r->d->day = day;
    r->dated = true;
    return true;
}

/* The first n digits of the rest of a compact form. */
static int take_digits(struct kv_slice *rest, size_t n)
{
    int v = value(&(struct token){NUMBER, rest->p, n});
    rest->p += n;
    rest->n -= n;
    return v;
}

/* YYYYMMDD, with hhmm or hhmmss right behind it. */
static bool compact_date(struct reader *r, const struct token *t)
{
    struct kv_slice rest = {t->p, t->n};
    int year = take_digits(&rest, 4), month = take_digits(&rest, 2), day = take_digits(&rest, 2);
    r->at++;
    if (rest.n) {
        r->d->hour = take_digits(&rest, 2);
        r->d->minute = take_digits(&rest, 2);
        r->d->second = rest.n ? take_digits(&rest, 2) : 0;
        r->timed = true;
        r->impossible |= r->d->hour > 23 || r->d->minute > 59 || r->d->second > 59;
    }
    return set_date(r, year, month, day);
}

/* a SEP b SEP c, all numbers. */
static bool numeric_date(struct reader *r)
{
    const struct token *a = ahead(r, 0), *b = ahead(r, 2), *c = ahead(r, 4);
    r->at += 5;
    if (b->n > 2 || c->n > 4 || c->n == 3)
        return false;
    if (a->n == 4)
        return c->n <= 2 && set_date(r, value(a), value(b), value(c));
    if (a->n > 2)
        return false;
    if (value(a) > 31)
        return set_date(r, full_year(a), value(b), value(c));
    int first = value(a), second = value(b);
    return first <= 12 ? set_date(r, full_year(c), first, second)
                       : set_date(r, full_year(c), second, first);
}

static bool is_numeric_date(const struct reader *r)
{
    const struct token *mark = ahead(r, 1);
    return mark->kind == MARK && strchr("-/.", *mark->p) && ahead(r, 2)->kind == NUMBER &&
           is_mark(ahead(r, 3), *mark->p) && ahead(r, 4)->kind == NUMBER;
}

/* What may stand between the parts of a named date: blanks, a comma, a hyphen, "of", "th". */
static void skip_filler(struct reader *r)
{
    static const char *const fillers[] = {"st", "nd", "rd", "th", "of"};
    for (;;) {
        const struct token *t = ahead(r, 0);
        bool filler = t->kind == SPACE || (t->kind == MARK && strchr(",-/.", *t->p));
        for (size_t i = 0; !filler && i < sizeof fillers / sizeof *fillers; i++)
            filler = is_word(t, fillers[i]);
        if (!filler)
            return;
        r->at++;
    }
}

/* Day, month name and year in the orders dmy, mdy, ymd. */
static bool named_date(struct reader *r)
{
    int day = 0, month = 0, year = 0;
    for (int part = 0; part < 3; part++) {
        const struct token *t;
        if (part)
            skip_filler(r);
        t = ahead(r, 0);
        int named = month_number(t);
        if (named && !month)
            month = named;
        else if (t->kind == NUMBER && t->n == 4 && !year)
            year = value(t);
        else if (t->kind == NUMBER && t->n <= 2 && !day)
            day = value(t);
        else if (t->kind == NUMBER && t->n <= 2 && !year)
            year = full_year(t);
        else
            return false;
        r->at++;
    }
    return set_date(r, year, month, day);
}

static void take_fraction(struct reader *r)
{
    const struct token *t = ahead(r, 1);
    if (!is_mark(ahead(r, 0), '.') || t->kind != NUMBER)
        return;
    for (size_t i = 0; i < 6; i++)
        r->d->microsecond = r->d->microsecond * 10 + (i < t->n ? t->p[i] - '0' : 0);
    r->at += 2;
}

static void take_half_day(struct reader *r)
{
    size_t skip = ahead(r, 0)->kind == SPACE;
    bool am = is_word(ahead(r, skip), "am"), pm = is_word(ahead(r, skip), "pm");
    if (!am && !pm)
        return;
    r->at += skip + 1;
    r->impossible |= r->d->hour < 1 || r->d->hour > 12;
    r->d->hour = r->d->hour % 12 + (pm ? 12 : 0);
}

static bool set_offset(struct reader *r, long seconds)
{
    if (seconds <= -86400 || seconds >= 86400)
        return false;
    r->d->zoned = true;
    r->d->offset = (int)seconds;
    return true;
}

/* +HH, +HHMM or +HH:MM. */
static bool take_offset(struct reader *r, int sign)
{
    const struct token *t = ahead(r, 0);
    if (t->kind != NUMBER || (t->n != 4 && t->n > 2))
        return false;
    r->at++;
    long v = value(t), minutes = t->n == 4 ? v % 100 : 0, hours = t->n == 4 ? v / 100 : v;
    if (t->n <= 2 && is_mark(ahead(r, 0), ':') && ahead(r, 1)->kind == NUMBER) {
        minutes = value(ahead(r, 1));
        r->at += 2;
    }
    return set_offset(r, sign * (hours * 3600 + minutes * 60));
}

/* Z, UTC, GMT, an offset, or GMT+3, which to dateutil is the time that three hours more make GMT.
 */
static bool take_zone(struct reader *r)
{
    size_t skip = ahead(r, 0)->kind == SPACE;
    const struct token *t = ahead(r, skip);
    if (is_word(t, "Z") || is_word(t, "UTC") || is_word(t, "GMT")) {
        r->at += skip + 1;
        if (!is_mark(ahead(r, 0), '+') && !is_mark(ahead(r, 0), '-'))
            return set_offset(r, 0);
        r->at++;
        return take_offset(r, is_mark(ahead(r, 0) - 1, '-') ? 1 : -1);
    }
    if (!is_mark(t, '+') && !is_mark(t, '-'))
        return true;
    r->at += skip + 1;
    return take_offset(r, *t->p == '-' ? -1 : 1);
}

/* HH:MM[:SS[.ffffff]], with a half of the day and a zone; HH alone only after a T. */
static bool clock(struct reader *r)
{
    struct kv_date *d = r->d;
    if (r->timed || ahead(r, 0)->kind != NUMBER)
        return false;
    const struct token *t = ahead(r, 0);
    r->timed = true;
    r->at++;
    int v = value(t);
    if (t->n == 6 || t->n == 4) {
        d->second = t->n == 6 ? v % 100 : 0;
        v /= t->n == 6 ? 100 : 1;
        d->hour = v / 100;
        d->minute = v % 100;
    } else if (t->n > 2) {
        return false;
    } else {
        d->hour = v;
        if (is_mark(ahead(r, 0), ':') && ahead(r, 1)->kind == NUMBER) {
            d->minute = value(ahead(r, 1));
            r->at += 2;
        }
        if (is_mark(ahead(r, 0), ':') && ahead(r, 1)->kind == NUMBER) {
            d->second = value(ahead(r, 1));
            r->at += 2;
        }
    }
    take_fraction(r);
    take_half_day(r);
    if (!take_zone(r))
        return false;
    r->impossible |= d->hour > 23 || d->minute > 59 || d->second > 59;
    return !r->impossible;
}

static bool is_clock(const struct reader *r)
{
    if (ahead(r, 0)->kind != NUMBER || ahead(r, 0)->n > 2)
        return false;
    const struct token *t = ahead(r, 1);
    t = t->kind == SPACE ? ahead(r, 2) : t;
    return is_mark(ahead(r, 1), ':') || is_word(t, "am") || is_word(t, "pm");
}

static bool part(struct reader *r)
{
    const struct token *t = ahead(r, 0);
    if (name_number(t, weekdays, 7) || is_word(t, "at") || is_word(t, "on") ||
        (r->dated && is_mark(t, '.'))) {
        r->at++;
        take_mark(r, ',');
        return true;
    }
    if (is_clock(r))
        return clock(r);
    if (t->kind == NUMBER && !r->dated && (t->n == 8 || t->n == 12 || t->n == 14))
        return compact_date(r, t);
    if (t->kind == NUMBER && !r->dated && is_numeric_date(r))
        return numeric_date(r);
    if (!r->dated && (t->kind == NUMBER || month_number(t)))
        return named_date(r);
    if (r->dated && is_word(t, "T")) {
        r->at++;
        return clock(r);
    }
    return false;
}

/* True if dateutil knows the token, or passes over it. It takes zone names only behind a time. */
static bool is_known(const struct reader *r, const struct token *t)
{
    static const char *const words[] = {"at", "on", "and", "ad", "m", "t", "of", "st", "nd", "rd",
        "th", "h", "hour", "hours", "minute", "minutes", "s", "second", "seconds", "am", "pm", "a",
        "p"};
    if (t->kind == NUMBER || t->kind == SPACE)
        return true;
    if (t->kind == MARK)
        return strchr(".,;-/':+()", *t->p) != NULL;
    bool capitals = t->n <= 5;
    for (size_t i = 0; i < t->n; i++)
        capitals &= t->p[i] <= 'Z';
    bool known = (r->timed && capitals) || month_number(t) || name_number(t, weekdays, 7);
    for (size_t i = 0; !known && i < sizeof words / sizeof *words; i++)
        known = is_word(t, words[i]);
    return known;
}

/* A number that is taken for a year and does not fit the C int behind it. */
static bool overflows(const struct token *t)
{
    if (t->kind != NUMBER || t->n < 10 || t->n == 12 || t->n == 14)
        return false;
    return t->n > 10 || memcmp(t->p, "2147483647", 10) > 0;
}

/* 1,000 is a quantity to everybody. */
static bool is_quantity(const struct reader *r)
{
    size_t i = 1;
    for (; i + 1 < r->n; i += 2)
        if (!is_mark(&r->tokens[i], ',') || r->tokens[i + 1].kind != NUMBER ||
            r->tokens[i + 1].n != 3)
            return false;
    return i > 1 && i == r->n && r->tokens[0].kind == NUMBER && r->tokens[0].n <= 3;
}

/* What becomes of a text that is not read here: dateutil would not read it either if it knows a
 * token nowhere, or finds nothing to go by. */
static enum kv_date_outcome give_up(const struct reader *r)
{
    bool hint = false;
    if (r->impossible || is_quantity(r))
        return KV_DATE_NONE;
    for (size_t i = 0; i < r->n; i++) {
        const struct token *t = &r->tokens[i];
        if (!is_known(r, t))
            return KV_DATE_NONE;
        if (overflows(t))
            return KV_DATE_OVERFLOW;
        hint |= t->kind == NUMBER || month_number(t) || name_number(t, weekdays, 7);
    }
    return hint ? KV_DATE_UNSUPPORTED : KV_DATE_NONE;
}

enum kv_date_outcome kv_dateutil_read(struct kv_slice text, struct kv_date *d)
{
    struct reader r = {.d = d};
    *d = (struct kv_date){0};
    if (!cut_tokens(kv_pystr_strip(text), &r))
        return KV_DATE_NONE;
    while (r.at < r.n) {
        if (!part(&r))
            return give_up(&r);
        skip_space(&r);
        if (take_mark(&r, ','))
            skip_space(&r);
    }
    return r.dated ? KV_DATE_OK : give_up(&r);
}
