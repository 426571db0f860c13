/* fault - sends a decided reply, or does to the connection what the script wants instead. */
#ifndef TEST_FAULT_H
#define TEST_FAULT_H

#include "call.h"

/* Replies that would never end, end when this is set. */
extern bool fault_stopping;

/* Queues the reply with microhttpd. MHD_NO: the bytes, if any, are out already; close. */
enum MHD_Result fault_send(struct call *c);

#endif
