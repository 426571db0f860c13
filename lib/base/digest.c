/* digest - hashes: a thin cover over nettle. */
#include "digest.h"

#include <nettle/md5.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

struct kv_digest {
    struct sha256_ctx sha256;
};

static void hex_of(const uint8_t *bytes, size_t n, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * n] = '\0';
}

void kv_digest_md5(struct kv_slice bytes, char hex[KV_MD5_HEX + 1])
{
    struct md5_ctx md5;
    uint8_t out[MD5_DIGEST_SIZE];
    md5_init(&md5);
    md5_update(&md5, bytes.n, (const uint8_t *)bytes.p);
    md5_digest(&md5, sizeof out, out);
    hex_of(out, sizeof out, hex);
}

static void sha256_of(struct kv_slice bytes, uint8_t out[SHA256_DIGEST_SIZE])
{
    struct sha256_ctx sha256;
    sha256_init(&sha256);
    sha256_update(&sha256, bytes.n, (const uint8_t *)bytes.p);
    sha256_digest(&sha256, SHA256_DIGEST_SIZE, out);
}

void kv_digest_sha256(struct kv_slice bytes, char hex[KV_SHA256_HEX + 1])
{
    uint8_t out[SHA256_DIGEST_SIZE];
    sha256_of(bytes, out);
    hex_of(out, sizeof out, hex);
}

struct kv_digest128 kv_digest_128(struct kv_slice bytes)
{
    uint8_t out[SHA256_DIGEST_SIZE];
    struct kv_digest128 d;
    sha256_of(bytes, out);
    memcpy(&d, out, sizeof d);
    return d;
}

static uint64_t mix(uint64_t h, const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    h = (h ^ word) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 32;
}

/* Four words at once: a multiplication takes several cycles, and the others need not wait for it. */
uint64_t kv_digest_quick(struct kv_slice bytes)
{
    enum { WORD = sizeof(uint64_t), PIECE = 4 * WORD };
    const char *p = bytes.p, *end = p + bytes.n - bytes.n % PIECE;
    char last[PIECE] = {0};
    uint64_t a = bytes.n, b = 1, c = 2, d = 3;
    if (bytes.n % PIECE)
        memcpy(last, end, bytes.n % PIECE);
    for (bool more = true; more; p += PIECE) {
        more = p < end;
        const char *piece = more ? p : last;
        a = mix(a, piece);
        b = mix(b, piece + WORD);
        c = mix(c, piece + 2 * WORD);
        d = mix(d, piece + 3 * WORD);
    }
    const uint64_t all[] = {b, c, d};
    for (int i = 0; i < 3; i++)
        a = mix(a, (const char *)&all[i]);
    return a;
}

struct kv_digest *kv_digest_begin(void)
{
    struct kv_digest *d = kv_alloc(sizeof *d);
    sha256_init(&d->sha256);
    return d;
}

void kv_digest_update(struct kv_digest *d, struct kv_slice piece)
{
    sha256_update(&d->sha256, piece.n, (const uint8_t *)piece.p);
}

void kv_digest_end(struct kv_digest *d, char hex[KV_SHA256_HEX + 1])
{
    uint8_t out[SHA256_DIGEST_SIZE];
    sha256_digest(&d->sha256, sizeof out, out);
    hex_of(out, sizeof out, hex);
    free(d);
}
