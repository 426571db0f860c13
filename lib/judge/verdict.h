/* verdict - judges a parsed answer: whether each field is right, how nearly, and what follows for
 * the whole.
 *
 * Parsed answer in, verdict out. The rules are jq programs in share/verify (primitives.jq,
 * strategy.jq, verdict.jq): this module tells them the facts about the values - as number, as
 * normalised text, as point in time, how often a pattern matches - because those need Python's
 * rules, full Unicode and every digit, and reads back what they decide. One program is compiled
 * once; all fields of a template are one run of it. Where the files are the delivered ones, C says
 * what they would say as far as plain_rules.h goes, and jq is run for the rest.
 *
 *     struct kv_verifier *v = kv_verdict_open(share, &err);
 *     struct kv_parsed parsed = {0};
 *     struct kv_verdict verdict = {0};
 *     kv_verdict_parse(t, reply, &parsed, &err)   -1: "Parsing failed: <err.text>"; ask again
 *     kv_verdict_run(v, t, &parsed, trace, &verdict, &err)
 *
 * A kv_parsed (parsed_answer.h) and a kv_verdict are reused from task to task and released at the
 * end.
 */
#ifndef KV_VERDICT_H
#define KV_VERDICT_H

#include "buf.h"
#include "err.h"
#include "parsed_answer.h"
#include "template.h"

#include <stdbool.h>

struct kv_verifier;

/* Loads share/verify. A few ten milliseconds, once per process, if it has to be compiled: at once if
 * it is not the one that is delivered, else when a verdict first takes jq. */
struct kv_verifier *kv_verdict_open(const char *share, struct kv_err *err);
void kv_verdict_close(struct kv_verifier *v); /* NULL is fine */

/* For tests: from now on every verdict is jq's; how many were decided in C, and how many by jq. */
void kv_verdict_ask_jq(struct kv_verifier *v);
void kv_verdict_count(const struct kv_verifier *v, size_t *decided, size_t *asked);

/* ---- what the judge said ---- */

/* Finds the object in a judge's reply (lib/pipeline/README.md, then a light repair of
 * almost-JSON), and coerces it to the template (kv-benchmark(5)). -1 with KV_INPUT: the
 * text says what is wrong in words that can be sent back to the judge. */
int kv_verdict_parse(const struct kv_template *t, struct kv_slice reply, struct kv_parsed *parsed,
    struct kv_err *err);

/* The same for an object at hand (a tool call's arguments, a replay entry). */
int kv_verdict_coerce(const struct kv_template *t, struct kv_slice object, struct kv_parsed *parsed,
    struct kv_err *err);

/* Takes a recorded parsed_llm_response as it is: nothing is coerced, nothing refused but what is
 * no object. */
int kv_verdict_recall(const struct kv_template *t, struct kv_slice object, struct kv_parsed *parsed,
    struct kv_err *err);

/* Nothing parsed: for a template whose fields are all trace fields (t->needs_judge false). */
void kv_verdict_unasked(const struct kv_template *t, struct kv_parsed *parsed);

/* ---- the verdict ---- */

/* The fields of a result they belong in, as JSON. */
struct kv_verdict {
    bool passed;                 /* verify_result */
    bool raised;                 /* a check could not be made; `error` says why */
    struct kv_buf granular;      /* verify_granular_result: a float, or null */
    struct kv_buf field_results; /* object or null */
    struct kv_buf field_scores;  /* object or null */
    struct kv_buf error;         /* field_verification_error: string or null */
};
void kv_verdict_release(struct kv_verdict *v);

/* Judges. `trace` is the whole raw trace. -1 only if the rules themselves are broken (share edited
 * by hand): a check that cannot be made is a verdict. */
int kv_verdict_run(struct kv_verifier *v, const struct kv_template *t,
    const struct kv_parsed *parsed, struct kv_slice trace, struct kv_verdict *out,
    struct kv_err *err);

#endif
