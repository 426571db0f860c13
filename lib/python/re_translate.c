/* re_translate - a pattern of Python's `re` in Oniguruma's words.
 *
 * One pass, recursive at groups only. Besides its text every item has a width, because re wants
 * look-behind of one width, and the last item is remembered, because a repeat applies to it.
 */
#include "re_translate.h"

#include "re_class.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NESTING = 200, FOREVER = 1 << 28, MAX_REPEAT = 100000 };

/* What stands between two bars. */
struct item {
    size_t start; /* where the last item starts in out */
    bool repeatable, repeated, grouped;
    struct kv_re_width width; /* of the last item */
};

static struct kv_re_width add(struct kv_re_width a, struct kv_re_width b)
{
    struct kv_re_width w = {a.min + b.min, a.max + b.max};
    return (struct kv_re_width){
        w.min > FOREVER ? FOREVER : w.min, w.max > FOREVER ? FOREVER : w.max};
}

static long times(long a, long n)
{
    return a && n > FOREVER / a ? FOREVER : a * n;
}

/* ---- anchors, escapes ---- */

static void add_boundary(struct kv_translator *t, bool inverse)
{
    const char *w = kv_re_category(t, 'w');
    if (inverse)
        kv_buf_printf(t->out, "(?:(?!\\A\\z)(?:(?<=[%s])(?=[%s])|(?<![%s])(?![%s])))", w, w, w, w);
    else
        kv_buf_printf(t->out, "(?:(?<=[%s])(?![%s])|(?<![%s])(?=[%s]))", w, w, w, w);
}

static int add_backreference(
    struct kv_translator *t, int group, const char *from, struct item *item)
{
    if (group > t->count || group < 1) {
        char text[16];
        snprintf(text, sizeof text, "%d", group);
        return kv_re_wrong_at(t, from, "invalid group reference ", text);
    }
    if (t->groups[group].open)
        return kv_re_wrong(t, from, "cannot refer to an open group");
    t->cost.unknown = true;
    kv_buf_printf(t->out, t->flags & KV_RE_IGNORECASE ? "(?i:\\%d)" : "(?:\\%d)", group);
    item->width = (struct kv_re_width){0, FOREVER};
    if (t->groups[group].width.min == t->groups[group].width.max)
        item->width = t->groups[group].width;
    return 0;
}

static int escape(struct kv_translator *t, struct item *item)
{
    const char *from = t->at++;
    uint32_t c;
    if (t->at >= t->end)
        return kv_re_wrong(t, from, "bad escape (end of pattern)");
    char e = kv_re_peek(t);
    item->width = (struct kv_re_width){1, 1};
    int one = kv_re_char_escape(t, from, &c);
    if (one != 0) {
        if (one > 0)
            kv_re_add_literal(t, c);
        return one > 0 ? 0 : -1;
    }
    t->at++;
    if (e >= '1' && e <= '9') {
        int group = e - '0';
        if (kv_re_peek(t) >= '0' && kv_re_peek(t) <= '9')
            group = group * 10 + (*t->at++ - '0');
        return add_backreference(t, group, from, item);
    }
    if (e && strchr("dDwWsS", e)) {
        kv_re_add_category(t, e);
        return 0;
    }
    item->width = (struct kv_re_width){0, 0};
    item->repeatable = false;
    if (e == 'A')
        kv_buf_add_str(t->out, "\\A");
    else if (e == 'Z')
        /* Not a bare \z: Oniguruma 6.9 then looks at a negative look-behind before it from the end of
         * the text, and finds one that is not there. */
        kv_buf_add_str(t->out, "(?=\\z)");
    else if (e == 'b' || e == 'B')
        add_boundary(t, e == 'B');
    else
        return kv_re_wrong_at(t, from, "bad escape \\", (char[]){e, '\0'});
    return 0;
}

/* ---- groups ---- */

static int alternatives(struct kv_translator *t, struct kv_re_width *width);

static bool is_name_char(unsigned char c, bool first)
{
    return c >= 0x80 || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (!first && c >= '0' && c <= '9');
}

static int take_name(struct kv_translator *t, char close, struct kv_slice *name)
{
    const char *from = t->at, *end = memchr(t->at, close, (size_t)(t->end - t->at));
    if (!end)
        return kv_re_wrong(t, from, "missing group name, unterminated name");
    *name = (struct kv_slice){from, (size_t)(end - from)};
    if (name->n == 0)
        return kv_re_wrong(t, from, "missing group name");
    for (size_t i = 0; i < name->n; i++)
        if (!is_name_char((unsigned char)name->p[i], i == 0))
            return kv_re_wrong(t, from, "bad character in group name");
    t->at = end + 1;
    return 0;
}

static int find_group(const struct kv_translator *t, struct kv_slice name)
{
    for (int i = 1; i <= t->count; i++)
        if (t->groups[i].name.n && kv_slice_eq(t->groups[i].name, name))
            return i;
    return 0;
}

/* The inside of a group whose head is written, and its closing bracket. */
static int inside(struct kv_translator *t, const char *from, struct kv_re_width *width)
{
    unsigned flags = t->flags;
    if (++t->nesting > MAX_NESTING)
        return kv_re_wrong(t, from, "too many nested groups");
    if (alternatives(t, width) != 0)
        return -1;
    if (!kv_re_take(t, ")"))
        return kv_re_wrong(t, from, "missing ), unterminated subpattern");
    kv_buf_add_char(t->out, ')');
    t->flags = flags;
    t->nesting--;
    return 0;
}

static int capture(
    struct kv_translator *t, const char *from, struct kv_slice name, struct item *item)
{
    if (t->count + 1 == KV_RE_GROUPS)
        return kv_re_wrong(t, from, "too many groups");
    if (name.n && find_group(t, name))
        return kv_re_wrong(t, from, "redefinition of group name");
    int number = ++t->count;
    t->groups[number] = (struct kv_re_group){name, true, {0, 0}};
    kv_buf_add_char(t->out, '(');
    if (inside(t, from, &item->width) != 0)
        return -1;
    t->groups[number].open = false;
    t->groups[number].width = item->width;
    return 0;
}

static int look(struct kv_translator *t, const char *from, const char *head, struct item *item)
{
    struct kv_re_width width;
    kv_buf_printf(t->out, "(?:%s", head);
    t->cost.unknown = true;
    if (inside(t, from, &width) != 0)
        return -1;
    kv_buf_add_char(t->out, ')');
    if (strchr(head, '<') && width.min != width.max)
        return kv_err_set(t->err, KV_INPUT, "look-behind requires fixed-width pattern");
    item->width = (struct kv_re_width){0, 0};
    return 0;
}

/* (?(1)yes|no) */
static int conditional(struct kv_translator *t, const char *from, struct item *item)
{
    struct kv_slice name;
    int group = 0;
    const char *at = t->at;
    if (kv_re_peek(t) >= '0' && kv_re_peek(t) <= '9') {
        while (kv_re_peek(t) >= '0' && kv_re_peek(t) <= '9' && group < KV_RE_GROUPS)
            group = group * 10 + (*t->at++ - '0');
        if (!kv_re_take(t, ")"))
            return kv_re_wrong(t, at, "bad character in group name");
    } else {
        if (take_name(t, ')', &name) != 0)
            return -1;
        group = find_group(t, name);
    }
    if (group < 1 || group > t->count)
        return kv_re_wrong(t, at, "invalid group reference");
    kv_buf_printf(t->out, "(?(%d)", group);
    t->cost.unknown = true;
    int rc = inside(t, from, &item->width);
    item->width.min = 0;
    return rc;
}

static unsigned flag_of(char c)
{
    switch (c) {
    case 'i':
        return KV_RE_IGNORECASE;
    case 'm':
        return KV_RE_MULTILINE;
    case 's':
        return KV_RE_DOTALL;
    case 'x':
        return KV_RE_VERBOSE;
    case 'a':
        return KV_RE_ASCII;
    default:
        return 0;
    }
}

/* (?im), at the start only, and (?i-m:…). */
static int flags_group(struct kv_translator *t, const char *from, struct item *item)
{
    unsigned on = 0, off = 0;
    bool minus = false, unicode = false;
    for (;; t->at++) {
        char c = kv_re_peek(t);
        unicode |= c == 'u';
        if (c == '-' && !minus)
            minus = true;
        else if (flag_of(c) || c == 'u')
            *(minus ? &off : &on) |= flag_of(c);
        else
            break;
    }
    unsigned flags = t->flags;
    t->flags = ((unicode ? t->flags & ~(unsigned)KV_RE_ASCII : t->flags) | on) & ~off;
    if (kv_re_take(t, ":")) {
        kv_buf_add_str(t->out, "(?:");
        int rc = inside(t, from, &item->width);
        t->flags = flags;
        return rc;
    }
    if (!kv_re_take(t, ")"))
        return kv_re_wrong(t, from, t->at < t->end ? "unknown flag" : "missing -, : or )");
    if (minus || from != t->first)
        return kv_re_wrong(t, from, "global flags not at the start of the expression");
    t->first = t->at;
    kv_buf_add_str(t->out, "(?:)");
    item->width = (struct kv_re_width){0, 0};
    item->repeatable = false;
    return 0;
}

static int named(struct kv_translator *t, const char *from, struct item *item)
{
    struct kv_slice name;
    if (kv_re_take(t, "<"))
        return take_name(t, '>', &name) == 0 ? capture(t, from, name, item) : -1;
    if (!kv_re_take(t, "="))
        return kv_re_wrong(t, from, "unknown extension ?P");
    const char *at = t->at;
    if (take_name(t, ')', &name) != 0)
        return -1;
    int group = find_group(t, name);
    return group ? add_backreference(t, group, at, item) : kv_re_wrong(t, at, "unknown group name");
}

static int group(struct kv_translator *t, struct item *item)
{
    const char *from = t->at++;
    if (!kv_re_take(t, "?"))
        return capture(t, from, KV_SLICE(""), item);
    if (kv_re_take(t, ":")) {
        kv_buf_add_str(t->out, "(?:");
        return inside(t, from, &item->width);
    }
    if (kv_re_take(t, ">")) {
        t->cost.unknown = true;
        kv_buf_add_str(t->out, "(?>");
        return inside(t, from, &item->width);
    }
    if (kv_re_take(t, "="))
        return look(t, from, "(?=", item);
    if (kv_re_take(t, "!"))
        return look(t, from, "(?!", item);
    if (kv_re_take(t, "<="))
        return look(t, from, "(?<=", item);
    if (kv_re_take(t, "<!"))
        return look(t, from, "(?<!", item);
    if (kv_re_take(t, "P"))
        return named(t, from, item);
    if (kv_re_take(t, "("))
        return conditional(t, from, item);
    if (flag_of(kv_re_peek(t)) || kv_re_peek(t) == '-' || kv_re_peek(t) == 'u')
        return flags_group(t, from, item);
    return kv_re_wrong(t, from, "unknown extension");
}

/* ---- repeats ---- */

static long take_number(struct kv_translator *t, bool *any)
{
    long n = 0;
    for (*any = false; kv_re_peek(t) >= '0' && kv_re_peek(t) <= '9'; *any = true, t->at++)
        n = n < FOREVER ? n * 10 + (*t->at - '0') : n;
    return n;
}

/* {m}, {m,}, {,n}, {m,n}: 1 if it is one, 0 if the brace is a character. */
static int braces(struct kv_translator *t, long *min, long *max)
{
    const char *from = t->at++;
    bool low, high;
    *min = take_number(t, &low);
    *max = *min;
    if (kv_re_take(t, ",")) {
        *max = take_number(t, &high);
        *max = high ? *max : FOREVER;
        low = true;
    }
    if (!low || !kv_re_take(t, "}")) {
        t->at = from;
        return 0;
    }
    return 1;
}

static void wrap(struct kv_translator *t, size_t start, const char *head)
{
    size_t n = strlen(head);
    kv_buf_add_str(t->out, head);
    memmove(t->out->p + start + n, t->out->p + start, t->out->n - start - n);
    memcpy(t->out->p + start, head, n);
    kv_buf_add_char(t->out, ')');
}

static void count_repeat(struct kv_re_cost *cost, const struct item *item, long min, long max)
{
    cost->unknown |= item->grouped && max > 1;
    if (max > MAX_REPEAT) {
        cost->repeats++;
        cost->items += (double)min;
    } else {
        cost->ways *= (double)(max - min + 1);
        cost->items += (double)max;
    }
}

static int repeat(struct kv_translator *t, struct item *item, const char *from, long min, long max)
{
    if (!item->repeatable)
        return kv_re_wrong(t, from, item->repeated ? "multiple repeat" : "nothing to repeat");
    if (max < min)
        return kv_re_wrong(t, from, "min repeat greater than max repeat");
    if (min > MAX_REPEAT)
        return kv_re_wrong(t, from, "the repetition number is too large");
    count_repeat(&t->cost, item, min, max);
    if (item->width.max == 0) /* Oniguruma repeats nothing that is empty; once is as good */
        kv_buf_add_str(t->out, min ? "" : "|");
    else if (max == 1 && min == 0)
        kv_buf_add_char(t->out, '?');
    else if (max > MAX_REPEAT)
        kv_buf_printf(t->out, "{%ld,}", min);
    else
        kv_buf_printf(t->out, "{%ld,%ld}", min, max);
    if (kv_re_take(t, "?"))
        kv_buf_add_str(t->out, item->width.max ? "?" : "");
    else if (kv_re_take(t, "+")) {
        t->cost.unknown = true;
        wrap(t, item->start, "(?>");
    }
    item->width = (struct kv_re_width){times(item->width.min, min), times(item->width.max, max)};
    wrap(t, item->start, "(?:");
    item->repeatable = false;
    item->repeated = true;
    return 0;
}

/* A repeat of the last item, if one stands here: 1, 0, -1. */
static int maybe_repeat(struct kv_translator *t, struct item *item)
{
    const char *from = t->at;
    long min, max;
    switch (kv_re_peek(t)) {
    case '*':
    case '+':
    case '?':
        min = *t->at == '+';
        max = *t->at == '?' ? 1 : FOREVER;
        t->at++;
        break;
    case '{':
        if (!braces(t, &min, &max))
            return 0;
        break;
    default:
        return 0;
    }
    return repeat(t, item, from, min, max) == 0 ? 1 : -1;
}

/* ---- sequences ---- */

/* Comments, and white space where it does not count. An open comment is left to be refused. */
static bool skip_filler(struct kv_translator *t)
{
    char c = kv_re_peek(t);
    if (c == '(' && t->end - t->at > 3 && memcmp(t->at, "(?#", 3) == 0) {
        const char *close = memchr(t->at, ')', (size_t)(t->end - t->at));
        t->at = close ? close + 1 : t->at;
        return close != NULL;
    }
    if (!(t->flags & KV_RE_VERBOSE) || t->at >= t->end)
        return false;
    if (c == '#')
        while (t->at < t->end && *t->at != '\n')
            t->at++;
    else if (c && strchr(" \t\n\r\v\f", c))
        t->at++;
    else
        return false;
    return true;
}

static int anchor_or_char(struct kv_translator *t, struct item *item)
{
    bool lines = (t->flags & KV_RE_MULTILINE) != 0;
    char c = kv_re_peek(t);
    item->width = (struct kv_re_width){c != '^' && c != '$', c != '^' && c != '$'};
    item->repeatable = item->width.min;
    if (c == '^')
        kv_buf_add_str(t->out, lines ? "(?:\\A|(?<=\\x{a}))" : "\\A");
    else if (c == '$')
        kv_buf_add_str(t->out, lines ? "(?=\\x{a}|\\z)" : "(?=\\x{a}?\\z)");
    else if (c == '.')
        kv_buf_add_str(t->out, t->flags & KV_RE_DOTALL ? "(?s:.)" : "[^\\x{a}]");
    else {
        kv_re_add_literal(t, kv_re_take_char(t));
        return 0;
    }
    t->at++;
    return 0;
}

static int sequence(struct kv_translator *t, struct kv_re_width *width)
{
    struct item item = {0};
    *width = (struct kv_re_width){0, 0};
    while (t->at < t->end && kv_re_peek(t) != '|' && kv_re_peek(t) != ')') {
        if (skip_filler(t))
            continue;
        struct kv_re_width before = item.width;
        int repeated = maybe_repeat(t, &item);
        if (repeated < 0)
            return -1;
        if (repeated) { /* the item's own width was added already: replace it */
            width->min += item.width.min - before.min;
            width->max = width->max >= FOREVER || item.width.max >= FOREVER
                             ? FOREVER
                             : width->max + item.width.max - before.max;
            continue;
        }
        item = (struct item){t->out->n, true, false, kv_re_peek(t) == '(', {1, 1}};
        t->cost.items++;
        int rc = kv_re_peek(t) == '\\'  ? escape(t, &item)
                 : kv_re_peek(t) == '[' ? kv_re_class(t)
                 : kv_re_peek(t) == '(' ? group(t, &item)
                                        : anchor_or_char(t, &item);
        if (rc != 0)
            return -1;
        *width = add(*width, item.width);
    }
    return 0;
}

static int alternatives(struct kv_translator *t, struct kv_re_width *width)
{
    struct kv_re_width one;
    int branches = 1;
    if (sequence(t, width) != 0)
        return -1;
    for (; kv_re_take(t, "|"); branches++) {
        kv_buf_add_char(t->out, '|');
        if (sequence(t, &one) != 0)
            return -1;
        width->min = one.min < width->min ? one.min : width->min;
        width->max = one.max > width->max ? one.max : width->max;
    }
    t->cost.ways *= branches;
    return 0;
}

int kv_re_translate(struct kv_slice pattern, unsigned flags, struct kv_buf *out,
    struct kv_re_cost *cost, struct kv_err *err)
{
    struct kv_translator *t = kv_calloc(1, sizeof *t);
    struct kv_re_width width;
    t->start = t->at = t->first = pattern.p;
    t->end = pattern.p + pattern.n;
    t->flags = flags;
    t->out = out;
    t->cost.ways = 1;
    t->err = err;
    int rc = alternatives(t, &width);
    if (rc == 0 && t->at < t->end)
        rc = kv_re_wrong(t, t->at, "unbalanced parenthesis");
    *cost = t->cost;
    free(t);
    return rc;
}
