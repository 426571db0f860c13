/* digest - hashes: a thin cover over nettle.
 *
 * nettle was chosen because it needs no initialisation and loads in microseconds: a one-shot
 * kv-append must not pay for a TLS library.
 */
#ifndef KV_DIGEST_H
#define KV_DIGEST_H

#include "buf.h"

#include <stdint.h>

enum { KV_MD5_HEX = 32, KV_SHA256_HEX = 64 };

/* Lower-case hexadecimal and a NUL. */
void kv_digest_md5(struct kv_slice bytes, char hex[KV_MD5_HEX + 1]);
void kv_digest_sha256(struct kv_slice bytes, char hex[KV_SHA256_HEX + 1]);

/* The first 128 bits of SHA-256: names a key in private tables; two keys never share it. */
struct kv_digest128 {
    uint64_t hi, lo;
};
struct kv_digest128 kv_digest_128(struct kv_slice bytes);

/* Tells texts of one process apart that differ by chance, not by malice: a tenth of the time of a hash
 * that could be kept. */
uint64_t kv_digest_quick(struct kv_slice bytes);

/* SHA-256 over several pieces, for content too large to hold. */
struct kv_digest;
struct kv_digest *kv_digest_begin(void);
void kv_digest_update(struct kv_digest *d, struct kv_slice piece);
void kv_digest_end(struct kv_digest *d, char hex[KV_SHA256_HEX + 1]); /* frees d */

#endif
