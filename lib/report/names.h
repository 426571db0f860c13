/* names - texts that come up again and again, each kept once and known by a number.
 *
 * For ids of questions, names of models, of fields, reasons of failures: what a report counts by.
 * Numbers are given in order of first appearance, from 0.
 *
 *     struct kv_names n = {0};
 *     uint32_t id = kv_names_add(&n, text);
 *     struct kv_slice text = kv_names_text(&n, id);
 *     kv_names_release(&n);
 */
#ifndef KV_NAMES_H
#define KV_NAMES_H

#include "buf.h"

#include <stdint.h>

#define KV_NO_NAME UINT32_MAX

struct kv_names { /* private, but for n */
    struct kv_buf text;
    uint32_t *ends; /* of each text: all together are less than 4 GB, or there is no memory */
    uint32_t *slot;
    size_t n, size;
};

uint32_t kv_names_add(struct kv_names *names, struct kv_slice text); /* copied if it is new */
uint32_t kv_names_find(const struct kv_names *names, struct kv_slice text); /* or KV_NO_NAME */
struct kv_slice kv_names_text(const struct kv_names *names, uint32_t id);   /* until the next add */
void kv_names_release(struct kv_names *names);

/* The numbers of all names, in the order of their texts (by bytes). The caller frees. */
uint32_t *kv_names_sorted(const struct kv_names *names);

/* A hash of bytes, to tell values apart: 64 bits, the same on every machine. */
uint64_t kv_names_hash(struct kv_slice text);

#endif
