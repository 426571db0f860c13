/* output - results handed to the reader of a run, and what the user is told beside them.
 *
 * Results go out in the order they come, each as one line. When the reader goes away or the disk
 * is full the delivery breaks: nothing more is handed out, and the run has to stop. What went
 * wrong with single tasks is told one by one, but not for ever.
 *
 *     struct kv_output d = {.out = &out_queue, .closure = …, .say = …};
 *     kv_output_put(&d, line);
 *     kv_output_poll(&d, &fd);  poll(2) …  kv_output_polled(&d, &fd);
 *     kv_output_end(&d);
 */
#ifndef KV_OUTPUT_H
#define KV_OUTPUT_H

#include "out_queue.h"

#include <poll.h>
#include <stdint.h>

struct kv_output {
    struct kv_out_queue *out;
    void *closure;
    void (*say)(void *closure, const char *text); /* a message */

    /* to read, and to start as zero */
    int64_t results;     /* handed out, or held for the reader */
    bool broken;         /* no more can be handed out */
    bool reader_gone;    /* that is why */
    bool lost;           /* results were not taken, and the user was told */
    const char *kept_in; /* set by the caller: what it was made from is kept there; NULL: lost */
    bool forsaken;       /* set by the caller: the reader is not waited for any more */
    int told;            /* private */
};

void kv_output_say(struct kv_output *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same of a task that could not be done: the first few of them only. */
void kv_output_tell(struct kv_output *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void kv_output_put(struct kv_output *d, struct kv_slice line);

size_t kv_output_held(const struct kv_output *d); /* bytes the reader has still to take */
bool kv_output_waits(const struct kv_output *d);  /* for the reader to take some */

/* What to poll for: room for what is held, and the reader's going away. */
void kv_output_poll(const struct kv_output *d, struct pollfd *fd);
void kv_output_polled(struct kv_output *d, const struct pollfd *fd);

/* Says at the end how many results were not taken. */
void kv_output_end(struct kv_output *d);

#endif
