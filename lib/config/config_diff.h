/* config_diff - whether a configuration may go on with a run: the differences, and which matter.
 *
 * Compares configurations as text, so that states of any version can be compared, also ones this
 * version could not have written. Pure; the verdict's words are karenina's
 * (kv-state(5)).
 */
#ifndef KV_CONFIG_DIFF_H
#define KV_CONFIG_DIFF_H

#include "buf.h"

#include <stdbool.h>

/* Appends one {"path":"answering_models[0].temperature","state":0.1,"given":0.7} a difference
 * between two configurations (JSON objects, canonical or `.state` form) to *different or *harmless:
 * the text between the brackets of two arrays. A member that one side lacks is left out of the
 * object. Harmless is what cannot change a result: concurrency, order of execution, timeouts, retry
 * budgets, the presence of keys, fields nothing reads. Values that hold keys are not shown. */
void kv_config_diff_find(struct kv_slice state, struct kv_slice given, struct kv_buf *different,
    struct kv_buf *harmless);

/* What is compared, as a state carries it and as the user gives it. */
struct kv_config_diff_side {
    struct kv_slice benchmark_path;
    struct kv_slice config_hash; /* n == 0 on the state's side: not compared */
    struct kv_slice config;      /* JSON object */
    bool content_differs;        /* of the given side: its questions are not the state's */
};

/* Decides. Appends the reason to *reason (nothing if compatible) and fills *different and *harmless
 * as above. With `exact`, any difference of the hash counts and content is not compared: karenina's
 * rule. */
bool kv_config_diff_decide(const struct kv_config_diff_side *state,
    const struct kv_config_diff_side *given, bool exact, struct kv_buf *reason,
    struct kv_buf *different, struct kv_buf *harmless);

/* karenina's own default answering prompt, if an answering model of a configuration uses it (known
 * by its digest): an unescaped text of the caller's, else NULL. With it as the default, a preset
 * that relies on the default hashes as karenina hashed it. */
char *kv_config_diff_builtin_prompt(struct kv_slice config);

#endif
