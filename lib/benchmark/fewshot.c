/* fewshot - which examples stand before a question.
 *
 * A draw of k examples is Python's random.sample after random.seed: MT19937 (Matsumoto and
 * Nishimura 1998) seeded by array, a draw below n by rejection on the top bits.
 */
#include "fewshot.h"

#include "digest.h"
#include "json.h"
#include "json_out.h"
#include "num.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- CPython's generator ---- */

enum { MT_N = 624, MT_M = 397 };

struct twister {
    uint32_t state[MT_N];
    size_t at;
};

static void seed_plain(struct twister *t, uint32_t s)
{
    t->state[0] = s;
    for (uint32_t i = 1; i < MT_N; i++)
        t->state[i] = 1812433253u * (t->state[i - 1] ^ (t->state[i - 1] >> 30)) + i;
    t->at = MT_N;
}

static void wrap(struct twister *t, size_t *i)
{
    if (++*i >= MT_N) {
        t->state[0] = t->state[MT_N - 1];
        *i = 1;
    }
}

/* Seeding by an array of one word, which is what a number below 2^32 is. */
static void seed(struct twister *t, uint32_t word)
{
    uint32_t *s = t->state;
    size_t i = 1;
    seed_plain(t, 19650218u);
    for (size_t k = 0; k < MT_N; k++) {
        s[i] = (s[i] ^ ((s[i - 1] ^ (s[i - 1] >> 30)) * 1664525u)) + word;
        wrap(t, &i);
    }
    for (size_t k = 0; k < MT_N - 1; k++) {
        s[i] = (s[i] ^ ((s[i - 1] ^ (s[i - 1] >> 30)) * 1566083941u)) - (uint32_t)i;
        wrap(t, &i);
    }
    s[0] = 0x80000000u;
}

static void refill(struct twister *t)
{
    uint32_t *s = t->state;
    for (size_t i = 0; i < MT_N; i++) {
        uint32_t y = (s[i] & 0x80000000u) | (s[(i + 1) % MT_N] & 0x7fffffffu);
        s[i] = s[(i + MT_M) % MT_N] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    t->at = 0;
}

static uint32_t next_word(struct twister *t)
{
    if (t->at >= MT_N)
        refill(t);
    uint32_t y = t->state[t->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

static size_t below(struct twister *t, size_t n)
{
    unsigned bits = 0;
    uint32_t r;
    for (size_t m = n; m; m >>= 1)
        bits++;
    do
        r = next_word(t) >> (32 - bits);
    while (r >= n);
    return r;
}

/* random.sample: from a shrinking list where that costs less than remembering what was drawn. */
static void sample(struct twister *t, size_t n, size_t k, size_t *picks)
{
    size_t limit = 21, power = 1;
    while (k > 5 && power < 3 * k)
        power *= 4;
    bool shrink = n <= limit + (k > 5 ? power : 0);
    size_t *pool = kv_array(NULL, n, sizeof *pool); /* else: 1 where drawn */
    for (size_t i = 0; i < n; i++)
        pool[i] = shrink ? i : 0;
    for (size_t i = 0; i < k; i++) {
        size_t j = below(t, shrink ? n - i : n);
        while (!shrink && pool[j])
            j = below(t, n);
        picks[i] = shrink ? pool[j] : j;
        pool[j] = shrink ? pool[n - i - 1] : 1;
    }
    free(pool);
}

/* The last 31 bits of the MD5 of the question's id. */
static uint32_t seed_of(struct kv_slice question_id)
{
    char hex[KV_MD5_HEX + 1];
    kv_digest_md5(question_id, hex);
    return (uint32_t)strtoul(hex + KV_MD5_HEX - 8, NULL, 16) & 0x7fffffffu;
}

/* ---- resolving ---- */

struct choice {
    struct kv_slice *pool; /* the question's examples */
    size_t n;
    size_t *picks; /* indices into pool, in the order shown */
    size_t picked;
};

/* The position in the pool an integer or a digest of a question's text names; n if none. */
static size_t position(const struct choice *c, struct kv_slice pick)
{
    int64_t i;
    if (kv_json_type(pick) == KV_JSON_NUMBER)
        return kv_num_int64(pick, &i) && i >= 0 && (uint64_t)i < c->n ? (size_t)i : c->n;
    for (size_t k = 0; k < c->n; k++) {
        char hex[KV_MD5_HEX + 1];
        struct kv_buf text = {0};
        struct kv_slice question = kv_json_find(c->pool[k], "question");
        if (kv_json_type(question) == KV_JSON_STRING)
            kv_json_unescape(question, &text);
        kv_digest_md5(kv_slice_of(&text), hex);
        kv_buf_release(&text);
        if (kv_json_string_is(pick, hex))
            return k;
    }
    return c->n;
}

static void pick_custom(struct choice *c, struct kv_slice selected)
{
    struct kv_json_walk w;
    struct kv_slice pick;
    c->picks = kv_array(c->picks, kv_json_count(selected) + c->n + 1, sizeof *c->picks);
    kv_json_begin(&w, selected);
    while (kv_json_item(&w, &pick)) {
        size_t i = position(c, pick);
        if (i < c->n)
            c->picks[c->picked++] = i;
    }
}

static void pick_sample(struct choice *c, struct kv_slice question_id, int64_t k)
{
    struct twister t = {.at = 0};
    if (k < 0)
        k = 0;
    seed(&t, seed_of(question_id));
    sample(&t, c->n, (size_t)k, c->picks);
    c->picked = (size_t)k;
}

/* Positions are those in the list already picked, also for digests, which name places in the pool:
 * that is karenina's rule. */
static void exclude(struct choice *c, struct kv_slice excluded)
{
    struct kv_json_walk w;
    struct kv_slice pick;
    bool *gone = kv_calloc(c->picked + 1, sizeof *gone);
    int64_t number;
    kv_json_begin(&w, excluded);
    while (kv_json_item(&w, &pick)) {
        size_t i = c->picked;
        if (kv_json_type(pick) == KV_JSON_STRING)
            i = position(c, pick);
        else if (kv_num_int64(pick, &number) && number >= 0 && (uint64_t)number < c->picked)
            i = (size_t)number;
        if (i < c->picked)
            gone[i] = true;
    }
    size_t kept = 0;
    for (size_t i = 0; i < c->picked; i++)
        if (!gone[i])
            c->picks[kept++] = c->picks[i];
    c->picked = kept;
    free(gone);
}

static bool find_entry(struct kv_slice configs, struct kv_slice question_id, struct kv_slice *entry)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    struct kv_buf name = {0};
    bool found = false;
    kv_json_begin(&w, configs);
    while (!found && kv_json_member(&w, &key, &value)) {
        kv_buf_clear(&name);
        kv_json_unescape(key, &name);
        found = kv_slice_eq(kv_slice_of(&name), question_id);
    }
    kv_buf_release(&name);
    if (found)
        *entry = value;
    return found;
}

static void pick(struct choice *c, struct kv_slice few_shot, struct kv_slice question_id)
{
    struct kv_slice entry = {0}, mode = {0}, k = {0};
    int64_t count = 0;
    if (find_entry(kv_json_find(few_shot, "question_configs"), question_id, &entry)) {
        mode = kv_json_find(entry, "mode");
        k = kv_json_find(entry, "k");
    }
    if (!mode.n || kv_json_string_is(mode, "inherit")) {
        mode = kv_json_find(few_shot, "pool_mode");
        k = (struct kv_slice){0};
    }
    if (kv_json_is_null(k))
        k = kv_json_find(few_shot, "pool_k");
    if (!kv_num_int64(k, &count))
        count = INT64_MAX;
    if (kv_json_string_is(mode, "custom")) {
        pick_custom(c, kv_json_find(entry, "selected_examples"));
    } else if (kv_json_string_is(mode, "k-shot") && count < (int64_t)c->n) {
        pick_sample(c, question_id, count);
    } else {
        for (size_t i = 0; i < c->n; i++)
            c->picks[c->picked++] = i;
    }
    exclude(c, kv_json_find(entry, "excluded_examples"));
}

static void add_items(struct kv_buf *out, struct kv_slice array)
{
    struct kv_json_walk w;
    struct kv_slice item;
    kv_json_begin(&w, array);
    while (kv_json_item(&w, &item))
        kv_json_out_json(out, NULL, item);
}

static void add_pool(
    struct kv_buf *out, struct kv_slice few_shot, struct kv_slice question_id, struct kv_slice pool)
{
    struct kv_json_walk w;
    struct kv_slice item;
    struct choice c = {.n = 0};
    size_t n = kv_json_count(pool);
    c.pool = kv_array(NULL, n + 1, sizeof *c.pool);
    c.picks = kv_array(NULL, n + 1, sizeof *c.picks);
    kv_json_begin(&w, pool);
    while (c.n < n && kv_json_item(&w, &item))
        c.pool[c.n++] = item;
    pick(&c, few_shot, question_id);
    for (size_t i = 0; i < c.picked; i++)
        kv_json_out_json(out, NULL, c.pool[c.picks[i]]);
    free(c.pool);
    free(c.picks);
}

bool kv_fewshot_enabled(struct kv_slice few_shot)
{
    return !kv_json_is_null(few_shot) &&
           !kv_json_string_is(kv_json_find(few_shot, "source"), "disabled");
}

void kv_fewshot_resolve(
    struct kv_slice few_shot, struct kv_slice question_id, struct kv_slice pool, struct kv_buf *out)
{
    kv_buf_add_char(out, '[');
    if (kv_fewshot_enabled(few_shot)) {
        struct kv_slice source = kv_json_find(few_shot, "source");
        if (!kv_json_string_is(source, "global"))
            add_pool(out, few_shot, question_id, pool);
        if (!kv_json_string_is(source, "question_pool"))
            add_items(out, kv_json_find(few_shot, "global_examples"));
    }
    kv_buf_add_char(out, ']');
}
