/* rubric - traits by which an answer is judged beside its template.
 *
 * Reads traits from the ratings of a checkpoint and from the plain objects of exports and JSON
 * Lines (kv-benchmark(5)), refuses what is not right with the path to it, and writes the
 * dump that exports carry as `rubric_definition`. It does not evaluate anything.
 *
 * Slices are unescaped text owned by the rubric and followed by a NUL (p == NULL: null); those
 * called JSON are checked JSON.
 */
#ifndef KV_RUBRIC_H
#define KV_RUBRIC_H

#include "arena.h"
#include "buf.h"
#include "problem.h"
#include "trait.h"

#include <stdbool.h>
#include <stdint.h>

/* What a trait's value is. */
enum kv_trait_kind { KV_TRAIT_BOOLEAN, KV_TRAIT_SCORE, KV_TRAIT_LITERAL, KV_TRAIT_TEMPLATE };

struct kv_trait {
    enum kv_trait_list list;
    enum kv_trait_kind kind; /* llm, callable and agentic; regex is boolean */
    struct kv_slice name, description, summary;

    /* llm (and callable) */
    int64_t min_score, max_score; /* score: the limits; literal: 0 and n-1 */
    struct kv_slice classes; /* JSON object, class -> description, order as written; literal only */
    struct kv_slice schema;  /* JSON Schema; template kind only */

    /* regex */
    struct kv_slice pattern;
    bool case_sensitive, invert;

    /* metric */
    bool repeated_extraction;                                  /* true: de-duplicate */
    struct kv_slice metrics, tp_instructions, tn_instructions; /* JSON arrays of strings */

    bool global;          /* where it comes from, kept through a merge */
    struct kv_slice json; /* its dump, JSON, compact */
};

struct kv_rubric {
    struct kv_trait *traits; /* in the order of the lists, within a list as written */
    size_t n;
    struct kv_arena memory; /* private */
};

/* Reads an array of Rating objects. `global`: the benchmark's (question-specific kinds are a
 * mistake) or a question's (global kinds are ignored). Dynamic traits are left out: nothing
 * evaluates them. Appends to *r; returns 0, or -1 with *problems. */
int kv_rubric_read_ratings(struct kv_rubric *r, struct kv_slice ratings, bool global,
    const struct kv_path *at, struct kv_problems *problems);

/* Reads one list of plain trait objects, keys as in the dump (also "invert" for "invert_result").
 */
int kv_rubric_read_list(struct kv_rubric *r, enum kv_trait_list list, struct kv_slice traits,
    bool global, const struct kv_path *at, struct kv_problems *problems);

/* Reads an object of such lists, {"llm_traits":[…],…}, as in an export. */
int kv_rubric_read_object(struct kv_rubric *r, struct kv_slice object, bool global,
    const struct kv_path *at, struct kv_problems *problems);

/* Names unique within and across lists, without dots. */
int kv_rubric_check(
    const struct kv_rubric *r, const struct kv_path *at, struct kv_problems *problems);

/* One rubric of two: per list the global traits first. A trait's slices borrow from its source, so
 * both sources must live on. A name in both is a mistake. NULLs are fine. */
int kv_rubric_merge(const struct kv_rubric *global, const struct kv_rubric *question,
    struct kv_rubric *out, const struct kv_path *at, struct kv_problems *problems);

/* Appends the dump: an object with the five lists, compact. */
void kv_rubric_add_json(struct kv_buf *out, const struct kv_rubric *r);

void kv_rubric_release(struct kv_rubric *r);

#endif
