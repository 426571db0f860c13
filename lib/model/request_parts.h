/* request_parts - what the writers of the protocols share: private to the writers.
 *
 * Implemented by request.c. A body is an object that is being written member by member.
 */
#ifndef KV_REQUEST_PARTS_H
#define KV_REQUEST_PARTS_H

#include "request.h"

struct kv_request_body {
    struct kv_buf *out;
    const struct kv_service *dialect;
    const struct kv_request *ask;
};

/* True of a member of extra_kwargs (a JSON string) whose members are meant as those of the request. */
bool kv_request_is_nest(struct kv_slice key);
/* As kv_request_extra of the extra_kwargs of a request; value NULL: not wanted. */
bool kv_request_sets(const struct kv_request *ask, const char *name, struct kv_slice *value);
/* True of a member of extra_kwargs, or of a nest in them, that has the name of one that counts. */
bool kv_request_is_overridden(
    const struct kv_request *ask, struct kv_slice key, struct kv_slice value);

void kv_request_temperature(struct kv_request_body *b);
/* The messages from one of them on, as they are. */
void kv_request_messages(struct kv_request_body *b, const char *name, size_t from);
/* Turns without a system role; `before` stands in front of the first. */
void kv_request_turns(struct kv_request_body *b, const char *name, struct kv_slice before);
void kv_request_join_system(const struct kv_request *ask, struct kv_buf *out);
/* The name of the schema, that it is strict, and the schema under `name`. */
void kv_request_named_schema(struct kv_request_body *b, bool strict, const char *name);

#endif
