/* pricing - the models of a configuration with their prices: without network, without keys. */
#include "pricing.h"

#include "http_place.h"
#include "io.h"
#include "json.h"
#include "task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *display(const struct kv_model *model, bool judge)
{
    struct kv_identity who;
    struct kv_buf name = {0};
    kv_identity_of(model, judge ? KV_PARSING : KV_ANSWERING, &who);
    kv_identity_add_display(&name, &who);
    return kv_buf_detach(&name);
}

struct kv_choice kv_pricing_choice(const struct kv_pricing_model *p)
{
    const struct kv_model *m = p->model;
    return (struct kv_choice){
        .id = m->id.p,
        .model = m->model_name.p,
        .interface = m->interface.p,
        .model_provider = m->provider.p,
        .base_url = m->endpoint_base_url.n ? m->endpoint_base_url.p : m->anthropic_base_url.p,
        .extra = m->extra_kwargs,
        .moved_to = p->moved_to,
    };
}

/* ---- moves ---- */

static size_t move_role(
    struct kv_pricing_model *all, size_t n, struct kv_slice who, const char *url)
{
    size_t moved = 0;
    for (size_t i = 0; i < n; i++) {
        if (!kv_slice_eq(who, all[i].model->id) && !kv_slice_eq(who, all[i].model->model_name))
            continue;
        all[i].moved_to = url;
        kv_buf_clear(&all[i].asked_at);
        kv_json_quote_str(&all[i].asked_at, url);
        moved++;
    }
    return moved;
}

static int move(struct kv_pricing *p, struct kv_moves moves, struct kv_err *err)
{
    for (size_t i = 0; i < moves.n; i++) {
        const char *equals = strchr(moves.items[i], '=');
        if (!equals)
            return kv_err_set(
                err, KV_USAGE, "--endpoint: expected MODEL=URL, not '%s'", moves.items[i]);
        struct kv_slice who = {moves.items[i], (size_t)(equals - moves.items[i])};
        if (move_role(p->answering, p->answering_count, who, equals + 1) +
                move_role(p->judging, p->judging_count, who, equals + 1) ==
            0)
            return kv_err_set(err, KV_USAGE, "--endpoint: the configuration has no model '%.*s'",
                (int)who.n, who.p);
    }
    return 0;
}

/* Finds where the model is asked, which decides how its tokens are priced. A model of which that
 * cannot be found is refused when it is opened. */
static void place(struct kv_pricing_model *m, kv_env_fn *env)
{
    struct kv_base_url base = {0};
    struct kv_priced *priced = &m->priced;
    struct kv_choice choice = kv_pricing_choice(m);
    const struct kv_service *service = kv_base_url_choose(&choice, env, &base, NULL);
    struct kv_http_place at = {0};
    *priced = (struct kv_priced){.name = m->model->model_name};
    if (service) {
        priced->prefix = service->prices;
        priced->habit = service->wire == KV_PROTOCOL_ANTHROPIC     ? KV_CACHE_ANTHROPIC
                        : service->flags & KV_SERVICE_CACHE_VARIES ? KV_CACHE_VARIES
                                                                   : KV_CACHE_PLAIN;
    }
    priced->nearby = service && kv_http_place_read(&at, base.url, NULL) == 0 && at.nearby;
    kv_http_place_release(&at);
    kv_base_url_release(&base);
}

static void name_role(
    struct kv_pricing_model *all, const struct kv_model *models, size_t n, bool judge)
{
    for (size_t i = 0; i < n; i++)
        all[i] = (struct kv_pricing_model){.model = &models[i], .name = display(&models[i], judge)};
}

static int place_role(const struct kv_pricing *p, struct kv_pricing_model *all, size_t n,
    kv_env_fn *env, struct kv_err *err)
{
    struct kv_price price;
    struct kv_slice entry;
    for (size_t i = 0; i < n; i++) {
        place(&all[i], env);
        if (kv_prices_find(p->prices, &all[i].priced, KV_SLICE(""), &price, &entry, err) < 0)
            return kv_err_context(err, "%s", p->path);
    }
    return 0;
}

static int read_file(struct kv_pricing *p, struct kv_err *err)
{
    if (!p->path)
        return 0;
    if (kv_io_read(p->path, KV_PRICES_MAX, &p->text, err) != 0)
        return -1;
    p->prices = kv_prices_open(kv_slice_of(&p->text), err);
    return p->prices ? 0 : kv_err_context(err, "%s", p->path);
}

int kv_pricing_open(struct kv_pricing *p, const char *path, const struct kv_config *config,
    struct kv_moves moves, kv_env_fn *env, struct kv_err *err)
{
    size_t n = config->answering_count, m = config->parsing_count;
    *p = (struct kv_pricing){.path = path, .answering_count = n, .judging_count = m};
    p->answering = kv_calloc(n, sizeof *p->answering);
    p->judging = kv_calloc(m, sizeof *p->judging);
    name_role(p->answering, config->answering, n, false);
    name_role(p->judging, config->parsing, m, true);
    if (read_file(p, err) == 0 && move(p, moves, err) == 0 &&
        place_role(p, p->answering, n, env, err) == 0 &&
        place_role(p, p->judging, m, env, err) == 0)
        return 0;
    kv_pricing_close(p);
    return -1;
}

static void close_role(struct kv_pricing_model *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(all[i].name);
        kv_buf_release(&all[i].asked_at);
    }
    free(all);
}

void kv_pricing_close(struct kv_pricing *p)
{
    close_role(p->answering, p->answering_count);
    close_role(p->judging, p->judging_count);
    kv_prices_close(p->prices);
    kv_buf_release(&p->text);
    *p = (struct kv_pricing){0};
}

const struct kv_pricing_model *kv_pricing_find(
    const struct kv_pricing *p, bool judge, struct kv_slice name)
{
    const struct kv_pricing_model *all = judge ? p->judging : p->answering;
    size_t n = judge ? p->judging_count : p->answering_count;
    for (size_t i = 0; i < n; i++)
        if (kv_slice_is(name, all[i].name))
            return &all[i];
    return NULL;
}

/* ---- prices ---- */

/* 1 with its entry, 0 without: free if it is nearby. An entry of a served name that cannot be read
 * is none. */
static int find(const struct kv_pricing *p, const struct kv_pricing_model *m,
    struct kv_slice served, struct kv_price *price, struct kv_slice *entry)
{
    int found = kv_prices_find(p->prices, &m->priced, served, price, entry, NULL);
    return found > 0;
}

double kv_pricing_cost(const struct kv_pricing *p, const struct kv_pricing_model *m,
    const struct kv_usage *used, struct kv_slice served, struct kv_slice tier)
{
    struct kv_price price;
    struct kv_slice entry;
    if (m->by_command)
        return 0;
    if (!isnan(used->cost))
        return used->cost;
    if (!find(p, m, served, &price, &entry) && !m->priced.nearby)
        return (double)NAN;
    return kv_price_cost(&price, kv_tier_of(tier), used);
}

enum kv_tier kv_pricing_tier(const struct kv_model *m)
{
    struct kv_slice value;
    struct kv_buf text = {0};
    enum kv_tier tier = KV_TIER_STANDARD;
    if (m->extra_kwargs.n && kv_json_get(m->extra_kwargs, "service_tier", &value) &&
        kv_json_type(value) == KV_JSON_STRING) {
        kv_json_unescape(value, &text);
        tier = kv_tier_of(kv_slice_of(&text));
    }
    kv_buf_release(&text);
    return tier;
}

bool kv_pricing_known(
    const struct kv_pricing *p, const struct kv_pricing_model *m, struct kv_slice *entry)
{
    struct kv_price price;
    *entry = (struct kv_slice){"", 0};
    if (m->by_command)
        return true;
    if (!find(p, m, KV_SLICE(""), &price, entry))
        return m->priced.nearby;
    return !isnan(price.tier[kv_pricing_tier(m->model)].input);
}

void kv_pricing_entry(const struct kv_pricing *p, const struct kv_pricing_model *m,
    struct kv_slice served, struct kv_slice *entry)
{
    struct kv_price price;
    *entry = (struct kv_slice){"", 0};
    if (!m->by_command && !find(p, m, served, &price, entry))
        *entry = (struct kv_slice){"", 0};
}

bool kv_pricing_add_note(
    const struct kv_pricing *p, const struct kv_pricing_model *m, struct kv_buf *out)
{
    struct kv_price price;
    struct kv_slice entry;
    if (m->by_command || !p->prices)
        return false;
    bool found = find(p, m, KV_SLICE(""), &price, &entry);
    if (!found && m->priced.nearby)
        kv_buf_printf(out,
            "%s counts as free: it is on this machine or in a private network, and "
            "%s does not price it",
            m->name, p->path);
    else if (found && price.read_assumed)
        kv_buf_printf(out, "%s: %s does not say what cached tokens cost: they count as others",
            m->name, p->path);
    else
        return false;
    return true;
}
