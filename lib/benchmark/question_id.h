/* question_id - identifiers that karenina computes from text: of a question, of a template.
 *
 * Pure; source: kv-benchmark(5) and kv-results(5).
 */
#ifndef KV_QUESTION_ID_H
#define KV_QUESTION_ID_H

#include "buf.h"
#include "digest.h"

/* Appends the id of a question that has none: urn:uuid:question-START-DIGITS, where START is the
 * first 50 characters of the text in lower case, blanks as '-', without '?', '.' and ','. */
void kv_question_id_add_question(struct kv_buf *out, struct kv_slice text);

/* The id of a template's source text: an MD5 of it tidied, or "no_template" for a blank one. */
void kv_question_id_template(struct kv_slice source, char id[KV_MD5_HEX + 1]);

#endif
