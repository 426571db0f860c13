/* task_json - the models of a run by their canonical keys, and tasks as the programs print them.
 *
 * Made from the configuration as it stands in a .state, whatever version wrote it: nothing of it is
 * validated here. It turns a task key back into who answers and who judges.
 *
 *     struct kv_task_json *r = kv_task_json_open(info->config);
 *     kv_task_json_add_task(&out, r, key);
 *     kv_task_json_close(r);
 */
#ifndef KV_TASK_JSON_H
#define KV_TASK_JSON_H

#include "buf.h"

struct kv_task_json;
struct kv_task_json *kv_task_json_open(struct kv_slice config); /* a JSON object, or empty */
void kv_task_json_close(struct kv_task_json *r);

/* Appends {"task_id":…,"question_id":…,"answering":{…},"parsing":{…},"replicate":…}. A model that
 * is not in the configuration is null; a key that is none of a benchmark's has only its task_id. */
void kv_task_json_add_task(struct kv_buf *out, const struct kv_task_json *r, struct kv_slice key);

/* Appends the text of a model for people, as karenina's status shows it: "id (name)" or "name". */
void kv_task_json_add_label(struct kv_buf *out, struct kv_slice model);

#endif
