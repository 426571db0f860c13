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

static void has_changed(struct kv_http_target *p)
{
    static uint64_t states;
    p->state = ++states;
}

/* So that it is not taken apart, and put together again, for every request. */
static CURLU *parse(const char *url)
{
    CURLU *u = curl_url();
    if (!u || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
        kv_no_memory();
    return u;
}

struct kv_http_target *kv_http_target_open(const char *url, struct kv_err *err)
{
    struct kv_http_target *p = kv_calloc(1, sizeof *p);
    struct kv_buf name = {0};
    if (kv_http_place_read(&p->place, url, err) != 0) {
        free(p);
        return NULL;
    }
    const struct kv_http_place *at = &p->place;
    has_changed(p);
    p->parsed = parse(at->url);
    kv_buf_printf(&name, at->port ? "%s:%s" : "%s", at->host, at->port);
    p->host = kv_buf_detach(&name);
    p->share_connections = at->encrypted;
    p->idle_s = at->loopback ? IDLE_LOOPBACK_S : IDLE_S;
    /* libcurl would ask leave before a large body, and wait a second for the answer. */
    if (kv_http_target_header(p, "Expect", (struct kv_slice){NULL, 0}, err) == 0)
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
    curl_url_cleanup(p->parsed);
    kv_http_place_release(&p->place);
    free(p->host);
    free(p->socket);
    if (p->secret_url)
        explicit_bzero(p->secret_url, strlen(p->secret_url));
    free(p->secret_url);
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
    p->says_accept = p->says_accept || strcasecmp(name, "Accept") == 0;
    p->says_agent = p->says_agent || strcasecmp(name, "User-Agent") == 0;
    p->says_encodings = p->says_encodings || strcasecmp(name, "Accept-Encoding") == 0;
    explicit_bzero(line.p, line.n);
    kv_buf_release(&line);
    return 0;
}

void kv_http_target_socket(struct kv_http_target *p, const char *path)
{
    free(p->socket);
    free(p->host);
    p->socket = kv_strdup(path);
    p->host = kv_strdup(path);
    has_changed(p);
}

static void add_encoded(struct kv_buf *out, struct kv_slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            memchr("-._~", c, 4))
            kv_buf_add_char(out, (char)c);
        else
            kv_buf_printf(out, "%%%02X", c);
    }
}

void kv_http_target_query(struct kv_http_target *p, const char *name, struct kv_slice value)
{
    struct kv_buf url = {0};
    const char *so_far = p->secret_url ? p->secret_url : p->place.url;
    kv_buf_add_str(&url, so_far);
    kv_buf_add_char(&url, strchr(so_far, '?') ? '&' : '?');
    add_encoded(&url, kv_slice(name));
    kv_buf_add_char(&url, '=');
    add_encoded(&url, value);
    if (p->secret_url)
        explicit_bzero(p->secret_url, strlen(p->secret_url));
    free(p->secret_url);
    p->secret_url = kv_buf_detach(&url);
    curl_url_cleanup(p->parsed);
    p->parsed = NULL;
    has_changed(p);
}

void kv_http_target_kept(struct kv_http_target *p, const char *keep_alive)
{
    const char *timeout = strstr(keep_alive, "timeout=");
    long s = timeout ? strtol(timeout + 8, NULL, 10) : 0;
    long idle_s = s > 1 ? s - 1 : 1;
    if (s <= 0 || s > 3600 || idle_s == p->idle_s)
        return;
    p->idle_s = idle_s;
    has_changed(p);
}

bool kv_http_target_has(const struct kv_http_target *p, const char *name)
{
    size_t n = strlen(name);
    for (const struct curl_slist *s = p->headers; s; s = s->next)
        if (strncasecmp(s->data, name, n) == 0 && s->data[n] == ':')
            return true;
    return false;
}
