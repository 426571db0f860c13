/* model_names - what rows and messages call the models of a configuration, written once a run.
 *
 *     struct kv_model_names *names = kv_model_names_open(config);
 *     kv_model_names_judge(names, &config->parsing[i])->display …
 *     kv_model_names_close(names);
 */
#ifndef KV_MODEL_NAMES_H
#define KV_MODEL_NAMES_H

#include "config.h"

/* Of one model. Every text is followed by a NUL and stays until kv_model_names_close. */
struct kv_model_name {
    struct kv_slice identity; /* its object in a row, compact JSON */
    struct kv_slice key;      /* canonical, of which result ids are made */
    struct kv_slice display;  /* for people */
};

/* Borrows the configuration. */
struct kv_model_names *kv_model_names_open(const struct kv_config *config);
void kv_model_names_close(struct kv_model_names *names); /* NULL is fine */

/* Of an answering model, or of a judge, that is an element of the configuration's array. */
const struct kv_model_name *kv_model_names_answerer(
    const struct kv_model_names *names, const struct kv_model *model);
const struct kv_model_name *kv_model_names_judge(
    const struct kv_model_names *names, const struct kv_model *model);

#endif
