/* extra_headers - the headers and query parameters that a configuration adds to every request. */
#include "extra_headers.h"

#include "json.h"
#include "key_owner.h"
#include "url_secret.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const transport[] = {
    "host", "content-length", "transfer-encoding", "connection", "expect", "content-encoding"};

struct adding {
    struct kv_http_target *to;
    kv_env_fn *env;
    struct kv_secrets *ring;
    const char *what; /* "default_headers", "default_query" */
};

static bool is_transport(const char *name)
{
    for (size_t i = 0; i < sizeof transport / sizeof *transport; i++)
        if (strcasecmp(name, transport[i]) == 0)
            return true;
    return false;
}

/* The variable's value, as a secret of the ring. */
static int add_variable(
    const struct adding *a, const char *variable, struct kv_buf *out, struct kv_err *err)
{
    const struct kv_key_journey j = {.key = variable, .to = &a->to->place, .from_document = true};
    struct kv_slice value;
    if (strncmp(variable, "KV_", 3) != 0)
        return kv_err_set(err, KV_INPUT,
            "%s: ${%s}: only variables whose names begin with KV_ can be named", a->what, variable);
    if (!kv_key_owner_allows(&j, a->env))
        return kv_err_set(err, KV_PROVIDER, "%s: %s may not go to %s unless KV_API_HOST names it",
            a->what, variable, a->to->host);
    int found = kv_secret_find(a->ring, a->env, variable, &value, err);
    if (found < 0)
        return -1;
    if (!found)
        return kv_err_set(err, KV_PROVIDER, "%s: %s is not set", a->what, variable);
    kv_buf_add_slice(out, value);
    return 0;
}

/* Text with "${NAME}" replaced. */
static int expand(
    const struct adding *a, struct kv_slice text, struct kv_buf *out, struct kv_err *err)
{
    while (text.n) {
        const char *from = memmem(text.p, text.n, "${", 2);
        const char *to = from ? memchr(from, '}', (size_t)(text.p + text.n - from)) : NULL;
        if (!to) {
            kv_buf_add_slice(out, text);
            return 0;
        }
        kv_buf_add(out, text.p, (size_t)(from - text.p));
        char *variable = kv_strndup(from + 2, (size_t)(to - from) - 2);
        int failed = add_variable(a, variable, out, err);
        free(variable);
        if (failed)
            return -1;
        text.n -= (size_t)(to + 1 - text.p);
        text.p = to + 1;
    }
    return 0;
}

static int check(const struct adding *a, const char *name, struct kv_slice text, struct kv_err *err)
{
    if (is_transport(name))
        return kv_err_set(err, KV_INPUT, "%s: %s is set by the transport", a->what, name);
    if (kv_url_secret_plain(kv_slice(name), text))
        return kv_err_set(err, KV_INPUT,
            "%s: %s would be stored with the configuration: name a variable, ${KV_…}", a->what,
            name);
    return 0;
}

static int add_one(
    const struct adding *a, const char *name, struct kv_slice text, struct kv_err *err)
{
    struct kv_buf value = {0};
    int failed = check(a, name, text, err);
    if (!failed)
        failed = expand(a, text, &value, err);
    if (!failed && strcmp(a->what, "default_query") == 0)
        kv_http_target_query(a->to, name, kv_slice_of(&value));
    else if (!failed)
        failed = kv_http_target_header(a->to, name, kv_slice_of(&value), err);
    if (value.p)
        explicit_bzero(value.p, value.cap);
    kv_buf_release(&value);
    return failed;
}

static int add_all(const struct adding *a, struct kv_slice object, struct kv_err *err)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    if (kv_json_type(object) != KV_JSON_OBJECT)
        return kv_err_set(err, KV_INPUT, "%s is no object", a->what);
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value)) {
        struct kv_buf text = {0};
        char *name = kv_json_strdup(key);
        int failed = 0;
        if (kv_json_type(value) == KV_JSON_STRING)
            kv_json_unescape(value, &text);
        else
            failed = kv_err_set(err, KV_INPUT, "%s: %s is not a string", a->what, name);
        if (!failed)
            failed = add_one(a, name, kv_slice_of(&text), err);
        kv_buf_release(&text);
        free(name);
        if (failed)
            return -1;
    }
    return 0;
}

int kv_extra_headers_add(struct kv_http_target *to, struct kv_slice extra_kwargs, kv_env_fn *env,
    struct kv_secrets *ring, struct kv_err *err)
{
    static const char *const members[] = {"default_headers", "default_query"};
    struct kv_slice object;
    for (size_t i = 0; i < 2; i++) {
        struct adding a = {.to = to, .env = env, .ring = ring, .what = members[i]};
        if (extra_kwargs.n && kv_json_get(extra_kwargs, members[i], &object) &&
            !kv_json_is_null(object) && add_all(&a, object, err) != 0)
            return -1;
    }
    return 0;
}
