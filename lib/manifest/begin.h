/* begin - begins a run: makes the pair of a manifest, or finds that the one that is there matches.
 *
 * The private members of a .state that kv-run relies on are written here: the digest of the
 * benchmark's content, and the paths of recorded answers and of the list of jobs.
 */
#ifndef KV_BEGIN_H
#define KV_BEGIN_H

#include "manifest.h"

/* Makes the pair at o->output, or leaves a compatible one that is there alone (o->if_absent).
 * Appends the object that says so. KV_NO: the pair that is there is not compatible; KV_INPUT: one
 * is there; KV_BUSY: it is to be replaced while a run holds it. */
int kv_begin(const struct kv_manifest *m, const struct kv_manifest_options *o, struct kv_buf *out,
    struct kv_err *err);

#endif
