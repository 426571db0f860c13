/* prompt - the messages for each step, made from the texts in share/prompts.
 *
 * The texts are data that a user may replace (--share DIR); this module only fills in their
 * placeholders. A text is cut into paragraphs at blank lines; {{name}} stands for a value; a
 * paragraph that names an empty value is left out, so that one text serves with and without hints.
 * Values are inserted as they are and never searched for placeholders again.
 */
#ifndef KV_PROMPT_H
#define KV_PROMPT_H

#include "buf.h"
#include "err.h"

enum kv_prompt {
    KV_PROMPT_ANSWERING_DEFAULT,
    KV_PROMPT_PARSE_SYSTEM,
    KV_PROMPT_PARSE_USER,
    KV_PROMPT_PARSE_FEEDBACK,
    KV_PROMPT_ABSTENTION_SYSTEM,
    KV_PROMPT_ABSTENTION_USER,
    KV_PROMPT_SUFFICIENCY_SYSTEM,
    KV_PROMPT_SUFFICIENCY_USER,
    KV_PROMPT_RUBRIC_BATCH_SYSTEM,
    KV_PROMPT_RUBRIC_BATCH_USER,
    KV_PROMPT_RUBRIC_BOOLEAN_SYSTEM,
    KV_PROMPT_RUBRIC_SCORE_SYSTEM,
    KV_PROMPT_RUBRIC_LITERAL_SYSTEM,
    KV_PROMPT_RUBRIC_LITERAL_BATCH_SYSTEM,
    KV_PROMPT_RUBRIC_SHAPED_SYSTEM,
    KV_PROMPT_RUBRIC_SINGLE_USER,
    KV_PROMPT_RUBRIC_METRIC_SYSTEM,
    KV_PROMPT_RUBRIC_METRIC_USER,
    KV_PROMPT_COUNT,
};

/* Reads all texts below `share`/prompts. NULL, with the missing file named, on failure. */
struct kv_prompts *kv_prompts_open(const char *share, struct kv_err *err);
void kv_prompts_close(struct kv_prompts *p);

struct kv_prompt_value {
    const char *name; /* NULL ends a list */
    struct kv_slice text;
};

/* Appends the text with its placeholders filled in, without white space at its end. A placeholder
 * that is not in the list counts as empty. */
void kv_prompt_add(const struct kv_prompts *p, enum kv_prompt which,
    const struct kv_prompt_value *values, struct kv_buf *out);

#endif
