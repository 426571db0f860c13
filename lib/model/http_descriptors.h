/* http_descriptors - how many connections this process may have. */
#ifndef KV_HTTP_DESCRIPTORS_H
#define KV_HTTP_DESCRIPTORS_H

#include "err.h"

#include <stddef.h>

/* Raises the soft limit of descriptors to the hard one; how many connections it leaves, at most
 * `wanted`. */
size_t kv_http_descriptors_raise(size_t wanted);

/* One transfer needs a socket, what its name is looked up with, and libcurl's own few. Where they
 * are missing, libcurl would tell of a host that is not there: KV_SYSTEM. */
int kv_http_descriptors_check(struct kv_err *err);

#endif
