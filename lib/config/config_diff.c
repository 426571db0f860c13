/* config_diff - may a configuration go on with a run. */
#include "config_diff.h"

#include "digest.h"
#include "json.h"
#include "json_out.h"
#include "pydantic.h"

#include <string.h>

/* ---- what cannot change a result ---- */

/* Of the configuration itself (kv-config(5), column C: "no" and "dead"; timeouts and retry
 * budgets decide when to give up, not what is computed). rubric_enabled follows evaluation_mode. */
static const char *const harmless_settings[] = {"rubric_trait_names", "include_extraction_hints",
    "embedding_check_enabled", "embedding_check_model", "embedding_check_threshold",
    "async_enabled", "async_max_workers", "max_concurrent_requests", "batch_timeout_seconds",
    "task_ordering", "answerer_concurrency_limits", "agentic_parsing_persist_trace",
    "agentic_rubric_parallel", "workspace_cleanup", "workspace_output_mode", "workspace_output_dir",
    "workspace_output_exclude_patterns", "db_config", "request_timeout", "retry_policy",
    "custom_error_patterns", "max_requeue_count", "rubric_enabled", NULL};

/* Of a model (section 3). */
static const char *const harmless_model[] = {"max_retries", "mcp_http_timeout",
    "mcp_sse_read_timeout", "endpoint_api_key", "anthropic_api_key", "agent_timeout",
    "request_timeout", "retry_policy", NULL};

/* How names of members that hold keys end, also in extra_kwargs, where users put what they like. */
static const char *const secret[] = {
    "api_key", "_token", "secret", "password", "uthorization", NULL};

static bool is_one_of(struct kv_slice key, const char *const *names)
{
    for (; *names; names++)
        if (kv_json_string_is(key, *names))
            return true;
    return false;
}

static bool is_secret(struct kv_slice key)
{
    for (const char *const *name = secret; *name; name++) {
        size_t n = strlen(*name);
        if (key.n >= n + 2 && memcmp(key.p + key.n - 1 - n, *name, n) == 0)
            return true;
    }
    return false;
}

/* ---- walking two values side by side ---- */

struct walk {
    struct kv_buf path;
    struct kv_buf *different, *harmless;
    bool in_model; /* directly inside a model */
    bool quiet;    /* below something harmless */
    bool hidden;   /* below something that holds a key */
};

/* A value as it may be shown, in JSON: what a secret member holds is masked. */
static void add_shown(struct kv_buf *out, struct kv_slice value, bool hidden)
{
    struct kv_json_walk w;
    struct kv_slice key, member;
    bool array = kv_json_type(value) == KV_JSON_ARRAY;
    if (!array && kv_json_type(value) != KV_JSON_OBJECT) {
        if (hidden && !kv_json_is_null(value))
            kv_buf_add_str(out, "\"**********\"");
        else if (kv_json_is_nonfinite(value)) /* as karenina may have written */
            kv_buf_printf(out, "\"%.*s\"", (int)value.n, value.p);
        else
            kv_pydantic_text(out, value);
        return;
    }
    kv_buf_add_char(out, array ? '[' : '{');
    kv_json_begin(&w, value);
    for (bool first = true; array ? kv_json_item(&w, &member) : kv_json_member(&w, &key, &member);
         first = false) {
        if (!first)
            kv_buf_add_char(out, ',');
        if (!array) {
            kv_buf_add_slice(out, key);
            kv_buf_add_char(out, ':');
        }
        add_shown(out, member, hidden || (!array && is_secret(key)));
    }
    kv_buf_add_char(out, array ? ']' : '}');
}

static void add_value(struct kv_buf *out, const char *name, struct kv_slice value, bool hidden)
{
    if (!value.n)
        return;
    kv_json_out_key(out, name);
    add_shown(out, value, hidden);
}

static void report(struct walk *w, struct kv_slice state, struct kv_slice given)
{
    struct kv_buf *out = w->quiet ? w->harmless : w->different;
    kv_json_out_object(out, NULL);
    kv_json_out_text(out, "path", kv_slice_of(&w->path));
    add_value(out, "state", state, w->hidden);
    add_value(out, "given", given, w->hidden);
    kv_buf_add_char(out, '}');
}

/* The same canonical text is the same value: numbers and strings have one spelling there. */
static bool is_same(struct kv_slice a, struct kv_slice b)
{
    struct kv_buf x = {0}, y = {0};
    kv_pydantic_text(&x, a);
    kv_pydantic_text(&y, b);
    bool same = kv_slice_eq(kv_slice_of(&x), kv_slice_of(&y));
    kv_buf_release(&x);
    kv_buf_release(&y);
    return same;
}

static void compare(struct walk *w, struct kv_slice state, struct kv_slice given);

static struct kv_slice find(struct kv_slice object, struct kv_slice key)
{
    struct kv_slice k, v, found = {0};
    struct kv_json_walk w;
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &k, &v))
        if (kv_slice_eq(k, key))
            found = v;
    return found;
}

static void compare_member(
    struct walk *w, struct kv_slice key, struct kv_slice state, struct kv_slice given)
{
    struct walk here = *w;
    size_t mark = w->path.n;
    if (mark)
        kv_buf_add_char(&here.path, '.');
    kv_json_unescape(key, &here.path);
    here.quiet |= mark == 0 && is_one_of(key, harmless_settings);
    here.quiet |= w->in_model && is_one_of(key, harmless_model);
    here.hidden |= is_secret(key);
    here.in_model = false;
    if (!state.n || !given.n)
        report(&here, state, given);
    else
        compare(&here, state, given);
    w->path = here.path;
    kv_buf_cut(&w->path, mark, w->path.n - mark);
}

static void compare_objects(struct walk *w, struct kv_slice state, struct kv_slice given)
{
    struct kv_json_walk members;
    struct kv_slice key, value;
    kv_json_begin(&members, state);
    while (kv_json_member(&members, &key, &value))
        compare_member(w, key, value, find(given, key));
    kv_json_begin(&members, given);
    while (kv_json_member(&members, &key, &value))
        if (!find(state, key).n)
            compare_member(w, key, (struct kv_slice){0}, value);
}

static void compare_arrays(struct walk *w, struct kv_slice state, struct kv_slice given)
{
    struct kv_json_walk left, right;
    bool models = kv_slice_is(kv_slice_of(&w->path), "answering_models") ||
                  kv_slice_is(kv_slice_of(&w->path), "parsing_models");
    kv_json_begin(&left, state);
    kv_json_begin(&right, given);
    for (size_t i = 0;; i++) {
        struct kv_slice a = {0}, b = {0};
        struct walk here = *w;
        size_t mark = w->path.n;
        bool more = kv_json_item(&left, &a);
        more |= kv_json_item(&right, &b);
        if (!more)
            return;
        here.in_model = models;
        kv_buf_printf(&here.path, "[%zu]", i);
        if (a.n && b.n)
            compare(&here, a, b);
        else
            report(&here, a, b);
        w->path = here.path;
        kv_buf_cut(&w->path, mark, w->path.n - mark);
    }
}

static void compare(struct walk *w, struct kv_slice state, struct kv_slice given)
{
    enum kv_json_type type = kv_json_type(state);
    if (is_same(state, given))
        return;
    size_t found = w->different->n + w->harmless->n;
    if (type == kv_json_type(given) && type == KV_JSON_OBJECT)
        compare_objects(w, state, given);
    else if (type == kv_json_type(given) && type == KV_JSON_ARRAY)
        compare_arrays(w, state, given);
    else
        report(w, state, given);
    if (found != w->different->n + w->harmless->n)
        return;
    struct walk order = *w; /* only the order of members differs: hashed, but without effect */
    order.quiet = true;
    report(&order, state, given);
}

void kv_config_diff_find(
    struct kv_slice state, struct kv_slice given, struct kv_buf *different, struct kv_buf *harmless)
{
    struct kv_buf a = {0}, b = {0};
    struct walk w = {.different = different, .harmless = harmless};
    kv_pydantic_text(&a, state); /* one spelling of keys on both sides */
    kv_pydantic_text(&b, given);
    kv_buf_add_str(&w.path, "");
    compare(&w, kv_slice_of(&a), kv_slice_of(&b));
    kv_buf_release(&w.path);
    kv_buf_release(&a);
    kv_buf_release(&b);
}

/* ---- the verdict ---- */

bool kv_config_diff_decide(const struct kv_config_diff_side *state,
    const struct kv_config_diff_side *given, bool exact, struct kv_buf *reason,
    struct kv_buf *different, struct kv_buf *harmless)
{
    bool hash_differs =
        state->config_hash.n && !kv_slice_eq(state->config_hash, given->config_hash);
    bool content_differs = !exact && given->content_differs;
    if (hash_differs)
        kv_config_diff_find(state->config, given->config, different, harmless);
    if (!kv_slice_eq(state->benchmark_path, given->benchmark_path)) {
        kv_buf_add_str(reason, "Benchmark path changed: ");
        kv_buf_add_slice(reason, state->benchmark_path);
        kv_buf_add_str(reason, " -> ");
        kv_buf_add_slice(reason, given->benchmark_path);
        return false;
    }
    /* A hash that differs without a difference to show was made by another version. */
    if (hash_differs && (exact || different->n || !harmless->n)) {
        kv_buf_add_str(reason, "Configuration has changed since the job started");
        return false;
    }
    if (content_differs)
        kv_buf_add_str(reason, "Benchmark content has changed since the job started");
    return !content_differs;
}

char *kv_config_diff_builtin_prompt(struct kv_slice config)
{
    static const char digest[] = "3fc494996dfd983b8e958303c245758e";
    struct kv_slice models, model, prompt;
    struct kv_json_walk w;
    kv_json_get(config, "answering_models", &models);
    kv_json_begin(&w, models);
    while (kv_json_item(&w, &model)) {
        struct kv_buf text = {0};
        char hex[KV_MD5_HEX + 1];
        if (!kv_json_get(model, "system_prompt", &prompt) || kv_json_type(prompt) != KV_JSON_STRING)
            continue;
        kv_json_unescape(prompt, &text);
        kv_digest_md5(kv_slice_of(&text), hex);
        if (strcmp(hex, digest) == 0)
            return kv_buf_detach(&text);
        kv_buf_release(&text);
    }
    return NULL;
}
