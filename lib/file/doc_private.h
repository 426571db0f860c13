/* doc_private - what a set of growing documents holds, for doc.c and doc_commit.c. */
#ifndef KV_DOC_PRIVATE_H
#define KV_DOC_PRIVATE_H

#include "control.h"
#include "doc.h"
#include "io_lock.h"
#include "shadow.h"

struct kv_doc {
    char *directory, *name, *lock_name;
    size_t count;
    struct kv_shadow part[KV_DOC_MAX];

    const struct kv_patience *patience;
    int dir, lock; /* -1 outside a transaction */
    bool leases;
    enum kv_control_state state;
    struct kv_control record;
    bool same_boot, known; /* the lineage is that of the record */
    bool unrelated, committed, removed;
};

/* ".results.json.NAME"; the caller frees it. */
char *kv_doc_name_private(const struct kv_doc *d, const char *name);

/* Answers `failed`, with the directory in front of the text of *err: messages name files as they are
 * called in it, and the user gave a path. */
int kv_doc_placed(const struct kv_doc *d, int failed, struct kv_err *err);

#endif
