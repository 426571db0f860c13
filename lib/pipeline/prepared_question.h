/* prepared_question - one question made ready for a run: read, its template compiled, its rubric
 * merged, its examples chosen. Opened when the first of its tasks starts and closed when the last
 * one ends, so that memory follows what is in flight and not the size of the benchmark.
 */
#ifndef KV_PREPARED_QUESTION_H
#define KV_PREPARED_QUESTION_H

#include "bench.h"
#include "compiled_template.h"
#include "config.h"

struct kv_prepared_question {
    const struct kv_question *question;
    struct kv_buf text_json;               /* its text as a JSON string: a row has it twice */
    const struct kv_template *template;    /* NULL: invalid, or not looked at (rubric_only) */
    const char *template_error;            /* why it is invalid; NULL: it is not */
    struct kv_compiled_template *compiled; /* whose these two are, with the schemas; NULL if not
                                              looked at */
    char template_id[KV_MD5_HEX + 1];      /* of a row */
    bool rubric_wanted;      /* by evaluation_mode, and there are traits to evaluate */
    struct kv_rubric rubric; /* global and its own */
    bool few_shot;           /* examples may be shown */
    struct kv_buf examples;  /* JSON array */
    size_t example_count;
    struct kv_question read; /* private: what `question` points to */
};

/* Opens the question at an index of the benchmark. Fails with KV_INPUT if it has changed in its
 * file, and for what kv-manifest refuses too (traits of one name, a template that would have to be
 * executed and is not translated); an invalid template is a fact about the question. `translator`
 * may be NULL, and so may `last` (compiled_template.h). */
struct kv_prepared_question *kv_prepared_question_open(const struct kv_config *config,
    const struct kv_bench *bench, size_t index, struct kv_translator *translator,
    struct kv_compiled_template **last, struct kv_err *err);
void kv_prepared_question_close(struct kv_prepared_question *s);

#endif
