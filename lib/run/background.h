/* background - answers that a service works on by itself, and that are looked after from time to
 * time until they are there.
 *
 * Holds the pending queries that wait for their next look, each at most once. The first looks come
 * soon, as a short answer is soon there, then every five seconds, after two minutes every fifteen.
 * The total is an hour at least.
 */
#ifndef KV_BACKGROUND_H
#define KV_BACKGROUND_H

#include "buf.h"

#include <stdbool.h>
#include <stdint.h>

/* What a pending query has of it; zero to begin. */
struct kv_background_call {
    struct kv_buf response; /* its id at the service; n == 0: not ordered yet */
    struct kv_buf url;      /* where it is looked for */
    int64_t ordered_ms, look_ms;
    int looks;
    bool waits;
    struct kv_background_call *next, *prev; /* of those that wait */
    void *user;
};

struct kv_background {
    struct kv_background_call *first;
    size_t n;
};

enum { KV_BACKGROUND_LEAST_MS = 3600000 };

/* False for the id of a response that may not stand in a URL, of which it becomes a part. */
bool kv_background_take_id(struct kv_background_call *c, struct kv_slice id, int64_t now_ms);
/* The URL of the response, from the one that it was ordered at. */
void kv_background_set_url(struct kv_background_call *c, const char *ordered_at);

void kv_background_wait(struct kv_background *b, struct kv_background_call *c, int64_t now_ms);
/* One whose time to be looked at has come, taken out; NULL: none. */
struct kv_background_call *kv_background_due(struct kv_background *b, int64_t now_ms);
int64_t kv_background_due_ms(const struct kv_background *b); /* INT64_MAX: none waits */
void kv_background_drop(struct kv_background *b, struct kv_background_call *c);
void kv_background_release(struct kv_background_call *c);

#endif
