/* mind - what the test provider's models know and say.
 *
 * The file of answers has one JSON object a line:
 *
 *     {"question":"…","answer":"…","parsed":{"field":value,…},
 *      "but":{"MODEL":{"answer":"…","parsed":{…}},…}}
 *
 * A model that is asked the question (or a prompt that contains it) says `answer`, or what "but"
 * has for its name. A judge that is shown the question and one of its answers fills the schema with
 * the `parsed` values of that answer; fields it does not find there get a value made from the
 * answer and the field's type. A question nobody taught is answered "The answer is <hash>."; the
 * judge reads the hash out of that. The same request always gets the same reply.
 */
#ifndef TEST_MIND_H
#define TEST_MIND_H

#include "buf.h"
#include "err.h"

struct mind;

struct mind *mind_open(const char *path, struct kv_err *err); /* NULL path: knows nothing */
void mind_close(struct mind *m);

void mind_answer(
    const struct mind *m, struct kv_slice model, struct kv_slice asked, struct kv_buf *out);

/* Appends a JSON object that fits the schema (checked JSON). */
void mind_judge(
    const struct mind *m, struct kv_slice prompt, struct kv_slice schema, struct kv_buf *out);

#endif
