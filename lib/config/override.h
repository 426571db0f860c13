/* override - single settings that a command line puts in place of those of a preset.
 *
 * A setting is NAME=VALUE. NAME is a member of the configuration (kv-config(5)), or one of
 *
 *     answering_model, answering_provider, answering_interface, answering_id
 *     parsing_model, parsing_provider, parsing_interface, parsing_id
 *     temperature
 *
 * which speak of models. Those of a role put one model in place of all models of the role: the
 * first of the preset with the given members, called answering-1 or parsing-1 unless an id is
 * given. temperature is that of the models that were put in so; if none was, of all models.
 * Source: what karenina's command line makes of its options; where this differs, kv(7) says so.
 *
 * VALUE is the text itself where a text is expected, else JSON. Whether it is acceptable is not
 * asked here: the result is read as any configuration.
 */
#ifndef KV_OVERRIDE_H
#define KV_OVERRIDE_H

#include "buf.h"
#include "problem.h"

#include <stddef.h>

/* Appends the configuration of `preset` (checked JSON, with or without the wrapper) with the
 * settings in place. A value that is no object is appended as it is. Returns 0, or -1 with
 * *problems for a setting that is not known. */
int kv_override_apply(struct kv_slice preset, const char *const *settings, size_t n,
    struct kv_buf *out, struct kv_problems *problems);

#endif
