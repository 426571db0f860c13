/* streaming - which calls are streamed, how long their clocks run, and what is learned of both.
 *
 * A stream costs bytes and gives what no document gives: the text so far when a call is cut, and the
 * difference between a server that thinks and one that is dead. So long calls are streamed and short
 * ones are not, unless the user or the server says otherwise (kv-run(1), --stream).
 */
#ifndef KV_STREAMING_H
#define KV_STREAMING_H

#include "endpoint.h"
#include "stream.h"

/* True if the next call of this endpoint is to be streamed. */
bool kv_streaming_wanted(const struct kv_endpoint *e);

/* The clocks of this attempt. */
void kv_streaming_limits(
    const struct kv_endpoint *e, const struct kv_call *call, struct kv_stream_limits *limits);

/* Looks at how an unstreamed call ended. If it was cut off for its silence, as proxies do, the
 * endpoint's calls are streamed from now on, which it remarks. */
void kv_streaming_learn(struct kv_endpoint *e, const struct kv_response *reply, int64_t silent_ms);

#endif
