/* batch_lacks - requests of parts that are over, which have no answer and were not ordered again. */
#include "batch_lacks.h"

#include "batch_ids.h"
#include "batch_submit.h"
#include "io.h"

#include <stdlib.h>

/* Those of which nothing is known yet; now they are known. Where the request file is gone, nothing shows
 * that they were ordered again. */
static int count(const struct kv_batch *b, const struct kv_batch_part *p, struct kv_batch_ids *ids,
    int64_t *n, struct kv_err *err)
{
    char *path = kv_batch_request_path(&b->paths, p->number);
    int there = kv_io_exists(path, err), failed = there < 0 ? -1 : 0;
    if (there > 0)
        failed = kv_batch_ids_add_requests(ids, path, KV_BATCH_ID_HELD, n, err);
    else
        *n = kv_batch_part_lacks(p);
    free(path);
    return failed;
}

/* Newest first: what is lacking in several parts is so in the newest of them. */
static int count_all(const struct kv_batch *b, int64_t *lacking, struct kv_err *err)
{
    struct kv_batch_ids *ids = kv_batch_ids_open();
    int failed = kv_batch_ids_add_known(ids, b->ledger, &b->paths, err);
    for (size_t i = kv_ledger_parts(b->ledger); !failed && i > 0; i--) {
        const struct kv_batch_part *p = kv_ledger_part(b->ledger, i - 1);
        if (!kv_batch_part_is_open(p))
            failed = count(b, p, ids, &lacking[i - 1], err);
    }
    kv_batch_ids_close(ids);
    return failed;
}

static void tell(struct kv_batch *b, struct kv_batch_part *p, int64_t n)
{
    bool faulty = p->step == KV_BATCH_GIVEN_UP && p->loss == KV_BATCH_FAULTY;
    *(faulty ? &b->tally.faulty : &b->tally.waits) = true;
    if (!p->told && faulty)
        kv_batch_say(b, p, "the batch failed: %s; its requests are not ordered", p->said);
    else if (!p->told)
        kv_batch_say(b, p, "%lld of %lld requests have no reply: submit them again", (long long)n,
            (long long)p->requests);
    p->told = true;
}

/* True if the requests of all open parts are known: else it is told, and nothing is ordered meanwhile. */
static bool knows_open(const struct kv_batch *b)
{
    bool known = true;
    for (size_t i = 0; known && i < kv_ledger_parts(b->ledger); i++) {
        const struct kv_batch_part *p = kv_ledger_part(b->ledger, i);
        char *path = kv_batch_request_path(&b->paths, p->number);
        known = !kv_batch_part_is_open(p) || kv_io_exists(path, NULL) != 0;
        free(path);
    }
    return known;
}

/* Writes down that a part lacks nothing any more, so that nobody reads its requests, and all replies, to
 * find that out again. What becomes of them is told by the parts that have them now. A batch that was
 * faulty stays so, as kv-run --batch counts those. */
static int settle(struct kv_batch *b, struct kv_batch_part *p, struct kv_err *err)
{
    char *path = kv_batch_request_path(&b->paths, p->number);
    bool known = kv_io_exists(path, NULL) > 0 && p->loss != KV_BATCH_FAULTY;
    free(path);
    return known ? kv_batch_give_up(b, p, KV_BATCH_AGAIN, "ordered again", err) : 0;
}

int kv_batch_lacks_tell(struct kv_batch *b, struct kv_err *err)
{
    size_t parts = kv_ledger_parts(b->ledger);
    bool any = false;
    for (size_t i = 0; !any && i < parts; i++)
        any = kv_batch_part_lacks(kv_ledger_part(b->ledger, i)) > 0;
    if (!any || b->tally.signal || !knows_open(b))
        return 0;
    int64_t *lacking = kv_calloc(parts, sizeof *lacking);
    int failed = count_all(b, lacking, err);
    for (size_t i = 0; !failed && i < parts; i++) {
        struct kv_batch_part *p = kv_ledger_part(b->ledger, i);
        if (kv_batch_part_lacks(p) <= 0)
            continue;
        if (lacking[i] > 0)
            tell(b, p, lacking[i]);
        else
            failed = settle(b, p, err);
    }
    free(lacking);
    return failed;
}
