/* provider - who is asked, where, in which dialect, and with which key.
 *
 * URLs are put together here as text; who lives at one, and whether a key may go there, is decided
 * from the host that libcurl reads in the finished URL (http_place, key_owner).
 */
#include "provider.h"

#include "json.h"
#include "key_owner.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- URLs ---- */

/* A base URL taken apart: what comes before the query, and the query with its '?'. */
struct base {
    struct kv_slice path, query;
};

static struct base cut_query(const char *url)
{
    const char *q = strchr(url, '?');
    struct base b = {{url, q ? (size_t)(q - url) : strlen(url)}, {q ? q : "", q ? strlen(q) : 0}};
    while (b.path.n && b.path.p[b.path.n - 1] == '/')
        b.path.n--;
    return b;
}

static bool cut_suffix(struct kv_slice *path, const char *suffix)
{
    size_t n = strlen(suffix);
    if (path->n <= n || strncasecmp(path->p + path->n - n, suffix, n) != 0)
        return false;
    path->n -= n;
    return true;
}

static char *join(const struct base *b, const char *path)
{
    struct kv_buf out = {0};
    kv_buf_add_slice(&out, b->path);
    kv_buf_add_str(&out, path);
    kv_buf_add_slice(&out, b->query);
    return kv_buf_detach(&out);
}

static bool has_path(struct kv_slice url)
{
    const char *host = strstr(url.p, "://");
    host = host ? host + 3 : url.p;
    return memchr(host, '/', url.n - (size_t)(host - url.p)) != NULL;
}

static bool is_wild(struct kv_slice host)
{
    return kv_slice_starts(host, "0.0.0.0");
}

/* OLLAMA_HOST may be "host:port" or the address a server binds to. */
static char *tidy_base(const struct kv_service *d, const char *given)
{
    struct kv_slice text = kv_slice_strip(kv_slice(given));
    struct kv_buf out = {0};
    const char *scheme = strstr(given, "://");
    if (!scheme) {
        kv_buf_add_str(&out, d->flags & KV_SERVICE_LOCAL ? "http://" : "https://");
        if (is_wild(text)) {
            kv_buf_add_str(&out, "127.0.0.1");
            text.p += 7;
            text.n -= 7;
        }
    }
    kv_buf_add_slice(&out, text);
    while (out.n && out.p[out.n - 1] == '/')
        kv_buf_cut(&out, out.n - 1, 1);
    if (d->wire == KV_PROTOCOL_OPENAI && out.p && !has_path(kv_slice_of(&out)))
        kv_buf_add_str(&out, strcmp(d->name, "azure") == 0 ? "/openai/v1" : "/v1");
    return kv_buf_detach(&out);
}

/* The URL asked, and that of the listing, from a base as people write them. */
static void urls_of(const struct kv_service *d, const char *base, char **chat, char **models)
{
    struct base b = cut_query(base);
    if (d->wire == KV_PROTOCOL_ANTHROPIC) {
        if (!cut_suffix(&b.path, "/v1/messages"))
            cut_suffix(&b.path, "/v1");
        *chat = join(&b, "/v1/messages");
        *models = join(&b, "/v1/models");
        return;
    }
    cut_suffix(&b.path, "/chat/completions");
    *chat = join(&b, "/chat/completions");
    *models = join(&b, "/models");
}

/* karenina's rule for openai_endpoint (kv-config(5)). */
static char *endpoint_base(const struct kv_choice *c, struct kv_err *err)
{
    struct kv_slice value;
    bool raw = false;
    if (!c->base_url || !*c->base_url) {
        kv_err_set(err, KV_INPUT, "openai_endpoint needs an endpoint_base_url");
        return NULL;
    }
    if (kv_json_get(c->extra, "endpoint_base_url_mode", &value)) {
        raw = kv_json_string_is(value, "raw");
        if (!raw && !kv_json_string_is(value, "auto_v1")) {
            kv_err_set(err, KV_INPUT, "endpoint_base_url_mode is neither auto_v1 nor raw");
            return NULL;
        }
    }
    struct base b = cut_query(c->base_url);
    struct kv_slice bare = b.path;
    cut_suffix(&bare, "/chat/completions");
    struct kv_slice probe = bare;
    bool versioned = cut_suffix(&probe, "/v1");
    b.path = bare;
    return join(&b, raw || versioned ? "" : "/v1");
}

/* ---- which dialect ---- */

static const struct kv_service *recognise(const char *url)
{
    const struct kv_service *d = NULL;
    struct kv_http_place at;
    struct kv_err ignored; /* told when the URL is opened */
    if (kv_http_place_read(&at, url, &ignored) == 0) {
        d = kv_service_of_host(at.host);
        if (!d && at.port)
            d = kv_service_of_port(at.port);
        kv_http_place_release(&at);
    }
    return d && d->wire == KV_PROTOCOL_OPENAI ? d : kv_service_find("generic");
}

static const char *first_env(const char *const *names, size_t n, kv_env_fn *env)
{
    for (size_t i = 0; i < n && names[i]; i++) {
        const char *value = env(names[i]);
        if (value)
            return value;
    }
    return NULL;
}

static const struct kv_service *row_of(const struct kv_choice *c, struct kv_err *err)
{
    if (c->dialect) {
        const struct kv_service *d = kv_service_find(c->dialect);
        if (!d)
            kv_err_set(err, KV_INPUT, "unknown dialect \"%s\"", c->dialect);
        return d;
    }
    if (strcmp(c->interface, "openrouter") == 0)
        return kv_service_find("openrouter");
    if (strcmp(c->interface, "claude_tool") == 0)
        return kv_service_find("anthropic");
    if (strcmp(c->interface, "langchain") != 0) {
        kv_err_set(
            err, KV_INPUT, "interface \"%s\" is not one that is asked over HTTP", c->interface);
        return NULL;
    }
    if (!c->model_provider || !*c->model_provider) {
        kv_err_set(err, KV_INPUT, "interface langchain needs a model_provider");
        return NULL;
    }
    const struct kv_service *d = kv_service_of_provider(c->model_provider);
    if (!d)
        kv_err_set(err, KV_INPUT, "model_provider \"%s\" is not known", c->model_provider);
    return d;
}

/* The base URL a document gives, in the spellings client libraries take. Caller frees. */
static char *given_base(const struct kv_choice *c)
{
    static const char *const names[] = {"base_url", "openai_api_base", "anthropic_api_url"};
    struct kv_slice value;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (kv_json_get(c->extra, names[i], &value) && kv_json_type(value) == KV_JSON_STRING)
            return kv_json_strdup(value);
    return c->base_url && *c->base_url ? kv_strdup(c->base_url) : NULL;
}

/* Dialect and base URL; *foreign: the URL came from a document. */
static const struct kv_service *choose(
    const struct kv_choice *c, kv_env_fn *env, char **base, bool *foreign, struct kv_err *err)
{
    *foreign = true;
    if (!c->dialect && strcmp(c->interface, "openai_endpoint") == 0) {
        *base = endpoint_base(c, err);
        return *base ? recognise(*base) : NULL;
    }
    const struct kv_service *d = row_of(c, err);
    if (!d)
        return NULL;
    *base = given_base(c);
    if (*base)
        return d;
    *foreign = false;
    const char *set = first_env(d->base_env, sizeof d->base_env / sizeof *d->base_env, env);
    if (set)
        *base = tidy_base(d, set);
    else if (d->base)
        *base = kv_strdup(d->base);
    else {
        kv_err_set(err, KV_INPUT, "%s needs a base URL: set %s", d->name, d->base_env[0]);
        return NULL;
    }
    return d;
}

const struct kv_service *kv_provider_choose(
    const struct kv_choice *choice, kv_env_fn *env, char **url, struct kv_err *err)
{
    char *base = NULL, *models = NULL;
    bool foreign;
    const struct kv_service *d = choose(choice, env, &base, &foreign, err);
    if (d)
        urls_of(d, base, url, &models);
    free(base);
    free(models);
    return d;
}

/* ---- keys ---- */

static char *own_name(const char *id)
{
    struct kv_buf out = {0};
    kv_buf_add_str(&out, "KV_API_KEY_");
    for (; *id; id++)
        kv_buf_add_char(
            &out, isalnum((unsigned char)*id) ? (char)toupper((unsigned char)*id) : '_');
    return kv_buf_detach(&out);
}

static bool is_allowed(const struct kv_provider *p, const char *name, kv_env_fn *env)
{
    const struct kv_key_journey j = {.key = name,
        .service = p->dialect,
        .to = &p->chat->place,
        .from_document = p->from_document};
    return kv_key_owner_allows(&j, env);
}

/* 1 found, 0 none there or none that may go, -1 failure. Without a ring nothing is taken. */
static int try_key(struct kv_provider *p, const char *name, kv_env_fn *env, struct kv_secrets *ring,
    struct kv_slice *key, struct kv_err *err)
{
    bool allowed = is_allowed(p, name, env);
    if (!kv_secret_is_set(ring, env, name))
        return 0;
    if (!allowed && !p->withheld)
        p->withheld = kv_strdup(name);
    if (!allowed)
        return 0;
    int rc = ring ? kv_secret_find(ring, env, name, key, err) : 1;
    if (rc == 1)
        p->key_name = kv_strdup(name);
    return rc;
}

/* Looks in order: the model's own variable, the service's, the user's general one. */
static int find_key(struct kv_provider *p, const struct kv_choice *c, kv_env_fn *env,
    struct kv_secrets *ring, struct kv_slice *key, struct kv_err *err)
{
    int rc = 0;
    if (c->id && *c->id) {
        char *name = own_name(c->id);
        rc = try_key(p, name, env, ring, key, err);
        free(name);
    }
    const char *const *names = p->dialect->key_env;
    for (size_t i = 0; rc == 0 && i < 3 && names[i]; i++)
        rc = try_key(p, names[i], env, ring, key, err);
    return rc ? rc : try_key(p, "KV_API_KEY", env, ring, key, err);
}

static int no_key(const struct kv_provider *p, kv_env_fn *env, struct kv_err *err)
{
    const char *name = p->dialect->key_env[0];
    if (!name || p->chat->place.loopback || p->dialect->flags & KV_SERVICE_LOCAL)
        return 0;
    if (is_allowed(p, name, env))
        return kv_err_set(err, KV_PROVIDER, "no key for %s: set %s", p->chat->host, name);
    return kv_err_set(err, KV_PROVIDER,
        "no key for %s: set KV_API_KEY, and KV_API_HOST=%s (%s is only sent to %s itself)",
        p->chat->host, p->chat->host, name, p->dialect->name);
}

static int add_key(struct kv_http_target *peer, const struct kv_provider *p, struct kv_slice key,
    struct kv_err *err)
{
    bool bearer =
        p->dialect->wire == KV_PROTOCOL_OPENAI && !(p->dialect->flags & KV_SERVICE_API_KEY_HDR);
    if (strcmp(p->key_name, "ANTHROPIC_AUTH_TOKEN") == 0)
        bearer = true;
    if (!bearer)
        return kv_http_target_header(
            peer, p->dialect->wire == KV_PROTOCOL_OPENAI ? "api-key" : "x-api-key", key, err);
    struct kv_buf value = {0};
    kv_buf_add_str(&value, "Bearer ");
    kv_buf_add_slice(&value, key);
    int rc = kv_http_target_header(peer, "Authorization", kv_slice_of(&value), err);
    explicit_bzero(value.p, value.cap);
    kv_buf_release(&value);
    return rc;
}

/* ---- open and close ---- */

/* The names of the user's account go where the service's own key may go. */
static int add_headers(struct kv_http_target *peer, const struct kv_provider *p,
    struct kv_slice key, kv_env_fn *env, struct kv_err *err)
{
    static const char *const account[][2] = {
        {"OPENAI_ORG_ID", "OpenAI-Organization"}, {"OPENAI_PROJECT_ID", "OpenAI-Project"}};
    int rc = kv_http_target_header(peer, "Content-Type", KV_SLICE("application/json"), err);
    if (p->dialect->wire == KV_PROTOCOL_ANTHROPIC)
        rc |= kv_http_target_header(peer, "anthropic-version", KV_SLICE("2023-06-01"), err);
    bool openai =
        strcmp(p->dialect->name, "openai") == 0 && is_allowed(p, p->dialect->key_env[0], env);
    for (size_t i = 0; openai && i < 2; i++) {
        const char *value = env(account[i][0]);
        if (value)
            rc |= kv_http_target_header(peer, account[i][1], kv_slice(value), err);
    }
    return rc == 0 && key.n ? add_key(peer, p, key, err) : rc;
}

static int connect_peers(struct kv_provider *p, const char *base, struct kv_err *err)
{
    char *chat = NULL, *models = NULL;
    urls_of(p->dialect, base, &chat, &models);
    p->chat = kv_http_target_open(chat, err);
    p->models = p->chat ? kv_http_target_open(models, err) : NULL;
    free(chat);
    free(models);
    return p->models ? 0 : -1;
}

static int equip(struct kv_provider *p, const struct kv_choice *c, kv_env_fn *env,
    struct kv_secrets *ring, struct kv_err *err)
{
    struct kv_slice key = {NULL, 0};
    int found = find_key(p, c, env, ring, &key, err);
    p->exposed = found == 1 && !p->chat->place.encrypted && !p->chat->place.loopback;
    if (!ring)
        return 0;
    if (found < 0 || (found == 0 && no_key(p, env, err) < 0) ||
        add_headers(p->chat, p, key, env, err) < 0)
        return -1;
    return add_headers(p->models, p, key, env, err);
}

int kv_provider_open(struct kv_provider *p, const struct kv_choice *choice, kv_env_fn *env,
    struct kv_secrets *ring, struct kv_err *err)
{
    char *base = NULL;
    *p = (struct kv_provider){0};
    p->dialect = choose(choice, env, &base, &p->from_document, err);
    p->wire = p->dialect ? p->dialect->wire : KV_PROTOCOL_OPENAI;
    int rc = p->dialect ? connect_peers(p, base, err) : -1;
    if (rc == 0)
        rc = equip(p, choice, env, ring, err);
    free(base);
    if (rc < 0)
        kv_provider_close(p);
    return rc;
}

void kv_provider_close(struct kv_provider *p)
{
    kv_http_target_close(p->chat);
    kv_http_target_close(p->models);
    free(p->key_name);
    free(p->withheld);
    *p = (struct kv_provider){0};
}
