/* price - what the tokens of one model cost, and what a call of it cost. */
#include "price.h"

#include "json.h"
#include "num.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define UNKNOWN ((double)NAN)
static const double per_million = 1e6;
static const double half = 0.5; /* what batch and flex cost where the file does not say */

static const char *const tier_names[KV_TIERS] = {"standard", "batch", "flex", "priority"};

enum kv_tier kv_tier_of(struct kv_slice name)
{
    for (enum kv_tier t = KV_TIER_BATCH; t < KV_TIERS; t++)
        if (name.n == strlen(tier_names[t]) && strncasecmp(name.p, tier_names[t], name.n) == 0)
            return t;
    return KV_TIER_STANDARD;
}

const char *kv_tier_name(enum kv_tier tier)
{
    return tier_names[tier];
}

/* ---- members ---- */

/* A rate under this name: a number from 0 up, or a string that holds one. 0, or -1 with the name.
 */
static int read_rate(
    struct kv_slice entry, const char *name, double unit, double *rate, struct kv_err *err)
{
    struct kv_slice value;
    struct kv_buf text = {0};
    double x;
    if (!kv_json_get(entry, name, &value) || kv_json_is_null(value))
        return 0;
    if (kv_json_type(value) == KV_JSON_STRING) {
        kv_json_unescape(value, &text);
        value = kv_slice_of(&text);
    }
    bool good = kv_num_double(value, &x) && isfinite(x) && x >= 0;
    kv_buf_release(&text);
    if (!good)
        return kv_err_set(err, KV_INPUT, "\"%s\" is not a number from 0 up", name);
    *rate = x / unit;
    return 0;
}

struct member {
    const char *name;
    size_t at; /* in struct kv_rates */
};

static double *rate_at(struct kv_rates *r, const struct member *m)
{
    return (double *)(void *)((char *)r + m->at);
}

#define AT(rate) offsetof(struct kv_rates, rate)
static const struct member ours[] = {{"input", AT(input)}, {"output", AT(output)},
    {"cache_read", AT(read)}, {"cache_write", AT(write)}, {"cache_write_1h", AT(write_1h)},
    {"reasoning", AT(reasoning)}, {NULL, 0}};
static const struct member litellm[] = {{"input_cost_per_token", AT(input)},
    {"output_cost_per_token", AT(output)}, {"cache_read_input_token_cost", AT(read)},
    {"cache_creation_input_token_cost", AT(write)},
    {"cache_creation_input_token_cost_above_1hr", AT(write_1h)},
    {"output_cost_per_reasoning_token", AT(reasoning)}, {NULL, 0}};

static const struct kv_rates nothing = {NAN, NAN, NAN, NAN, NAN, NAN};

static int read_rates(struct kv_rates *r, struct kv_slice entry, const struct member *members,
    const char *suffix, double unit, struct kv_err *err)
{
    char name[96];
    *r = nothing;
    for (const struct member *m = members; m->name; m++) {
        snprintf(name, sizeof name, "%s%s", m->name, suffix);
        if (read_rate(entry, name, unit, rate_at(r, m), err) != 0)
            return -1;
    }
    return 0;
}

/* ---- what follows from the rest ---- */

static double or_else(double rate, double fallback)
{
    return isnan(rate) ? fallback : rate;
}

static void fill_in(struct kv_rates *r, enum kv_cache_habit habit)
{
    bool anthropic = habit == KV_CACHE_ANTHROPIC;
    r->read = or_else(r->read, r->input * (anthropic ? 0.1 : 1));
    r->write = or_else(r->write, r->input * (anthropic ? 1.25 : 1));
    r->write_1h = or_else(r->write_1h, anthropic ? r->input * 2 : r->write);
    r->reasoning = or_else(r->reasoning, r->output);
}

static double in_ratio(double rate, double of, double standard)
{
    return standard > 0 ? rate * (of / standard) : of;
}

/* What a tier or a step leaves out keeps its ratio to the input or the output. */
static void follow(struct kv_rates *r, const struct kv_rates *standard)
{
    r->input = or_else(r->input, standard->input);
    r->output = or_else(r->output, standard->output);
    r->read = or_else(r->read, in_ratio(standard->read, r->input, standard->input));
    r->write = or_else(r->write, in_ratio(standard->write, r->input, standard->input));
    r->write_1h = or_else(r->write_1h, in_ratio(standard->write_1h, r->input, standard->input));
    r->reasoning =
        or_else(r->reasoning, in_ratio(standard->reasoning, r->output, standard->output));
}

static struct kv_rates times(const struct kv_rates *r, double factor)
{
    return (struct kv_rates){r->input * factor, r->output * factor, r->read * factor,
        r->write * factor, r->write_1h * factor, r->reasoning * factor};
}

static bool says_nothing(const struct kv_rates *r)
{
    return isnan(r->input) && isnan(r->output) && isnan(r->read);
}

/* ---- our form ---- */

/* A tier is an object with the members of the entry, or a factor. */
static int read_our_tier(
    struct kv_price *p, struct kv_slice entry, enum kv_tier tier, struct kv_err *err)
{
    struct kv_slice value;
    struct kv_rates *r = &p->tier[tier];
    double factor = tier == KV_TIER_PRIORITY ? UNKNOWN : half;
    bool given = kv_json_get(entry, tier_names[tier], &value);
    if (given && kv_json_type(value) == KV_JSON_OBJECT) {
        if (read_rates(r, value, ours, "", per_million, err) != 0)
            return kv_err_context(err, "\"%s\"", tier_names[tier]);
        follow(r, &p->tier[KV_TIER_STANDARD]);
        return 0;
    }
    if (given && read_rate(entry, tier_names[tier], 1, &factor, err) != 0)
        return -1;
    *r = times(&p->tier[KV_TIER_STANDARD], factor);
    return 0;
}

static int read_our_step(struct kv_price *p, struct kv_slice step, struct kv_err *err)
{
    struct kv_slice value;
    int64_t tokens;
    if (p->steps == KV_PRICE_STEPS)
        return kv_err_set(err, KV_INPUT, "\"above\" has more than %d steps", KV_PRICE_STEPS);
    if (!kv_json_get(step, "tokens", &value) || !kv_num_int64(value, &tokens) || tokens <= 0)
        return kv_err_set(err, KV_INPUT, "\"above\" needs \"tokens\", a number above 0");
    p->above[p->steps].tokens = tokens;
    if (read_rates(&p->above[p->steps].rates, step, ours, "", per_million, err) != 0)
        return kv_err_context(err, "\"above\"");
    p->steps++;
    return 0;
}

static int read_our_steps(struct kv_price *p, struct kv_slice entry, struct kv_err *err)
{
    struct kv_slice above, step;
    struct kv_json_walk w;
    if (!kv_json_get(entry, "above", &above))
        return 0;
    if (kv_json_type(above) == KV_JSON_OBJECT)
        return read_our_step(p, above, err);
    kv_json_begin(&w, above);
    while (kv_json_item(&w, &step))
        if (read_our_step(p, step, err) != 0)
            return -1;
    return 0;
}

/* ---- LiteLLM's form ---- */

static int read_their_tier(
    struct kv_price *p, struct kv_slice entry, enum kv_tier tier, struct kv_err *err)
{
    static const char *const suffixes[KV_TIERS] = {"", "_batches", "_flex", "_priority"};
    struct kv_rates *r = &p->tier[tier];
    if (read_rates(r, entry, litellm, suffixes[tier], 1, err) != 0)
        return -1;
    if (says_nothing(r))
        *r = times(&p->tier[KV_TIER_STANDARD], tier == KV_TIER_PRIORITY ? UNKNOWN : half);
    else
        follow(r, &p->tier[KV_TIER_STANDARD]);
    return 0;
}

/* The threshold stands in the name of the member: input_cost_per_token_above_200k_tokens. */
static int read_their_steps(struct kv_price *p, struct kv_slice entry, struct kv_err *err)
{
    static const char stem[] = "\"input_cost_per_token_above_";
    struct kv_json_walk w;
    struct kv_slice key, value;
    char suffix[48];
    kv_json_begin(&w, entry);
    while (p->steps < KV_PRICE_STEPS && kv_json_member(&w, &key, &value)) {
        if (!kv_slice_starts(key, stem))
            continue;
        char *end;
        long long n = strtoll(key.p + sizeof stem - 1, &end, 10);
        const char *unit = *end == 'k' ? "k" : "";
        if (n <= 0 || n > 1000000000 || strncmp(end + strlen(unit), "_tokens\"", 8) != 0)
            continue;
        snprintf(suffix, sizeof suffix, "_above_%lld%s_tokens", n, unit);
        p->above[p->steps].tokens = *unit ? n * 1000 : n;
        if (read_rates(&p->above[p->steps].rates, entry, litellm, suffix, 1, err) != 0)
            return -1;
        p->steps++;
    }
    return 0;
}

/* ---- an entry ---- */

static int by_tokens(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int read_tiers(struct kv_price *p, struct kv_slice entry, bool own, struct kv_err *err)
{
    for (enum kv_tier t = KV_TIER_BATCH; t < KV_TIERS; t++)
        if ((own ? read_our_tier(p, entry, t, err) : read_their_tier(p, entry, t, err)) != 0)
            return -1;
    return own ? read_our_steps(p, entry, err) : read_their_steps(p, entry, err);
}

int kv_price_read(struct kv_price *price, struct kv_slice entry, enum kv_price_form form,
    enum kv_cache_habit habit, struct kv_err *err)
{
    struct kv_price p = {0};
    struct kv_rates *standard = &p.tier[KV_TIER_STANDARD];
    bool own = form == KV_PRICE_OURS;
    const struct member *members = own ? ours : litellm;
    if (kv_json_type(entry) != KV_JSON_OBJECT)
        return kv_err_set(err, KV_INPUT, "expected an object, not %s", kv_json_type_name(entry));
    if (read_rates(standard, entry, members, "", own ? per_million : 1, err) != 0)
        return -1;
    if (isnan(standard->input) || isnan(standard->output))
        return kv_err_set(
            err, KV_INPUT, "\"%s\" is missing", members[isnan(standard->input) ? 0 : 1].name);
    p.read_assumed = habit == KV_CACHE_VARIES && isnan(standard->read);
    fill_in(standard, habit);
    if (read_tiers(&p, entry, own, err) != 0)
        return -1;
    for (size_t i = 0; i < p.steps; i++)
        follow(&p.above[i].rates, standard);
    qsort(p.above, p.steps, sizeof *p.above, by_tokens);
    *price = p;
    return 0;
}

void kv_price_free(struct kv_price *price)
{
    *price = (struct kv_price){0};
}

/* ---- cost ---- */

/* The rates of a tier for a prompt of this length: what a step changes, it changes at any tier. */
static struct kv_rates rates_for(const struct kv_price *p, enum kv_tier tier, int64_t in)
{
    const struct kv_rates *standard = &p->tier[KV_TIER_STANDARD];
    const struct kv_rates *step = NULL;
    struct kv_rates r = p->tier[tier];
    for (size_t i = 0; i < p->steps && in > p->above[i].tokens; i++)
        step = &p->above[i].rates;
    for (const struct member *m = ours; step && m->name; m++) {
        struct kv_rates s = *step, plain = *standard;
        double *rate = rate_at(&r, m);
        *rate = in_ratio(*rate, *rate_at(&s, m), *rate_at(&plain, m));
    }
    return r;
}

static double count(int64_t n)
{
    return n > 0 ? (double)n : 0;
}

double kv_price_cost(const struct kv_price *price, enum kv_tier tier, const struct kv_usage *u)
{
    if (!isnan(u->cost))
        return u->cost;
    if (!kv_usage_known(u))
        return UNKNOWN;
    struct kv_rates r = rates_for(price, tier, u->in_total);
    double reasoning = fmin(count(u->out_reasoning), count(u->out_total));
    return (double)kv_usage_fresh(u) * r.input + count(u->in_read) * r.read +
           count(u->in_write) * r.write + count(u->in_write_1h) * r.write_1h +
           (count(u->out_total) - reasoning) * r.output + reasoning * r.reasoning;
}

void kv_price_add_amount(struct kv_buf *out, double amount)
{
    double size = fabs(amount);
    if (size >= 1 || !(size > 1e-12)) {
        kv_buf_printf(out, "%.2f", amount);
        return;
    }
    kv_buf_printf(out, "%.*f", 3 - (int)floor(log10(size)), amount);
    size_t point = out->n;
    while (out->p[point - 1] != '.')
        point--;
    while (out->n > point + 2 && out->p[out->n - 1] == '0')
        kv_buf_cut(out, out->n - 1, 1);
}
