/* detail - of each row what is looked at seldom, kept in few bytes.
 *
 * Most rows say little: no retries, no warning, small counts of tokens, seconds with three decimals.
 * So only what a row says is kept, numbers in as many bytes as they need, one row behind the other:
 * about 30 bytes of each. Nothing is rounded: what comes out is what went in.
 *
 *     struct kv_detail d = {0};
 *     uint64_t at = kv_detail_pack(&packed, &d);      behind what packed holds
 *     kv_detail_unpack(&d, packed.p + at);
 *     kv_detail_release(&d);
 */
#ifndef KV_DETAIL_H
#define KV_DETAIL_H

#include "buf.h"

#include <stdint.h>

/* What of the calls of a row is known: tokens as the rows state them, money as the service said it,
 * else by a price file. `cached` is a part of input, `reasoning` of output. */
struct kv_consumption {
    uint64_t input, output, cached, reasoning;
    double cost; /* NaN: not known */
};

enum { KV_RETRY_CLASSES = 4 }; /* connection, timeout, rate_limit, server_error */

/* What a judge's extraction of one field came to. */
enum kv_field_verdict { KV_FIELD_FAILED, KV_FIELD_PASSED, KV_FIELD_MISSING };
struct kv_field_fact {
    uint64_t value; /* tells extracted values apart; only of fields that did not pass, else 0 */
    uint32_t field; /* a name */
    enum kv_field_verdict verdict;
};

struct kv_detail {
    uint64_t offset;             /* of the row in its file */
    uint32_t length;             /* of the row */
    uint32_t reason;             /* of a row that did not pass: a name, else KV_NO_NAME */
    uint32_t served;             /* the model that answered, if it said so: a name */
    double seconds, first_token; /* NaN: not said */
    struct kv_consumption answering, judging;
    uint16_t retries[KV_RETRY_CLASSES];
    struct kv_field_fact *fields;
    size_t field_count;
    uint32_t *warnings; /* names, as often as the row has them */
    size_t warning_count;
    size_t field_room, warning_room; /* private */
};

/* A row that says nothing; the room of the lists stays. */
void kv_detail_clear(struct kv_detail *d);
void kv_detail_add_field(struct kv_detail *d, const struct kv_field_fact *field);
void kv_detail_add_warning(struct kv_detail *d, uint32_t warning);

/* Appends it; answers where it begins. */
uint64_t kv_detail_pack(struct kv_buf *out, const struct kv_detail *d);
/* In the place of what *d was. */
void kv_detail_unpack(struct kv_detail *d, const char *from);
/* Of it only where the row is. */
void kv_detail_place(const char *from, uint64_t *offset, uint32_t *length);

void kv_detail_release(struct kv_detail *d);

#endif
