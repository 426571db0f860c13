/* valid - is this text one JSON value? A pushdown automaton over bytes. */
#include "valid.h"

#include <stdbool.h>
#include <string.h>

enum { DEPTH = 1000 };

struct text {
    const unsigned char *at, *end;
};

static bool is_digit(const struct text *t)
{
    return t->at < t->end && *t->at >= '0' && *t->at <= '9';
}

static bool one_of(struct text *t, const char *set)
{
    if (t->at == t->end || *t->at == '\0' || !strchr(set, *t->at))
        return false;
    t->at++;
    return true;
}

static void blanks(struct text *t)
{
    while (one_of(t, " \t\n\r"))
        continue;
}

static bool digits(struct text *t)
{
    if (!is_digit(t))
        return false;
    while (is_digit(t))
        t->at++;
    return true;
}

static bool number(struct text *t)
{
    one_of(t, "-");
    if (!one_of(t, "0") && !digits(t))
        return false;
    if (one_of(t, ".") && !digits(t))
        return false;
    if (one_of(t, "eE")) {
        one_of(t, "+-");
        return digits(t);
    }
    return true;
}

static bool word(struct text *t, const char *w)
{
    size_t n = strlen(w);
    if ((size_t)(t->end - t->at) < n || memcmp(t->at, w, n) != 0)
        return false;
    t->at += n;
    return true;
}

/* A character of more than one byte, by the table of RFC 3629. */
static bool multibyte(struct text *t)
{
    static const struct {
        unsigned char first, last, low, high;
        int more;
    } rows[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 1},
        {0xE0, 0xE0, 0xA0, 0xBF, 2},
        {0xE1, 0xEC, 0x80, 0xBF, 2},
        {0xED, 0xED, 0x80, 0x9F, 2},
        {0xEE, 0xEF, 0x80, 0xBF, 2},
        {0xF0, 0xF0, 0x90, 0xBF, 3},
        {0xF1, 0xF3, 0x80, 0xBF, 3},
        {0xF4, 0xF4, 0x80, 0x8F, 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (*t->at < rows[i].first || *t->at > rows[i].last)
            continue;
        if (t->end - t->at <= rows[i].more || t->at[1] < rows[i].low || t->at[1] > rows[i].high)
            return false;
        for (int k = 2; k <= rows[i].more; k++) {
            if ((t->at[k] & 0xC0) != 0x80)
                return false;
        }
        t->at += rows[i].more + 1;
        return true;
    }
    return false;
}

static bool escape(struct text *t)
{
    if (one_of(t, "\"\\/bfnrt"))
        return true;
    if (!one_of(t, "u"))
        return false;
    for (int i = 0; i < 4; i++) {
        if (!one_of(t, "0123456789abcdefABCDEF"))
            return false;
    }
    return true;
}

static bool string(struct text *t)
{
    if (!one_of(t, "\""))
        return false;
    while (t->at < t->end) {
        if (*t->at == '"')
            return t->at++, true;
        if (*t->at < 0x20)
            return false;
        if (*t->at == '\\') {
            t->at++;
            if (!escape(t))
                return false;
        } else if (*t->at < 0x80) {
            t->at++;
        } else if (!multibyte(t)) {
            return false;
        }
    }
    return false;
}

static bool scalar(struct text *t)
{
    if (t->at == t->end)
        return false;
    switch (*t->at) {
    case '"':
        return string(t);
    case 't':
        return word(t, "true");
    case 'f':
        return word(t, "false");
    case 'n':
        return word(t, "null");
    default:
        return number(t);
    }
}

static bool key(struct text *t)
{
    blanks(t);
    if (!string(t))
        return false;
    blanks(t);
    return one_of(t, ":");
}

/* Closes what is open as long as it closes here. True: the next member or item begins. */
static bool close_open(struct text *t, const char *open, int *depth, bool *ok)
{
    for (blanks(t); *depth > 0; blanks(t)) {
        bool object = open[*depth - 1] == '{';
        if (one_of(t, ","))
            return *ok = !object || key(t), true;
        if (!one_of(t, object ? "}" : "]"))
            return *ok = false, true;
        --*depth;
    }
    *ok = t->at == t->end;
    return false;
}

size_t valid_json(const char *text, size_t n)
{
    struct text t = {(const unsigned char *)text, (const unsigned char *)text + n};
    char open[DEPTH];
    int depth = 0;
    bool ok = true;
    do {
        blanks(&t);
        if (t.at < t.end && (*t.at == '{' || *t.at == '[') && depth < DEPTH) {
            bool object = *t.at++ == '{';
            open[depth++] = object ? '{' : '[';
            blanks(&t);
            if (t.at < t.end && *t.at == (object ? '}' : ']')) {
                t.at++;
                depth--;
            } else {
                ok = !object || key(&t);
                continue;
            }
        } else {
            ok = scalar(&t);
        }
        if (ok && !close_open(&t, open, &depth, &ok))
            break;
    } while (ok);
    return ok ? 0 : 1 + (size_t)(t.at - (const unsigned char *)text);
}
