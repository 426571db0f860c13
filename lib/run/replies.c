/* replies - files of reply lines, found again by the ids of calls.
 *
 * An open table of calls leads to the first line of each, and every line to the next one of its call.
 * The ids are kept as digests: 100,000 replies take six megabytes.
 */
#include "replies.h"

#include "call_id.h"
#include "digest.h"
#include "io.h"
#include "io_at.h"
#include "json.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 64 << 20, COPY_BYTES = 1 << 18, KEPT_BYTES = 1 << 18 };

struct line {
    uint64_t at;
    uint32_t n, next; /* 1 + the index of the next line of the call; 0: none */
    uint32_t file;
};

struct call {
    struct kv_digest128 id;
    uint32_t first, last; /* 1 + index of a line; first 0: free, or nothing was tried */
    bool used, success, asked;
};

struct kv_replies {
    int *files;
    char **names;
    size_t file_count;
    struct line *lines;
    size_t n;
    struct call *calls;
    size_t cap, count, asked, foreign, duplicates;
    struct kv_buf text;
};

/* ---- the table ---- */

static struct call *find(struct call *calls, size_t cap, struct kv_digest128 id)
{
    size_t i = (size_t)id.lo & (cap - 1);
    while (calls[i].used && (calls[i].id.hi != id.hi || calls[i].id.lo != id.lo))
        i = (i + 1) & (cap - 1);
    return &calls[i];
}

static void grow(struct kv_replies *r)
{
    size_t cap = r->cap ? 2 * r->cap : 256;
    struct call *calls = kv_calloc(cap, sizeof *calls);
    for (size_t i = 0; i < r->cap; i++)
        if (r->calls[i].used)
            *find(calls, cap, r->calls[i].id) = r->calls[i];
    free(r->calls);
    r->calls = calls;
    r->cap = cap;
}

static struct call *call_of(struct kv_replies *r, struct kv_slice id)
{
    struct kv_digest128 digest = kv_digest_128(id);
    if (2 * (r->count + 1) > r->cap)
        grow(r);
    struct call *c = find(r->calls, r->cap, digest);
    r->count += !c->used;
    r->foreign += !c->used && !kv_call_id_is_ours(id);
    c->used = true;
    c->id = digest;
    return c;
}

static void note(struct kv_replies *r, const struct kv_reply_line *line, uint64_t at, size_t n)
{
    struct call *c = call_of(r, kv_slice_of(&line->id));
    if (c->success) {
        r->duplicates += line->success;
        return;
    }
    c->success = line->success;
    if (line->end != KV_REPLY_CAME)
        return;
    r->lines = kv_grow(r->lines, r->n, sizeof *r->lines);
    r->lines[r->n++] =
        (struct line){.at = at, .n = (uint32_t)n, .file = (uint32_t)(r->file_count - 1)};
    if (c->first)
        r->lines[c->last - 1].next = (uint32_t)r->n;
    else
        c->first = (uint32_t)r->n;
    c->last = (uint32_t)r->n;
}

/* ---- reading files ---- */

static int copy(int from, int to, struct kv_err *err)
{
    struct kv_buf text = {0};
    ssize_t got = 1;
    int rc = 0;
    kv_buf_reserve(&text, COPY_BYTES);
    while (rc == 0 && (got = read(from, text.p, COPY_BYTES)) > 0)
        rc = kv_io_write(to, (struct kv_slice){text.p, (size_t)got}, err);
    kv_buf_release(&text);
    return got < 0 ? kv_err_sys(err, "read") : rc;
}

/* What comes from a pipe is read again later: it is put into a file that nobody sees. */
static int keep_copy(int from, const char *beside, struct kv_err *err)
{
    char *directory, *name;
    struct kv_buf draft = {0};
    kv_io_split(beside, &directory, &name);
    kv_buf_printf(&draft, ".%s.replies", name);
    int dir = kv_io_dir_open(directory, err), fd = -1;
    if (dir >= 0) {
        kv_io_remove(dir, draft.p);
        if ((fd = kv_io_open(dir, draft.p, KV_IO_SECRET)) < 0)
            kv_err_sys(err, "%s/%s", directory, draft.p);
        kv_io_remove(dir, draft.p);
        close(dir);
    }
    if (fd >= 0 && (copy(from, fd, err) != 0 || lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        fd = -1;
    }
    kv_buf_release(&draft);
    free(directory);
    free(name);
    return fd;
}

static int open_file(const char *path, const char *beside, struct kv_err *err)
{
    if (strcmp(path, "-") == 0)
        return keep_copy(STDIN_FILENO, beside, err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kv_err_sys(err, "%s", path);
    if (!kv_io_is_stream(path))
        return fd;
    int kept = keep_copy(fd, beside, err);
    close(fd);
    return kept;
}

/* A line that is no reply. The last one may have been torn: somebody is writing it, or died. */
static int refuse(const struct kv_replies_options *o, const char *path, struct kv_lines *lines,
    size_t number, struct kv_err *err)
{
    struct kv_slice more;
    struct kv_buf text = {0};
    kv_buf_add_str(&text, err->text);
    bool last = kv_lines_next(lines, &more, NULL) == 0;
    if (last) {
        struct kv_buf told = {0};
        kv_buf_printf(
            &told, "%s:%zu: a torn line, passed over: %s", kv_io_name(path), number, text.p);
        o->say(o->closure, told.p);
        kv_buf_release(&told);
    } else {
        kv_err_set(err, KV_INPUT, "%s:%zu: %s", kv_io_name(path), number, text.p);
    }
    kv_buf_release(&text);
    return last ? 0 : -1;
}

static int read_line(struct kv_replies *r, struct kv_slice line, uint64_t at,
    struct kv_reply_line *reply, struct kv_err *err)
{
    struct kv_slice value;
    if (!kv_slice_strip(line).n)
        return 0;
    if (kv_json_check(line, KV_JSON_STRICT, &value, err) != 0)
        return -1;
    if (kv_reply_line_read(reply, value, err) != 0)
        return -1;
    note(r, reply, at, line.n);
    return 0;
}

static int read_lines(
    struct kv_replies *r, const struct kv_replies_options *o, const char *path, struct kv_err *err)
{
    struct kv_lines lines;
    struct kv_slice line;
    struct kv_reply_line reply = {0};
    uint64_t at = 0;
    int got = 1, rc = 0;
    kv_lines_init(&lines, r->files[r->file_count - 1], LINE_MAX_BYTES);
    while (rc == 0 && (got = kv_lines_next(&lines, &line, err)) == 1) {
        size_t number = lines.number;
        uint64_t next = at + line.n + 1;
        if (read_line(r, line, at, &reply, err) != 0)
            rc = refuse(o, path, &lines, number, err);
        at = next;
    }
    if (got < 0)
        rc = kv_err_context(err, "%s:%zu", kv_io_name(path), lines.number);
    kv_reply_line_release(&reply);
    kv_lines_release(&lines);
    return rc;
}

static int add_file(
    struct kv_replies *r, const struct kv_replies_options *o, const char *path, struct kv_err *err)
{
    int fd = open_file(path, o->beside, err);
    if (fd < 0)
        return -1;
    r->files = kv_grow(r->files, r->file_count, sizeof *r->files);
    r->names = kv_grow(r->names, r->file_count, sizeof *r->names);
    r->files[r->file_count] = fd;
    r->names[r->file_count++] = kv_strdup(kv_io_name(path));
    return read_lines(r, o, path, err);
}

struct kv_replies *kv_replies_open(const struct kv_replies_options *o, struct kv_err *err)
{
    struct kv_replies *r = kv_calloc(1, sizeof *r);
    struct kv_buf text = {0};
    grow(r);
    for (size_t i = 0; i < o->n; i++)
        if (add_file(r, o, o->paths[i], err) != 0) {
            kv_replies_close(r);
            return NULL;
        }
    if (r->duplicates) {
        kv_buf_printf(&text, "%zu repl%s passed over: the first answer to a call counts",
            r->duplicates, r->duplicates == 1 ? "y" : "ies");
        o->say(o->closure, text.p);
    }
    kv_buf_release(&text);
    return r;
}

void kv_replies_close(struct kv_replies *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->file_count; i++) {
        close(r->files[i]);
        free(r->names[i]);
    }
    free(r->files);
    free(r->names);
    free(r->lines);
    free(r->calls);
    kv_buf_release(&r->text);
    free(r);
}

/* ---- finding ---- */

uint32_t kv_replies_find(struct kv_replies *r, const char *id)
{
    struct call *c = find(r->calls, r->cap, kv_digest_128(kv_slice(id)));
    r->asked += c->used && !c->asked;
    c->asked = true;
    return c->used ? c->first : 0;
}

uint32_t kv_replies_next(const struct kv_replies *r, uint32_t at)
{
    return r->lines[at - 1].next;
}

int kv_replies_read(
    struct kv_replies *r, uint32_t at, struct kv_reply_line *line, struct kv_err *err)
{
    const struct line *l = &r->lines[at - 1];
    struct kv_slice value;
    if (r->text.cap > KEPT_BYTES) /* a long line's memory is not kept for the next */
        kv_buf_release(&r->text);
    kv_buf_clear(&r->text);
    kv_buf_reserve(&r->text, l->n);
    if (kv_io_pread(r->files[l->file], r->text.p, l->n, (off_t)l->at, err) != 0 ||
        kv_json_check((struct kv_slice){r->text.p, l->n}, KV_JSON_STRICT, &value, err) != 0 ||
        kv_reply_line_read(line, value, err) != 0)
        return kv_err_context(err, "%s", r->names[l->file]);
    return 0;
}

bool kv_replies_has(const struct kv_replies *r, const char *id)
{
    return find(r->calls, r->cap, kv_digest_128(kv_slice(id)))->used;
}

size_t kv_replies_foreign(const struct kv_replies *r)
{
    return r->foreign;
}

size_t kv_replies_calls(const struct kv_replies *r)
{
    return r->count;
}

size_t kv_replies_unasked(const struct kv_replies *r)
{
    return r->count - r->asked;
}
