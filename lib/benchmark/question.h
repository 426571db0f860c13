/* question - one question of a benchmark as it was read, and the memory of its texts.
 *
 * checkpoint.h and question_jsonl.h read it; this module only owns. A question lives as long as
 * something is done with it: a benchmark keeps none of them (bench.h).
 *
 * Slices are unescaped text owned by the question and followed by a NUL; those called JSON are
 * checked and compact (n == 0: absent).
 */
#ifndef KV_QUESTION_H
#define KV_QUESTION_H

#include "arena.h"
#include "buf.h"
#include "digest.h"
#include "rubric.h"

#include <stdbool.h>

struct kv_question {
    struct kv_slice id, text, answer; /* answer: the reference ("raw answer") */
    bool has_answer;                  /* JSON Lines may leave it out: raw_answer is then null */
    struct kv_slice template;         /* TemplateSpec JSON or Python text; n == 0: none */
    bool template_is_spec;
    bool finished;
    struct kv_slice keywords; /* JSON array, absent if there are none */
    struct kv_slice few_shot; /* JSON array of {"question","answer"} */
    struct kv_slice workspace_path;
    struct kv_rubric rubric; /* question-specific traits, agentic ones included */
    struct kv_buf texts;     /* private: its texts, as far as there was room */
    struct kv_arena memory;  /* private: the others */
};

/* Makes room for the texts of a question whose JSON is so long: all of them, in one piece. */
void kv_question_begin(struct kv_question *q, size_t length);

/* Gives text to the question to keep; `text` is the caller's no more. */
struct kv_slice kv_question_keep(struct kv_question *q, struct kv_buf *text);
/* Keeps what a JSON string stands for. */
struct kv_slice kv_question_keep_text(struct kv_question *q, struct kv_slice string);
/* Keeps a JSON value in its compact form, or nothing of an absent one. */
struct kv_slice kv_question_keep_json(struct kv_question *q, struct kv_slice value);

/* Names all of it that can change a result: text, reference answer, template, examples, rubric.
 * Dates, authors, keywords and the spelling of the file do not count. */
struct kv_digest128 kv_question_digest(const struct kv_question *q);

void kv_question_release(struct kv_question *q); /* twice is fine */

#endif
