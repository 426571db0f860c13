/* replies_fit - are the replies that are given those of this run?
 *
 * What a call is named by contains the answer that is judged, so the names of judgements are known only
 * as the run goes; those of answers are known before.
 */
#ifndef KV_REPLIES_FIT_H
#define KV_REPLIES_FIT_H

#include "session.h"

/* Looks before anybody is asked. KV_INPUT if no reply can be one of this run: then all calls would be
 * made, which is not what somebody wants who gives replies. */
int kv_replies_fit(const struct kv_session *s, struct kv_err *err);

/* How many calls with replies are none of this run for certain, after it. What is done already, or was
 * not to be done now, may have had the others. */
size_t kv_replies_fit_strangers(const struct kv_session *s);

#endif
