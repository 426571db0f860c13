/* journal - what the test provider was asked, and what became of it. */
#include "journal.h"

#include "digest.h"
#include "json.h"

#include <stdlib.h>
#include <time.h>

/* How often a body has come, by its digest. */
struct repeat {
    struct kv_digest128 key;
    long times;
};

static struct {
    const struct journal_options *options;
    FILE *requests, *bodies, *sent;
    struct repeat *repeats;
    size_t repeat_count, repeat_cap;
} me;

/* ---- open and close ---- */

static int open_file(FILE **f, const char *path, const char *mode, struct kv_err *err)
{
    return !path || (*f = fopen(path, mode)) ? 0 : kv_err_sys(err, "%s", path);
}

int journal_open(const struct journal_options *options, struct kv_err *err)
{
    me.options = options;
    return open_file(&me.requests, options->requests, "a", err) ||
                   open_file(&me.bodies, options->bodies, "w", err) ||
                   open_file(&me.sent, options->sent, "w", err)
               ? -1
               : 0;
}

void journal_close(void)
{
    FILE *const all[] = {me.requests, me.bodies, me.sent};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i])
            fclose(all[i]);
    free(me.repeats);
}

FILE *journal_file(void)
{
    return me.requests;
}

/* ---- how often a body has come ---- */

static struct repeat *repeat_slot(struct repeat *table, size_t cap, struct kv_digest128 key)
{
    size_t i = (size_t)key.lo & (cap - 1);
    while (table[i].times && (table[i].key.hi != key.hi || table[i].key.lo != key.lo))
        i = (i + 1) & (cap - 1);
    return &table[i];
}

long journal_count(struct kv_slice body)
{
    if (me.repeat_count * 2 >= me.repeat_cap) {
        size_t cap = me.repeat_cap ? me.repeat_cap * 2 : 1024;
        struct repeat *table = kv_calloc(cap, sizeof *table);
        for (size_t i = 0; i < me.repeat_cap; i++)
            if (me.repeats[i].times)
                *repeat_slot(table, cap, me.repeats[i].key) = me.repeats[i];
        free(me.repeats);
        me.repeats = table;
        me.repeat_cap = cap;
    }
    struct kv_digest128 key = kv_digest_128(body);
    struct repeat *r = repeat_slot(me.repeats, me.repeat_cap, key);
    if (!r->times)
        me.repeat_count++;
    r->key = key;
    return ++r->times;
}

/* ---- lines ---- */

/* The header that --note-header names, and the query. */
static void note_header(struct kv_buf *line, const struct call *c)
{
    if (!me.options->header)
        return;
    kv_buf_add_str(line, ",\"header\":");
    kv_json_quote_str(
        line, MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, me.options->header));
    kv_buf_add_str(line, ",\"argument\":");
    kv_json_quote_str(line,
        MHD_lookup_connection_value(c->connection, MHD_GET_ARGUMENT_KIND, me.options->header));
}

void journal_note(const struct call *c, const struct chat *chat, const struct asked *a)
{
    struct kv_buf line = {0};
    struct timespec t;
    char md5[KV_MD5_HEX + 1];
    if (me.bodies)
        fprintf(me.bodies, "%.*s\n", (int)c->body.n, c->body.p);
    if (me.bodies && !me.options->buffered)
        fflush(me.bodies); /* whoever has the reply may read what was asked */
    if (!me.requests)
        return;
    clock_gettime(CLOCK_REALTIME, &t);
    kv_digest_md5(kv_slice_of(&c->body), md5);
    kv_buf_printf(
        &line, "{\"time\":%lld.%03ld,\"path\":", (long long)t.tv_sec, t.tv_nsec / 1000000);
    kv_json_quote(&line, a->path, KV_JSON_RAW);
    kv_buf_add_str(&line, ",\"model\":");
    kv_json_quote(&line, kv_slice_of(&chat->model), KV_JSON_RAW);
    kv_buf_add_str(&line, ",\"user\":");
    kv_json_quote(&line, kv_slice_of(&chat->user), KV_JSON_RAW);
    kv_buf_printf(&line,
        ",\"md5\":\"%s\",\"attempt\":%ld,\"judge\":%s,\"status\":%d,\"peer\":", md5, a->times,
        a->judge ? "true" : "false", c->status);
    kv_json_quote_str(&line, c->deed ? c->deed->peer : NULL);
    note_header(&line, c);
    kv_buf_add_str(&line, "}\n");
    fwrite(line.p, 1, line.n, me.requests);
    if (!me.options->buffered)
        fflush(me.requests);
    kv_buf_release(&line);
}

void journal_note_sent(const struct call *c)
{
    struct timespec t;
    char md5[KV_MD5_HEX + 1];
    if (!me.sent)
        return;
    clock_gettime(CLOCK_REALTIME, &t);
    kv_digest_md5(kv_slice_of(&c->body), md5);
    fprintf(me.sent, "{\"time\":%lld.%06ld,\"md5\":\"%s\"}\n", (long long)t.tv_sec,
        t.tv_nsec / 1000, md5);
    fflush(me.sent);
}
