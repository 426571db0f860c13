/* kvtest price - what a price file makes of a model and of what a call used, as a filter for tests.
 *
 * A line is {"prices":{…},"model","served","prefix","habit":"varies"|"anthropic","nearby","tier",
 * "usage":{"in","read","write","write_1h","out","reasoning","cost"}}; what is missing is not known.
 * Out comes {"found","entry","cost","assumed"}, or {"error"}. With an argument, the price file is
 * read from there, once, and lines need none.
 */
#include "kvtest.h"

#include "cli.h"
#include "filter.h"
#include "io.h"
#include "json.h"
#include "num.h"
#include "prices.h"

#include <math.h>
#include <string.h>

#define HELP "usage: kvtest price [PRICES] <LINES\n"

static struct kv_prices *shared;

static int64_t count_at(struct kv_slice object, const char *name)
{
    struct kv_slice value;
    int64_t n;
    return kv_json_get(object, name, &value) && kv_num_int64(value, &n) ? n : -1;
}

static struct kv_slice text_at(struct kv_slice object, const char *name, struct kv_buf *out)
{
    struct kv_slice value;
    if (kv_json_get(object, name, &value) && kv_json_type(value) == KV_JSON_STRING)
        kv_json_unescape(value, out);
    return kv_slice_of(out);
}

static void read_usage(struct kv_slice line, struct kv_usage *u)
{
    struct kv_slice given = {"", 0}, cost;
    kv_json_get(line, "usage", &given);
    kv_usage_begin(u);
    u->in_total = count_at(given, "in");
    u->in_read = count_at(given, "read");
    u->in_write = count_at(given, "write");
    u->in_write_1h = count_at(given, "write_1h");
    u->out_total = count_at(given, "out");
    u->out_reasoning = count_at(given, "reasoning");
    if (kv_json_get(given, "cost", &cost))
        kv_num_double(cost, &u->cost);
    kv_usage_settle(u);
}

static void put(const struct kv_prices *p, struct kv_slice line, struct kv_buf *out)
{
    struct kv_buf model = {0}, served = {0}, prefix = {0}, habit = {0}, tier = {0};
    struct kv_slice name, nearby;
    struct kv_price price;
    struct kv_usage usage;
    struct kv_err err;
    struct kv_priced who = {.name = text_at(line, "model", &model),
        .prefix = text_at(line, "prefix", &prefix).n ? prefix.p : NULL,
        .nearby = kv_json_get(line, "nearby", &nearby) && kv_json_is_true(nearby)};
    text_at(line, "habit", &habit);
    who.habit = kv_slice_is(kv_slice_of(&habit), "anthropic") ? KV_CACHE_ANTHROPIC
                : kv_slice_is(kv_slice_of(&habit), "varies")  ? KV_CACHE_VARIES
                                                              : KV_CACHE_PLAIN;
    read_usage(line, &usage);
    int found = kv_prices_find(p, &who, text_at(line, "served", &served), &price, &name, &err);
    if (found < 0) {
        kv_buf_add_str(out, "{\"error\":");
        kv_json_quote_str(out, err.text);
    } else {
        kv_buf_printf(out, "{\"found\":%s,\"entry\":", found ? "true" : "false");
        kv_json_quote(out, name, KV_JSON_RAW);
        kv_buf_add_str(out, ",\"cost\":");
        double cost = kv_price_cost(&price, kv_tier_of(text_at(line, "tier", &tier)), &usage);
        kv_num_add_double(
            out, found || who.nearby || !isnan(usage.cost) ? cost : (double)NAN, KV_NUM_COMPACT);
        kv_buf_printf(out, ",\"assumed\":%s", price.read_assumed ? "true" : "false");
    }
    kv_buf_add_char(out, '}');
    kv_buf_release(&model);
    kv_buf_release(&served);
    kv_buf_release(&prefix);
    kv_buf_release(&habit);
    kv_buf_release(&tier);
}

static void answer(struct kv_slice line, struct kv_buf *out)
{
    struct kv_slice given;
    struct kv_err err;
    struct kv_prices *own = NULL;
    if (!shared && kv_json_get(line, "prices", &given) && !(own = kv_prices_open(given, &err)))
        kv_cli_fail(&err);
    put(own ? own : shared, line, out);
    kv_prices_close(own);
}

int kvtest_price(int argc, char **argv)
{
    struct kv_cli cli;
    struct kv_err err;
    struct kv_buf text = {0};
    const struct kv_option options[] = {{0}};
    int first = kv_cli_begin(&cli, argc, argv, options, HELP);
    if (first < argc && (kv_io_read(argv[first], KV_PRICES_MAX, &text, &err) != 0 ||
                            !(shared = kv_prices_open(kv_slice_of(&text), &err))))
        kv_cli_fail(&err);
    filter(KV_JSON_STRICT, answer);
    kv_prices_close(shared);
    kv_buf_release(&text);
    return kv_cli_end(KV_OK);
}
