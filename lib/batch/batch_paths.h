/* batch_paths - the names of the files of batches, beside those of a run. */
#ifndef KV_BATCH_PATHS_H
#define KV_BATCH_PATHS_H

#include "paths.h"

#include <stdint.h>

/* Takes the paths of a ledger or a state; *odd operands as kv_paths_find does. */
int kv_batch_find_paths(const char *operand, struct kv_paths *paths, struct kv_err *err);
/* The ledger, the request file of a part, and the file of collected replies. The caller frees them. */
char *kv_batch_ledger_path(const struct kv_paths *paths);
char *kv_batch_request_path(const struct kv_paths *paths, int64_t part);
char *kv_batch_replies_path(const struct kv_paths *paths);

#endif
