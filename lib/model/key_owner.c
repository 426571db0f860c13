/* key_owner - whether a key may go to a host: the one place where it is decided. */
#include "key_owner.h"

#include <stdlib.h>
#include <string.h>

/* A host, a host and port, or a URL, as users write them. */
static int read_place(struct kv_http_place *p, struct kv_slice text)
{
    struct kv_buf url = {0};
    if (!memmem(text.p, text.n, "://", 3))
        kv_buf_add_str(&url, "https://");
    kv_buf_add_slice(&url, text);
    int rc = kv_http_place_read(p, url.p, NULL);
    kv_buf_release(&url);
    return rc;
}

static bool is_named(struct kv_slice text, const struct kv_http_place *to)
{
    struct kv_http_place named;
    if (text.n == 0 || read_place(&named, text) != 0)
        return false;
    bool same = kv_http_place_is(to, &named);
    kv_http_place_release(&named);
    return same;
}

bool kv_key_owner_listed(const struct kv_http_place *to, kv_env_fn *env)
{
    const char *list = env("KV_API_HOST");
    while (list && *list) {
        size_t n = strcspn(list, ", \t\n");
        if (is_named((struct kv_slice){list, n}, to))
            return true;
        list += n + (list[n] != '\0');
    }
    return false;
}

/* The port of a base-URL variable does not matter: the host is the owner's. */
static bool is_own_base(const struct kv_service *s, const struct kv_http_place *to, kv_env_fn *env)
{
    for (size_t i = 0; i < sizeof s->base_env / sizeof *s->base_env && s->base_env[i]; i++) {
        const char *value = env(s->base_env[i]);
        struct kv_http_place base;
        if (!value || read_place(&base, kv_slice_strip(kv_slice(value))) != 0)
            continue;
        bool same = strcmp(base.host, to->host) == 0;
        kv_http_place_release(&base);
        return same; /* the first that is set is the one in use */
    }
    return false;
}

bool kv_key_owner_allows(const struct kv_key_journey *j, kv_env_fn *env)
{
    if (j->to->loopback)
        return true;
    if (strncmp(j->key, "KV_", 3) == 0)
        return kv_key_owner_listed(j->to, env);
    if (!j->from_document || is_own_base(j->service, j->to, env))
        return true;
    return j->to->encrypted && kv_service_lives_at(j->service, j->to->host);
}
