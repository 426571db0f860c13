/* batch_restore - what a ledger that was put back from an older copy has forgotten.
 *
 * Whatever it has forgotten was created after the last batch that it knows, so lists are read back to
 * there and no further: a page, mostly.
 */
#include "batch_restore.h"

#include "batch_collect.h"
#include "batch_json.h"
#include "batch_match.h"
#include "batch_regain.h"
#include "batch_requests.h"
#include "batch_submit.h"
#include "io.h"
#include "json_out.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { CLOCKS_MS = 15 * 60000, DAY_MS = 86400000, NUMBER_MAX = 100000000 };

struct search {
    struct kv_batch *b;
    struct kv_batch_service *service;
    const struct kv_batch_part *like;
    struct kv_batch_matches found;
    bool any; /* the list has been read, at least in part */
};

/* The part that a label of ours names; 0: it is another's. */
static int64_t number_of(const struct kv_batch *b, const char *label)
{
    const char *mark = kv_ledger_mark(b->ledger);
    size_t n = strlen(mark);
    char *end;
    if (strncmp(label, mark, n) != 0 || label[n] != '/' || !isdigit((unsigned char)label[n + 1]))
        return 0;
    long number = strtol(label + n + 1, &end, 10);
    return *end || number > NUMBER_MAX ? 0 : number;
}

/* The part that a batch was ordered for: its file tells or, where the copy is older than that, the
 * label. NULL: the ledger has forgotten it, and may have given its number to another. */
static struct kv_batch_part *find_part(
    const struct kv_batch *b, const struct kv_batch_part *like, const struct kv_batch_match *m)
{
    for (size_t i = 0; i < kv_ledger_parts(b->ledger); i++) {
        struct kv_batch_part *p = kv_ledger_part(b->ledger, i);
        if (kv_batch_part_is_beside(p, like) && strcmp(p->file, m->input) == 0)
            return p;
    }
    struct kv_batch_part *p = kv_ledger_part_of(b->ledger, m->number);
    bool fits = p && kv_batch_part_is_beside(p, like) && p->step < KV_BATCH_CREATED && !*p->file &&
                (m->requests <= 0 || m->requests == p->requests);
    return fits ? p : NULL;
}

/* One that failed has done nothing, and a part that is given up or has its batch needs no other. */
static bool look_for_label(void *closure, const struct kv_batch_seen *seen)
{
    struct search *s = closure;
    int64_t number = number_of(s->b, seen->mark);
    s->any = true;
    if (number <= 0 || !*seen->id || !*seen->input || seen->status == KV_BATCH_FAILED ||
        kv_batch_match_is_known(s->b, seen->id))
        return true;
    struct kv_batch_match *m = kv_batch_matches_add(&s->found, seen);
    m->number = number;
    const struct kv_batch_part *p = find_part(s->b, s->like, m);
    if (p && p->step >= KV_BATCH_CREATED)
        s->found.n--;
    return true;
}

/* When the last batch was created, by the clock of the service, that is surely of this ledger; else a day
 * before the ledger was begun, as the clock here may be wrong by hours. What is taken over says nothing of
 * the time before. */
static int64_t last_known_ms(const struct kv_batch *b, const struct kv_batch_part *like)
{
    int64_t ms = 0;
    for (size_t i = 0; i < kv_ledger_parts(b->ledger); i++) {
        const struct kv_batch_part *p = kv_ledger_part(b->ledger, i);
        int64_t created_ms = p->stamp_ms ? p->stamp_ms : p->created_ms - DAY_MS;
        if (!p->adopted && created_ms > ms && strcmp(p->endpoint, like->endpoint) == 0 &&
            kv_batch_part_is_beside(p, like))
            ms = created_ms;
    }
    return ms ? ms : kv_ledger_part(b->ledger, 0)->made_ms - DAY_MS;
}

/* ---- one that is found ---- */

/* Behind all parts that there are, here and in what was found: a request file may lie there for each. */
static int64_t free_number(const struct search *f)
{
    int64_t last = kv_ledger_last_part(f->b->ledger);
    for (size_t i = 0; i < f->found.n; i++)
        last = f->found.items[i].number > last ? f->found.items[i].number : last;
    return last + 1;
}

static int adopt(
    struct kv_batch *b, struct kv_batch_part *p, const struct kv_batch_match *m, struct kv_err *err)
{
    if (strcmp(p->file, m->input) != 0 && kv_batch_note_uploaded(b, p, m->input, 0, err) != 0)
        return -1;
    return kv_batch_match_adopt(b, p, m, err);
}

/* Of the models that are asked at this service, the one of these requests. */
static const struct kv_batch_part *find_like(
    const struct kv_batch *b, const struct kv_batch_part *like, const char *model)
{
    for (size_t i = 0; strcmp(like->model, model) != 0 && i < kv_ledger_parts(b->ledger); i++) {
        const struct kv_batch_part *p = kv_ledger_part(b->ledger, i);
        if (kv_batch_part_is_beside(p, like) && strcmp(p->model, model) == 0)
            return p;
    }
    return like;
}

/* What is told of a batch that brings nothing more, and kept as the reason. */
static const char *words_for_end(int end)
{
    return end == KV_BATCH_REQUESTS_DELETED ? "deleted at the service" : "without results";
}

static int give_up(
    struct kv_batch *b, struct kv_batch_part *p, const char *id, int end, struct kv_err *err)
{
    if (end == KV_BATCH_REQUESTS_DELETED)
        kv_batch_say(b, p, "of batch %s nothing is left at the service", id);
    else
        kv_batch_say(
            b, p, "batch %s has ended without results: its requests can be ordered again", id);
    return kv_batch_give_up(b, p, KV_BATCH_DROPPED, words_for_end(end), err) ? -1 : 1;
}

/* Writes a part down: with its file, so that whoever finds it after a death looks for its batch. */
static int note_part(struct kv_batch *b, const struct kv_batch_part *draft,
    const struct kv_batch_requests *r, const struct kv_batch_part *like, struct kv_err *err)
{
    struct kv_buf more = {0};
    kv_batch_requests_add(r, like, &more);
    kv_json_out_str(&more, "file", draft->file);
    int failed = kv_batch_note(b, draft, "part", more.p, err);
    kv_buf_release(&more);
    return failed;
}

/* Writes down that it brings nothing more: it is not looked for again. */
static int note_given_up(
    struct kv_batch *b, const struct kv_batch_part *draft, int end, struct kv_err *err)
{
    struct kv_batch_requests none = {.n = draft->requests > 0 ? draft->requests : 0};
    kv_buf_add_str(&none.url, draft->url);
    int failed = note_part(b, draft, &none, draft, err);
    kv_batch_requests_release(&none);
    return failed ? -1
                  : give_up(b, kv_ledger_part_of(b->ledger, draft->number), draft->batch, end, err);
}

/* The whole part: 1, or 0 if its requests are not to be had now. */
static int adopt_forgotten(struct search *f, const struct kv_batch_match *m, struct kv_err *err)
{
    struct kv_batch *b = f->b;
    struct kv_batch_part draft = *f->like;
    struct kv_batch_requests r = {0};
    bool taken = kv_ledger_part_of(b->ledger, m->number) != NULL;
    char file[sizeof m->input], batch[sizeof m->id];
    draft.number = taken ? free_number(f) : m->number;
    draft.requests = m->requests;
    draft.file = memcpy(file, m->input, sizeof file);
    draft.batch = memcpy(batch, m->id, sizeof batch);
    int got = kv_batch_requests_restore(&r, b, f->service, &draft, !taken, err);
    if (got == KV_BATCH_REQUESTS_THERE) {
        const struct kv_batch_part *like = find_like(b, f->like, r.model.n ? r.model.p : "");
        if (note_part(b, &draft, &r, like, err) != 0 ||
            adopt(b, kv_ledger_part_of(b->ledger, draft.number), m, err) != 0)
            got = -1;
    } else if (got > 0)
        got = note_given_up(b, &draft, got, err);
    kv_batch_requests_release(&r);
    return got;
}

/* All that were made of one file: 1 done, 0 not now. */
static int take_group(struct search *f, const struct kv_batch_matches *group, struct kv_err *err)
{
    const struct kv_batch_match *m = kv_batch_matches_oldest(group);
    struct kv_batch_part *p = find_part(f->b, f->like, m);
    int got = !p                           ? adopt_forgotten(f, m, err)
              : p->step < KV_BATCH_CREATED ? (adopt(f->b, p, m, err) == 0 ? 1 : -1)
                                           : 1;
    p = got == 1 ? find_part(f->b, f->like, m) : NULL;
    if (p && strcmp(p->batch, m->id) == 0)
        kv_batch_matches_cancel(f->b, f->service, p, group, m);
    return got;
}

static bool is_first(const struct kv_batch_matches *found, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(found->items[k].input, found->items[i].input) == 0)
            return false;
    return true;
}

static struct kv_batch_matches select_of(const struct kv_batch_matches *found, const char *input)
{
    struct kv_batch_matches group = {0};
    for (size_t i = 0; i < found->n; i++) {
        if (strcmp(found->items[i].input, input) != 0)
            continue;
        group.items = kv_grow(group.items, group.n, sizeof *group.items);
        group.items[group.n++] = found->items[i];
    }
    return group;
}

static int take_all(struct search *f, struct kv_err *err)
{
    const struct kv_batch_matches *found = &f->found;
    bool all = true;
    for (size_t i = found->n; i > 0; i--) { /* the oldest first */
        if (!is_first(found, i - 1))
            continue;
        struct kv_batch_matches group = select_of(found, found->items[i - 1].input);
        int got = take_group(f, &group, err);
        kv_batch_matches_release(&group);
        if (got < 0)
            return -1;
        all &= got == 1;
    }
    return all;
}

/* Of a part without a batch: nobody can order it now, and its requests are free for others. */
static int give_up_unsent(struct kv_batch *b, struct kv_batch_part *p, struct kv_err *err)
{
    kv_batch_say(b, p, "its request file is gone, and it was not ordered: given up");
    return kv_batch_give_up(b, p, KV_BATCH_DROPPED, "no request file", err) ? -1 : 1;
}

/* Whoever would order it again has to say so: it was paid for. */
static int hold_lost(struct kv_batch *b, const struct kv_batch_part *p)
{
    kv_batch_say(b, p,
        "its replies are gone, here and at the service: nothing is ordered there; to pay for them "
        "again: kv-batch forget %s %lld",
        kv_ledger_path(b->ledger), (long long)p->number);
    b->tally.refused = true;
    return 0;
}

/* The request file of an open part, which is gone since all its requests had replies. */
static int take_back_file(
    struct kv_batch *b, struct kv_batch_service *s, struct kv_batch_part *p, struct kv_err *err)
{
    struct kv_batch_requests r = {0};
    char *path = kv_batch_request_path(&b->paths, p->number);
    int got = kv_io_exists(path, err);
    free(path);
    if (got)
        return got;
    if (*p->batch || *p->file)
        got = kv_batch_requests_restore(&r, b, s, p, true, err);
    kv_batch_requests_release(&r);
    if (got == KV_BATCH_REQUESTS_UNKNOWN && !*p->batch &&
        (!*p->file || (b->x.end == KV_EXCHANGE_REFUSED && b->x.status == 404)))
        return give_up_unsent(b, p, err);
    if (got > KV_BATCH_REQUESTS_THERE && p->uncollected)
        return hold_lost(b, p);
    return got > KV_BATCH_REQUESTS_THERE ? give_up(b, p, p->batch, got, err) : got;
}

static int take_back_files(struct kv_batch *b, struct kv_batch_service *s,
    const struct kv_batch_part *like, struct kv_err *err)
{
    bool all = true;
    for (size_t i = 0; i < kv_ledger_parts(b->ledger); i++) {
        struct kv_batch_part *p = kv_ledger_part(b->ledger, i);
        if (!kv_batch_part_is_open(p) || kv_batch_part_in_doubt(p) ||
            strcmp(p->endpoint, like->endpoint) != 0 || !kv_batch_part_is_beside(p, like))
            continue;
        int got = take_back_file(b, s, p, err);
        if (got < 0)
            return -1;
        all &= got == 1;
    }
    return all;
}

/* ---- services ---- */

/* True if there is no list that could be looked at, now or later. Whoever may not read it, or only now not,
 * does not learn that it is empty. */
static bool has_no_list(const struct kv_exchange *x)
{
    bool unknown = x->status == 400 || x->status == 404 || x->status == 405 || x->status == 501;
    bool other = x->status == 200 && x->class == KV_OUTCOME_BAD_RESPONSE && x->json.n > 0;
    return unknown || other;
}

static int search(struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *like,
    struct kv_err *err)
{
    struct search f = {.b = b, .service = s, .like = like};
    int64_t until = last_known_ms(b, like) - CLOCKS_MS;
    int got = kv_batch_list(b, s, like, until, look_for_label, &f);
    if (got)
        got = take_all(&f, err);
    else if (!f.any && has_no_list(&b->x))
        got = 1;
    else if (like->number && kv_batch_note_refusal(b, s, like, err) != 0)
        got = -1;
    else if (!like->number)
        kv_batch_take_refusal(b, s, like);
    kv_batch_matches_release(&f.found);
    return got;
}

int kv_batch_restore_at(struct kv_batch *b, const struct kv_batch_part *like, struct kv_err *err)
{
    struct kv_err why;
    struct kv_batch_service *s = kv_batch_service_of(b, like, &why);
    if (!s || s->searched || b->tally.signal || !kv_ledger_parts(b->ledger))
        return 0; /* without its key nothing is ordered there */
    if (s->stopped) {
        s->closed = b->tally.waits = true;
        return 0;
    }
    s->searched = true;
    int got = kv_batch_wire_for(like)->has_files ? search(b, s, like, err) : 1;
    if (got == 1)
        got = take_back_files(b, s, like, err);
    s->closed = got == 0;
    b->tally.waits |= s->closed;
    return got < 0 ? -1 : 0;
}

int kv_batch_restore(struct kv_batch *b, struct kv_err *err)
{
    size_t n = kv_ledger_parts(b->ledger);
    if (kv_batch_regain(b, err) != 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (kv_batch_restore_at(b, kv_ledger_part(b->ledger, i), err) != 0)
            return -1;
    return 0;
}
