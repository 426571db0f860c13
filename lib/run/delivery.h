/* delivery - results handed to the reader of a run, and what the user is told beside them.
 *
 * Results go out in the order they come, each as one line. When the reader goes away or the disk
 * is full the delivery breaks: nothing more is handed out, and the run has to stop. What went
 * wrong with single tasks is told one by one, but not for ever.
 *
 *     struct kv_delivery d = {.out = &outlet, .closure = …, .say = …};
 *     kv_delivery_put(&d, line);
 *     kv_delivery_poll(&d, &fd);  poll(2) …  kv_delivery_polled(&d, &fd);
 *     kv_delivery_end(&d);
 */
#ifndef KV_DELIVERY_H
#define KV_DELIVERY_H

#include "outlet.h"

#include <poll.h>
#include <stdint.h>

struct kv_delivery {
    struct kv_outlet *out;
    void *closure;
    void (*say)(void *closure, const char *text); /* a message */

    /* to read, and to start as zero */
    int64_t results;  /* handed out, or held for the reader */
    bool broken;      /* no more can be handed out */
    bool reader_gone; /* that is why */
    bool lost;        /* results were not taken; it has been said */
    bool forsaken;    /* set by the caller: the reader is not waited for any more */
    int told;         /* private */
};

void kv_delivery_say(struct kv_delivery *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same of a task that could not be done: the first few of them only. */
void kv_delivery_tell(struct kv_delivery *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void kv_delivery_put(struct kv_delivery *d, struct kv_slice line);

size_t kv_delivery_held(const struct kv_delivery *d); /* bytes the reader has still to take */
bool kv_delivery_waits(const struct kv_delivery *d);  /* for the reader to take some */

/* What to poll for: room for what is held, and the reader's going away. */
void kv_delivery_poll(const struct kv_delivery *d, struct pollfd *fd);
void kv_delivery_polled(struct kv_delivery *d, const struct pollfd *fd);

/* Says what was not taken, at the end. */
void kv_delivery_end(struct kv_delivery *d);

#endif
