/* say - a reply of the test provider as a stream: pieces of bytes, each after a wait.
 *
 * Without a script the text goes out in small deltas, at once or --token-ms apart. A deed's
 * "stream" is an array of steps instead:
 *
 *     {"wait_ms":N}          nothing for so long
 *     {"text":"…"}           a delta of the answer; {"pieces":N,"every_ms":M} beside it cut it up
 *     {"think":"…"}          a delta of reasoning, likewise
 *     {"open":"think"}       a block or item of reasoning begins, and says nothing yet
 *     {"ping":true}          what the wire sends to show that it lives
 *     {"finish":"REASON"}    the finish reason (true: the usual one), and the usage
 *     {"marker":true}        the end marker of the wire
 *     {"error":{…}}          an event with this error
 *     {"raw":"…"}            these bytes
 *     {"end":"hang"|"break"} what becomes of the connection instead of a clean end
 */
#ifndef TEST_SAY_H
#define TEST_SAY_H

#include "chat.h"

struct piece {
    long wait_ms; /* before it */
    size_t n;     /* bytes, which follow those of the piece before */
};

struct saying {
    struct kv_buf bytes;
    struct piece *pieces;
    size_t count;
    enum { SAY_CLEAN, SAY_HANG, SAY_BREAK } end;
    size_t at, sent, part; /* pieces gone, bytes gone, bytes of the piece at hand gone */
    bool waited;           /* for the piece at hand */
};
void saying_release(struct saying *s);

/* `steps` is a JSON array, or empty for the text as it is. */
void say(struct saying *s, const struct chat *c, struct kv_slice text, const char *finish,
    struct kv_slice steps, long token_ms, long serial);

#endif
