/* compiled_template - what follows from the text of a template alone. */
#include "compiled_template.h"

#include "json_schema.h"
#include "question_id.h"

#include <stdlib.h>

static int compile(struct kv_compiled_template *c, const struct kv_config *config,
    struct kv_translator *translator, struct kv_err *err)
{
    struct kv_template *t = NULL;
    switch (kv_translator_template(translator, kv_slice_of(&c->source), &t, err)) {
    case KV_TEMPLATE_CODE:
        return kv_err_context(err, "template");
    case KV_TEMPLATE_INVALID:
        c->error = kv_strdup(err->text);
        return 0;
    case KV_TEMPLATE_OK:
        break;
    }
    c->template = t;
    if (t->needs_judge) {
        kv_json_schema_prompt(&c->shown_schema, t, false, 2);
        kv_json_schema_strict(&c->sent_schema, t);
    }
    if (config->sufficiency_enabled)
        kv_json_schema_prompt(&c->full_schema, t, true, 2);
    return 0;
}

struct kv_compiled_template *kv_compiled_template_open(struct kv_compiled_template **last,
    const struct kv_config *config, struct kv_slice source, struct kv_translator *translator,
    struct kv_err *err)
{
    struct kv_compiled_template *c = last ? *last : NULL;
    if (c && kv_slice_eq(kv_slice_of(&c->source), source)) {
        c->users++;
        return c;
    }
    c = kv_calloc(1, sizeof *c);
    c->users = 1;
    kv_buf_add_slice(&c->source, source);
    kv_question_id_template(source, c->id);
    if (compile(c, config, translator, err) != 0) {
        kv_compiled_template_close(c);
        return NULL;
    }
    if (last) {
        kv_compiled_template_close(*last);
        *last = c;
        c->users++;
    }
    return c;
}

void kv_compiled_template_close(struct kv_compiled_template *c)
{
    if (!c || --c->users > 0)
        return;
    kv_template_close(c->template);
    free(c->error);
    kv_buf_release(&c->shown_schema);
    kv_buf_release(&c->sent_schema);
    kv_buf_release(&c->full_schema);
    kv_buf_release(&c->source);
    free(c);
}
