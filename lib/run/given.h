/* given - requests that are sent as they are given, and their results: lines of OpenAI's batch output.
 *
 * A request is the body of a line of a file (requests.h), byte for byte, sent to the path that it
 * names at the place of its model. Nothing is known of what it asks: any reply that is an object and
 * no error is its answer.
 */
#ifndef KV_GIVEN_H
#define KV_GIVEN_H

#include "endpoint.h"
#include "requests.h"
#include "spending.h"

/* The requests that a state was made for. KV_INPUT if their file says something else now. */
int kv_given_open(struct kv_requests *r, const struct kv_state *state,
    const struct kv_config *config, struct kv_err *err);

/* The query of a request; it borrows from these, which are the caller's: zero at first. */
struct kv_given {
    struct kv_buf body, url, path;
};
void kv_given_begin(struct kv_given *g, const struct kv_endpoint *e,
    const struct kv_request_line *request, struct kv_query *query);
void kv_given_release(struct kv_given *g);

/* Appends the result of a request as one line: its response as kv_response has it (response.h), or
 * that it failed. Of what it used only the price is written, where the service does not say one. */
void kv_given_add_result(struct kv_buf *line, struct kv_slice key, struct kv_slice response,
    const struct kv_usage *used);
void kv_given_add_failure(struct kv_buf *line, struct kv_slice key, struct kv_slice why);

/* What the results of a state have used; *spent has been begun. */
int kv_given_spent(struct kv_spending *spent, const struct kv_requests *requests,
    const struct kv_pricing *pricing, const struct kv_state *state, struct kv_err *err);

#endif
