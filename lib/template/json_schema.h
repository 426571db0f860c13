/* json_schema - the JSON Schemas of a template: what a judge is shown and what a server enforces.
 *
 * Two forms of the same fields, always with the same bytes for the same template, so that prompt
 * and grammar caches hit. None of them holds ground truth, primitives, weights or hints.
 */
#ifndef KV_JSON_SCHEMA_H
#define KV_JSON_SCHEMA_H

#include "buf.h"
#include "template.h"

/* Appends what the judge is shown (kv-benchmark(5)): fields that are not trace fields,
 * with their descriptions. With `trace`, trace fields too (for the sufficiency check). `indent` 0
 * is compact, else that many spaces a level. */
void kv_json_schema_prompt(struct kv_buf *out, const struct kv_template *t, bool trace, int indent);

/* Appends a schema that every provider's strict mode accepts (lib/model/README.md): all
 * fields required, additionalProperties false. Null is allowed, by a type array, for what is
 * verified (it is then not answered) and for what the class says may be null. This is the one to
 * send. */
void kv_json_schema_strict(struct kv_buf *out, const struct kv_template *t);

#endif
