/* url_secret - whether a URL carries a key: it would be stored with the configuration, and shown. */
#include "url_secret.h"

#include <string.h>

enum { NAME_MAX_BYTES = 40 };

static int hex_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* A parameter's name as it is compared: unescaped, lower case, '-' for '_'. Too long a name is cut,
 * and none of ours. */
static void plain_name(struct kv_slice text, char name[NAME_MAX_BYTES])
{
    size_t n = 0;
    for (size_t i = 0; i < text.n && n < NAME_MAX_BYTES - 1; i++) {
        char c = text.p[i];
        if (c == '%' && i + 2 < text.n && hex_of(text.p[i + 1]) >= 0 &&
            hex_of(text.p[i + 2]) >= 0) {
            c = (char)(hex_of(text.p[i + 1]) * 16 + hex_of(text.p[i + 2]));
            i += 2;
        }
        name[n++] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c == '_' ? '-' : c;
    }
    name[n] = '\0';
}

static bool names_key(struct kv_slice text)
{
    static const char *const names[] = {"key", "api-key", "apikey", "access-key",
        "subscription-key", "ocp-apim-subscription-key", "token", "access-token", "api-token",
        "auth", "authorization", "bearer", "secret", "client-secret", "password", "passwd", "pwd",
        "sig", "signature", "code"};
    char name[NAME_MAX_BYTES];
    plain_name(text, name);
    const char *bare = strncmp(name, "x-", 2) == 0 ? name + 2 : name;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(bare, names[i]) == 0)
            return true;
    return false;
}

bool kv_url_secret_in(struct kv_slice query)
{
    for (size_t at = 0, end; at < query.n; at = end + 1) {
        size_t equals = at;
        while (equals < query.n && !strchr("=&;", query.p[equals]))
            equals++;
        for (end = equals; end < query.n && !strchr("&;", query.p[end]);)
            end++;
        bool valued = equals < query.n && query.p[equals] == '=' && end > equals + 1;
        if (valued && names_key((struct kv_slice){query.p + at, equals - at}))
            return true;
    }
    return false;
}

bool kv_url_secret_plain(struct kv_slice name, struct kv_slice value)
{
    static const char *const words[] = {
        "key", "token", "secret", "password", "authorization", "cookie", "signature"};
    char plain[NAME_MAX_BYTES];
    if (value.n == 0 || memmem(value.p, value.n, "${", 2))
        return false;
    plain_name(name, plain);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (const char *at = plain; (at = strstr(at, words[i])); at++)
            if (at == plain || at[-1] == '-')
                return true;
    return names_key(name);
}

const char *kv_url_secret_fault(struct kv_slice url)
{
    const char *end = url.p + url.n, *host = url.n ? memmem(url.p, url.n, "://", 3) : NULL;
    if (!host)
        return NULL;
    for (const char *c = host + 3; c < end && !strchr("/?#", *c); c++)
        if (*c == '@')
            return "a URL must not hold a user name or password";
    const char *query = memchr(host, '?', (size_t)(end - host));
    if (query && kv_url_secret_in((struct kv_slice){query + 1, (size_t)(end - query - 1)}))
        return "a URL must not hold a key: it would be stored; set it in the environment";
    return NULL;
}
