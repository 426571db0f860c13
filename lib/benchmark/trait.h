/* trait - one rubric trait as a plain object: its fields, defaults and rules.
 *
 * The plain object is what exports dump (kv-benchmark(5)). This module reads one in the forgiving
 * way of shape.h and answers with its canonical dump; what a list of traits must obey is rubric's.
 */
#ifndef KV_TRAIT_H
#define KV_TRAIT_H

#include "buf.h"
#include "problem.h"

/* The five lists, in the order of the dump. */
enum kv_trait_list {
    KV_TRAIT_LLM,
    KV_TRAIT_REGEX,
    KV_TRAIT_CALLABLE,
    KV_TRAIT_METRIC,
    KV_TRAIT_AGENTIC,
    KV_TRAIT_LISTS
};

/* "llm_traits", …: the key of a list in a dump; up to NULL. */
extern const char *const kv_trait_list_names[KV_TRAIT_LISTS + 1];

/* Appends the canonical dump of a plain object of a list. Returns 0, or -1 with *problems. */
int kv_trait_read(enum kv_trait_list list, struct kv_slice object, const struct kv_path *at,
    struct kv_buf *out, struct kv_problems *problems);

/* True if a trait of the list has a parameter of this name. */
bool kv_trait_has_field(enum kv_trait_list list, struct kv_slice key);

#endif
