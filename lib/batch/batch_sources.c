/* batch_sources - files of request lines, and the endpoints they are for. */
#include "batch_sources.h"

#include "batch.h"
#include "batch_json.h"
#include "batch_wire.h"
#include "io.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static char *beside(const char *path, const char *name)
{
    struct kv_buf out = {0};
    kv_buf_add(&out, path, (size_t)(base_name(path) - path));
    kv_buf_add_str(&out, name);
    return kv_buf_detach(&out);
}

/* Takes an entry for a file of requests. */
static int add(struct kv_batch_sources *s, struct kv_slice entry, const char *path,
    const char *shape, struct kv_err *err)
{
    s->items = kv_grow(s->items, s->n, sizeof *s->items);
    struct kv_batch_source *source = &s->items[s->n++];
    *source = (struct kv_batch_source){.path = kv_strdup(path),
        .endpoint = kv_batch_json_text(entry, "id"),
        .model = kv_batch_json_text(entry, "model"),
        .wire = kv_batch_json_text(entry, "wire"),
        .dialect = kv_batch_json_text(entry, "dialect"),
        .base_url = kv_batch_json_text(entry, "base_url")};
    const char *found = kv_batch_shape(source->dialect, source->base_url, shape);
    source->shape = kv_strdup(found ? found : "");
    const char *where = *source->base_url ? source->base_url : source->dialect;
    if (!*where)
        return kv_err_set(err, KV_INPUT, "%s: its endpoint has no base_url", path);
    if (!found)
        return kv_err_set(err, KV_INPUT,
            "%s: %s is not known to have batches; if it has, say so with --batch-as files", path,
            where);
    return kv_batch_wire_of(kv_slice(found))
               ? 0
               : kv_err_set(
                     err, KV_INPUT, "%s: batches of the shape %s are not supported", path, found);
}

/* The entry for a file, by its name; else the one for every file. */
static bool find_entry(struct kv_slice all, const char *path, struct kv_slice *entry)
{
    struct kv_json_walk w;
    struct kv_slice item, name;
    bool found = false;
    kv_json_begin(&w, all);
    while (kv_json_item(&w, &item)) {
        bool named = kv_json_get(item, "file", &name);
        if (named && kv_json_string_is(name, base_name(path))) {
            *entry = item;
            return true;
        }
        if (!named && !found) {
            *entry = item;
            found = true;
        }
    }
    return found;
}

static int add_named(struct kv_batch_sources *s, struct kv_slice all, const char *const *files,
    size_t n, const char *shape, struct kv_err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct kv_slice entry;
        if (!find_entry(all, files[i], &entry))
            return kv_err_set(err, KV_INPUT, "%s: no endpoint is given for it", files[i]);
        if (add(s, entry, files[i], shape, err) != 0)
            return -1;
    }
    return 0;
}

static int add_all(struct kv_batch_sources *s, struct kv_slice all, const char *endpoints,
    const char *shape, struct kv_err *err)
{
    struct kv_json_walk w;
    struct kv_slice item;
    kv_json_begin(&w, all);
    while (kv_json_item(&w, &item)) {
        char *name = kv_batch_json_text(item, "file"), *path = beside(endpoints, base_name(name));
        int failed = *name ? add(s, item, path, shape, err)
                           : kv_err_set(err, KV_INPUT, "%s: an entry names no file", endpoints);
        free(name);
        free(path);
        if (failed)
            return -1;
    }
    return 0;
}

/* Who is asked has to be said: mostly by a file that is not there yet. */
static int find_beside(const char *path, const char *requests, struct kv_err *err)
{
    int there = kv_io_exists(path, err);
    if (there == 0)
        return kv_err_set(err, KV_INPUT,
            "%s: who is asked is not said: there is no %s; write one (kv-batch(1)), or name it "
            "with -e",
            requests, path);
    return there < 0 ? -1 : 0;
}

int kv_batch_sources_read(struct kv_batch_sources *s, const char *endpoints,
    const char *const *files, size_t n, const char *shape, struct kv_err *err)
{
    struct kv_buf text = {0};
    struct kv_slice all;
    char *own = endpoints ? kv_strdup(endpoints) : beside(n ? files[0] : "", "endpoints.json");
    *s = (struct kv_batch_sources){0};
    int failed = endpoints ? 0 : find_beside(own, n ? files[0] : own, err);
    failed = failed || kv_io_read(own, 0, &text, err) ? -1 : 0;
    if (!failed && kv_json_check(kv_slice_of(&text), KV_JSON_STRICT, &all, err) != 0)
        failed = kv_err_context(err, "%s", own);
    else if (!failed && kv_json_type(all) != KV_JSON_ARRAY)
        failed = kv_err_set(err, KV_INPUT, "%s: not an array of endpoints", own);
    if (!failed)
        failed = n ? add_named(s, all, files, n, shape, err) : add_all(s, all, own, shape, err);
    kv_buf_release(&text);
    free(own);
    if (failed)
        kv_batch_sources_release(s);
    return failed;
}

void kv_batch_sources_release(struct kv_batch_sources *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct kv_batch_source *x = &s->items[i];
        char *const texts[] = {
            x->path, x->endpoint, x->model, x->wire, x->dialect, x->base_url, x->shape};
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            free(texts[k]);
    }
    free(s->items);
    *s = (struct kv_batch_sources){0};
}
