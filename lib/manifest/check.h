/* check - everything that is wrong with a benchmark and a configuration, at once.
 *
 * Beginning a run stops at the first file that cannot be used; somebody who writes one wants to know
 * all of it. So each file is read as far as it goes: a question that is wrong does not hide the
 * next, a configuration that is wrong does not hide the benchmark. What would only be remarked on
 * when a run is begun, since it fails its tasks, is wrong here.
 */
#ifndef KV_CHECK_H
#define KV_CHECK_H

#include "manifest.h"

/* Looks both files through; o->config NULL and no settings: the benchmark alone. Returns 0 with the
 * manifest as kv_manifest_plan makes it (of a benchmark alone it is empty), or -1 with *err and all
 * problems in *m, which is to be released in any case. */
int kv_check(struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_err *err);

#endif
