/* http_place - where a URL points, as libcurl reads it: the one reading that decides anything.
 *
 * A URL can be spelled so that two readers see two hosts. Who is asked is libcurl's reading, so who
 * is trusted must be too: nothing else in this program looks for a host in a URL. Spellings that
 * are only of use to mislead are refused before libcurl sees them.
 *
 *     struct kv_http_place at;
 *     if (kv_http_place_read(&at, "https://api.openai.com/v1", &err) == 0) … at.host …
 *     kv_http_place_release(&at);
 */
#ifndef KV_HTTP_PLACE_H
#define KV_HTTP_PLACE_H

#include "err.h"

#include <stdbool.h>

struct kv_http_place {
    char *url;      /* as libcurl writes it */
    char *host;     /* lower case, without a port; an address in the usual form, IPv6 in brackets */
    char *port;     /* as given; NULL: the scheme's */
    bool loopback;  /* the host is this machine, by address: 127.0.0.0/8, ::1, localhost */
    bool nearby;    /* there, or at an address of a private network */
    bool encrypted; /* https */
};

/* KV_INPUT for what is no http or https URL with a plain host: a user part, a fragment, a
 * backslash, an escape, a space or a character beyond ASCII in front of the path, one or three
 * slashes, a key in the query. The text never repeats the URL, which may hold a key. */
int kv_http_place_read(struct kv_http_place *p, const char *url, struct kv_err *err);
void kv_http_place_release(struct kv_http_place *p); /* twice is fine */

/* True if both name the same host. The ports are compared only if `exact` gives one. */
bool kv_http_place_is(const struct kv_http_place *p, const struct kv_http_place *exact);

#endif
