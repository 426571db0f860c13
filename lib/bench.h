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
#include "rubric.h"

#include <stdbool.h>

struct kv_question {
    struct kv_slice id, text, answer; /* answer: the reference ("raw answer") */
    bool has_answer;                  /* JSON Lines may leave it out: raw_answer is then null */
    struct kv_slice template;         /* TemplateSpec JSON or Python text; n == 0: none */
    bool template_is_spec;
    char template_id[KV_MD5_HEX + 1];
    bool finished;
    struct kv_slice keywords; /* JSON array */
    struct kv_slice few_shot; /* JSON array of {"question","answer"} */
    struct kv_slice workspace_path;
    struct kv_rubric rubric; /* question-specific traits, agentic ones included */
};

struct kv_bench {
    struct kv_question *questions; /* distinct ids, in order */
    size_t n;
    struct kv_slice name;
    struct kv_rubric rubric; /* global */
    bool checkpoint;         /* JSON-LD, else JSON Lines */
    char **memory;           /* private */
    size_t memory_count;
};

/* Reads a whole file's text. NULL on failure, *err in one sentence, *problems in full. */
struct kv_bench *kv_bench_open(
    struct kv_slice text, struct kv_problems *problems, struct kv_err *err);
void kv_bench_close(struct kv_bench *b); /* NULL is fine */

/* The question with an id, or NULL. Constant time after the first call is not promised: callers
 * that look up many ids use struct kv_plan. */
const struct kv_question *kv_bench_find(const struct kv_bench *b, struct kv_slice id);

/* ---- selecting ---- */

/* Marks (chosen[0..n-1]) the finished questions that take part: those whose id is in `ids` ("a,b";
 * NULL: all), and of these the positions in `positions` ("0-4,9"; NULL: all). Returns how many, or
 * -1 with karenina's reason (KV_INPUT). Unknown ids are ignored there and here. */
long kv_bench_select(const struct kv_bench *b, const char *ids, const char *positions, bool *chosen,
    struct kv_err *err);

/* ---- content ---- */

/* SHA-256 over everything of the chosen questions that can change a result (text, reference answer,
 * template, examples, rubrics), in their order; dates, authors and spelling of the file do not
 * count. chosen NULL: all. */
void kv_bench_digest(const struct kv_bench *b, const bool *chosen, char hex[KV_SHA256_HEX + 1]);

#endif
