/* call - one request to the test provider, from its first byte to the last of its reply. */
#ifndef TEST_CALL_H
#define TEST_CALL_H

#include "say.h"
#include "script.h"

#include <microhttpd.h>

enum stage { READING, WAITING, DUE, HANGING };

struct call {
    struct MHD_Connection *connection;
    enum stage stage;
    struct kv_buf body, reply;
    int status;
    const struct deed *deed;
    bool at_once;                /* without the latency */
    struct kv_slice retry_after; /* a header of our own */
    int64_t due_ms;
    struct saying saying;     /* a streamed reply */
    size_t sent;              /* of a body that is dripped or cut */
    struct call *prev, *next; /* all calls there are */
};

#endif
