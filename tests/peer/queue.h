/* queue - replies that have to wait, by the time they are due: a heap of suspended connections. */
#ifndef TEST_QUEUE_H
#define TEST_QUEUE_H

#include "call.h"

int64_t queue_now(void); /* milliseconds of a monotonic clock */

/* Suspends the connection; queue_wake resumes it, as DUE. */
void queue_add(struct call *c, int64_t due_ms);
void queue_wake(void);
int64_t queue_due(void); /* when the next one is; -1: none waits */
void queue_clear(void);  /* forgets them all; whoever calls it resumes them */

#endif
