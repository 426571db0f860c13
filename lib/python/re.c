/* re - Python's regular expressions, run by Oniguruma. */
#include "re.h"

#include "json.h"

#include <oniguruma.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistr.h>

/* Steps one search may take: well under a second, far more than a sane pattern needs. */
enum { MAX_STEPS = 5000000 };

/* Bytes of a bounded pattern, and of what it becomes. What a quick search may look at: the slowest of
 * 20,000 patterns and texts drawn to be slow took 0.33 s for so much. */
enum { BOUNDED_MAX = 512, TRANSLATED_MAX = 8192, QUICK_LOOKS = 50000000 };

struct kv_re {
    regex_t *regex;
    struct kv_re_cost cost;
};

/* Perl's syntax with classes inside classes, which negated categories need. */
static OnigSyntaxType *syntax(void)
{
    static OnigSyntaxType ours;
    static bool ready;
    if (!ready) {
        OnigEncoding utf8 = ONIG_ENCODING_UTF8;
        onig_initialize(&utf8, 1);
        onig_set_retry_limit_in_match(MAX_STEPS);
        onig_set_retry_limit_in_search(MAX_STEPS);
        onig_copy_syntax(&ours, ONIG_SYNTAX_PERL_NG);
        onig_set_syntax_op2(&ours, onig_get_syntax_op2(&ours) | ONIG_SYN_OP2_CCLASS_SET_OP);
        ready = true;
    }
    return &ours;
}

static int fail(int code, const OnigErrorInfo *info, struct kv_err *err)
{
    OnigUChar text[ONIG_MAX_ERROR_MESSAGE_LEN];
    int n = info ? onig_error_code_to_str(text, code, info) : onig_error_code_to_str(text, code);
    return kv_err_set(err, KV_INPUT, "%.*s", n, (const char *)text);
}

static struct kv_re *compile(
    struct kv_slice translated, const struct kv_re_cost *cost, struct kv_err *err)
{
    OnigErrorInfo info;
    regex_t *regex = NULL;
    const OnigUChar *start = (const OnigUChar *)(translated.n ? translated.p : "");
    int code = onig_new(&regex, start, start + translated.n, ONIG_OPTION_CAPTURE_GROUP,
        ONIG_ENCODING_UTF8, syntax(), &info);
    if (code != ONIG_NORMAL) {
        fail(code, &info, err);
        return NULL;
    }
    struct kv_re *p = kv_alloc(sizeof *p);
    *p = (struct kv_re){regex, *cost};
    return p;
}

struct kv_re *kv_re_open(struct kv_slice pattern, unsigned flags, struct kv_err *err)
{
    struct kv_buf translated = {0};
    struct kv_re_cost cost;
    struct kv_re *p = NULL;
    if (kv_re_translate(pattern, flags, &translated, &cost, err) == 0)
        p = compile(kv_slice_of(&translated), &cost, err);
    kv_buf_release(&translated);
    return p;
}

struct kv_re *kv_re_open_bounded(struct kv_slice pattern, unsigned flags, struct kv_err *err)
{
    struct kv_buf translated = {0};
    struct kv_re_cost cost;
    struct kv_re *p = NULL;
    bool bounded = pattern.n <= BOUNDED_MAX &&
                   kv_re_translate(pattern, flags, &translated, &cost, err) == 0 && !cost.unknown &&
                   translated.n <= TRANSLATED_MAX;
    if (bounded)
        p = compile(kv_slice_of(&translated), &cost, err);
    kv_buf_release(&translated);
    return p;
}

/* A look is at one item in one place, for one choice of where the match begins and where each repeat
 * ends. */
bool kv_re_is_quick(const struct kv_re *p, size_t bytes)
{
    double n = (double)bytes + 1, looks = n * p->cost.ways * (p->cost.items + 1);
    for (int i = 1; i <= p->cost.repeats && looks <= QUICK_LOOKS; i++)
        looks *= (n + i) / (i + 1);
    return looks <= QUICK_LOOKS;
}

void kv_re_close(struct kv_re *p)
{
    if (!p)
        return;
    onig_free(p->regex);
    free(p);
}

/* Counts as re.findall does: an empty match may not stand where an empty match stood before, but
 * one that is not empty may. */
static long count(
    regex_t *regex, const OnigUChar *start, const OnigUChar *end, long most, struct kv_err *err)
{
    OnigRegion *region = onig_region_new();
    const OnigUChar *at = start;
    long n = 0;
    int code = 0;
    bool empty_before = false;
    while (n < most && at <= end) {
        code = empty_before ? onig_match(regex, start, end, at, region, ONIG_OPTION_FIND_NOT_EMPTY)
                            : onig_search(regex, start, end, at, end, region, ONIG_OPTION_NONE);
        if (code == ONIG_MISMATCH && empty_before) {
            at += at < end ? ONIGENC_MBC_ENC_LEN(ONIG_ENCODING_UTF8, at) : 1;
            empty_before = false;
            continue;
        }
        if (code < 0)
            break;
        n++;
        at = start + region->end[0];
        empty_before = region->end[0] == region->beg[0];
    }
    onig_region_free(region, 1);
    return code < 0 && code != ONIG_MISMATCH ? fail(code, NULL, err) : n;
}

long kv_re_count(const struct kv_re *p, struct kv_slice text, long most, struct kv_err *err)
{
    struct kv_buf clean = {0};
    if (text.n && u8_check((const uint8_t *)text.p, text.n)) { /* Oniguruma trusts its input */
        for (size_t i = 0; i < text.n;) {
            ucs4_t c;
            uint8_t utf8[6];
            i += (size_t)u8_mbtouc(&c, (const uint8_t *)text.p + i, text.n - i);
            kv_buf_add(&clean, utf8, (size_t)u8_uctomb(utf8, c, sizeof utf8));
        }
        text = kv_slice_of(&clean);
    }
    const OnigUChar *start = (const OnigUChar *)(text.n ? text.p : "");
    long n = count(p->regex, start, start + text.n, most, err);
    kv_buf_release(&clean);
    return n;
}

/* ---- flags by name ---- */

static bool is_other_name(struct kv_slice name)
{
    /* What else `re` has: adding one of these to a flag raises there. */
    static const char *const names[] = {"compile", "search", "match", "fullmatch", "split", "sub",
        "subn", "findall", "finditer", "escape", "purge", "template", "error", "Pattern", "Match",
        "RegexFlag", "functools", "enum", "copyreg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (kv_slice_is(name, names[i]))
            return true;
    return false;
}

static int add_flag(struct kv_slice name, unsigned *flags, struct kv_err *err)
{
    static const struct {
        const char *letter, *name;
        unsigned flag;
    } known[] = {
        {"I", "IGNORECASE", KV_RE_IGNORECASE},
        {"M", "MULTILINE", KV_RE_MULTILINE},
        {"S", "DOTALL", KV_RE_DOTALL},
        {"X", "VERBOSE", KV_RE_VERBOSE},
        {"A", "ASCII", KV_RE_ASCII},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (kv_slice_is(name, known[i].letter) || kv_slice_is(name, known[i].name))
            *flags |= known[i].flag;
    if (kv_slice_is(name, "L") || kv_slice_is(name, "LOCALE"))
        return kv_err_set(err, KV_INPUT, "cannot use LOCALE flag with a str pattern");
    if (is_other_name(name))
        return kv_err_set(err, KV_INPUT,
            "unsupported operand type(s) for |=: 'int' and '%.*s', which is no flag", (int)name.n,
            name.p);
    return 0;
}

int kv_re_flags(struct kv_slice names, unsigned *flags, struct kv_err *err)
{
    struct kv_json_walk w;
    struct kv_slice item;
    bool unicode = false;
    *flags = 0;
    kv_json_begin(&w, names);
    while (kv_json_item(&w, &item)) {
        struct kv_buf name = {0};
        kv_json_unescape(item, &name);
        unicode |=
            kv_slice_is(kv_slice_of(&name), "U") || kv_slice_is(kv_slice_of(&name), "UNICODE");
        int rc = add_flag(kv_slice_of(&name), flags, err);
        kv_buf_release(&name);
        if (rc != 0)
            return -1;
    }
    return unicode && (*flags & KV_RE_ASCII)
               ? kv_err_set(err, KV_INPUT, "ASCII and UNICODE flags are incompatible")
               : 0;
}
