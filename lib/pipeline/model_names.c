/* model_names - what rows and messages call the models of a configuration, written once a run. */
#include "model_names.h"

#include "arena.h"
#include "task.h"

#include <stdlib.h>

struct kv_model_names {
    const struct kv_config *config;
    struct kv_model_name *answering, *parsing; /* beside the models of config */
    struct kv_arena texts;
};

static struct kv_slice keep(struct kv_model_names *names, const struct kv_identity *who,
    void (*add)(struct kv_buf *out, const struct kv_identity *who))
{
    struct kv_buf text = {0};
    add(&text, who);
    return kv_arena_take(&names->texts, &text);
}

static struct kv_model_name *name_all(
    struct kv_model_names *names, const struct kv_model *models, size_t n, enum kv_role role)
{
    struct kv_model_name *all = kv_calloc(n, sizeof *all);
    for (size_t i = 0; i < n; i++) {
        struct kv_identity who;
        kv_identity_of(&models[i], role, &who);
        all[i].identity = keep(names, &who, kv_identity_add_json);
        all[i].key = keep(names, &who, kv_identity_add_key);
        all[i].display = keep(names, &who, kv_identity_add_display);
    }
    return all;
}

struct kv_model_names *kv_model_names_open(const struct kv_config *config)
{
    struct kv_model_names *names = kv_calloc(1, sizeof *names);
    names->config = config;
    names->answering = name_all(names, config->answering, config->answering_count, KV_ANSWERING);
    names->parsing = name_all(names, config->parsing, config->parsing_count, KV_PARSING);
    return names;
}

void kv_model_names_close(struct kv_model_names *names)
{
    if (!names)
        return;
    kv_arena_release(&names->texts);
    free(names->answering);
    free(names->parsing);
    free(names);
}

const struct kv_model_name *kv_model_names_answerer(
    const struct kv_model_names *names, const struct kv_model *model)
{
    return &names->answering[model - names->config->answering];
}

const struct kv_model_name *kv_model_names_judge(
    const struct kv_model_names *names, const struct kv_model *model)
{
    return &names->parsing[model - names->config->parsing];
}
