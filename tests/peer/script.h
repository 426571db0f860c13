/* script - how the test provider misbehaves, and when.
 *
 * The script is one JSON object:
 *
 *     {"rules":[{"when":{…},"do":{…}},…]}
 *
 * The first rule that fits a request decides; without one the provider simply answers. `when` may
 * have
 *     "model":"NAME"      the model asked for
 *     "path":"TEXT"       the path contains it
 *     "contains":"TEXT"   the last user message contains it
 *     "judge":true|false  the request wants an object, or free text
 *     "first":N           only the first N requests the rest of `when` fits
 *     "after":N           only after N of them
 *     "every":N           only every Nth of them
 *     "each":N            only the first N times this very body is sent
 * and `do`
 *     "status":N          200
 *     "headers":{…}       added to the reply
 *     "body":VALUE        sent as it stands: a string raw, anything else as JSON
 *     "reply":VALUE       said by the model: a string, or anything else as JSON
 *     "finish":"TEXT"     the finish or stop reason instead of the usual one
 *     "latency_ms":N      instead of --latency
 *     "stream":[…]        steps of a streamed reply, see say.h; only where one is asked for
 *     "peer":"NAME"       a fault of the connection, see provider.c: hang, close, reset, cut,
 *                         chunk, garbage, drip, endless, line, headers, short
 *     "raw":"TEXT"        these bytes instead of a reply, then the connection is closed
 */
#ifndef TEST_SCRIPT_H
#define TEST_SCRIPT_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>

struct script;

/* What is known of a request when it is matched. */
struct asked {
    struct kv_slice path, model, user;
    bool judge;
    long times; /* this body has been sent, this one included */
};

struct deed {
    int status;                  /* 0: nothing said */
    struct kv_slice headers;     /* a JSON object, or empty */
    struct kv_slice body, reply; /* JSON values, or empty */
    char *finish, *peer;         /* NULL: nothing said */
    struct kv_slice raw;         /* a JSON string, or empty */
    struct kv_slice stream;      /* a JSON array, or empty */
    long latency_ms;             /* -1: nothing said */
};

struct script *script_open(const char *path, struct kv_err *err); /* NULL path: no rules */
void script_close(struct script *s);

/* The deed for a request, counted; NULL: none. */
const struct deed *script_match(struct script *s, const struct asked *a);

#endif
