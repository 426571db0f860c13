/* lock_warning - says of a pair that its locks do not reach everybody who can write to it. */
#ifndef KV_LOCK_WARNING_H
#define KV_LOCK_WARNING_H

#include "paths.h"

/* One line on stderr, or none if all is well or $KV_NO_HINTS is set. */
void kv_lock_warning(const struct kv_paths *paths);

#endif
