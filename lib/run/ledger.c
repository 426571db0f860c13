/* ledger - what was ordered and has not been fetched: answers that are worked on elsewhere. */
#include "ledger.h"

#include "io.h"
#include "json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

struct call {
    char *id, *response, *endpoint, *at;
};

struct kv_ledger {
    char *path;
    char nonce[17];
    struct call *calls;
    size_t n;
};

static void free_call(struct call *c)
{
    free(c->id);
    free(c->response);
    free(c->endpoint);
    free(c->at);
}

static char *text_at(struct kv_slice line, const char *name)
{
    struct kv_slice value;
    if (!kv_json_get(line, name, &value) || kv_json_type(value) != KV_JSON_STRING)
        return kv_strdup("");
    return kv_json_strdup(value);
}

/* ---- reading ---- */

static void take_begin(struct kv_ledger *l, struct kv_slice line)
{
    char *nonce = text_at(line, "nonce");
    if (strlen(nonce) == 16)
        memcpy(l->nonce, nonce, 17);
    free(nonce);
}

static void take_line(struct kv_ledger *l, struct kv_slice line)
{
    struct kv_slice event;
    kv_json_get(line, "event", &event);
    if (kv_json_string_is(event, "begin"))
        take_begin(l, line);
    if (!kv_json_string_is(event, "call"))
        return;
    l->calls = kv_array(l->calls, l->n + 1, sizeof *l->calls);
    l->calls[l->n++] = (struct call){text_at(line, "id"), text_at(line, "response"),
        text_at(line, "endpoint"), text_at(line, "at")};
}

static int read_all(struct kv_ledger *l, struct kv_err *err)
{
    struct kv_buf text = {0};
    struct kv_slice rest, line;
    int got = kv_io_exists(l->path, err);
    if (got <= 0)
        return got;
    if (kv_io_read(l->path, 0, &text, err) != 0)
        return -1;
    rest = kv_slice_of(&text);
    while ((got = kv_json_next(&rest, text.p, KV_JSON_STRICT, &line, err)) == 1)
        take_line(l, line);
    kv_buf_release(&text);
    return got < 0 ? kv_err_context(err, "%s", l->path) : 0;
}

static void make_nonce(struct kv_ledger *l)
{
    unsigned char bytes[8] = {0};
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        memcpy(bytes, &(uint64_t){(uint64_t)time(NULL) ^ (uint64_t)getpid() << 32}, sizeof bytes);
    struct kv_buf hex = {0};
    for (size_t i = 0; i < sizeof bytes; i++)
        kv_buf_printf(&hex, "%02x", bytes[i]);
    memcpy(l->nonce, hex.p, 17);
    kv_buf_release(&hex);
}

struct kv_ledger *kv_ledger_open(const struct kv_paths *paths, struct kv_err *err)
{
    struct kv_ledger *l = kv_calloc(1, sizeof *l);
    struct kv_buf path = {0};
    kv_buf_printf(&path, "%s.batches", paths->output);
    l->path = kv_buf_detach(&path);
    if (read_all(l, err) != 0) {
        kv_ledger_close(l);
        return NULL;
    }
    if (!*l->nonce)
        make_nonce(l);
    return l;
}

void kv_ledger_close(struct kv_ledger *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n; i++)
        free_call(&l->calls[i]);
    free(l->calls);
    free(l->path);
    free(l);
}

/* ---- looking ---- */

const char *kv_ledger_nonce(const struct kv_ledger *l)
{
    return l->nonce;
}

size_t kv_ledger_open_calls(const struct kv_ledger *l)
{
    return l->n;
}

static size_t find(const struct kv_ledger *l, const char *id)
{
    size_t i = 0;
    while (i < l->n && strcmp(l->calls[i].id, id) != 0)
        i++;
    return i;
}

const char *kv_ledger_find(const struct kv_ledger *l, const char *id)
{
    size_t i = find(l, id);
    return i < l->n ? l->calls[i].response : NULL;
}

/* ---- writing ---- */

static void add_member(struct kv_buf *out, const char *name, const char *text)
{
    kv_buf_printf(out, ",\"%s\":", name);
    kv_json_quote_str(out, text);
}

static void write_text(const struct kv_ledger *l, struct kv_buf *out)
{
    kv_buf_printf(out, "{\"event\":\"begin\",\"kv_batches\":1,\"nonce\":\"%s\"}\n", l->nonce);
    for (size_t i = 0; i < l->n; i++) {
        const struct call *c = &l->calls[i];
        kv_buf_add_str(out, "{\"event\":\"call\"");
        add_member(out, "id", c->id);
        add_member(out, "response", c->response);
        add_member(out, "endpoint", c->endpoint);
        add_member(out, "at", c->at);
        kv_buf_add_str(out, "}\n");
    }
}

static int write_all(const struct kv_ledger *l, struct kv_err *err)
{
    struct kv_publish p;
    struct kv_buf text = {0};
    if (l->n == 0)
        return unlink(l->path) == 0 ? 0 : kv_err_sys(err, "%s", l->path);
    if (kv_publish_begin(&p, l->path, err) != 0)
        return -1;
    write_text(l, &text);
    int failed = kv_io_write(p.fd, kv_slice_of(&text), err);
    kv_buf_release(&text);
    if (failed) {
        kv_publish_abandon(&p);
        return -1;
    }
    failed = kv_publish_end(&p, err);
    if (failed)
        kv_publish_abandon(&p);
    return failed;
}

int kv_ledger_add(struct kv_ledger *l, const char *id, const char *response, const char *endpoint,
    struct kv_err *err)
{
    char at[32];
    time_t now = time(NULL);
    struct tm utc;
    strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    l->calls = kv_array(l->calls, l->n + 1, sizeof *l->calls);
    l->calls[l->n++] =
        (struct call){kv_strdup(id), kv_strdup(response), kv_strdup(endpoint), kv_strdup(at)};
    return write_all(l, err);
}

int kv_ledger_settle(struct kv_ledger *l, const char *id, struct kv_err *err)
{
    size_t i = find(l, id);
    if (i == l->n)
        return 0;
    free_call(&l->calls[i]);
    l->calls[i] = l->calls[--l->n];
    return write_all(l, err);
}
