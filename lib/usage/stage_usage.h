/* stage_usage - what one stage of a task used, as a row states it: written and read back.
 *
 * usage_metadata has an object for each stage that asked a model (kv-results(5)). Its members are
 * those LangChain's adapters use; ours, which begin with kv_, are only there when they say more
 * than the ordinary: another model served, another tier, an end that was cut, a cost the service
 * named. One place writes the object and reads it, so that a later run counts what this one did.
 */
#ifndef KV_STAGE_USAGE_H
#define KV_STAGE_USAGE_H

#include "buf.h"
#include "usage.h"

struct kv_stage_usage {
    const char *stage;
    struct kv_slice model; /* display string, plain text */
    struct kv_usage used;
    /* JSON strings; empty: nothing worth a word */
    struct kv_slice served, tier, finish, asked_at;
    struct kv_slice dropped; /* JSON array of what was not sent as configured; empty: nothing */
    /* of a row that was read: the objects as they stand; empty: written from `used` */
    struct kv_slice input_details, output_details;
    struct kv_slice named; /* of a row that was read: its model, JSON of any type; empty: none */
    bool detailed;         /* of a row that was read: it says what was cached */
};

/* Appends the object. */
void kv_stage_usage_write(struct kv_buf *out, const struct kv_stage_usage *u);

/* Reads an object of usage_metadata (checked JSON); stage and model stay as they are. Slices borrow
 * from it. */
void kv_stage_usage_read(struct kv_stage_usage *u, struct kv_slice object);

/* True if a limit of tokens cut it. */
bool kv_stage_usage_is_cut(const struct kv_stage_usage *u);

/* Adds a further call of the same stage: counts add up, of the words the last one stays; how it
 * ended is how the last call ended. */
void kv_stage_usage_add(struct kv_stage_usage *sum, const struct kv_stage_usage *more);

/* The words of a stage, kept for a kv_stage_usage that borrows them. */
struct kv_stage_words {
    struct kv_buf served, tier, finish, asked_at;
};
/* Takes plain texts over and lets *u have those that are not empty. What *u had of an earlier call
 * of the stage is replaced with them. */
void kv_stage_words_put(struct kv_stage_words *w, struct kv_slice served, struct kv_slice tier,
    struct kv_slice finish, struct kv_stage_usage *u);
/* The same for where it was asked, a JSON string; empty: nothing. */
void kv_stage_words_place(
    struct kv_stage_words *w, struct kv_slice asked_at, struct kv_stage_usage *u);
void kv_stage_words_release(struct kv_stage_words *w);

/* input_tokens, output_tokens and total_tokens as rows have them: 0 where nothing is known. */
int64_t kv_stage_usage_input(const struct kv_stage_usage *u);
int64_t kv_stage_usage_output(const struct kv_stage_usage *u);

#endif
