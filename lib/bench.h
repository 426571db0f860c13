/* bench - a benchmark as loaded: questions in order, their templates' text, the rubrics.
 *
 * Reads karenina checkpoints (JSON-LD, benchmark.md) and JSON Lines with a question a line:
 *     {"id":…,"question":…,"answer":…,"keywords":[…],"template":TemplateSpec or Python text,
 *      "finished":true,"few_shot_examples":[…],"rubric":{"llm_traits":[…],…},"workspace_path":…}
 * of which only "question" is required; a line with "rubric" and no "question" is the rubric of
 * all. It refuses what it does not understand with the path to it. A template is kept as the text
 * it is: what it says is known to the module template.
 *
 *     struct kv_bench *b = kv_bench_open(text, &problems, &err);
 *     for (size_t i = 0; i < b->n; i++) … b->questions[i] …
 *     kv_bench_close(b);
 *
 * Slices are unescaped text owned by the benchmark and followed by a NUL; those called JSON are
 * checked JSON (n == 0: absent).
 */
#ifndef KV_BENCH_H
#define KV_BENCH_H

#include "buf.h"
#include "digest.h"
#include "err.h"
#include "problem.h"
#include "question.h"

#include <stdbool.h>

/* Reads a whole file's text. NULL on failure, *err in one sentence, *problems in full. */
struct kv_bench *kv_bench_open(
    struct kv_slice text, struct kv_problems *problems, struct kv_err *err);
void kv_bench_close(struct kv_bench *b); /* NULL is fine */

/* The question with an id, or NULL. Constant time after the first call is not promised: callers
 * that look up many ids use struct kv_plan. */
const struct kv_question *kv_bench_find(const struct kv_bench *b, struct kv_slice id);

/* ---- content ---- */

/* SHA-256 over everything of the chosen questions that can change a result (text, reference answer,
 * template, examples, rubrics), in their order; dates, authors and spelling of the file do not
 * count. chosen NULL: all. */
void kv_bench_digest(const struct kv_bench *b, const bool *chosen, char hex[KV_SHA256_HEX + 1]);

#endif
