/* prices - a price file, and which of its entries is the price of a model. */
#include "prices.h"

#include "json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct kv_slice name, value;
    size_t order; /* in the file */
};

struct kv_prices {
    enum kv_price_form form;
    struct entry *entries; /* by name */
    size_t count;
    size_t *patterns; /* indices of entries whose name has a '*', in the order of the file */
    size_t pattern_count;
    struct kv_buf names;
};

/* ---- the file ---- */

static enum kv_price_form form_of(struct kv_slice root)
{
    struct kv_json_walk w;
    struct kv_slice key, value, provider;
    kv_json_begin(&w, root);
    while (kv_json_member(&w, &key, &value))
        if (kv_json_type(value) == KV_JSON_OBJECT)
            return kv_json_get(value, "litellm_provider", &provider) ? KV_PRICE_LITELLM
                                                                     : KV_PRICE_OURS;
    return KV_PRICE_OURS;
}

/* LiteLLM's file also prices images, embeddings and its own documentation. */
static bool prices_language(struct kv_slice key, struct kv_slice value)
{
    struct kv_slice mode, input;
    if (kv_json_string_is(key, "sample_spec") || kv_json_type(value) != KV_JSON_OBJECT)
        return false;
    if (kv_json_get(value, "mode", &mode) && !kv_json_string_is(mode, "chat") &&
        !kv_json_string_is(mode, "responses"))
        return false;
    return kv_json_get(value, "input_cost_per_token", &input) && !kv_json_is_null(input);
}

static int by_name(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int c = kv_slice_cmp(x->name, y->name);
    return c ? c : (x->order > y->order) - (x->order < y->order);
}

static int by_order(const void *a, const void *b)
{
    const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
    return (x->order > y->order) - (x->order < y->order);
}

static void index_entries(struct kv_prices *p, struct kv_slice root)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    size_t room = kv_json_count(root);
    p->entries = kv_array(NULL, room + 1, sizeof *p->entries);
    kv_buf_reserve(&p->names, root.n); /* names must not move; unescaped they are no longer */
    kv_json_begin(&w, root);
    while (kv_json_member(&w, &key, &value)) {
        if (p->form == KV_PRICE_LITELLM && !prices_language(key, value))
            continue;
        size_t from = p->names.n;
        kv_json_unescape(key, &p->names);
        struct kv_slice name = {p->names.p + from, p->names.n - from};
        p->entries[p->count] = (struct entry){name, value, p->count};
        p->count++;
    }
    qsort(p->entries, p->count, sizeof *p->entries, by_name);
}

static void index_patterns(struct kv_prices *p)
{
    struct entry **found = kv_array(NULL, p->count + 1, sizeof *found);
    for (size_t i = 0; i < p->count; i++)
        if (p->entries[i].name.n && memchr(p->entries[i].name.p, '*', p->entries[i].name.n))
            found[p->pattern_count++] = &p->entries[i];
    qsort(found, p->pattern_count, sizeof *found, by_order);
    p->patterns = kv_array(NULL, p->pattern_count + 1, sizeof *p->patterns);
    for (size_t i = 0; i < p->pattern_count; i++)
        p->patterns[i] = (size_t)(found[i] - p->entries);
    free(found);
}

struct kv_prices *kv_prices_open(struct kv_slice text, struct kv_err *err)
{
    struct kv_slice root;
    if (kv_json_check(text, KV_JSON_STRICT, &root, err) != 0)
        return NULL;
    if (kv_json_type(root) != KV_JSON_OBJECT) {
        kv_err_set(err, KV_INPUT, "expected an object of prices, not %s", kv_json_type_name(root));
        return NULL;
    }
    struct kv_prices *p = kv_calloc(1, sizeof *p);
    p->form = form_of(root);
    index_entries(p, root);
    index_patterns(p);
    return p;
}

void kv_prices_close(struct kv_prices *p)
{
    if (!p)
        return;
    free(p->entries);
    free(p->patterns);
    kv_buf_release(&p->names);
    free(p);
}

/* ---- names ---- */

/* The entry of this very name; of several the last, as JSON's readers have it. */
static const struct entry *named(const struct kv_prices *p, struct kv_slice name)
{
    size_t from = 0, to = p->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (kv_slice_cmp(p->entries[middle].name, name) <= 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from > 0 && kv_slice_eq(p->entries[from - 1].name, name) ? &p->entries[from - 1] : NULL;
}

static const struct entry *prefixed(
    const struct kv_prices *p, const char *prefix, struct kv_slice name)
{
    struct kv_buf whole = {0};
    kv_buf_add_str(&whole, prefix);
    kv_buf_add_slice(&whole, name);
    const struct entry *e = named(p, kv_slice_of(&whole));
    kv_buf_release(&whole);
    return e;
}

static const struct entry *any_form(
    const struct kv_prices *p, const struct kv_priced *model, struct kv_slice name)
{
    const struct entry *e = named(p, name);
    if (!e && model->prefix)
        e = prefixed(p, model->prefix, name);
    if (!e && model->nearby)
        e = prefixed(p, "local:", name);
    const char *slash = e || !name.n ? NULL : memrchr(name.p, '/', name.n);
    if (slash)
        e = named(p, (struct kv_slice){slash + 1, (size_t)(name.p + name.n - slash) - 1});
    return e;
}

/* The length of the shape if the text ends in it, else 0. '9' stands for any digit. */
static size_t ends_in(struct kv_slice text, const char *shape)
{
    size_t n = strlen(shape);
    if (text.n <= n)
        return 0;
    for (size_t i = 0; i < n; i++) {
        char c = text.p[text.n - n + i];
        if (shape[i] == '9' ? !isdigit((unsigned char)c) : c != shape[i])
            return 0;
    }
    return n;
}

/* A name without its date: "-2025-04-14", "-20250414", "-latest", "@20250414". */
static bool cut_date(struct kv_slice *name)
{
    static const char *const shapes[] = {"-2099-99-99", "-20999999", "-latest"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t n = ends_in(*name, shapes[i]);
        name->n -= n;
        if (n)
            return true;
    }
    const char *at = name->n ? memrchr(name->p, '@', name->n) : NULL;
    if (!at || at == name->p)
        return false;
    name->n = (size_t)(at - name->p);
    return true;
}

static const struct entry *by_any_name(
    const struct kv_prices *p, const struct kv_priced *model, struct kv_slice name)
{
    if (!name.n)
        return NULL;
    const struct entry *e = any_form(p, model, name);
    return e || !cut_date(&name) ? e : any_form(p, model, name);
}

/* '*' stands for any bytes. */
static bool matches(struct kv_slice pattern, struct kv_slice name)
{
    size_t i = 0, k = 0, star = SIZE_MAX, from = 0;
    while (k < name.n) {
        if (i < pattern.n && pattern.p[i] == '*') {
            star = i++;
            from = k;
        } else if (i < pattern.n && pattern.p[i] == name.p[k]) {
            i++;
            k++;
        } else if (star != SIZE_MAX) {
            i = star + 1;
            k = ++from;
        } else
            return false;
    }
    while (i < pattern.n && pattern.p[i] == '*')
        i++;
    return i == pattern.n;
}

static const struct entry *by_pattern(
    const struct kv_prices *p, const struct kv_priced *model, struct kv_slice name)
{
    struct kv_buf local = {0};
    const struct entry *found = NULL;
    kv_buf_add_str(&local, "local:");
    kv_buf_add_slice(&local, name);
    for (size_t i = 0; name.n && !found && i < p->pattern_count; i++) {
        const struct entry *e = &p->entries[p->patterns[i]];
        if (matches(e->name, name) || (model->nearby && matches(e->name, kv_slice_of(&local))))
            found = e;
    }
    kv_buf_release(&local);
    return found;
}

int kv_prices_find(const struct kv_prices *p, const struct kv_priced *model, struct kv_slice served,
    struct kv_price *price, struct kv_slice *name, struct kv_err *err)
{
    const struct entry *e = p ? by_any_name(p, model, served) : NULL;
    if (!e && p)
        e = by_any_name(p, model, model->name);
    if (!e && p)
        e = by_pattern(p, model, served);
    if (!e && p)
        e = by_pattern(p, model, model->name);
    *name = e ? e->name : (struct kv_slice){"", 0};
    kv_price_free(price);
    if (!e)
        return 0;
    if (kv_price_read(price, e->value, p->form, model->habit, err) != 0)
        return kv_err_context(err, "%.*s", (int)name->n, name->p);
    return 1;
}
