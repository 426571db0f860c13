/* http_target - where requests go: a URL checked once, and the headers every request carries. */
#include "http_target.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    IDLE_S = 30,         /* an idle connection is trusted so long; */
    IDLE_LOOPBACK_S = 4, /* the servers people run themselves close after 5 s */
};

static bool is_loopback(const char *host)
{
    size_t n = strlen(host);
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           strncmp(host, "127.", 4) == 0 ||
           (n > 10 && strcasecmp(host + n - 10, ".localhost") == 0);
}

static bool query_has_key(const char *query)
{
    static const char *const names[] = {"key", "api_key", "apikey", "api-key", "token",
        "access_token", "auth", "secret", "password"};
    for (const char *at = query; at && *at; at = strchr(at, '&') ? strchr(at, '&') + 1 : NULL)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            size_t n = strlen(names[i]);
            if (strncasecmp(at, names[i], n) == 0 && at[n] == '=')
                return true;
        }
    return false;
}

static char *url_part(CURLU *u, CURLUPart part)
{
    char *text = NULL;
    if (curl_url_get(u, part, &text, 0) != CURLUE_OK)
        return NULL;
    char *copy = kv_strdup(text);
    curl_free(text);
    return copy;
}

/* Fills the peer from a parsed URL; the sentence never repeats the URL, which may hold a key. */
static int peer_fill(struct kv_http_target *p, CURLU *u, struct kv_err *err)
{
    char *scheme = url_part(u, CURLUPART_SCHEME), *host = url_part(u, CURLUPART_HOST);
    char *port = url_part(u, CURLUPART_PORT), *user = url_part(u, CURLUPART_USER);
    char *query = url_part(u, CURLUPART_QUERY);
    int rc = 0;
    if (!scheme || !host || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        rc = kv_err_set(err, KV_INPUT, "not an http or https URL");
    else if (user)
        rc = kv_err_set(err, KV_INPUT, "a URL must not hold a user name or password");
    else if (query_has_key(query))
        rc = kv_err_set(err, KV_INPUT, "a URL must not hold a key");
    else {
        struct kv_buf name = {0};
        kv_buf_printf(&name, port ? "%s:%s" : "%s", host, port);
        p->host = kv_buf_detach(&name);
        p->loopback = is_loopback(host);
        p->encrypted = strcmp(scheme, "https") == 0;
        p->idle_s = p->loopback ? IDLE_LOOPBACK_S : IDLE_S;
        p->url = url_part(u, CURLUPART_URL);
    }
    free(scheme);
    free(host);
    free(port);
    free(user);
    free(query);
    return rc;
}

struct kv_http_target *kv_http_target_open(const char *url, struct kv_err *err)
{
    CURLU *u = curl_url();
    if (!u)
        kv_no_memory();
    struct kv_http_target *p = kv_calloc(1, sizeof *p);
    CURLUcode bad = curl_url_set(u, CURLUPART_URL, url, 0);
    int rc = bad ? kv_err_set(err, KV_INPUT, "not a URL: %s", curl_url_strerror(bad))
                 : peer_fill(p, u, err);
    curl_url_cleanup(u);
    /* libcurl would ask leave before a large body, and wait a second for the answer. */
    if (rc == 0)
        rc = kv_http_target_header(p, "Expect", (struct kv_slice){NULL, 0}, err);
    if (rc == 0)
        return p;
    kv_http_target_close(p);
    return NULL;
}

void kv_http_target_close(struct kv_http_target *p)
{
    if (!p)
        return;
    for (struct curl_slist *s = p->headers; s; s = s->next)
        explicit_bzero(s->data, strlen(s->data));
    curl_slist_free_all(p->headers);
    free(p->url);
    free(p->host);
    free(p);
}

static bool has_control(struct kv_slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return true;
    return false;
}

int kv_http_target_header(
    struct kv_http_target *p, const char *name, struct kv_slice value, struct kv_err *err)
{
    if (has_control(value) || has_control(kv_slice(name)))
        return kv_err_set(err, KV_INPUT, "control characters in the header %s", name);
    struct kv_buf line = {0};
    kv_buf_printf(
        &line, value.n ? "%s: %.*s" : "%s:%.*s", name, (int)value.n, value.n ? value.p : "");
    struct curl_slist *longer = curl_slist_append(p->headers, line.p);
    if (!longer)
        kv_no_memory();
    p->headers = longer;
    explicit_bzero(line.p, line.n);
    kv_buf_release(&line);
    return 0;
}
