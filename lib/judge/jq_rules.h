/* jq_rules - the jq programs of share/verify: told facts, they say what follows.
 *
 * Whatever a user may want to read or change about judging is there; `--share DIR` puts other
 * programs in their place. They are trusted, as our own code is: a loop in one is a loop in us.
 *
 *     struct kv_jq_rules *r = kv_jq_rules_open(share, files, &err);
 *     struct kv_buf *facts = kv_jq_rules_begin(r);
 *     … a JSON value is added to *facts …
 *     if (kv_jq_rules_ask(r, &answer, &err) == 0) …     answer is JSON, until the next begin
 */
#ifndef KV_JQ_RULES_H
#define KV_JQ_RULES_H

#include "buf.h"
#include "err.h"

struct kv_jq_rules;

/* Compiles the named files of share/verify (the list ends with NULL) as one program. Takes a few
 * ten milliseconds. NULL if a file cannot be read or the program does not compile. */
struct kv_jq_rules *kv_jq_rules_open(
    const char *share, const char *const files[], struct kv_err *err);
void kv_jq_rules_close(struct kv_jq_rules *r); /* NULL is fine */

/* The same in two steps, for rules that may never be asked: the files are read, the text of all
 * can be looked at, and they are compiled now or, as late as it goes, when they are asked. */
struct kv_jq_rules *kv_jq_rules_read(
    const char *share, const char *const files[], struct kv_err *err);
struct kv_slice kv_jq_rules_text(const struct kv_jq_rules *r);
int kv_jq_rules_compile(struct kv_jq_rules *r, struct kv_err *err);

/* Where the facts go; empty. */
struct kv_buf *kv_jq_rules_begin(struct kv_jq_rules *r);

/* Adds a number, which may be NaN or infinite. */
void kv_jq_rules_add_number(struct kv_buf *facts, double x);

/* What follows from them. -1, KV_INPUT: the program raised an error, whose message is the text.
 * A lone surrogate, which libjq has no text for, is shown to it as a private character; so a
 * text that is to be kept is better pointed at than answered. */
int kv_jq_rules_ask(struct kv_jq_rules *r, struct kv_slice *answer, struct kv_err *err);

#endif
