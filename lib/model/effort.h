/* effort - how hard a model is to think, in the words of OpenAI's parameters, and what goes with it.
 *
 * Which model takes which values is known from clients, not from the service: the tables are a first
 * guess that saves a refused call; the refusal decides.
 */
#ifndef KV_EFFORT_H
#define KV_EFFORT_H

#include "buf.h"

#include <stdbool.h>

/* none < minimal < low < medium < high < xhigh < max; verbosity uses three of the words. */
enum { KV_EFFORT_WORDS = 7 };
const char *kv_effort_word(int i);
int kv_effort_find(struct kv_slice word); /* -1: none of them */

/* The words a refusal says it supports ("Supported values are: 'low', 'high'."): a set of bits. */
unsigned kv_effort_offered(struct kv_slice message);
/* The nearest one of a set that is not empty, downwards first. */
int kv_effort_nearest(int asked, unsigned offered);

/* True if this model of OpenAI refuses temperature and the like at this effort (-1: not said). */
bool kv_effort_forbids_sampling(struct kv_slice model, int effort, bool pro);

/* True if it exists only behind the Responses interface. */
bool kv_effort_wants_responses(struct kv_slice model);
/* True if it takes so long that its answer is better fetched later. */
bool kv_effort_wants_background(struct kv_slice model);

#endif
