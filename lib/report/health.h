/* health - what makes results other than they seem: cut, partial, retried, served by others,
 * warned.
 *
 *     struct kv_health h;
 *     kv_health_make(&h, set);
 *     kv_health_release(&h);
 */
#ifndef KV_HEALTH_H
#define KV_HEALTH_H

#include "rowset.h"

struct kv_health_warning {
    uint32_t warning; /* a name: the text made common */
    size_t count;     /* of rows that have it */
    uint32_t example; /* a fact */
};

struct kv_health_served {
    uint32_t model, served; /* asked, and who answered, by another name */
    size_t count;
};

struct kv_health {
    size_t rows, partial, retried, estimated, warned;
    size_t marks[KV_MARKS]; /* cut, filtered, refused, another model, altered request: marks.h */
    struct kv_health_warning *warnings; /* most frequent first */
    size_t warning_count;
    struct kv_health_served *served; /* most frequent first */
    size_t served_count;
};

void kv_health_make(struct kv_health *h, const struct kv_rowset *set);
void kv_health_release(struct kv_health *h);

#endif
