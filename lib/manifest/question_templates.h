/* question_templates - the templates of a benchmark's questions, each read when it is wanted.
 *
 *     struct kv_question_templates *all = kv_question_templates_open(bench, NULL);
 *     const struct kv_question_template *t = kv_question_templates_find(all, id, &err);
 *     kv_question_templates_close(all);
 */
#ifndef KV_QUESTION_TEMPLATES_H
#define KV_QUESTION_TEMPLATES_H

#include "bench.h"
#include "rejudge.h"
#include "translator.h"

struct kv_question_template {
    struct kv_rejudge_question now; /* its template is NULL if that is of no use: `why` */
    struct kv_digest128 text;       /* of the question */
    struct kv_buf why;
    /* private */
    size_t question;
    struct kv_template *template;
    char template_id[KV_MD5_HEX + 1];
    struct kv_buf answer;
};

struct kv_question_templates;

/* Borrows the benchmark, and the translator of templates that are code (NULL: none). */
struct kv_question_templates *kv_question_templates_open(
    const struct kv_bench *bench, struct kv_translator *translator);
void kv_question_templates_close(struct kv_question_templates *all); /* NULL is fine */

/* The question of an id, until the next is asked for; NULL with KV_INPUT if there is none, or if the
 * file has changed. */
const struct kv_question_template *kv_question_templates_find(
    struct kv_question_templates *all, struct kv_slice id, struct kv_err *err);

#endif
