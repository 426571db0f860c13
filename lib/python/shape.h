/* shape - what a JSON value must look like: one table, checked in two ways and written in full.
 *
 * A shape is a constant table: the members of an object in their order, their types and defaults.
 * The coercions are those of pydantic's lax mode: "yes" and 1 for true, "3" and 3.0 for 3, true for
 * 1.0. Results, of which a million arrive, are checked where they lie: nothing is copied, and the
 * first mistake ends it. What a user wrote, a configuration or a trait, is read whole: all mistakes
 * at once, each with the nearest right word, and then the canonical text. Writing is the same for
 * both: members in order, defaults filled in, types coerced, unknown members left out.
 *
 *     static const struct kv_shape_member point[] = {{.name = "x", .shape = &kv_shape_float}, …};
 *     static const struct kv_shape shape = {.kind = KV_SHAPE_RECORD, .members = point};
 *     if (kv_shape_check(&shape, value, "at", &err) == 0) // err: "at.y: expected a number"
 *         kv_shape_write(&shape, value, KV_REFORMAT_SPACED, &out);
 */
#ifndef KV_SHAPE_H
#define KV_SHAPE_H

#include "buf.h"
#include "err.h"
#include "problem.h"
#include "reformat.h"

#include <stdbool.h>
#include <stddef.h>

enum kv_shape_kind {
    KV_SHAPE_ANY,  /* anything, as it is */
    KV_SHAPE_TEXT, /* a string of at most `characters` (0: any) */
    KV_SHAPE_BOOL,
    KV_SHAPE_INT,
    KV_SHAPE_FLOAT,
    KV_SHAPE_SCORE,   /* a boolean or a number, as it is */
    KV_SHAPE_WORD,    /* one of `words`; `what` names the kind in messages */
    KV_SHAPE_CHOICE,  /* one of `choices` */
    KV_SHAPE_SECRET,  /* a string; only whether it is empty is written */
    KV_SHAPE_PATH,    /* a string, written as pathlib tidies a path */
    KV_SHAPE_PICK,    /* a string or an integer */
    KV_SHAPE_LIMITS,  /* an integer or an object of integers */
    KV_SHAPE_NOTHING, /* null; with any other value the mistake `what` */
    KV_SHAPE_FREE,    /* an object of finite numbers, as it is */
    KV_SHAPE_LIST,    /* an array of `of` */
    KV_SHAPE_MAP,     /* an object whose values are `of` */
    KV_SHAPE_RECORD,  /* an object with `members` */
};

struct kv_shape_member;

/* Looks at a record that is right member by member; `object` is its canonical text. */
typedef void kv_shape_look(
    struct kv_slice object, const struct kv_path *at, struct kv_problems *problems);

struct kv_shape {
    enum kv_shape_kind kind;
    bool nullable;
    bool closed;           /* a RECORD that refuses members it does not list */
    bool has_min, has_max; /* of numbers */
    bool above_min;        /* the minimum itself is excluded */
    double min, max;
    size_t characters;
    const char *choices;      /* "a|b|c" */
    const char *const *words; /* up to NULL */
    const char *what;
    const struct kv_shape *of;
    const struct kv_shape_member *members; /* up to the one without a name */
    /* Of records that users write; each may be NULL. An alias is an input-only spelling of a member,
     * "global" for "global_traits". */
    kv_shape_look *look;
    const char *alias, *alias_of;
};

struct kv_shape_member {
    const char *name;
    const struct kv_shape *shape;
    const char *default_json; /* JSON when absent, compact; NULL: the member is required */
    bool hidden;              /* checked, never written */
    bool if_given;            /* not written when absent */
    /* A member that is computed: what is read is ignored, what is written is the answer to the
     * first member of the record (a string value, quotes included). */
    const char *(*derive)(struct kv_slice first);
};

enum { KV_SHAPE_MEMBERS_MAX = 72 }; /* of a record */

/* The shapes everybody needs; the second of each pair also takes null. */
extern const struct kv_shape kv_shape_any, kv_shape_text, kv_shape_text_null, kv_shape_bool,
    kv_shape_bool_null, kv_shape_int, kv_shape_int_null, kv_shape_float, kv_shape_float_null,
    kv_shape_texts, kv_shape_texts_null, kv_shape_text_map, kv_shape_text_map_null;

/* Checks a value (checked JSON). `name` is its place in messages, or NULL. On failure KV_INPUT,
 * "PATH: what is wrong" with the path as in "metadata.keywords[1]", or without one for the value
 * itself. */
int kv_shape_check(
    const struct kv_shape *shape, struct kv_slice value, const char *name, struct kv_err *err);

/* Checks a record and finds its members in one walk; values[] as for kv_shape_members. */
int kv_shape_read(const struct kv_shape *record, struct kv_slice value, const char *name,
    struct kv_slice *values, struct kv_err *err);

/* Reads what a user wrote (checked JSON): all mistakes go to *problems, and every record is taken
 * for closed. Appends the canonical text, which is what is hashed; after a mistake none. Returns 0,
 * or -1 if there was one. */
int kv_shape_canonical(const struct kv_shape *record, struct kv_slice value,
    const struct kv_path *at, struct kv_buf *out, struct kv_problems *problems);

/* Appends a value that was checked, in full. */
void kv_shape_write(const struct kv_shape *shape, struct kv_slice value,
    enum kv_reformat_style style, struct kv_buf *out);

/* Finds the members of a record in one walk: values[i] belongs to members[i], empty if absent. The
 * last of a repeated member counts, and an alias before its member. Room for KV_SHAPE_MEMBERS_MAX.
 * The answer is the first key (with its quotes) that is no member, empty if there is none. */
struct kv_slice kv_shape_members(
    const struct kv_shape *record, struct kv_slice value, struct kv_slice *values);

/* The members of a member that is a record itself. */
struct kv_shape_part {
    struct kv_slice values[KV_SHAPE_MEMBERS_MAX];
    struct kv_slice unknown;
};

/* The same for a record of whose first n members the own members are wanted too, without a walk of its own
 * for each: parts[i] is filled where the last member i is an object. */
struct kv_slice kv_shape_members_of(const struct kv_shape *record, struct kv_slice value,
    struct kv_slice *values, struct kv_shape_part *parts, size_t n);

/* As kv_shape_read, of a part whose members were found so. */
int kv_shape_read_part(const struct kv_shape *record, struct kv_slice value, const char *name,
    const struct kv_shape_part *part, struct kv_err *err);

#endif
