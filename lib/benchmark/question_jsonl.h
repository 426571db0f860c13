/* question_jsonl - a question as a line of JSON Lines:
 *
 *     {"id":…,"question":…,"answer":…,"keywords":[…],"template":TemplateSpec or Python text,
 *      "finished":true,"few_shot_examples":[…],"rubric":{"llm_traits":[…],…},"workspace_path":…}
 *
 * of which only "question" is required. A line with "rubric" and no "question" is the rubric of
 * all. Unknown keys are refused.
 */
#ifndef KV_QUESTION_JSONL_H
#define KV_QUESTION_JSONL_H

#include "problem.h"
#include "question.h"

/* Reads a line (a checked JSON object) into *q, which is all zero; the rubric of all is added to
 * *global and leaves *q without a text. Returns 0, or -1 with *problems; *q is the caller's to release
 * in any case. */
int kv_question_jsonl_read(struct kv_question *q, struct kv_rubric *global, struct kv_slice line,
    const struct kv_path *at, struct kv_problems *problems);

#endif
