/* provider - who is asked, where, in which dialect, and with which key.
 *
 * URLs are put together as text (base_url); whether a key may go to one is decided from the host
 * that libcurl reads in it (http_place, key_owner).
 */
#include "provider.h"

#include "extra_headers.h"
#include "json.h"
#include "key_owner.h"
#include "protocol_choice.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* What a configuration says in default_headers wins. */
static int add_header(
    struct kv_http_target *to, const char *name, struct kv_slice value, struct kv_err *err)
{
    return kv_http_target_has(to, name) ? 0 : kv_http_target_header(to, name, value, err);
}

static int add_key(struct kv_http_target *peer, const struct kv_provider *p, struct kv_slice key,
    struct kv_err *err)
{
    static const char *const names[] = {[KV_PROTOCOL_ANTHROPIC] = "x-api-key",
        [KV_PROTOCOL_GEMINI] = "x-goog-api-key",
        [KV_PROTOCOL_RESPONSES] = NULL};
    const char *name = p->dialect->flags & KV_SERVICE_API_KEY_HDR ? "api-key" : names[p->wire];
    if (name && strcmp(p->key_name, "ANTHROPIC_AUTH_TOKEN") != 0)
        return add_header(peer, name, key, err);
    struct kv_buf value = {0};
    kv_buf_add_str(&value, "Bearer ");
    kv_buf_add_slice(&value, key);
    int rc = add_header(peer, "Authorization", kv_slice_of(&value), err);
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
    int rc = add_header(peer, "Content-Type", KV_SLICE("application/json"), err);
    if (p->wire == KV_PROTOCOL_ANTHROPIC)
        rc |= add_header(peer, "anthropic-version", KV_SLICE("2023-06-01"), err);
    bool openai =
        strcmp(p->dialect->name, "openai") == 0 && is_allowed(p, p->dialect->key_env[0], env);
    for (size_t i = 0; openai && i < 2; i++) {
        const char *value = env(account[i][0]);
        if (value)
            rc |= add_header(peer, account[i][1], kv_slice(value), err);
    }
    return rc == 0 && key.n ? add_key(peer, p, key, err) : rc;
}

/* Some servers offer HTTP/2 and are better asked without. */
static bool forbids_sharing(const struct kv_choice *c)
{
    struct kv_slice value;
    return c->extra.n && kv_json_get(c->extra, "http2", &value) && kv_slice_is(value, "false");
}

static struct kv_http_target *open_target(
    char *url, const struct kv_base_url *base, const struct kv_choice *c, struct kv_err *err)
{
    struct kv_http_target *target = kv_http_target_open(url, err);
    free(url);
    if (target && base->socket)
        kv_http_target_socket(target, base->socket);
    if (target && forbids_sharing(c))
        target->share_connections = false;
    return target;
}

static enum kv_protocol_kind other_protocol(const struct kv_provider *p)
{
    return p->wire == KV_PROTOCOL_OPENAI ? KV_PROTOCOL_RESPONSES : KV_PROTOCOL_OPENAI;
}

static int connect_peers(struct kv_provider *p, const struct kv_choice *c,
    const struct kv_base_url *base, struct kv_err *err)
{
    p->chat = open_target(kv_base_url_asked(base, p->wire, c->model), base, c, err);
    if (!p->chat)
        return -1;
    char *streamed = kv_base_url_streamed(base, p->wire, c->model);
    if (streamed && !(p->streamed = open_target(streamed, base, c, err)))
        return -1;
    p->models = open_target(kv_base_url_models(base, p->wire), base, c, err);
    if (p->models && p->dialect->wire == KV_PROTOCOL_OPENAI)
        p->other = open_target(kv_base_url_asked(base, other_protocol(p), c->model), base, c, err);
    return p->models && (p->other || p->dialect->wire != KV_PROTOCOL_OPENAI) ? 0 : -1;
}

static int equip(struct kv_provider *p, const struct kv_choice *c, kv_env_fn *env,
    struct kv_secrets *ring, struct kv_err *err)
{
    struct kv_slice key = {NULL, 0};
    int found = find_key(p, c, env, ring, &key, err);
    p->exposed = found == 1 && !p->chat->place.encrypted && !p->chat->place.loopback;
    if (!ring)
        return 0;
    struct kv_http_target *const all[] = {p->chat, p->models, p->other, p->streamed};
    const size_t n = sizeof all / sizeof *all;
    for (size_t i = 0; i < n; i++)
        if (all[i] && kv_extra_headers_add(all[i], c->extra, env, ring, err) < 0)
            return -1;
    if (found < 0 ||
        (found == 0 && !kv_http_target_has(p->chat, "Authorization") && no_key(p, env, err) < 0))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (all[i] && add_headers(all[i], p, key, env, err) < 0)
            return -1;
    return 0;
}

int kv_provider_open(struct kv_provider *p, const struct kv_choice *choice, kv_env_fn *env,
    struct kv_secrets *ring, struct kv_err *err)
{
    struct kv_base_url base = {0};
    *p = (struct kv_provider){0};
    p->dialect = kv_base_url_choose(choice, env, &base, err);
    p->wire = p->dialect ? kv_protocol_choice(choice, p->dialect, &p->guessed) : KV_PROTOCOL_OPENAI;
    p->from_document = base.from_document;
    int rc = p->dialect ? connect_peers(p, choice, &base, err) : -1;
    if (rc == 0)
        rc = equip(p, choice, env, ring, err);
    kv_base_url_release(&base);
    if (rc < 0)
        kv_provider_close(p);
    return rc;
}

void kv_provider_gather_keys(struct kv_secrets *ring, struct kv_buf *gone)
{
    const struct kv_service *d;
    for (size_t i = 0; (d = kv_service_at(i)); i++)
        for (size_t k = 0; k < sizeof d->key_env / sizeof *d->key_env && d->key_env[k]; k++)
            kv_secret_gather(ring, d->key_env[k], gone);
    kv_secret_gather(ring, "KV_API_KEY", gone);
    kv_secret_gather(ring, "KV_API_KEY_", gone);
}

void kv_provider_close(struct kv_provider *p)
{
    kv_http_target_close(p->chat);
    kv_http_target_close(p->models);
    kv_http_target_close(p->other);
    kv_http_target_close(p->streamed);
    free(p->key_name);
    free(p->withheld);
    *p = (struct kv_provider){0};
}

struct kv_http_target *kv_provider_target(const struct kv_provider *p, bool stream)
{
    return stream && p->streamed ? p->streamed : p->chat;
}

bool kv_provider_switch(struct kv_provider *p)
{
    struct kv_http_target *chat = p->chat;
    if (!p->other)
        return false;
    p->wire = other_protocol(p);
    p->chat = p->other;
    p->other = chat;
    return true;
}
