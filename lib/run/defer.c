/* defer - calls that are asked elsewhere: request lines, one file an endpoint. */
#include "defer.h"

#include "io.h"
#include "io_at.h"
#include "json_out.h"
#include "request_line.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITE_BYTES = 1 << 16 };

static const char index_name[] = "endpoints.json";

struct file {
    const struct kv_endpoint *endpoint;
    char *url;
    enum kv_protocol_kind wire;
    struct kv_publish draft;
    struct kv_buf text;
    int64_t requests, bytes;
};

struct kv_defer {
    char *directory;
    struct file *files;
    size_t n, count, old; /* old: the largest number of a file that was there */
    struct kv_buf body, url;
    bool broken; /* a file has not all that was added: none is put in its place */
    struct kv_err trouble;
};

/* ---- the directory ---- */

static char *path_of(const struct kv_defer *d, const char *name)
{
    struct kv_buf path = {0};
    kv_buf_printf(&path, "%s/%s", d->directory, name);
    return kv_buf_detach(&path);
}

static char *file_path(const struct kv_defer *d, size_t number)
{
    struct kv_buf name = {0};
    kv_buf_printf(&name, "requests-%zu.jsonl", number);
    char *path = path_of(d, name.p);
    kv_buf_release(&name);
    return path;
}

/* The number of a file of ours, 0 for the index, -1 for a file of somebody else. A draft that a death
 * has left begins with a dot. */
static long number_of(const char *name)
{
    char *end;
    name += *name == '.';
    if (strncmp(name, index_name, sizeof index_name - 1) == 0)
        return 0;
    if (strncmp(name, "requests-", 9) != 0)
        return -1;
    long n = strtol(name + 9, &end, 10);
    return n > 0 && strncmp(end, ".jsonl", 6) == 0 ? n : -1;
}

static int look_at(struct kv_defer *d, DIR *dir, struct kv_err *err)
{
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        long n = number_of(entry->d_name);
        if (n < 0)
            return kv_err_set(err, KV_INPUT,
                "%s: holds %s, which is no file of deferred calls: name an empty directory, or "
                "none",
                d->directory, entry->d_name);
        if (entry->d_name[0] != '.' && (size_t)n > d->old)
            d->old = (size_t)n;
    }
    return 0;
}

static int open_directory(struct kv_defer *d, struct kv_err *err)
{
    if (mkdir(d->directory, 0777) == 0)
        return 0;
    if (errno != EEXIST)
        return kv_err_sys(err, "%s", d->directory);
    DIR *dir = opendir(d->directory);
    if (!dir)
        return kv_err_sys(err, "%s", d->directory);
    int rc = look_at(d, dir, err);
    closedir(dir);
    return rc;
}

struct kv_defer *kv_defer_open(const char *directory, struct kv_err *err)
{
    struct kv_defer *d = kv_calloc(1, sizeof *d);
    size_t n = strlen(directory);
    while (n > 1 && directory[n - 1] == '/')
        n--;
    d->directory = kv_strndup(directory, n);
    if (open_directory(d, err) == 0)
        return d;
    kv_defer_close(d);
    return NULL;
}

void kv_defer_close(struct kv_defer *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->n; i++) {
        kv_publish_abandon(&d->files[i].draft);
        kv_buf_release(&d->files[i].text);
        free(d->files[i].url);
    }
    free(d->files);
    free(d->directory);
    kv_buf_release(&d->body);
    kv_buf_release(&d->url);
    free(d);
}

/* ---- writing ---- */

static struct file *file_of(struct kv_defer *d, const struct kv_endpoint *e,
    enum kv_protocol_kind wire, struct kv_slice url, struct kv_err *err)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->files[i].endpoint == e && kv_slice_is(url, d->files[i].url))
            return &d->files[i];
    d->files = kv_grow(d->files, d->n, sizeof *d->files);
    struct file *f = &d->files[d->n];
    *f = (struct file){.endpoint = e, .wire = wire};
    char *path = file_path(d, d->n + 1);
    int rc = kv_publish_begin(&f->draft, path, err);
    free(path);
    if (rc != 0)
        return NULL;
    f->url = kv_slice_dup(url);
    d->n++;
    return f;
}

static int flush(struct file *f, struct kv_err *err)
{
    if (!f->text.n)
        return 0;
    int rc = kv_io_write(f->draft.fd, kv_slice_of(&f->text), err);
    f->bytes += (int64_t)f->text.n;
    kv_buf_clear(&f->text);
    return rc == 0 ? 0 : kv_err_context(err, "%s", f->draft.path);
}

int kv_defer_add(
    struct kv_defer *d, const struct kv_endpoint *e, const struct kv_query *q, const char *id)
{
    if (d->broken)
        return -1;
    enum kv_protocol_kind wire = q->given.n ? q->wire : e->provider.wire;
    kv_buf_clear(&d->body);
    kv_buf_clear(&d->url);
    kv_endpoint_write(e, q, false, &d->body);
    if (q->given.n)
        kv_buf_add_slice(&d->url, q->path);
    else
        kv_request_line_add_url(&d->url, wire, e->model->model_name);
    struct file *f = file_of(d, e, wire, kv_slice_of(&d->url), &d->trouble);
    if (f) {
        kv_request_line_write(&f->text, kv_slice(id), kv_slice_of(&d->url), kv_slice_of(&d->body));
        f->requests++;
        d->count++;
    }
    d->broken = !f || (f->text.n >= WRITE_BYTES && flush(f, &d->trouble) != 0);
    return d->broken ? -1 : 0;
}

/* ---- the end ---- */

/* Where the service is: the URL that is asked, without the path of the request. */
static void add_base(struct kv_buf *out, const char *asked)
{
    static const char *const tails[] = {
        "/chat/completions", "/responses", "/v1/messages", "/models/", NULL};
    const char *query = asked + strcspn(asked, "?"), *end = query;
    struct kv_buf url = {0};
    for (const char *const *t = tails; *t; t++) {
        const char *at = memmem(asked, (size_t)(query - asked), *t, strlen(*t));
        if (at && at < end)
            end = at;
    }
    kv_buf_add(&url, asked, (size_t)(end - asked));
    kv_buf_add_str(&url, query);
    kv_json_out_text(out, "base_url", kv_slice_of(&url));
    kv_buf_release(&url);
}

static void add_entry(struct kv_buf *out, const struct file *f, size_t number)
{
    const struct kv_endpoint *e = f->endpoint;
    struct kv_buf name = {0};
    kv_buf_printf(&name, "requests-%zu.jsonl", number);
    kv_json_out_object(out, NULL);
    kv_json_out_text(out, "file", kv_slice_of(&name));
    kv_json_out_text(out, "id", e->model->id);
    kv_json_out_text(out, "model", e->model->model_name);
    kv_json_out_str(out, "role", e->judge ? "judge" : "answer");
    kv_json_out_str(out, "wire", kv_request_line_wire_name(f->wire));
    kv_json_out_str(out, "url", f->url);
    add_base(out, e->provider.chat->place.url);
    kv_json_out_str(out, "dialect", e->provider.dialect->name);
    kv_json_out_int(out, "requests", f->requests);
    kv_json_out_int(out, "bytes", f->bytes);
    kv_buf_add_char(out, '}');
    kv_buf_release(&name);
}

static int write_index(const struct kv_defer *d, struct kv_err *err)
{
    struct kv_publish draft;
    struct kv_buf text = {0};
    char *path = path_of(d, index_name);
    kv_json_out_list(&text, NULL);
    for (size_t i = 0; i < d->n; i++)
        add_entry(&text, &d->files[i], i + 1);
    kv_buf_add_str(&text, "]\n");
    int rc = kv_publish_begin(&draft, path, err);
    if (rc == 0) {
        rc = kv_io_write(draft.fd, kv_slice_of(&text), err);
        rc = rc == 0 ? kv_publish_end(&draft, err) : kv_err_context(err, "%s", path);
        kv_publish_abandon(&draft);
    }
    kv_buf_release(&text);
    free(path);
    return rc;
}

static int drop(char *path, struct kv_err *err)
{
    int rc = unlink(path) != 0 && errno != ENOENT ? kv_err_sys(err, "%s", path) : 0;
    free(path);
    return rc;
}

int kv_defer_end(struct kv_defer *d, struct kv_err *err)
{
    if (d->broken)
        return kv_err_copy(err, &d->trouble);
    int rc = drop(path_of(d, index_name), err);
    for (size_t i = 0; rc == 0 && i < d->n; i++) {
        rc = flush(&d->files[i], err);
        if (rc == 0)
            rc = kv_publish_end(&d->files[i].draft, err);
    }
    for (size_t i = d->n + 1; rc == 0 && i <= d->old; i++)
        rc = drop(file_path(d, i), err);
    return rc == 0 ? write_index(d, err) : -1;
}

size_t kv_defer_count(const struct kv_defer *d)
{
    return d->count;
}

size_t kv_defer_files(const struct kv_defer *d)
{
    return d->n;
}

const char *kv_defer_path(const struct kv_defer *d)
{
    return d->directory;
}
