/* base_url - which service a model is asked at, and under which URL. */
#include "base_url.h"

#include "http_place.h"
#include "json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- URLs as text ---- */

/* A URL taken apart: what comes before the query, and the query with its '?'. */
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

/* What stands behind the host, with its '/'. */
static struct kv_slice path_of(struct kv_slice url)
{
    const char *host = url.n ? memmem(url.p, url.n, "://", 3) : NULL;
    host = host ? host + 3 : url.p;
    const char *path = url.n ? memchr(host, '/', url.n - (size_t)(host - url.p)) : NULL;
    return path ? (struct kv_slice){path, url.n - (size_t)(path - url.p)}
                : (struct kv_slice){"", 0};
}

/* "v1", "v4", "v1beta" */
static bool is_version(struct kv_slice segment)
{
    if (segment.n < 2 || tolower((unsigned char)segment.p[0]) != 'v' ||
        !isdigit((unsigned char)segment.p[1]))
        return false;
    for (size_t i = 1; i < segment.n; i++)
        if (!isalnum((unsigned char)segment.p[i]))
            return false;
    return true;
}

static bool has_segment(struct kv_slice path, bool (*wanted)(struct kv_slice segment))
{
    while (path.n) {
        path.p++;
        path.n--;
        const char *slash = path.n ? memchr(path.p, '/', path.n) : NULL;
        size_t n = slash ? (size_t)(slash - path.p) : path.n;
        if (wanted((struct kv_slice){path.p, n}))
            return true;
        path.p += n;
        path.n -= n;
    }
    return false;
}

static bool is_deployments(struct kv_slice segment)
{
    return kv_slice_is(segment, "deployments");
}

/* Where requests go, people put behind the base. */
static void cut_request(struct kv_slice *path)
{
    if (!cut_suffix(path, "/chat/completions") && !cut_suffix(path, "/responses"))
        cut_suffix(path, "/v1/messages");
}

/* ---- karenina's rule for openai_endpoint (kv-config(5)), but for versions ---- */

static char *endpoint_base(const struct kv_choice *c, const char *given, struct kv_err *err)
{
    struct kv_slice value;
    bool raw = false;
    if (!given || !*given) {
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
    struct base b = cut_query(given);
    struct kv_slice whole = b.path;
    cut_request(&b.path);
    bool complete = whole.n != b.path.n; /* the whole path of a request was given */
    struct kv_slice path = path_of(b.path);
    bool as_it_is =
        raw || complete || has_segment(path, is_version) || has_segment(path, is_deployments);
    return join(&b, as_it_is ? "" : "/v1");
}

/* ---- base URLs of services, from variables and client libraries' members ---- */

static bool is_wild(struct kv_slice host)
{
    return kv_slice_starts(host, "0.0.0.0");
}

static const char *usual_path(const struct kv_service *d)
{
    if (d->wire == KV_PROTOCOL_GEMINI)
        return "/v1beta";
    if (d->wire != KV_PROTOCOL_OPENAI)
        return "";
    return d->flags & KV_SERVICE_DEPLOYMENTS ? "/openai/v1" : "/v1";
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
    if (out.n && path_of(kv_slice_of(&out)).n == 0)
        kv_buf_add_str(&out, usual_path(d));
    return kv_buf_detach(&out);
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

static char *member(const struct kv_choice *c, const char *const *names)
{
    struct kv_slice value;
    for (; *names; names++)
        if (kv_json_get(c->extra, *names, &value) && kv_json_type(value) == KV_JSON_STRING)
            return kv_json_strdup(value);
    return NULL;
}

/* The base URL a document gives, in the spellings client libraries take. Caller frees. */
static char *given_base(const struct kv_choice *c)
{
    static const char *const names[] = {
        "base_url", "openai_api_base", "anthropic_api_url", "azure_endpoint", NULL};
    char *found = member(c, names);
    return found || !c->base_url || !*c->base_url ? found : kv_strdup(c->base_url);
}

/* ---- Azure ---- */

/* A deployment has a path of its own and wants the version of the interface named. */
static int add_deployment(
    const struct kv_choice *c, kv_env_fn *env, struct kv_base_url *base, struct kv_err *err)
{
    static const char *const deployments[] = {"azure_deployment", "deployment_name", NULL};
    static const char *const versions[] = {"api_version", "openai_api_version", NULL};
    char *deployment = member(c, deployments), *version = member(c, versions);
    struct base b = cut_query(base->url);
    struct kv_buf out = {0};
    int rc = 0;
    if (!version && env("OPENAI_API_VERSION"))
        version = kv_strdup(env("OPENAI_API_VERSION"));
    if (deployment && !cut_suffix(&b.path, "/openai/v1"))
        cut_suffix(&b.path, "/openai");
    kv_buf_add_slice(&out, b.path);
    if (deployment && !has_segment(path_of(b.path), is_deployments))
        kv_buf_printf(&out, "/openai/deployments/%s", deployment);
    bool wants = has_segment(path_of(kv_slice_of(&out)), is_deployments) &&
                 !strstr(b.query.p, "api-version=");
    if (wants && !version)
        rc = kv_err_set(err, KV_INPUT,
            "a deployment of Azure is asked with a version: set api_version in extra_kwargs, or "
            "OPENAI_API_VERSION");
    kv_buf_add_slice(&out, b.query);
    if (wants && version)
        kv_buf_printf(&out, "%sapi-version=%s", b.query.n ? "&" : "?", version);
    free(base->url);
    base->url = kv_buf_detach(&out);
    free(deployment);
    free(version);
    return rc;
}

/* ---- unix sockets ---- */

static int hex(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* "http+unix://%2Frun%2Fllm.sock/v1": the socket's path stands where a host does. */
static int take_socket(const struct kv_choice *c, struct kv_base_url *base, struct kv_err *err)
{
    static const char scheme[] = "http+unix://";
    static const char *const names[] = {"endpoint_unix_socket", NULL};
    struct kv_buf path = {0}, url = {0};
    base->socket = member(c, names);
    if (!base->url || strncmp(base->url, scheme, sizeof scheme - 1) != 0)
        return 0;
    const char *at = base->url + sizeof scheme - 1;
    for (; *at && *at != '/' && *at != '?'; at++) {
        bool escaped = *at == '%' && hex(at[1]) >= 0 && hex(at[2]) >= 0;
        kv_buf_add_char(&path, escaped ? (char)(hex(at[1]) * 16 + hex(at[2])) : *at);
        at += escaped ? 2 : 0;
    }
    kv_buf_printf(&url, "http://localhost%s", at);
    free(base->url);
    base->url = kv_buf_detach(&url);
    free(base->socket);
    base->socket = kv_buf_detach(&path);
    if (base->socket[0] == '/')
        return 0;
    return kv_err_set(
        err, KV_INPUT, "http+unix:// is followed by the socket's path, with %%2F for each slash");
}

/* ---- which service ---- */

static const struct kv_service *recognise(const char *url)
{
    const struct kv_service *d = NULL;
    struct kv_http_place at;
    if (kv_http_place_read(&at, url, NULL) == 0) {
        d = kv_service_of_host(at.host);
        if (!d && at.port)
            d = kv_service_of_port(at.port);
        kv_http_place_release(&at);
    }
    return d && d->wire == KV_PROTOCOL_OPENAI ? d : kv_service_find("generic");
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

/* For openai_endpoint the URL tells the service. */
static const struct kv_service *choose_endpoint(
    const struct kv_choice *c, struct kv_base_url *base, struct kv_err *err)
{
    base->url = c->moved_to ? kv_strdup(c->moved_to) : c->base_url ? kv_strdup(c->base_url) : NULL;
    if (take_socket(c, base, err) != 0)
        return NULL;
    char *url = endpoint_base(c, base->url, err);
    free(base->url);
    base->url = url;
    return url ? recognise(url) : NULL;
}

/* For any other the service tells the URL, unless one is given. */
static const struct kv_service *choose_service(
    const struct kv_choice *c, kv_env_fn *env, struct kv_base_url *base, struct kv_err *err)
{
    const struct kv_service *d = row_of(c, err);
    if (!d)
        return NULL;
    const char *set = first_env(d->base_env, sizeof d->base_env / sizeof *d->base_env, env);
    char *given = c->moved_to ? NULL : given_base(c);
    base->from_document = given != NULL;
    if (c->moved_to || given)
        base->url = given ? given : kv_strdup(c->moved_to);
    else if (set)
        base->url = tidy_base(d, set);
    else if (d->base)
        base->url = kv_strdup(d->base);
    else {
        kv_err_set(err, KV_INPUT, "%s needs a base URL: set %s", d->name, d->base_env[0]);
        return NULL;
    }
    return take_socket(c, base, err) == 0 ? d : NULL;
}

const struct kv_service *kv_base_url_choose(
    const struct kv_choice *c, kv_env_fn *env, struct kv_base_url *base, struct kv_err *err)
{
    *base = (struct kv_base_url){.from_document = !c->moved_to};
    bool endpoint = !c->dialect && strcmp(c->interface, "openai_endpoint") == 0;
    const struct kv_service *d =
        endpoint ? choose_endpoint(c, base, err) : choose_service(c, env, base, err);
    if (d && d->flags & KV_SERVICE_DEPLOYMENTS && add_deployment(c, env, base, err) != 0)
        d = NULL;
    if (!d)
        kv_base_url_release(base);
    return d;
}

void kv_base_url_release(struct kv_base_url *base)
{
    free(base->url);
    free(base->socket);
    *base = (struct kv_base_url){0};
}

/* ---- what is asked ---- */

static char *gemini(const struct base *b, const char *model, const char *method)
{
    struct kv_buf path = {0};
    const char *name = strncmp(model, "models/", 7) == 0 ? model + 7 : model;
    kv_buf_printf(&path, "/models/%s:%s", name, method);
    char *url = join(b, path.p);
    kv_buf_release(&path);
    return url;
}

/* Anthropic's own bases have no version, its gateways' often do. */
static void cut_anthropic(struct kv_slice *path)
{
    if (!cut_suffix(path, "/v1/messages"))
        cut_suffix(path, "/v1");
}

char *kv_base_url_asked(
    const struct kv_base_url *base, enum kv_protocol_kind protocol, const char *model)
{
    struct base b = cut_query(base->url);
    if (protocol == KV_PROTOCOL_ANTHROPIC) {
        cut_anthropic(&b.path);
        return join(&b, "/v1/messages");
    }
    if (protocol == KV_PROTOCOL_GEMINI)
        return gemini(&b, model ? model : "", "generateContent");
    cut_request(&b.path);
    return join(&b, protocol == KV_PROTOCOL_RESPONSES ? "/responses" : "/chat/completions");
}

char *kv_base_url_streamed(
    const struct kv_base_url *base, enum kv_protocol_kind protocol, const char *model)
{
    struct base b = cut_query(base->url);
    struct kv_buf query = {0};
    if (protocol != KV_PROTOCOL_GEMINI)
        return NULL;
    kv_buf_add_str(&query, "?alt=sse");
    if (b.query.n > 1) {
        kv_buf_add_char(&query, '&');
        kv_buf_add(&query, b.query.p + 1, b.query.n - 1);
    }
    b.query = kv_slice_of(&query);
    char *url = gemini(&b, model ? model : "", "streamGenerateContent");
    kv_buf_release(&query);
    return url;
}

char *kv_base_url_models(const struct kv_base_url *base, enum kv_protocol_kind protocol)
{
    struct base b = cut_query(base->url);
    if (protocol == KV_PROTOCOL_ANTHROPIC) {
        cut_anthropic(&b.path);
        return join(&b, "/v1/models");
    }
    if (protocol != KV_PROTOCOL_GEMINI)
        cut_request(&b.path);
    return join(&b, "/models");
}
