/* batch_manage - what a person decides about parts: cancel, adopt, forget, tidy. */
#include "batch_manage.h"

#include "batch_match.h"
#include "batch_submit.h"

#include <stdlib.h>
#include <string.h>

static int not_open(const struct kv_batch_part *p, struct kv_err *err)
{
    return kv_err_set(err, KV_INPUT, "part %lld is not open: it is %s", (long long)p->number,
        p->step == KV_BATCH_COLLECTED ? "collected" : "given up");
}

int kv_batch_cancel(struct kv_batch *b, struct kv_batch_part *p, struct kv_err *err)
{
    if (!kv_batch_part_is_open(p))
        return not_open(p, err);
    if (kv_batch_part_in_doubt(p))
        return kv_err_set(err, KV_INPUT,
            "part %lld: whether it was ordered is not known yet: run kv-batch status first",
            (long long)p->number);
    if (p->step < KV_BATCH_CREATED)
        return kv_batch_give_up(b, p, KV_BATCH_DROPPED, "cancelled before it was ordered", err);
    if (p->step == KV_BATCH_ENDED)
        return 0;
    struct kv_batch_service *s = kv_batch_service_of(b, p, err);
    struct kv_buf path = {0};
    if (!s || s->stopped)
        return s ? 0 : -1;
    kv_buf_printf(&path, "%s/%s/cancel", kv_batch_wire_for(p)->batches, p->batch);
    kv_batch_ask(b, s, p, path.p, &(struct kv_exchange_request){.body = KV_SLICE("{}")});
    kv_buf_release(&path);
    if (b->x.end != KV_EXCHANGE_DONE)
        kv_batch_take_refusal(b, s, p);
    return 0;
}

int kv_batch_adopt(
    struct kv_batch *b, struct kv_batch_part *p, const char *batch, struct kv_err *err)
{
    const struct kv_batch_wire *w = kv_batch_wire_for(p);
    if (p->step >= KV_BATCH_CREATED)
        return kv_err_set(err, KV_INPUT, "part %lld has its batch already", (long long)p->number);
    if (kv_batch_match_is_known(b, batch))
        return kv_err_set(err, KV_INPUT, "batch %s is that of another part", batch);
    struct kv_batch_service *s = kv_batch_service_of(b, p, err);
    if (!s)
        return -1;
    if (!kv_batch_get(b, s, p, batch))
        return kv_err_set(err, b->x.status == 404 ? KV_INPUT : KV_PROVIDER, "batch %s: %s", batch,
            b->x.message.n ? b->x.message.p : "not found");
    const struct kv_batch_seen *seen = &b->seen;
    if (!*seen->id)
        return kv_err_set(err, KV_PROVIDER, "batch %s: the reply names no batch", batch);
    if (seen->counts.total > 0 && seen->counts.total != p->requests)
        return kv_err_set(err, KV_INPUT, "batch %s has %lld requests, part %lld has %lld", batch,
            (long long)seen->counts.total, (long long)p->number, (long long)p->requests);
    if (w->has_files && *p->file && strcmp(seen->input, p->file) != 0)
        return kv_err_set(err, KV_INPUT, "batch %s was made of another file than part %lld", batch,
            (long long)p->number);
    return kv_batch_note_created(b, p, seen, true, err);
}

int kv_batch_forget(struct kv_batch *b, struct kv_batch_part *p, struct kv_err *err)
{
    if (!kv_batch_part_is_open(p) && kv_batch_part_lacks(p) <= 0)
        return not_open(p, err);
    return kv_batch_give_up(b, p, KV_BATCH_DROPPED, "forgotten", err);
}

/* True if it is gone, now or before. */
static bool erase(struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *p,
    const char *collection, const char *id)
{
    struct kv_buf path = {0};
    if (!*id)
        return true;
    kv_buf_printf(&path, "%s/%s", collection, id);
    kv_batch_ask(b, s, p, path.p, &(struct kv_exchange_request){.method = "DELETE"});
    kv_buf_release(&path);
    bool gone = b->x.end == KV_EXCHANGE_DONE || b->x.status == 404;
    if (!gone)
        kv_batch_take_refusal(b, s, p);
    return gone;
}

static int tidy_part(struct kv_batch *b, const struct kv_batch_part *p, struct kv_err *err)
{
    const struct kv_batch_wire *w = kv_batch_wire_for(p);
    struct kv_batch_service *s = kv_batch_service_of(b, p, err);
    if (!s)
        return -1;
    if (s->stopped)
        return 0;
    bool gone = w->has_files
                    ? erase(b, s, p, "/files", p->file) && erase(b, s, p, "/files", p->output) &&
                          erase(b, s, p, "/files", p->errors)
                    : erase(b, s, p, w->batches, p->batch);
    return gone ? kv_batch_note(b, p, "tidied", NULL, err) : 0;
}

int kv_batch_tidy(struct kv_batch *b, struct kv_err *err)
{
    for (size_t i = 0; i < kv_ledger_parts(b->ledger) && !b->tally.signal; i++) {
        struct kv_batch_part *p = kv_ledger_part(b->ledger, i);
        if (p->step == KV_BATCH_COLLECTED && !p->tidied && tidy_part(b, p, err) != 0)
            return -1;
    }
    return 0;
}
