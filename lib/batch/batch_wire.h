/* batch_wire - what differs between batch services: paths, bodies, objects.
 *
 * A wire writes requests and reads objects; it sends nothing and keeps nothing. There is
 * one row a shape of service: `files` (OpenAI and kin: a file is uploaded, a batch made of it) and
 * `anthropic` (all requests in the body that creates the batch).
 */
#ifndef KV_BATCH_WIRE_H
#define KV_BATCH_WIRE_H

#include "batch_part.h"
#include "batch_status.h"
#include "err.h"

#include <stdbool.h>

enum { KV_BATCH_ID_MAX = 200 };

/* A batch as a service describes it. Ids that may not stand in a URL are left out. */
struct kv_batch_seen {
    char id[KV_BATCH_ID_MAX + 1], input[KV_BATCH_ID_MAX + 1];
    char output[KV_BATCH_ID_MAX + 1], errors[KV_BATCH_ID_MAX + 1];
    char mark[64]; /* what it was labelled with: "MARK/PART"; "" */
    char word[40]; /* its status as said */
    enum kv_batch_status status;
    struct kv_batch_counts counts;
    int64_t created_ms, ended_ms, expires_ms, results_until_ms; /* 0: not said */
    bool archived;                                              /* its results are gone */
    struct kv_buf results_url;
    struct kv_buf code, message; /* why it failed as a whole */
    int64_t line;                /* of the request file, from 1, that did it; 0: none is named */
    double tokens;               /* as it counts them itself; -1: not said */
};
void kv_batch_seen_clear(struct kv_batch_seen *s); /* zero at first */
void kv_batch_seen_release(struct kv_batch_seen *s);

struct kv_batch_wire {
    const char *shape;
    bool has_files;      /* upload first; and metadata tells whose a batch is */
    const char *batches; /* path of the collection */
    const char *page;    /* query of one page of its list */
    const char *after;   /* parameter that names where the next begins */
    int64_t requests_max, bytes_max;
    bool counts_all; /* its counts promise a line for every request */
    void (*add_create)(const struct kv_batch_part *p, const char *label, struct kv_buf *body);
    void (*read)(struct kv_slice object, struct kv_batch_seen *seen);
    /* Appends what stands for one line of the request file in the body of create; inline only. */
    bool (*add_request)(struct kv_slice line, struct kv_buf *out);
};
const struct kv_batch_wire *kv_batch_wire_of(struct kv_slice shape); /* NULL: not known */
void kv_batch_wire_add_shapes(struct kv_buf *out); /* appends their names: "files, anthropic" */
extern const struct kv_batch_wire kv_batch_wire_files, kv_batch_wire_anthropic;

/* ---- for wires ---- */

/* Copies an id if it may stand in a URL, else "". */
void kv_batch_wire_id(struct kv_slice object, const char *name, char to[KV_BATCH_ID_MAX + 1]);

/* Copies the beginning of a text, and the status with its word. */
void kv_batch_wire_text(struct kv_slice object, const char *name, char *to, size_t room);
void kv_batch_wire_status(struct kv_slice object, const char *name, struct kv_batch_seen *seen);

#endif
