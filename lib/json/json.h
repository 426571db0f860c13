/* json - a strict scanner over bytes (RFC 8259): no tree, no number conversion, every byte kept.
 *
 * Text from outside is checked once, at the border, by kv_json_check or kv_json_next; both say
 * where it is wrong. Everything else here takes slices of *checked* text and cannot fail: a value
 * is the slice of its own bytes, an object or array is walked member by member, a string is
 * unescaped on request. Values nested deeper than KV_JSON_DEPTH_MAX are refused, because the
 * commonest reader of our files, jq 1.6, gives up at 256; of the files of others they are taken as
 * deep as Python takes them.
 *
 * Duplicate keys are legal and kept; kv_json_get answers with the last one, as Python and jq do.
 * It knows nothing of what a document means.
 */
#ifndef KV_JSON_H
#define KV_JSON_H

#include "buf.h"
#include "err.h"
#include "json_text.h"

#include <stdbool.h>

enum {
    KV_JSON_DEPTH_MAX = 250,
    KV_JSON_DEEPEST = 990,
    KV_JSON_DIGITS_MAX = 4300, /* of an integer that Python reads from text */
};

enum kv_json_flag {
    KV_JSON_STRICT = 0,
    KV_JSON_NONFINITE = 1, /* also the tokens NaN, Infinity, -Infinity, which karenina may write */
    KV_JSON_DEEP = 2,      /* up to KV_JSON_DEEPEST levels */
    KV_JSON_FOREIGN = KV_JSON_NONFINITE | KV_JSON_DEEP, /* a file that karenina wrote */
    /* Nothing that makes a reader refuse the document around it: */
    KV_JSON_DIGITS = 4, /* an integer of more than KV_JSON_DIGITS_MAX digits (Python) */
    KV_JSON_PAIRS = 8,  /* lone surrogates (jq) */
    KV_JSON_PORTABLE = KV_JSON_DIGITS | KV_JSON_PAIRS,
};

enum kv_json_type {
    KV_JSON_NULL,
    KV_JSON_FALSE,
    KV_JSON_TRUE,
    KV_JSON_NUMBER,
    KV_JSON_STRING,
    KV_JSON_ARRAY,
    KV_JSON_OBJECT,
};

/* ---- the border: unchecked text in ---- */

/* Checks that `text` is exactly one JSON value in UTF-8, with white space around it allowed. On
 * success *value is the value without that white space. On failure the text of *err starts with
 * "LINE:COLUMN: " (both from 1, columns in bytes), kind KV_INPUT. A byte-order mark is an error. */
int kv_json_check(struct kv_slice text, unsigned flags, struct kv_slice *value, struct kv_err *err);

/* Takes the next value off the front of *rest: skips white space, checks one value, moves *rest
 * behind it. Returns 1 with *value, 0 at the end of the text, -1 on error as above (positions count
 * from `start`, the beginning of the whole text). */
int kv_json_next(struct kv_slice *rest, const char *start, unsigned flags, struct kv_slice *value,
    struct kv_err *err);

/* True if the text begins, without white space, with a value that may stand inside `depth` open brackets:
 * *value. For a part of a text of which the rest is known to be right. */
bool kv_json_begins(struct kv_slice text, unsigned flags, int depth, struct kv_slice *value);

/* ---- checked values ---- */

enum kv_json_type kv_json_type(struct kv_slice value);
const char *kv_json_type_name(struct kv_slice value); /* "object", "string", … for messages */
bool kv_json_is_null(struct kv_slice value);          /* also true for an absent value (n == 0) */
bool kv_json_is_true(struct kv_slice value);
bool kv_json_is_nonfinite(struct kv_slice value); /* one of the tokens of KV_JSON_NONFINITE */
bool kv_json_bool(struct kv_slice value, bool fallback); /* true, false, or `fallback` */

/* Walks an array or an object:
 *     struct kv_json_walk w;
 *     kv_json_begin(&w, object);
 *     while (kv_json_member(&w, &key, &value)) …
 * Keys are slices with their quotes. On a value of another type there is nothing to walk. */
struct kv_json_walk {
    const char *at, *end;
    char close; /* '}' or ']', 0 when the walk is over */
};
void kv_json_begin(struct kv_json_walk *w, struct kv_slice value);
bool kv_json_member(struct kv_json_walk *w, struct kv_slice *key, struct kv_slice *value);
bool kv_json_item(struct kv_json_walk *w, struct kv_slice *item);

/* The two halves of kv_json_member, so that a value that is walked itself is passed over but once: the key,
 * and its value. Between them the value may be entered, if it is an object, in the place of the second
 * half: false if it is none. Leaving is for when the inner walk is over; it answers the value. */
bool kv_json_key(struct kv_json_walk *w, struct kv_slice *key);
struct kv_slice kv_json_value(struct kv_json_walk *w);
bool kv_json_enter(const struct kv_json_walk *w, struct kv_json_walk *inner);
struct kv_slice kv_json_leave(struct kv_json_walk *w, const struct kv_json_walk *inner);
size_t kv_json_count(struct kv_slice value); /* members or items, 0 for a scalar */

/* Looks up the last member named `key` (a C string, compared unescaped). False, and *value empty
 * (n == 0), if there is none or `object` is no object. */
bool kv_json_get(struct kv_slice object, const char *key, struct kv_slice *value);
/* The value itself, n == 0 if there is none. */
struct kv_slice kv_json_find(struct kv_slice object, const char *key);
/* Appends the text of the member if it is a string; false if not. */
bool kv_json_add_text(struct kv_buf *out, struct kv_slice object, const char *key);
/* As kv_json_get, for n keys in one walk: *values is an array of as many. */
void kv_json_pick(
    struct kv_slice object, const char *const names[], struct kv_slice *values, size_t n);
/* A member that is an object, and members of it. */
struct kv_json_branch {
    const char *name;         /* of the member */
    const char *const *names; /* of its members, n */
    struct kv_slice *values;  /* theirs, n; all n == 0 if its value is no object */
    size_t n;
    struct kv_slice value; /* its own, n == 0 if there is none */
};
/* kv_json_pick for members of members, in one walk: fills the values of n branches. */
void kv_json_pick_branches(struct kv_slice object, struct kv_json_branch *branches, size_t n);
/* The same down a path of keys: kv_json_path(row, &v, "metadata", "answering", NULL). */
bool kv_json_path(struct kv_slice object, struct kv_slice *value, ...) __attribute__((sentinel));

bool kv_json_string_is(struct kv_slice string, const char *text); /* a string equal to text */

/* ---- forms ---- */

/* Appends a value without white space between its tokens; the tokens stay as written. */
void kv_json_compact(struct kv_buf *out, struct kv_slice value);

#endif
