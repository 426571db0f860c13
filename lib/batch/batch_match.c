/* batch_match - batches at a service that are, or may be, the one of a part: one is taken over. */
#include "batch_match.h"

#include <stdlib.h>
#include <string.h>

struct kv_batch_match *kv_batch_matches_add(
    struct kv_batch_matches *m, const struct kv_batch_seen *seen)
{
    m->items = kv_grow(m->items, m->n, sizeof *m->items);
    struct kv_batch_match *one = &m->items[m->n++];
    *one = (struct kv_batch_match){.created_ms = seen->created_ms,
        .expires_ms = seen->expires_ms,
        .requests = seen->counts.total,
        .status = seen->status};
    memcpy(one->id, seen->id, sizeof one->id);
    memcpy(one->input, seen->input, sizeof one->input);
    return one;
}

void kv_batch_matches_release(struct kv_batch_matches *m)
{
    free(m->items);
}

/* Times are whole seconds at some: of two of the same one the later in the list is older. */
const struct kv_batch_match *kv_batch_matches_oldest(const struct kv_batch_matches *m)
{
    const struct kv_batch_match *best = NULL;
    for (size_t i = 0; i < m->n; i++) {
        const struct kv_batch_match *one = &m->items[i];
        bool fails = one->status == KV_BATCH_FAILED,
             best_fails = best && best->status == KV_BATCH_FAILED;
        if (!best || (best_fails && !fails) ||
            (fails == best_fails && one->created_ms <= best->created_ms))
            best = one;
    }
    return best;
}

void kv_batch_matches_cancel(struct kv_batch *b, struct kv_batch_service *s,
    const struct kv_batch_part *p, const struct kv_batch_matches *m,
    const struct kv_batch_match *kept)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct kv_batch_match *one = &m->items[i];
        struct kv_buf path = {0};
        if (one == kept || kv_batch_status_is_final(one->status))
            continue;
        kv_buf_printf(&path, "%s/%s/cancel", kv_batch_wire_for(p)->batches, one->id);
        kv_batch_ask(b, s, p, path.p, &(struct kv_exchange_request){.body = KV_SLICE("{}")});
        if (b->x.end == KV_EXCHANGE_DONE)
            kv_batch_say(b, p, "was ordered twice: batch %s is cancelled", one->id);
        else
            kv_batch_say(b, p, "was ordered twice, and batch %s could not be cancelled: %s",
                one->id, b->x.message.p);
        kv_buf_release(&path);
    }
}

int kv_batch_match_adopt(struct kv_batch *b, const struct kv_batch_part *p,
    const struct kv_batch_match *m, struct kv_err *err)
{
    struct kv_batch_seen seen = {.expires_ms = m->expires_ms};
    memcpy(seen.id, m->id, sizeof seen.id);
    kv_batch_say(b, p, "had been ordered: batch %s is looked after", m->id);
    return kv_batch_note_created(b, p, &seen, true, err);
}

bool kv_batch_match_is_known(const struct kv_batch *b, const char *id)
{
    for (size_t i = 0; i < kv_ledger_parts(b->ledger); i++)
        if (strcmp(kv_ledger_part(b->ledger, i)->batch, id) == 0)
            return true;
    return false;
}
