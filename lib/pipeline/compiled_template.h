/* compiled_template - what follows from the text of a template alone: its fields, and its schemas.
 *
 * Questions often have the template of the question before them: all replicates and models of one
 * question do. The last one is kept for them.
 *
 *     struct kv_compiled_template *last = NULL;
 *     c = kv_compiled_template_open(&last, config, source, translator, &err);
 *     … kv_compiled_template_close(c);
 *     kv_compiled_template_close(last);
 */
#ifndef KV_COMPILED_TEMPLATE_H
#define KV_COMPILED_TEMPLATE_H

#include "config.h"
#include "digest.h"
#include "template.h"
#include "translator.h"

struct kv_compiled_template {
    struct kv_template *template; /* NULL: invalid */
    char *error;                  /* why it is invalid; NULL: it is not */
    struct kv_buf shown_schema;   /* in the judge's prompt; empty where no judge is needed */
    struct kv_buf sent_schema;    /* with the judge's request; likewise */
    struct kv_buf full_schema;    /* trace fields too; for the sufficiency check, if there is one */
    char id[KV_MD5_HEX + 1];      /* template_id of a row */
    struct kv_buf source;         /* private: by which it is known */
    size_t users;                 /* private */
};

/* Compiles a template for the runs of one configuration; `last` (NULL is fine) keeps it for the
 * next call, and is closed by the caller in the end. NULL with KV_INPUT if it would have to be
 * executed and is not translated; `translator` may be NULL. */
struct kv_compiled_template *kv_compiled_template_open(struct kv_compiled_template **last,
    const struct kv_config *config, struct kv_slice source, struct kv_translator *translator,
    struct kv_err *err);
void kv_compiled_template_close(struct kv_compiled_template *c); /* NULL is fine */

#endif
