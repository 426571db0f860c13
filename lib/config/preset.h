/* preset - a configuration as a user writes it, made ready for its tables.
 *
 * Everything that happens to the input before its fields are read (kv-config(5)): the
 * wrapper of a preset comes off, old instruction keys move into prompt_config, what the environment
 * says fills absent keys, answering models without a prompt get the built-in one, manual models
 * their names. It judges nothing: what has the wrong type passes through to the tables.
 */
#ifndef KV_PRESET_H
#define KV_PRESET_H

#include "buf.h"
#include "problem.h"

#include <stdbool.h>

struct kv_preset_fill {
    const char *(*env)(const char *name); /* NULL: no environment */
    struct kv_slice answering_prompt;     /* p NULL: none */
    bool wrapped;                         /* {"config": …} may stand around it */
};

/* Appends the input ready for kv_config_fields_table. `text` is canonical (kv_pydantic_tidy).
 * Fails, with a problem, only on a wrapper around nothing. */
int kv_preset_prepare(struct kv_slice text, const struct kv_preset_fill *fill, struct kv_buf *out,
    struct kv_problems *problems);

#endif
