/* call_id - the name of a call: the same in every run that asks the same for the same purpose. */
#include "call_id.h"

#include "digest.h"

#include <string.h>

/* Netstrings: ids of questions may hold any character. */
static void add(struct kv_buf *out, struct kv_slice item)
{
    kv_buf_printf(out, "%zu:", item.n);
    kv_buf_add_slice(out, item);
    kv_buf_add_char(out, ',');
}

static void add_digest(struct kv_buf *out, struct kv_slice bytes, bool wanted)
{
    char hex[KV_SHA256_HEX + 1] = "";
    if (wanted)
        kv_digest_sha256(bytes, hex);
    add(out, kv_slice(hex));
}

void kv_call_id(const struct kv_call_name *n, char id[KV_CALL_ID + 1])
{
    struct kv_buf text = {0}, number = {0};
    char hex[KV_SHA256_HEX + 1];
    kv_buf_printf(&number, "%d", n->number);
    add(&text, KV_SLICE("kv-call-1"));
    add(&text, n->nonce);
    add(&text, n->purpose);
    add(&text, n->question);
    add(&text, n->answering);
    add(&text, n->judging);
    add(&text, n->replicate);
    add(&text, kv_slice_of(&number));
    add_digest(&text, n->answer, n->judging.n > 0);
    add_digest(&text, n->settings, true);
    kv_digest_sha256(kv_slice_of(&text), hex);
    memcpy(id, "kv1-", 4);
    memcpy(id + 4, hex, KV_CALL_ID - 4);
    id[KV_CALL_ID] = '\0';
    kv_buf_release(&text);
    kv_buf_release(&number);
}

void kv_call_nonce(
    struct kv_slice created_at, struct kv_slice config_hash, char nonce[KV_CALL_NONCE + 1])
{
    struct kv_buf text = {0};
    char hex[KV_SHA256_HEX + 1];
    kv_buf_add_slice(&text, created_at);
    kv_buf_add_char(&text, '\n');
    kv_buf_add_slice(&text, config_hash);
    kv_digest_sha256(kv_slice_of(&text), hex);
    memcpy(nonce, hex, KV_CALL_NONCE);
    nonce[KV_CALL_NONCE] = '\0';
    kv_buf_release(&text);
}

bool kv_call_id_is_ours(struct kv_slice id)
{
    return id.n == KV_CALL_ID && memcmp(id.p, "kv1-", 4) == 0;
}
