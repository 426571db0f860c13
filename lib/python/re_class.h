/* re_class - the state of a translation, and its smallest parts: characters and classes.
 *
 * A part of re_translate.h.
 */
#ifndef KV_RE_CLASS_H
#define KV_RE_CLASS_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

enum kv_re_flag {
    KV_RE_IGNORECASE = 1,
    KV_RE_MULTILINE = 2,
    KV_RE_DOTALL = 4,
    KV_RE_VERBOSE = 8,
    KV_RE_ASCII = 16,
};

enum { KV_RE_GROUPS = 200 };

struct kv_re_width {
    long min, max;
};

/* The most that a search can take: steps are counted by Oniguruma, what lies between two is not. */
struct kv_re_cost {
    double ways;  /* through alternatives, optional items, repeats that end */
    double items; /* to be met on one of them */
    int repeats;  /* without end, each of one character or class */
    bool unknown; /* it refers back, looks around or repeats a group */
};

struct kv_re_group {
    struct kv_slice name; /* n == 0: none */
    bool open;
    struct kv_re_width width;
};

struct kv_translator {
    const char *start, *at, *end;
    const char *first; /* where the expression begins behind its global flags */
    unsigned flags;
    struct kv_buf *out;
    struct kv_re_group groups[KV_RE_GROUPS]; /* from 1 */
    int count;
    int nesting;
    struct kv_re_cost cost;
    struct kv_err *err;
};

/* "<what><detail> at position N". Return -1. */
int kv_re_wrong_at(struct kv_translator *t, const char *at, const char *what, const char *detail);
int kv_re_wrong(struct kv_translator *t, const char *at, const char *what);

/* The next byte, 0 at the end. */
char kv_re_peek(const struct kv_translator *t);
bool kv_re_take(struct kv_translator *t, const char *text);
uint32_t kv_re_take_char(struct kv_translator *t);

/* Writes one character, with those that are the same where case is ignored. */
void kv_re_add_literal(struct kv_translator *t, uint32_t c);

/* The inside of a class for d, w or s; the class itself, [\w] for w and [^\w] for W. */
const char *kv_re_category(const struct kv_translator *t, char letter);
void kv_re_add_category(struct kv_translator *t, char letter);

/* Behind the backslash, an escape that is one character: 1 if it was one, 0 if it is something
 * else, -1. */
int kv_re_char_escape(struct kv_translator *t, const char *from, uint32_t *c);

/* [...], from its bracket on. */
int kv_re_class(struct kv_translator *t);

#endif
