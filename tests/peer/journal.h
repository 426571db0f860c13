/* journal - what the test provider was asked, and what became of it.
 *
 * The journal has one line a request, written when its fate is decided:
 *     {"time","path","model","user","md5","attempt","judge","status","peer"}
 * where md5 is that of the body and attempt counts how often that body has come. --bodies keeps the
 * bodies themselves, one a line; --sent has a line {"time","md5"} for each success that was sent to
 * its last byte.
 */
#ifndef TEST_JOURNAL_H
#define TEST_JOURNAL_H

#include "call.h"
#include "chat.h"
#include "err.h"

#include <stdio.h>

struct journal_options {
    const char *requests, *bodies, *sent; /* files; or NULL */
    const char *header; /* whose value is noted, and of the argument of that name */
    bool buffered;
};

int journal_open(const struct journal_options *options, struct kv_err *err); /* borrowed */
void journal_close(void);
FILE *journal_file(void); /* of requests; or NULL */

long journal_count(struct kv_slice body); /* how often it has come, this time included */
void journal_note(const struct call *c, const struct chat *chat, const struct asked *a);
void journal_note_sent(const struct call *c);

#endif
