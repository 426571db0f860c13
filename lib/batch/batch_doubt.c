/* batch_doubt - finds out whether a POST that somebody did not live to hear of was done. */
#include "batch_doubt.h"

#include "batch_ids.h"
#include "batch_json.h"
#include "batch_match.h"
#include "io.h"
#include "json.h"
#include "json_out.h"

#include <stdlib.h>
#include <string.h>

enum {
    MINUTE = 60000,
    BEFORE_MS = 5 * MINUTE,  /* clocks differ */
    ALIVE_MS = 10 * MINUTE,  /* a POST, at most */
    AFTER_MS = 15 * MINUTE,  /* a service works on what it has taken in */
    BACK_MS = 1440 * MINUTE, /* lists are read so far back, as a clock here may be wrong by hours */
    LOOKS = 5,               /* in vain, … */
    LOOKING_MS = 10 * MINUTE /* over this time, before an inline batch is ordered again */
};

struct search {
    struct kv_batch *b;
    const struct kv_batch_part *p;
    char *label;
    struct kv_batch_matches found;
};

static int stands(struct kv_batch *b, struct kv_batch_part *p)
{
    p->doubt_stands = true;
    b->tally.waits = true;
    return 0;
}

static void tell_ways_out(struct kv_batch *b, const struct kv_batch_part *p)
{
    const char *ledger = kv_ledger_path(b->ledger);
    kv_batch_say(b, p,
        "may have been ordered; its calls wait until that is known: run again, or decide: "
        "kv-batch adopt %s %lld BATCH, or kv-batch forget %s %lld (it may be paid twice)",
        ledger, (long long)p->number, ledger, (long long)p->number);
}

/* ---- is it our account that we see? ---- */

/* Another batch of this ledger at the same service; NULL: none that would still be shown. */
static const struct kv_batch_part *find_witness(struct kv_batch *b, const struct kv_batch_part *p)
{
    for (size_t i = kv_ledger_parts(b->ledger); i > 0; i--) {
        const struct kv_batch_part *q = kv_ledger_part(b->ledger, i - 1);
        if (*q->batch && !q->tidied && q->step != KV_BATCH_GIVEN_UP &&
            strcmp(q->endpoint, p->endpoint) == 0 && strcmp(q->base_url, p->base_url) == 0)
            return q;
    }
    return NULL;
}

/* A key of another project sees nothing of this one, and what it does not see may be there. */
static bool sees_ours(struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *p)
{
    const struct kv_batch_part *witness = find_witness(b, p);
    if (!witness || kv_batch_get(b, s, p, witness->batch))
        return true;
    if (b->x.status == 404)
        kv_batch_say(b, p,
            "batch %s, which was ordered here, cannot be seen with this key: nothing is ordered "
            "again until it can",
            witness->batch);
    else
        kv_batch_take_refusal(b, s, p);
    return false;
}

/* ---- uploads ---- */

/* Looks through one page of files for ours: 1 found, 0 not; `last` is the one to go on behind. */
static bool find_file(struct kv_batch *b, const struct kv_batch_part *p, int64_t until_ms,
    char id[KV_BATCH_ID_MAX + 1], char last[KV_BATCH_ID_MAX + 1])
{
    struct kv_slice data, item, name, more;
    struct kv_json_walk walk;
    struct kv_buf ours = {0};
    bool found = false, older = false;
    kv_batch_add_file_name(b, p, &ours);
    kv_json_get(b->x.json, "data", &data);
    kv_json_begin(&walk, data);
    *last = '\0';
    while (!found && kv_json_item(&walk, &item)) {
        int64_t created_ms = kv_batch_json_time(item, "created_at");
        kv_batch_wire_id(item, "id", last);
        older = created_ms && created_ms < until_ms;
        found = kv_json_get(item, "filename", &name) && kv_json_string_is(name, ours.p) &&
                kv_batch_json_whole(item, "bytes", -1) == p->bytes;
    }
    kv_buf_release(&ours);
    memcpy(id, found ? last : "", found ? KV_BATCH_ID_MAX + 1 : 1);
    if (found || older || !kv_json_get(b->x.json, "has_more", &more) || !kv_json_is_true(more))
        *last = '\0';
    return found;
}

/* A file that was uploaded twice costs nothing and expires: one look is enough. */
static int settle_upload(
    struct kv_batch *b, struct kv_batch_service *s, struct kv_batch_part *p, struct kv_err *err)
{
    const struct kv_service *d = kv_service_find(p->dialect);
    char id[KV_BATCH_ID_MAX + 1], last[KV_BATCH_ID_MAX + 1] = "";
    struct kv_buf path = {0};
    bool found = false;
    do {
        kv_buf_clear(&path);
        kv_buf_printf(&path, "/files?purpose=%s&limit=100&order=desc",
            d && d->batch_purpose ? d->batch_purpose : "batch");
        if (*last)
            kv_buf_printf(&path, "&after=%s", last);
        kv_batch_ask(b, s, p, path.p, NULL);
    } while (b->x.end == KV_EXCHANGE_DONE &&
             !(found = find_file(b, p, p->sending_ms - BACK_MS, id, last)) && *last);
    kv_buf_release(&path);
    if (b->x.end != KV_EXCHANGE_DONE) {
        kv_batch_take_refusal(b, s, p);
        return stands(b, p);
    }
    if (!found) {
        p->step = KV_BATCH_MADE;
        return 0;
    }
    return kv_batch_note_uploaded(b, p, id, 0, err);
}

/* ---- batches made of a file ---- */

/* The file belongs to this part alone; the label confirms it where services keep labels. One that has
 * failed may be of an earlier order, and has done nothing: it would hide a later one from a lagging list. */
static bool look_for_file(void *closure, const struct kv_batch_seen *seen)
{
    struct search *s = closure;
    bool ours = *seen->input && strcmp(seen->input, s->p->file) == 0;
    bool lives = *seen->id && seen->status != KV_BATCH_FAILED;
    if (lives && ours && (!*seen->mark || strcmp(seen->mark, s->label) == 0))
        kv_batch_matches_add(&s->found, seen);
    return true;
}

static int take_found(struct kv_batch *b, struct kv_batch_service *s, struct kv_batch_part *p,
    const struct search *search, struct kv_err *err)
{
    const struct kv_batch_match *m = kv_batch_matches_oldest(&search->found);
    kv_batch_matches_cancel(b, s, p, &search->found, m);
    return kv_batch_match_adopt(b, p, m, err);
}

/* Lists lag: what a young doubt does not find is looked for again. */
static int settle_file_batch(
    struct kv_batch *b, struct kv_batch_service *s, struct kv_batch_part *p, struct kv_err *err)
{
    static const int64_t pauses_ms[] = {0, 5000, 25000, 90000};
    struct kv_buf label = {0};
    bool old = kv_batch_since_ms(b, p->sending_ms) > AFTER_MS;
    kv_batch_add_label(b, p, &label);
    struct search search = {.b = b, .p = p, .label = label.p};
    bool ok = true;
    for (size_t i = 0; ok && !search.found.n && i < (old ? 1 : 4); i++) {
        ok = kv_exchange_pause(&s->line, pauses_ms[i]) &&
             kv_batch_list(b, s, p, p->sending_ms - BACK_MS, look_for_file, &search);
        if (!ok)
            kv_batch_take_refusal(b, s, p);
    }
    int failed = 0;
    if (search.found.n)
        failed = take_found(b, s, p, &search, err);
    else if (ok && sees_ours(b, s, p))
        p->step = KV_BATCH_UPLOADED;
    else
        failed = stands(b, p);
    kv_batch_matches_release(&search.found);
    kv_buf_release(&label);
    return failed;
}

/* ---- batches whose requests came with them ---- */

static bool look_for_number(void *closure, const struct kv_batch_seen *seen)
{
    struct search *s = closure;
    int64_t first = s->p->sending_ms - BEFORE_MS, last = s->p->sending_ms + ALIVE_MS + AFTER_MS;
    if (*seen->id && seen->created_ms >= first && seen->created_ms <= last &&
        seen->counts.total == s->p->requests && !kv_batch_match_is_known(s->b, seen->id))
        kv_batch_matches_add(&s->found, seen);
    return true;
}

static bool take_line(void *user, struct kv_slice bytes)
{
    struct kv_buf *line = user;
    kv_buf_add_slice(line, bytes);
    return !memchr(bytes.p, '\n', bytes.n) && line->n < (64 << 20);
}

/* The id in the first of its results: 1 and *id, or 0 if there is none to be had now. */
static int first_id(struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *p,
    const struct kv_batch_match *m, struct kv_buf *id)
{
    struct kv_buf path = {0}, text = {0};
    struct kv_slice line, value;
    struct kv_err ignored;
    kv_buf_printf(&path, "%s/%s/results", kv_batch_wire_for(p)->batches, m->id);
    const struct kv_exchange_request how = {.take = take_line, .user = &text};
    kv_batch_ask(b, s, p, path.p, &how);
    const char *end = text.n ? memchr(text.p, '\n', text.n) : NULL;
    line = (struct kv_slice){text.p, end ? (size_t)(end - text.p) : 0};
    bool found = end && kv_json_check(line, KV_JSON_FOREIGN, &line, &ignored) == 0 &&
                 kv_json_get(line, "custom_id", &value) && kv_json_type(value) == KV_JSON_STRING;
    if (found)
        kv_json_unescape(value, id);
    kv_buf_release(&path);
    kv_buf_release(&text);
    return found;
}

/* 1: it is the part's, 0: it is not, -1: that cannot be seen yet. */
static int is_ours(struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *p,
    const struct kv_batch_match *m, struct kv_batch_ids *ids)
{
    struct kv_buf id = {0};
    if (!kv_batch_status_is_final(m->status)) {
        kv_batch_say(b, p, "batch %s may be it: that is seen when it has ended", m->id);
        return -1;
    }
    if (!first_id(b, s, p, m, &id)) {
        kv_buf_release(&id);
        return -1;
    }
    bool ours = kv_batch_ids_find(ids, kv_slice_of(&id)) != 0;
    kv_buf_release(&id);
    return ours;
}

/* Looks into the candidates: 1 adopted, 0 all are others', -1 not known yet; -2 with *err. */
static int try_candidates(struct kv_batch *b, struct kv_batch_service *s, struct kv_batch_part *p,
    const struct search *search, struct kv_err *err)
{
    struct kv_batch_ids *ids = kv_batch_ids_open();
    char *path = kv_batch_request_path(&b->paths, p->number);
    int there = kv_io_exists(path, err), got = there < 0 ? -2 : 0;
    bool unknown = there == 0; /* without its requests none can be told from others */
    if (there > 0 && kv_batch_ids_add_requests(ids, path, KV_BATCH_ID_HELD, NULL, err) != 0)
        got = -2;
    free(path);
    for (size_t i = 0; got == 0 && there > 0 && i < search->found.n; i++) {
        int ours = is_ours(b, s, p, &search->found.items[i], ids);
        unknown |= ours < 0;
        if (ours == 1)
            got = kv_batch_match_adopt(b, p, &search->found.items[i], err) != 0 ? -2 : 1;
    }
    kv_batch_ids_close(ids);
    return got == 0 && unknown ? -1 : got;
}

/* Nothing is there that could be it: after some looks over some time it was not done. */
static int note_nothing(
    struct kv_batch *b, struct kv_batch_service *s, struct kv_batch_part *p, struct kv_err *err)
{
    bool old = kv_batch_since_ms(b, p->sending_ms) > ALIVE_MS + AFTER_MS;
    if (kv_batch_note(b, p, "doubt", NULL, err) != 0)
        return -1;
    bool enough = p->doubt_looks >= LOOKS && kv_batch_since_ms(b, p->doubt_ms) >= LOOKING_MS;
    if ((old || enough) && sees_ours(b, s, p)) {
        p->step = KV_BATCH_MADE;
        return 0;
    }
    if (!old && !enough)
        tell_ways_out(b, p);
    return stands(b, p);
}

static int settle_inline_batch(
    struct kv_batch *b, struct kv_batch_service *s, struct kv_batch_part *p, struct kv_err *err)
{
    struct search search = {.b = b, .p = p};
    if (!kv_batch_list(b, s, p, p->sending_ms - BEFORE_MS, look_for_number, &search)) {
        kv_batch_matches_release(&search.found);
        kv_batch_take_refusal(b, s, p);
        return stands(b, p);
    }
    int got = search.found.n ? try_candidates(b, s, p, &search, err) : 0;
    kv_batch_matches_release(&search.found);
    if (got == -2)
        return -1;
    if (got == -1) {
        tell_ways_out(b, p);
        return stands(b, p);
    }
    return got == 1 ? 0 : note_nothing(b, s, p, err);
}

/* ---- all of them ---- */

int kv_batch_settle_part(struct kv_batch *b, struct kv_batch_part *p, struct kv_err *err)
{
    struct kv_err why;
    struct kv_batch_service *s = kv_batch_service_of(b, p, &why);
    if (!s) {
        b->tally.refused = true;
        kv_batch_say(b, p, "%s", why.text);
        return stands(b, p);
    }
    if (s->stopped || b->tally.signal)
        return stands(b, p);
    if (p->step == KV_BATCH_SENDING_UPLOAD)
        return settle_upload(b, s, p, err);
    return kv_batch_wire_for(p)->has_files ? settle_file_batch(b, s, p, err)
                                           : settle_inline_batch(b, s, p, err);
}

int kv_batch_settle(struct kv_batch *b, struct kv_err *err)
{
    for (size_t i = 0; i < kv_ledger_parts(b->ledger); i++) {
        struct kv_batch_part *p = kv_ledger_part(b->ledger, i);
        p->doubt_stands = false;
        if (kv_batch_part_in_doubt(p) && kv_batch_settle_part(b, p, err) != 0)
            return -1;
    }
    return 0;
}
