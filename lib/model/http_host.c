/* http_host - how many transfers to one host may begin, so that those of HTTP/2 share connections. */
#include "http_host.h"

#include "buf.h"

#include <stdlib.h>
#include <string.h>

void kv_http_hosts_release(struct kv_http_hosts *hosts)
{
    for (size_t i = 0; i < hosts->n; i++) {
        free(hosts->all[i]->name);
        free(hosts->all[i]->connections);
        free(hosts->all[i]);
    }
    free(hosts->all);
}

static struct kv_http_host *host_of(struct kv_http_hosts *hosts, const char *name)
{
    for (size_t i = 0; i < hosts->n; i++)
        if (strcmp(hosts->all[i]->name, name) == 0)
            return hosts->all[i];
    struct kv_http_host *host = kv_calloc(1, sizeof *host);
    host->name = kv_strdup(name);
    host->streams = KV_HTTP_STREAMS;
    hosts->all = kv_grow(hosts->all, hosts->n, sizeof *hosts->all);
    hosts->all[hosts->n++] = host;
    return host;
}

/* ---- connections in use ---- */

static size_t find(const struct kv_http_host *host, int port)
{
    size_t i = 0;
    while (i < host->count && host->connections[i].port != port)
        i++;
    return i;
}

static struct kv_http_socket socket_of(const struct kv_http_connection *c)
{
    struct kv_http_socket s = {c->socket, KV_HTTP_AT_ONCE};
    while (s.haste < KV_HTTP_LATER && !c->of[s.haste])
        s.haste++;
    return s;
}

static struct kv_http_socket leave_connection(
    struct kv_http_host *host, const struct kv_http_flight *flight)
{
    size_t i = find(host, flight->port);
    if (i == host->count)
        return (struct kv_http_socket){-1, KV_HTTP_AT_ONCE};
    host->connections[i].of[flight->haste]--;
    if (--host->connections[i].n > 0)
        return socket_of(&host->connections[i]);
    host->connections[i] = host->connections[--host->count];
    return (struct kv_http_socket){-1, KV_HTTP_AT_ONCE};
}

/* A connection that nobody was expected to open: the others carry no more than they do. */
static void learn_streams(struct kv_http_host *host)
{
    size_t most = 1;
    for (size_t i = 0; i < host->count; i++)
        most = host->connections[i].n > most ? host->connections[i].n : most;
    if (most < host->streams)
        host->streams = most;
}

struct kv_http_socket kv_http_host_connected(struct kv_http_flight *flight, int port)
{
    struct kv_http_host *host = flight->host;
    if (!host || flight->port)
        return (struct kv_http_socket){-1, KV_HTTP_AT_ONCE};
    size_t i = find(host, port);
    if (host->kind == KV_HTTP_UNKNOWN && host->count)
        host->kind = i < host->count ? KV_HTTP_SHARED : KV_HTTP_APART;
    if (i == host->count) {
        if (host->kind == KV_HTTP_SHARED && host->opener != flight)
            learn_streams(host);
        host->connections = kv_grow(host->connections, host->count, sizeof *host->connections);
        host->connections[host->count++] =
            (struct kv_http_connection){.port = port, .socket = flight->socket};
    }
    host->connections[i].n++;
    host->connections[i].of[flight->haste]++;
    flight->port = port;
    host->failed = false;
    if (host->opener == flight)
        host->opener = NULL;
    return socket_of(&host->connections[i]);
}

static struct kv_http_connection *connection_of(const struct kv_http_flight *flight)
{
    size_t i = flight->host && flight->port ? find(flight->host, flight->port) : 0;
    bool there = flight->host && flight->port && i < flight->host->count;
    return there ? &flight->host->connections[i] : NULL;
}

void kv_http_host_socket(struct kv_http_flight *flight, int socket)
{
    struct kv_http_connection *at = connection_of(flight);
    flight->socket = socket;
    if (at)
        at->socket = socket;
}

struct kv_http_socket kv_http_host_haste(struct kv_http_flight *flight, enum kv_http_haste haste)
{
    struct kv_http_connection *at = connection_of(flight);
    enum kv_http_haste was = flight->haste;
    flight->haste = haste;
    if (!at)
        return (struct kv_http_socket){flight->socket, haste};
    at->of[was]--;
    at->of[haste]++;
    return socket_of(at);
}

/* ---- who may begin ---- */

static bool has_room(const struct kv_http_host *host)
{
    if (host->kind == KV_HTTP_APART || host->failed)
        return true;
    return host->begun < host->streams * host->count;
}

static bool begin(struct kv_http_host *host, struct kv_http_flight *flight)
{
    bool room = has_room(host);
    bool opens = !room && !host->opener && (host->kind == KV_HTTP_SHARED || host->count == 0);
    if (!room && !opens)
        return false;
    if (opens)
        host->opener = flight;
    host->begun++;
    return true;
}

bool kv_http_host_admit(
    struct kv_http_hosts *hosts, const char *name, struct kv_http_flight *flight)
{
    struct kv_http_host *host = host_of(hosts, name);
    if (host->flying++ == 0)
        host->failed = false;
    flight->host = host;
    flight->port = 0;
    flight->next = NULL;
    flight->held = host->held || !begin(host, flight);
    if (!flight->held)
        return true;
    *(host->held ? &host->last->next : &host->held) = flight;
    host->last = flight;
    return false;
}

struct kv_http_flight *kv_http_host_next(struct kv_http_hosts *hosts)
{
    for (size_t i = 0; i < hosts->n; i++) {
        struct kv_http_flight *flight = hosts->all[i]->held;
        if (!flight || !begin(hosts->all[i], flight))
            continue;
        hosts->all[i]->held = flight->next;
        flight->next = NULL;
        flight->held = false;
        return flight;
    }
    return NULL;
}

static void unhold(struct kv_http_host *host, struct kv_http_flight *flight)
{
    struct kv_http_flight **at = &host->held, *before = NULL;
    while (*at != flight) {
        before = *at;
        at = &before->next;
    }
    *at = flight->next;
    if (host->last == flight)
        host->last = before;
    flight->held = false;
}

struct kv_http_socket kv_http_host_left(struct kv_http_flight *flight, int version)
{
    struct kv_http_host *host = flight->host;
    struct kv_http_socket left = {-1, KV_HTTP_AT_ONCE};
    if (!host)
        return left;
    host->flying--;
    flight->host = NULL;
    if (flight->held) {
        unhold(host, flight);
        return left;
    }
    host->begun--;
    if (version)
        host->kind = version == 2 ? KV_HTTP_SHARED : KV_HTTP_APART;
    if (flight->port)
        left = leave_connection(host, flight);
    else
        host->failed = true;
    if (host->opener == flight)
        host->opener = NULL;
    return left;
}
