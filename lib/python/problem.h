/* problem - what is wrong with a document: all of it at once, each with the path to the place.
 *
 * A reader of configurations or benchmarks does not stop at the first mistake: it collects them, so
 * that a user repairs a file in one go. A problem is a path (`answering_models[0].temperature`,
 * empty for the document itself), a short machine name of its kind and one sentence.
 *
 *     struct kv_problems problems = {0};
 *     if (kv_config_open(text, &source, &problems, &err) == NULL)
 *         for (size_t i = 0; i < problems.n; i++)
 *             kv_problem_add_text(&line, &problems.items[i]);
 *     kv_problems_release(&problems);
 */
#ifndef KV_PROBLEM_H
#define KV_PROBLEM_H

#include "buf.h"
#include "err.h"

/* Where one is in a document. Lives on the stack of the walk, innermost first. */
struct kv_path {
    const struct kv_path *up; /* NULL: this is the first step */
    struct kv_slice name;     /* a member; p == NULL: an item */
    size_t index;             /* of the item */
};

struct kv_problem {
    char *path;       /* `a[0].b` */
    char *loc;        /* the same as a JSON array, ["a",0,"b"], as karenina's reports have it */
    char *error_type; /* missing, extra_forbidden, float_parsing, value_error, … */
    char *text;       /* one sentence, lower case unless it quotes */
};

struct kv_problems {
    struct kv_problem *items;
    size_t n;
};

/* Adds one; `at` NULL is the document itself. Always returns -1. */
int kv_problems_add(struct kv_problems *list, const struct kv_path *at, const char *error_type,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Adds that `at`, a member, is none of the names (up to NULL): "unknown key", with the nearest name
 * and, if they are few, all of them. Always returns -1. */
int kv_problems_add_unknown(
    struct kv_problems *list, const struct kv_path *at, const char *const *names);
void kv_problems_release(struct kv_problems *list);

/* Appends "PATH: TEXT" (or TEXT alone). */
void kv_problem_add_text(struct kv_buf *out, const struct kv_problem *p);

/* Makes one failure of them: the first, and how many more. The kind is KV_INPUT. Returns -1. */
int kv_problems_err(const struct kv_problems *list, struct kv_err *err);

#endif
