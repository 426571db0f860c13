/* shape - what a JSON value must look like: checked where it lies, and written out in full.
 *
 * A shape is a constant table: the members of an object in their order, their types and defaults.
 * Checking copies nothing and stops at the first mistake, because it is done once for every result
 * that arrives; writing gives the value as karenina's models would (members in order, defaults
 * filled in, types coerced, unknown members left out). The coercions are those of pydantic's lax
 * mode: "yes" and 1 for true, "3" and 3.0 for 3, true for 1.0.
 *
 * schema.h does the same for configurations, where all mistakes are wanted at once and speed is
 * not.
 *
 *     static const struct kv_shape_member point[] = {{"x", &kv_shape_float, NULL}, {"y", …}, {0}};
 *     static const struct kv_shape shape = {.kind = KV_SHAPE_RECORD, .members = point};
 *     if (kv_shape_check(&shape, value, "at", &err) == 0) // err: "at.y: expected a number"
 *         kv_shape_write(&shape, value, KV_REFORMAT_SPACED, &out);
 */
#ifndef KV_SHAPE_H
#define KV_SHAPE_H

#include "buf.h"
#include "err.h"
#include "reformat.h"

#include <stdbool.h>
#include <stddef.h>

enum kv_shape_kind {
    KV_SHAPE_ANY,  /* anything, as it is */
    KV_SHAPE_TEXT, /* a string of at most `max` characters (0: any) */
    KV_SHAPE_BOOL,
    KV_SHAPE_INT,
    KV_SHAPE_FLOAT,
    KV_SHAPE_SCORE,  /* a boolean or a number, as it is */
    KV_SHAPE_WORD,   /* one of `words`; `what` names the kind in messages */
    KV_SHAPE_LIST,   /* an array of `of` */
    KV_SHAPE_MAP,    /* an object whose values are `of` */
    KV_SHAPE_RECORD, /* an object with `members` */
};

struct kv_shape_member;

struct kv_shape {
    enum kv_shape_kind kind;
    bool nullable;
    bool closed; /* a RECORD that refuses members it does not list */
    size_t max;
    const char *const *words; /* up to NULL */
    const char *what;
    const struct kv_shape *of;
    const struct kv_shape_member *members; /* up to the one without a name; at most 64 */
};

struct kv_shape_member {
    const char *name;
    const struct kv_shape *shape;
    const char *default_json; /* JSON when absent, compact; NULL: the member is required */
    /* A member that is computed: what is read is ignored, what is written is the answer to the
     * first member of the record (a string value, quotes included). */
    const char *(*derive)(struct kv_slice first);
};

enum { KV_SHAPE_MEMBERS_MAX = 64 };

/* The shapes everybody needs; the second of each pair also takes null. */
extern const struct kv_shape kv_shape_any, kv_shape_text, kv_shape_text_null, kv_shape_bool,
    kv_shape_bool_null, kv_shape_int, kv_shape_int_null, kv_shape_float, kv_shape_float_null;

/* Checks a value (checked JSON). `name` is its place in messages, or NULL. On failure KV_INPUT,
 * "PATH: what is wrong" with the path as in "metadata.keywords[1]", or without one for the value
 * itself. */
int kv_shape_check(
    const struct kv_shape *shape, struct kv_slice value, const char *name, struct kv_err *err);

/* Checks a record and finds its members in one walk; values[] as for kv_shape_members. */
int kv_shape_read(const struct kv_shape *record, struct kv_slice value, const char *name,
    struct kv_slice *values, struct kv_err *err);

/* Appends a value that was checked, in full. */
void kv_shape_write(const struct kv_shape *shape, struct kv_slice value,
    enum kv_reformat_style style, struct kv_buf *out);

/* Finds the members of a record in one walk: values[i] belongs to members[i], empty if absent. The
 * last of a repeated member counts. Room for KV_SHAPE_MEMBERS_MAX. The answer is the first key
 * (with its quotes) that is no member, empty if there is none. */
struct kv_slice kv_shape_members(
    const struct kv_shape *record, struct kv_slice value, struct kv_slice *values);

#endif
