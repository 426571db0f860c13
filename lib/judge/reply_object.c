/* reply_object - the JSON object that a judge's reply is, or why none is certain.
 *
 * The reply is walked twice, fences first, then what stands around them. Every object found that
 * speaks of what is wanted, and every one that names it but cannot be read, is noted; the choice is
 * made at the end.
 */
#include "reply_object.h"

#include "json.h"
#include "pystr.h"
#include "repair.h"

#include <string.h>
#include <strings.h>

enum { SHOWN = 200, TRIES = 100 };
enum { FLAGS = KV_JSON_NONFINITE | KV_JSON_DIGITS }; /* as Python reads it */

/* What has been noted so far. */
struct search {
    const struct kv_wanted *wanted;
    struct kv_buf said; /* by the last one noted; n == 0: it cannot be read, and `err` says why */
    struct kv_err err;
    const char *end; /* of the last one, in the text */
    size_t noted;
    bool fenced, differ; /* two are not the same */
    bool silent;         /* some object says nothing of what is wanted */
};

/* ---- noting ---- */

/* Takes *said over. `apart`: words stand between this one and the last. */
static void note(struct search *s, struct kv_buf *said, bool fenced, bool apart)
{
    if (s->fenced && !fenced && !said->n) {
        kv_buf_release(said);
        return; /* a form shown in passing, beside the answer in its fence */
    }
    bool same = said->n && kv_slice_eq(kv_slice_of(&s->said), kv_slice_of(said));
    if (s->noted++ && !same && (s->fenced || !apart))
        s->differ = true;
    kv_buf_release(&s->said);
    s->said = *said;
    s->fenced |= fenced;
}

static bool is_space_or_comma(const char *p, const char *end)
{
    while (p < end && strchr(" \t\r\n,", *p) && *p)
        p++;
    return p == end;
}

/* A value found at `from` in the text. */
static void note_value(
    struct search *s, struct kv_slice value, const char *from, const char *end, bool fenced)
{
    struct kv_buf said = {0}, tidy = {0};
    enum kv_speaks speaks = kv_envelope_open(value, s->wanted, &said, &s->err);
    if (speaks == KV_SILENT) {
        s->silent = true;
        kv_buf_release(&said);
        return;
    }
    if (speaks == KV_DOUBTFUL || kv_repair_doubt(kv_slice_of(&said), &s->err) != 0)
        kv_buf_clear(&said);
    else
        kv_json_compact(&tidy, kv_slice_of(&said));
    kv_buf_release(&said);
    note(s, &tidy, fenced, !s->end || !is_space_or_comma(s->end, from));
    s->end = end;
}

/* ---- whether an object is meant as the answer ---- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* True if a colon follows the closing quote of a name. */
static bool is_member(const char *p, const char *end)
{
    while (p < end && !is_word(*p) && *p != ':' && *p != '=' && *p != ',' && *p != '{')
        if ((unsigned char)*p++ == 0xEF && p + 1 < end) /* a full-width colon */
            return true;
    return p < end && (*p == ':' || *p == '=');
}

static bool names_one(struct kv_slice span, const struct kv_wanted *wanted)
{
    const char *end = span.p + span.n;
    for (size_t i = 0; i < wanted->n; i++) {
        struct kv_slice name = wanted->names[i];
        for (const char *p = span.p; p + name.n <= end && name.n; p++)
            if (strncasecmp(p, name.p, name.n) == 0 && (p == span.p || !is_word(p[-1])) &&
                (p + name.n == end || !is_word(p[name.n])) && is_member(p + name.n, end))
                return true;
    }
    return false;
}

/* True if what stands behind the brace looks like a member, rather than like prose in braces. */
static bool looks_like_json(struct kv_slice text)
{
    const char *p = text.p + kv_repair_opening(text), *end = text.p + text.n;
    while (p < end && strchr(" \t\r\n\\", *p) && *p)
        p++;
    return p < end && (strchr("\"'", *p) || (unsigned char)*p >= 0x80);
}

/* ---- objects in prose ---- */

/* The end of the balanced {…} that starts at p, or NULL. Braces in strings and behind a backslash
 * do not count. */
static const char *balanced(const char *p, const char *end)
{
    size_t depth = 0;
    bool quoted = false;
    for (; p < end; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '"')
            quoted = !quoted;
        else if (!quoted && *p == '{')
            depth++;
        else if (!quoted && *p == '}' && --depth == 0)
            return p + 1;
    }
    return NULL;
}

static const char *next_brace(const char *p, const char *end)
{
    for (; p < end; p++)
        if (kv_repair_opening((struct kv_slice){p, (size_t)(end - p)}))
            return p;
    return end;
}

/* An object whose quotes are all behind a backslash, as in the inside of a JSON string. */
static bool unquote(struct kv_slice span, struct kv_buf *out)
{
    struct kv_buf string = {0};
    struct kv_slice value;
    bool escaped = memmem(span.p, span.n, "\\\"", 2);
    kv_buf_add_char(&string, '"');
    for (size_t i = 0; i < span.n; i++)
        kv_buf_add_char(&string, (unsigned char)span.p[i] < 0x20 ? ' ' : span.p[i]);
    kv_buf_add_char(&string, '"');
    escaped = escaped && kv_json_check(kv_slice_of(&string), FLAGS, &value, NULL) == 0;
    if (escaped)
        kv_json_unescape(value, out);
    kv_buf_release(&string);
    return escaped;
}

/* The object at text.p if it can be read: strictly, repaired, or unquoted. NULL and *err if not,
 * else its end. `whole` is what is balanced. */
static const char *read_object(struct search *s, struct kv_slice text, struct kv_slice whole,
    struct kv_buf *object, struct kv_err *err)
{
    struct kv_slice value;
    struct kv_repaired r;
    struct kv_buf inner = {0};
    if (whole.n && kv_json_check(whole, FLAGS, &value, NULL) == 0) {
        kv_buf_add_slice(object, value);
        return whole.p + whole.n;
    }
    if (kv_repair_object(text, object, &r, err) == 0) {
        if (r.closed || kv_envelope_has_all(kv_slice_of(object), s->wanted))
            return r.end;
        kv_err_set(err, KV_INPUT, "the JSON ends before it is complete");
        return NULL;
    }
    bool read = whole.n && unquote(whole, &inner) &&
                kv_json_check(kv_slice_of(&inner), FLAGS, &value, NULL) == 0;
    if (read)
        kv_buf_add_slice(object, value);
    kv_buf_release(&inner);
    return read ? whole.p + whole.n : NULL;
}

static void scan(struct search *s, struct kv_slice text, bool fenced)
{
    const char *p = text.p, *end = text.p + text.n;
    /* A text of nothing but open braces would be read once for each of them. */
    size_t patience = 64 * text.n + 1000000;
    while (patience && (p = next_brace(p, end)) < end) {
        struct kv_slice rest = {p, (size_t)(end - p)}, whole = {p, 0};
        struct kv_buf object = {0}, none = {0};
        struct kv_err err;
        const char *close = balanced(p, end);
        patience -= rest.n < patience ? rest.n : patience;
        whole.n = close ? (size_t)(close - p) : 0;
        const char *behind = read_object(s, rest, whole, &object, &err);
        struct kv_slice lost = {p, (size_t)((close ? close : next_brace(p + 1, end)) - p)};
        if (behind) {
            note_value(s, kv_slice_of(&object), p, behind, fenced);
        } else if (names_one(lost, s->wanted)) {
            s->err = err;
            note(s, &none, fenced, true);
        }
        kv_buf_release(&object);
        if (!behind && !close && looks_like_json(rest))
            return; /* what stands inside of it is not an answer of its own */
        p = behind ? behind : close ? close : p + 1;
    }
}

/* ---- fences ---- */

static bool is_letter(char c)
{
    return is_word(c) && c != '_';
}

/* The next block between two fences, and what stands behind it. The word behind the first fence is
 * no content. */
static bool next_fenced(struct kv_slice text, struct kv_slice *block, struct kv_slice *content)
{
    const char *end = text.p + text.n, *ticks = memmem(text.p, text.n, "```", 3);
    const char *waves = memmem(text.p, ticks ? (size_t)(ticks - text.p) : text.n, "~~~", 3);
    const char *open = waves ? waves : ticks;
    const char *at = open ? open + 3 : end;
    const char *close = open ? memmem(at, (size_t)(end - at), open, 3) : NULL;
    if (!close)
        return false;
    while (at < close && is_letter(*at))
        at++;
    *content = kv_pystr_strip((struct kv_slice){at, (size_t)(close - at)});
    *block = (struct kv_slice){open, (size_t)(close + 3 - open)};
    return true;
}

static void look_at(struct search *s, struct kv_slice text, bool fenced)
{
    struct kv_slice value;
    if (kv_json_check(text, FLAGS, &value, NULL) == 0)
        note_value(s, value, text.p, text.p + text.n, fenced);
    else
        scan(s, text, fenced);
}

/* The end of an object that begins before the fence and holds it in one of its texts; NULL: none. */
static const char *object_around(struct kv_slice text, const char *fence)
{
    const char *end = text.p + text.n, *p = text.p;
    for (int tries = 0; tries < TRIES && (p = next_brace(p, fence)) < fence; tries++) {
        struct kv_slice rest = {p, (size_t)(end - p)};
        const char *close = looks_like_json(rest) ? balanced(p, end) : NULL;
        if (close && close > fence)
            return close;
        p = close ? close : p + 1;
    }
    return NULL;
}

/* Looks at the fences that begin like JSON; the text without them is appended to *around. */
static void look_at_fences(struct search *s, struct kv_slice text, struct kv_buf *around)
{
    struct kv_slice block, content;
    while (next_fenced(text, &block, &content)) {
        const char *behind = object_around(text, block.p);
        bool json =
            !behind && content.n && (strchr("[\"", *content.p) || kv_repair_opening(content));
        if (json)
            look_at(s, content, true);
        size_t before = (size_t)(block.p - text.p);
        size_t taken = behind ? (size_t)(behind - text.p) : before + block.n;
        kv_buf_add(around, text.p, json ? before : taken);
        kv_buf_add_str(around, json ? "\n" : "");
        text = (struct kv_slice){text.p + taken, text.n - taken};
    }
    kv_buf_add_slice(around, text);
}

/* ---- the choice ---- */

static int refuse(const struct search *s, struct kv_slice reply, struct kv_err *err)
{
    struct kv_buf names = {0};
    kv_envelope_add_names(s->wanted, &names);
    if (s->silent) {
        kv_err_set(err, KV_INPUT, "the reply has none of what is asked for (%s)",
            names.n ? names.p : "an object");
    } else if (reply.n == 0) {
        kv_err_set(err, KV_INPUT, "no JSON object in the reply: it is empty");
    } else {
        if (reply.n > SHOWN)
            for (reply.n = SHOWN; reply.n && ((unsigned char)reply.p[reply.n] & 0xC0) == 0x80;)
                reply.n--;
        kv_err_set(err, KV_INPUT, "no JSON object in the reply: %.*s", (int)reply.n, reply.p);
    }
    kv_buf_release(&names);
    return -1;
}

int kv_reply_object(
    struct kv_slice reply, const struct kv_wanted *wanted, struct kv_buf *out, struct kv_err *err)
{
    struct search s = {.wanted = wanted};
    struct kv_buf around = {0};
    struct kv_slice value;
    struct kv_slice text = kv_pystr_strip(reply);
    if (kv_json_check(text, FLAGS, &value, &s.err) == 0) {
        note_value(&s, value, text.p, text.p + text.n, true);
    } else {
        /* White space at the end stays: behind it no number goes on. */
        look_at_fences(&s, reply, &around);
        s.end = NULL;
        scan(&s, kv_slice_of(&around), false);
    }
    int failed = -1;
    if (!s.noted)
        refuse(&s, text, err);
    else if (s.differ)
        kv_err_set(err, KV_INPUT, "the reply holds several objects that say different things");
    else if (!s.said.n)
        kv_err_copy(err, &s.err);
    else
        failed = 0;
    if (!failed)
        kv_buf_add_slice(out, kv_slice_of(&s.said));
    kv_buf_release(&around);
    kv_buf_release(&s.said);
    return failed;
}
