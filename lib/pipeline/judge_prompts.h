/* judge_prompts - what a judge is asked about one answer, and how the replies of its checks are
 * read.
 *
 * Messages and schemas of the abstention check, the sufficiency check and the parsing of a template
 * (lib/pipeline/README.md). Stateless; the texts of a query are kept in the caller's buffers.
 */
#ifndef KV_JUDGE_PROMPTS_H
#define KV_JUDGE_PROMPTS_H

#include "answer_stage.h"
#include "query.h"

enum kv_check { KV_CHECK_ABSTENTION, KV_CHECK_SUFFICIENCY };

struct kv_judge_prompts_texts {
    struct kv_buf system, user;
};
void kv_judge_prompts_texts_release(struct kv_judge_prompts_texts *t);

/* `text` is what the judge is shown of the answer. The query borrows from *t. */
void kv_judge_prompts_ask_check(struct kv_judge_prompts_texts *t,
    const struct kv_pipeline_shared *shared, const struct kv_prepared_question *prepared,
    enum kv_check check, struct kv_slice text, struct kv_query *query);
void kv_judge_prompts_ask_parse(struct kv_judge_prompts_texts *t,
    const struct kv_pipeline_shared *shared, const struct kv_prepared_question *prepared,
    double temperature, struct kv_slice text, struct kv_query *query);

/* Reads a check's reply: its flag, as said, and its reasoning, appended. -1 with KV_INPUT if it says
 * neither true nor false; *flag is then the harmless one, with which a task goes on. */
int kv_judge_prompts_read_check(enum kv_check check, struct kv_slice reply, bool *flag,
    struct kv_buf *reasoning, struct kv_err *err);
bool kv_judge_prompts_harmless(enum kv_check check);

#endif
