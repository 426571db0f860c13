/* question - one question of a benchmark, and the list of them that a reader fills.
 *
 * The types of a loaded benchmark and what keeps their texts. Who reads a file is checkpoint and
 * bench; this module only owns.
 *
 * Slices are unescaped text owned by the benchmark and followed by a NUL; those called JSON are
 * checked and compact (n == 0: absent).
 */
#ifndef KV_QUESTION_H
#define KV_QUESTION_H

#include "buf.h"
#include "digest.h"
#include "rubric.h"

#include <stdbool.h>

struct kv_question {
    struct kv_slice id, text, answer; /* answer: the reference ("raw answer") */
    bool has_answer;                  /* JSON Lines may leave it out: raw_answer is then null */
    struct kv_slice template;         /* TemplateSpec JSON or Python text; n == 0: none */
    bool template_is_spec;
    char template_id[KV_MD5_HEX + 1];
    bool finished;
    struct kv_slice keywords; /* JSON array, absent if there are none */
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
    size_t memory_count, capacity;
};

/* A further question at the end, all zero. Earlier pointers become invalid. */
struct kv_question *kv_question_add(struct kv_bench *b);

/* Gives text to the benchmark to keep; `text` is the caller's no more. */
struct kv_slice kv_question_keep(struct kv_bench *b, struct kv_buf *text);
/* Keeps what a JSON string stands for. */
struct kv_slice kv_question_keep_text(struct kv_bench *b, struct kv_slice string);

/* Keeps a JSON value in its compact form, or nothing of an absent one. */
struct kv_slice kv_question_keep_json(struct kv_bench *b, struct kv_slice value);

/* Folds questions of one id into one, as a map would: the first place, the last data. Answers how
 * many went. */
size_t kv_question_fold(struct kv_bench *b);

void kv_question_release_all(struct kv_bench *b);

#endif
