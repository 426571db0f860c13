/* doc_version - one version of a growing document, open for reading.
 *
 * A growing document is JSON text laid out so that adding to it costs what is added: counters at
 * fixed width in its first KV_DOC_VERSION_HEAD bytes, its growing array last, one item a line:
 *
 *     {"counter": 00…, …, "items":[⏎
 *     {…},⏎
 *     {…}⏎
 *     ]}⏎
 *
 * An empty array is "[⏎]}⏎". Whatever does not end like that is foreign: perhaps valid JSON, but
 * its owner must parse it and write it anew (doc.h) before it can grow.
 *
 *     struct kv_doc_version v;
 *     if (kv_doc_version_open(&v, "results.json.tmp", err)) return -1;
 *     … v.head, kv_doc_version_read(&v, at, …) …
 *     kv_doc_version_close(&v);
 *
 * What a view shows never changes while it is open: writers leave a version alone that somebody has
 * open. It must therefore be read through the descriptor (a mapping that outlives it is not seen by
 * writers on overlayfs), and not be kept longer than needed: a version held costs the writer a
 * copy. Whoever reads two documents of a set opens the second one first (.state before .tmp): the
 * first is then at least as new.
 */
#ifndef KV_DOC_VERSION_H
#define KV_DOC_VERSION_H

#include "err.h"
#include "io_at.h"

enum { KV_DOC_VERSION_HEAD = 512, KV_DOC_VERSION_TAIL = 4 };

enum kv_doc_version_shape {
    KV_DOC_VERSION_ABSENT,  /* no such file */
    KV_DOC_VERSION_GROWING, /* laid out as above, as far as its end shows */
    KV_DOC_VERSION_FOREIGN, /* anything else, the empty file included */
};

struct kv_doc_version {
    int fd; /* -1 when absent or closed */
    enum kv_doc_version_shape shape;
    struct kv_file file;
    off_t size;
    off_t end;     /* growing: where the items end ("⏎]}⏎" begins); else size */
    bool empty;    /* growing: the array has no item yet */
    size_t head_n; /* at most KV_DOC_VERSION_HEAD, and not beyond end */
    char head[KV_DOC_VERSION_HEAD];
};

/* Opens `path`. An absent file is a failure of kind KV_INPUT that names it, as is one that is not a
 * regular file. */
int kv_doc_version_open(struct kv_doc_version *v, const char *path, struct kv_err *err);
/* The same in an open directory; an absent file is the shape KV_DOC_VERSION_ABSENT, not a failure.
 */
int kv_doc_version_open_at(struct kv_doc_version *v, int dir, const char *name, struct kv_err *err);
void kv_doc_version_close(struct kv_doc_version *v); /* twice is fine */

/* Exactly n bytes at `at`, which must lie inside the document. */
int kv_doc_version_read(
    const struct kv_doc_version *v, off_t at, void *to, size_t n, struct kv_err *err);

#endif
