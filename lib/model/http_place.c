/* http_place - where a URL points, as libcurl reads it: the one reading that decides anything. */
#include "http_place.h"

#include "buf.h"
#include "url_secret.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the spelling ---- */

/* What stands between "://" and the path. n == 0: this is no URL of ours. */
static struct kv_slice authority_of(const char *url)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);
        if (strncasecmp(url, schemes[i], n) == 0)
            return (struct kv_slice){url + n, strcspn(url + n, "/?")};
    }
    return (struct kv_slice){url, 0};
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr(".-_:[]", c) != NULL;
}

static int check_spelling(const char *url, struct kv_err *err)
{
    struct kv_slice host = authority_of(url);
    for (const unsigned char *c = (const unsigned char *)url; *c; c++)
        if (*c <= 0x20 || *c == 0x7f || *c == '\\')
            return kv_err_set(err, KV_INPUT, "a URL must not hold spaces or backslashes");
    if (host.n == 0)
        return kv_err_set(err, KV_INPUT, "not an http or https URL");
    if (memchr(host.p, '@', host.n))
        return kv_err_set(err, KV_INPUT, "a URL must not hold a user name or password");
    if (strchr(url, '#'))
        return kv_err_set(err, KV_INPUT, "a URL that is asked has no fragment (#…)");
    for (size_t i = 0; i < host.n; i++)
        if (!is_plain(host.p[i]))
            return kv_err_set(
                err, KV_INPUT, "the host of a URL must be plain: letters, digits, dots and dashes");
    return 0;
}

/* ---- libcurl's reading ---- */

static char *part(CURLU *u, CURLUPart which)
{
    char *text = NULL;
    if (curl_url_get(u, which, &text, 0) != CURLUE_OK)
        return NULL;
    char *copy = kv_strdup(text);
    curl_free(text);
    return copy;
}

static void lower(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text + ('a' - 'A'));
}

static bool is_loopback6(const char *host)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct in6_addr a;
    char text[INET6_ADDRSTRLEN];
    size_t n = strlen(host);
    if (host[0] != '[' || n < 3 || n - 2 >= sizeof text)
        return false;
    memcpy(text, host + 1, n - 2);
    text[n - 2] = '\0';
    if (inet_pton(AF_INET6, text, &a) != 1)
        return false;
    return IN6_IS_ADDR_LOOPBACK(&a) ||
           (memcmp(a.s6_addr, mapped, sizeof mapped) == 0 && a.s6_addr[12] == 127);
}

/* By address, not by how the text begins: "127.evil.example" is a name. libcurl itself sends
 * localhost and all below .localhost to this machine, whatever a name server says. */
static bool is_loopback(const char *host)
{
    struct in_addr a;
    size_t n = strlen(host);
    if (inet_pton(AF_INET, host, &a) == 1)
        return ntohl(a.s_addr) >> 24 == 127;
    return strcmp(host, "localhost") == 0 || (n > 10 && strcmp(host + n - 10, ".localhost") == 0) ||
           is_loopback6(host);
}

/* An address that no packet of the Internet carries (RFC 1918, RFC 3927, RFC 4193, RFC 4291). */
static bool is_private(const char *host)
{
    struct in_addr four;
    struct in6_addr six;
    char text[INET6_ADDRSTRLEN];
    if (inet_pton(AF_INET, host, &four) == 1) {
        unsigned long a = ntohl(four.s_addr);
        return a >> 24 == 10 || a >> 20 == 0xAC1 || a >> 16 == 0xC0A8 || a >> 16 == 0xA9FE;
    }
    size_t n = strlen(host);
    if (host[0] != '[' || n < 3 || n - 2 >= sizeof text)
        return false;
    memcpy(text, host + 1, n - 2);
    text[n - 2] = '\0';
    if (inet_pton(AF_INET6, text, &six) != 1)
        return false;
    return (six.s6_addr[0] & 0xFE) == 0xFC || IN6_IS_ADDR_LINKLOCAL(&six);
}

static int fill(struct kv_http_place *p, CURLU *u, struct kv_err *err)
{
    char *scheme = part(u, CURLUPART_SCHEME), *user = part(u, CURLUPART_USER);
    char *query = part(u, CURLUPART_QUERY);
    int rc = 0;
    *p = (struct kv_http_place){.url = part(u, CURLUPART_URL),
        .host = part(u, CURLUPART_HOST),
        .port = part(u, CURLUPART_PORT)};
    bool http = scheme && strcmp(scheme, "http") == 0;
    p->encrypted = scheme && strcmp(scheme, "https") == 0;
    if (!p->url || !p->host || !(http || p->encrypted))
        rc = kv_err_set(err, KV_INPUT, "not an http or https URL");
    else if (user)
        rc = kv_err_set(err, KV_INPUT, "a URL must not hold a user name or password");
    else if (query && kv_url_secret_in(kv_slice(query)))
        rc = kv_err_set(err, KV_INPUT, "a URL must not hold a key");
    else {
        lower(p->host);
        p->loopback = is_loopback(p->host);
        p->nearby = p->loopback || is_private(p->host);
    }
    free(scheme);
    free(user);
    free(query);
    return rc;
}

int kv_http_place_read(struct kv_http_place *p, const char *url, struct kv_err *err)
{
    *p = (struct kv_http_place){0};
    if (check_spelling(url, err) != 0)
        return -1;
    CURLU *u = curl_url();
    if (!u)
        kv_no_memory();
    CURLUcode bad = curl_url_set(u, CURLUPART_URL, url, 0);
    int rc =
        bad ? kv_err_set(err, KV_INPUT, "not a URL: %s", curl_url_strerror(bad)) : fill(p, u, err);
    curl_url_cleanup(u);
    if (rc != 0)
        kv_http_place_release(p);
    return rc;
}

void kv_http_place_release(struct kv_http_place *p)
{
    free(p->url);
    free(p->host);
    free(p->port);
    *p = (struct kv_http_place){0};
}

bool kv_http_place_is(const struct kv_http_place *p, const struct kv_http_place *exact)
{
    return strcmp(p->host, exact->host) == 0 &&
           (!exact->port || (p->port && strcmp(p->port, exact->port) == 0));
}
