/* report - all numbers of one or two results files; the forms (text, page, …) read them from here.
 */
#include "report.h"

#include "io.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- order and ties ---- */

struct place {
    const struct kv_report *r;
    uint32_t line;
};

static double rate_of(const struct place *p)
{
    double rate = p->r->rates[p->line].rate;
    return isnan(rate) ? -1 : rate;
}

/* Lines are in the order of their judges' and models' names already. */
static int by_rate(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    const struct kv_line *lines = x->r->set->lines;
    double m = rate_of(x), n = rate_of(y);
    if (lines[x->line].judge == lines[y->line].judge && m != n)
        return m < n ? 1 : -1;
    return x->line < y->line ? -1 : x->line > y->line;
}

static void sort_lines(struct kv_report *r)
{
    size_t n = r->set->line_count;
    struct place *places = kv_calloc(n ? n : 1, sizeof *places);
    r->order = kv_calloc(n ? n : 1, sizeof *r->order);
    r->place = kv_calloc(n ? n : 1, sizeof *r->place);
    for (uint32_t i = 0; i < n; i++)
        places[i] = (struct place){r, i};
    qsort(places, n, sizeof *places, by_rate);
    for (uint32_t i = 0; i < n; i++) {
        r->order[i] = places[i].line;
        r->place[places[i].line] = i;
    }
    free(places);
}

bool kv_report_is_tied(const struct kv_report *r, size_t place, uint32_t *other)
{
    uint32_t line = r->order[place];
    for (size_t i = place;
         i-- > 0 && r->set->lines[r->order[i]].judge == r->set->lines[line].judge;) {
        const struct kv_contrast *c = kv_contrasts_find(&r->within, line, r->order[i]);
        if (!c || !c->questions || kv_contrast_is_clear(c))
            continue;
        *other = r->order[i];
        return true;
    }
    return false;
}

/* ---- words ---- */

struct kv_slice kv_report_answering(const struct kv_report *r, uint32_t line)
{
    struct kv_slice name = kv_rowset_model(r->set, r->set->lines[line].answering);
    return name.n ? name : KV_SLICE("–");
}

struct kv_slice kv_report_judge(const struct kv_report *r, uint32_t line)
{
    struct kv_slice name = kv_rowset_model(r->set, r->set->lines[line].judge);
    return name.n ? name : KV_SLICE("–");
}

struct kv_slice kv_report_short(const struct kv_report *r, uint32_t line)
{
    struct kv_slice name = kv_report_answering(r, line);
    return (struct kv_slice){name.p + r->prefix, name.n - r->prefix};
}

static void find_prefix(struct kv_report *r)
{
    for (uint32_t i = 0; i < r->set->line_count; i++) {
        struct kv_slice name = kv_report_answering(r, i);
        const char *colon = memchr(name.p, ':', name.n);
        size_t n = colon ? (size_t)(colon + 1 - name.p) : 0;
        if (i == 0)
            r->prefix = n;
        if (n != r->prefix || memcmp(name.p, kv_report_answering(r, 0).p, n) != 0)
            r->prefix = 0;
        if (r->prefix == 0)
            return;
    }
}

static void add_letters(struct kv_buf *out, size_t place)
{
    if (place >= 26)
        add_letters(out, place / 26 - 1);
    kv_buf_add_char(out, (char)('A' + place % 26));
}

void kv_report_add_letter(struct kv_buf *out, const struct kv_report *r, uint32_t line)
{
    add_letters(out, r->place[line]);
}

size_t kv_report_judges(const struct kv_report *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->set->line_count; i++)
        n += i == 0 || r->set->lines[i].judge != r->set->lines[i - 1].judge;
    return n;
}

/* ---- the baseline ---- */

static bool is_called(struct kv_slice model, const char *name)
{
    const char *colon = memchr(model.p, ':', model.n);
    return kv_slice_is(model, name) ||
           (colon &&
               kv_slice_is(
                   (struct kv_slice){colon + 1, model.n - (size_t)(colon + 1 - model.p)}, name));
}

static int find_baseline(struct kv_report *r, struct kv_err *err)
{
    const char *name = r->how.baseline;
    r->baseline = KV_NO_NAME;
    for (size_t i = 0; name && i < r->set->line_count; i++) {
        uint32_t model = r->set->lines[i].answering;
        if (!is_called(kv_rowset_model(r->set, model), name) || model == r->baseline)
            continue;
        if (r->baseline != KV_NO_NAME)
            return kv_err_set(err, KV_USAGE,
                "--baseline %s: several models are called so; give the name as the report has it",
                name);
        r->baseline = model;
    }
    if (name && r->baseline == KV_NO_NAME)
        return kv_err_set(
            err, KV_USAGE, "--baseline %s: no answering model of %s", name, r->set->path);
    return 0;
}

/* Without a keyword that begins so each question would be a unit of its own, as if nothing was said. */
static int check_cluster(const struct kv_report *r, struct kv_err *err)
{
    const char *prefix = r->how.cluster;
    if (!prefix || !r->set->n)
        return 0;
    for (uint32_t i = 0; i < r->set->keywords.n; i++)
        if (kv_slice_starts(kv_names_text(&r->set->keywords, i), prefix))
            return 0;
    return kv_err_set(
        err, KV_USAGE, "--cluster %s: no keyword of %s begins so", prefix, r->set->path);
}

/* ---- life ---- */

static int open_prices(struct kv_report *r, struct kv_err *err)
{
    if (!r->how.prices)
        return 0;
    kv_buf_reserve(&r->price_text, 1);
    if (kv_io_read(r->how.prices, KV_PRICES_MAX, &r->price_text, err) != 0)
        return -1;
    r->prices = kv_prices_open(kv_slice_of(&r->price_text), err);
    return r->prices ? 0 : kv_err_context(err, "%s", r->how.prices);
}

static int open_all(struct kv_report *r, const char *const *paths, size_t count, struct kv_err *err)
{
    const struct kv_report_options *how = &r->how;
    if (open_prices(r, err) != 0)
        return -1;
    if (!(r->set = kv_rowset_open(paths[count - 1], r->prices, err)))
        return -1;
    if (count > 1 && !(r->then = kv_rowset_open(paths[0], r->prices, err)))
        return -1;
    r->rates = kv_rates_make(r->set, how->cluster, how->by);
    sort_lines(r);
    find_prefix(r);
    kv_contrasts_within(&r->within, r->set, r->rates, how->cluster);
    if (r->then) {
        r->then_rates = kv_rates_make(r->then, how->cluster, how->by);
        kv_contrasts_between(&r->between, r->then, r->then_rates, r->set, r->rates, how->cluster);
    }
    kv_failure_kinds_make(&r->failures, r->set);
    kv_agreements_make(&r->agreements, r->set);
    kv_consumptions_make(&r->consumptions, r->set);
    kv_health_make(&r->health, r->set);
    if (find_baseline(r, err) != 0 || check_cluster(r, err) != 0)
        return -1;
    return how->labels ? kv_agreements_label(
                             &r->agreements, r->set, r->rates, how->cluster, how->labels, err)
                       : 0;
}

struct kv_report *kv_report_open(
    const struct kv_report_options *how, const char *const *paths, size_t count, struct kv_err *err)
{
    struct kv_report *r = kv_calloc(1, sizeof *r);
    r->how = *how;
    if (open_all(r, paths, count, err) == 0)
        return r;
    kv_report_close(r);
    return NULL;
}

void kv_report_close(struct kv_report *r)
{
    if (!r)
        return;
    kv_contrasts_release(&r->within);
    kv_contrasts_release(&r->between);
    kv_failure_kinds_release(&r->failures);
    kv_agreements_release(&r->agreements);
    kv_consumptions_release(&r->consumptions);
    kv_health_release(&r->health);
    if (r->rates)
        kv_rates_free(r->rates, r->set->line_count);
    if (r->then_rates)
        kv_rates_free(r->then_rates, r->then->line_count);
    kv_rowset_close(r->set);
    kv_rowset_close(r->then);
    kv_prices_close(r->prices);
    kv_buf_release(&r->price_text);
    free(r->order);
    free(r->place);
    free(r);
}

/* ---- digests ---- */

static int digest_file(const struct kv_rowset *set, char hex[KV_SHA256_HEX + 1], struct kv_err *err)
{
    enum { PIECE = 1 << 18 };
    struct kv_digest *d = kv_digest_begin();
    char *piece = kv_alloc(PIECE);
    uint64_t done = 0;
    int failed = 0;
    while (!failed && done < set->bytes) {
        uint64_t left = set->bytes - done;
        failed = kv_rowset_read_at(set, done, piece, left < PIECE ? (size_t)left : PIECE, err);
        kv_digest_update(d, (struct kv_slice){piece, left < PIECE ? (size_t)left : PIECE});
        done += left < PIECE ? left : PIECE;
    }
    kv_digest_end(d, hex);
    free(piece);
    return failed;
}

int kv_report_digest(struct kv_report *r, struct kv_err *err)
{
    if (digest_file(r->set, r->digest, err) != 0)
        return -1;
    return r->then ? digest_file(r->then, r->then_digest, err) : 0;
}
