/* former - the run that was finished here before: is it the one that is to begin?
 *
 * make and cron say again what they said yesterday. If the export at the output path answers every
 * task of the manifest, from the same models, questions and templates, there is nothing to do. An
 * export does not hold all settings; those that it does not hold are not compared.
 */
#ifndef KV_FORMER_H
#define KV_FORMER_H

#include "manifest.h"
#include "state.h"

/* 1: `s` (a finished one) answers the manifest. 0: it is another run's, or of other questions. -1:
 * it cannot be read. */
int kv_former_fits(const struct kv_manifest *m, struct kv_state *s, struct kv_err *err);

#endif
