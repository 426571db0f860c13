/* schema - objects described by a table of fields: read, coerced, defaulted, written in order.
 *
 * A table lists the fields of one object in the order in which they are written. Reading takes JSON
 * from a user in the forgiving way karenina's validator does (kv-config(5)): 5 for 5.0,
 * "yes" for true, a default for what is absent, an error with its path for everything else. Writing
 * gives the compact canonical text that is hashed. What an object means is somebody else's
 * business.
 */
#ifndef KV_SCHEMA_H
#define KV_SCHEMA_H

#include "buf.h"
#include "problem.h"

#include <stdbool.h>

enum kv_field_kind {
    KV_FIELD_BOOL,
    KV_FIELD_INT,
    KV_FIELD_FLOAT,
    KV_FIELD_TEXT,
    KV_FIELD_CHOICE,      /* one of `choices` */
    KV_FIELD_SECRET,      /* a string; only whether it is empty is kept */
    KV_FIELD_PATH,        /* a string, tidied as a file path */
    KV_FIELD_ANY,         /* any value */
    KV_FIELD_FREE,        /* any object, kept with its order and number types */
    KV_FIELD_TEXTS,       /* array of strings */
    KV_FIELD_PICK,        /* a string or an integer */
    KV_FIELD_PICKS,       /* array of these */
    KV_FIELD_EXAMPLES,    /* array of objects of strings */
    KV_FIELD_TEXT_MAP,    /* object of strings */
    KV_FIELD_LIMITS,      /* an integer or an object of integers */
    KV_FIELD_OBJECT,      /* of `table` */
    KV_FIELD_OBJECTS,     /* array of objects of `table` */
    KV_FIELD_OBJECT_MAP,  /* object of objects of `table` */
    KV_FIELD_OBJECT_MAPS, /* object of objects of objects of `table` */
    KV_FIELD_NOTHING,     /* null, and with any other value the error `refusal` */
};

enum kv_field_flag {
    KV_FIELD_NULLABLE = 1,
    KV_FIELD_HIDDEN = 2,    /* read and checked, never written */
    KV_FIELD_ABOVE_MIN = 4, /* the minimum itself is excluded */
    KV_FIELD_IF_GIVEN = 8   /* not written when absent */
};

struct kv_table;

struct kv_field {
    const char *name;
    enum kv_field_kind kind;
    unsigned flags;
    const char *default_json; /* canonical text when absent; NULL: the field is required */
    const char *choices;      /* KV_FIELD_CHOICE: "a|b|c"; KV_FIELD_NOTHING: the refusal */
    double min, max;          /* of numbers, where has_min, has_max */
    bool has_min, has_max;
    const struct kv_table *table;
};

/* Checks an object that is right field by field; `object` is its canonical text. */
typedef void kv_schema_check(
    struct kv_slice object, const struct kv_path *at, struct kv_problems *problems);

struct kv_table {
    const struct kv_field *fields; /* up to the one without a name */
    kv_schema_check *check;        /* NULL: nothing to check */
    /* An input-only spelling of a field, e.g. "global" for "global_traits"; NULL: none. */
    const char *alias, *alias_of;
};

/* Reads `value` (checked JSON) as an object of `table` and appends its canonical text to *out.
 * Mistakes go to *problems; *out is then of no use. Returns 0, or -1 if there was one. */
int kv_schema_read(const struct kv_table *table, struct kv_slice value, const struct kv_path *at,
    struct kv_buf *out, struct kv_problems *problems);

#endif
