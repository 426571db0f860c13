/* provenance - where results come from: what the file, and the state beside it, say of the run.
 *
 *     struct kv_provenance p;
 *     kv_provenance_make(&p, set);
 *     kv_provenance_release(&p);
 */
#ifndef KV_PROVENANCE_H
#define KV_PROVENANCE_H

#include "rowset.h"

/* Texts, empty where nothing says it. The last two stand in a .state only, so that they are known
 * while a run is in progress. */
struct kv_provenance {
    struct kv_buf job_id, version, exported; /* of the document's header */
    struct kv_buf models; /* metadata.verification_config, a JSON object; or empty */
    struct kv_buf config_hash, benchmark_digest;
};

void kv_provenance_make(struct kv_provenance *p, const struct kv_rowset *set);
void kv_provenance_release(struct kv_provenance *p);

#endif
