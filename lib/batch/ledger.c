/* ledger - what was ordered and has not been fetched: answers that are worked on elsewhere. */
#include "ledger.h"

#include "batch_json.h"
#include "batch_paths.h"
#include "call_id.h"
#include "io.h"
#include "io_at.h"
#include "json.h"
#include "json_out.h"
#include "num.h"
#include "random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct call {
    char *id, *response;
};

struct kv_ledger {
    char *path, *state;
    char nonce[17], mark[17];
    char *start;  /* when the run started, as Python spells the number; "": that is not known */
    bool begun;   /* the file is there, and has its first line */
    size_t whole; /* bytes of whole lines */
    size_t torn;
    struct call *calls;
    size_t n;
    struct kv_batch_part **parts;
    size_t part_count;
};

/* ---- taking events in ---- */

static void take_hex(struct kv_slice line, const char *name, char to[17])
{
    char *text = kv_batch_json_text(line, name);
    if (strlen(text) == 16)
        memcpy(to, text, 17);
    free(text);
}

static void take_begin(struct kv_ledger *l, struct kv_slice line)
{
    take_hex(line, "nonce", l->nonce);
    memcpy(l->mark, l->nonce, sizeof l->mark);
    take_hex(line, "mark", l->mark);
    free(l->start);
    l->start = kv_batch_json_text(line, "start_time");
    l->begun = true;
}

static size_t find(const struct kv_ledger *l, const char *id)
{
    size_t i = 0;
    while (i < l->n && strcmp(l->calls[i].id, id) != 0)
        i++;
    return i;
}

static void take_call(struct kv_ledger *l, struct kv_slice line)
{
    l->calls = kv_grow(l->calls, l->n, sizeof *l->calls);
    l->calls[l->n++] =
        (struct call){kv_batch_json_text(line, "id"), kv_batch_json_text(line, "response")};
}

static void take_fetched(struct kv_ledger *l, struct kv_slice line)
{
    char *id = kv_batch_json_text(line, "id");
    size_t i = find(l, id);
    if (i < l->n) {
        free(l->calls[i].id);
        free(l->calls[i].response);
        l->calls[i] = l->calls[--l->n];
    }
    free(id);
}

static struct kv_batch_part *add_part(struct kv_ledger *l, int64_t number)
{
    struct kv_batch_part *p = kv_calloc(1, sizeof *p);
    char **const texts[] = {&p->endpoint, &p->wire, &p->dialect, &p->shape, &p->url, &p->base_url,
        &p->model, &p->file, &p->batch, &p->output, &p->errors, &p->results_url, &p->reply,
        &p->said};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = kv_strdup("");
    p->number = number;
    p->counts = (struct kv_batch_counts){-1, -1, -1};
    l->parts = kv_grow(l->parts, l->part_count, sizeof *l->parts);
    l->parts[l->part_count++] = p;
    return p;
}

static void take_line(struct kv_ledger *l, struct kv_slice line)
{
    struct kv_slice event;
    kv_json_get(line, "event", &event);
    int64_t number = kv_batch_json_whole(line, "part", 0);
    if (kv_json_string_is(event, "begin"))
        take_begin(l, line);
    else if (kv_json_string_is(event, "call"))
        take_call(l, line);
    else if (kv_json_string_is(event, "fetched"))
        take_fetched(l, line);
    else if (number > 0) {
        struct kv_batch_part *p = kv_ledger_part_of(l, number);
        kv_batch_part_take(p ? p : add_part(l, number), line);
    }
}

/* ---- reading ---- */

static int take_text(struct kv_ledger *l, struct kv_slice text, struct kv_err *err)
{
    size_t number = 0;
    while (text.n > 0) {
        const char *end = memchr(text.p, '\n', text.n);
        struct kv_slice line = {text.p, end ? (size_t)(end - text.p) : text.n}, value;
        number++;
        bool bad = kv_json_check(line, KV_JSON_STRICT, &value, err) != 0;
        if (!end) { /* a death in the middle of writing it: the step behind it was not taken */
            l->torn = text.n;
            return 0;
        }
        if (bad || kv_json_type(value) != KV_JSON_OBJECT || (number == 1) != !l->begun)
            return kv_err_set(err, KV_INPUT, "%s:%zu: not a line of a ledger", l->path, number);
        take_line(l, value);
        if (!l->begun)
            return kv_err_set(err, KV_INPUT, "%s: not a ledger", l->path);
        l->whole += line.n + 1;
        text.p = end + 1;
        text.n -= line.n + 1;
    }
    return 0;
}

static int read_all(struct kv_ledger *l, struct kv_err *err)
{
    struct kv_buf text = {0};
    int got = kv_io_exists(l->path, err);
    if (got > 0)
        got = kv_io_read(l->path, 0, &text, err) != 0 ? -1 : take_text(l, kv_slice_of(&text), err);
    kv_buf_release(&text);
    return got;
}

static void make_hex(char to[17])
{
    unsigned char bytes[8];
    struct kv_buf hex = {0};
    kv_random(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        kv_buf_printf(&hex, "%02x", bytes[i]);
    memcpy(to, hex.p, 17);
    kv_buf_release(&hex);
}

struct kv_ledger *kv_ledger_open(const struct kv_paths *paths, struct kv_err *err)
{
    struct kv_ledger *l = kv_calloc(1, sizeof *l);
    l->path = kv_batch_ledger_path(paths);
    l->state = kv_strdup(paths->state);
    l->start = kv_strdup("");
    if (read_all(l, err) != 0) {
        kv_ledger_close(l);
        return NULL;
    }
    if (!*l->nonce)
        make_hex(l->nonce);
    if (!*l->mark)
        make_hex(l->mark);
    return l;
}

void kv_ledger_close(struct kv_ledger *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n; i++) {
        free(l->calls[i].id);
        free(l->calls[i].response);
    }
    for (size_t i = 0; i < l->part_count; i++) {
        kv_batch_part_release(l->parts[i]);
        free(l->parts[i]);
    }
    free(l->calls);
    free(l->parts);
    free(l->path);
    free(l->state);
    free(l->start);
    free(l);
}

/* ---- looking ---- */

const char *kv_ledger_nonce(const struct kv_ledger *l)
{
    return l->nonce;
}

static char *start_of(const struct kv_state_info *run)
{
    struct kv_buf text = {0};
    if (run->has_start)
        kv_num_add_double(&text, run->start_time, KV_NUM_PYTHON);
    return text.n ? kv_buf_detach(&text) : kv_strdup("");
}

void kv_ledger_set_run(struct kv_ledger *l, const struct kv_state_info *run)
{
    if (l->begun)
        return;
    kv_call_nonce(kv_slice(run->created_at), kv_slice(run->config_hash), l->nonce);
    free(l->start);
    l->start = start_of(run);
}

bool kv_ledger_is_of_another(const struct kv_ledger *l, const struct kv_state_info *run)
{
    char *start = start_of(run);
    bool another = l->begun && *l->start && *start && strcmp(l->start, start) != 0;
    free(start);
    return another;
}

const char *kv_ledger_mark(const struct kv_ledger *l)
{
    return l->mark;
}

const char *kv_ledger_path(const struct kv_ledger *l)
{
    return l->path;
}

size_t kv_ledger_torn(const struct kv_ledger *l)
{
    return l->torn;
}

size_t kv_ledger_open_calls(const struct kv_ledger *l)
{
    return l->n;
}

const char *kv_ledger_find(const struct kv_ledger *l, const char *id)
{
    size_t i = find(l, id);
    return i < l->n ? l->calls[i].response : NULL;
}

size_t kv_ledger_parts(const struct kv_ledger *l)
{
    return l->part_count;
}

struct kv_batch_part *kv_ledger_part(const struct kv_ledger *l, size_t i)
{
    return l->parts[i];
}

struct kv_batch_part *kv_ledger_part_of(const struct kv_ledger *l, int64_t number)
{
    for (size_t i = l->part_count; i > 0; i--) /* events are mostly of the last ones */
        if (l->parts[i - 1]->number == number)
            return l->parts[i - 1];
    return NULL;
}

int64_t kv_ledger_last_part(const struct kv_ledger *l)
{
    int64_t last = 0;
    for (size_t i = 0; i < l->part_count; i++)
        if (l->parts[i]->number > last)
            last = l->parts[i]->number;
    return last;
}

size_t kv_ledger_open_parts(const struct kv_ledger *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->part_count; i++)
        n += kv_batch_part_is_open(l->parts[i]);
    return n;
}

/* ---- writing ---- */

static void add_begin(const struct kv_ledger *l, struct kv_buf *out)
{
    const char *slash = strrchr(l->state, '/');
    kv_buf_add_str(out, "{\"event\":\"begin\"");
    kv_batch_json_add_time(out, "at", kv_batch_now_ms());
    kv_json_out_int(out, "kv_batches", 1);
    kv_json_out_str(out, "nonce", l->nonce);
    kv_json_out_str(out, "mark", l->mark);
    if (*l->start)
        kv_json_out_str(out, "start_time", l->start);
    kv_json_out_str(out, "state", slash ? slash + 1 : l->state);
    kv_buf_add_str(out, "}\n");
}

/* Somebody else's bytes are not written over, nor is a hole left where it is another file by now. */
static int check_size(const struct kv_ledger *l, int fd, struct kv_err *err)
{
    struct kv_file file = {0};
    if (fd >= 0 && kv_io_stat(fd, &file) != 0)
        return kv_err_sys(err, "%s", l->path);
    if (file.id.size == (int64_t)(l->whole + l->torn))
        return 0;
    return kv_err_set(err, KV_INPUT,
        "%s: it was changed while it is worked with, and may lack what was ordered last: run again",
        l->path);
}

/* Puts the text behind the whole lines, on the medium; what was torn is gone. */
static int put(
    struct kv_ledger *l, int dir, const char *name, struct kv_slice text, struct kv_err *err)
{
    int fd = kv_io_open(dir, name, KV_IO_UPDATE);
    bool fresh = fd < 0 && errno == ENOENT;
    if ((fresh || fd >= 0) && check_size(l, fd, err) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (fresh)
        fd = kv_io_open(dir, name, KV_IO_CREATE);
    if (fd < 0)
        return kv_err_sys(err, "%s", l->path);
    int failed = l->torn && kv_io_truncate(fd, (off_t)l->whole, err);
    failed = failed || kv_io_pwrite(fd, text, (off_t)l->whole, err) || kv_io_sync(fd, err) ||
             ((fresh || !l->begun) && kv_io_sync_dir(dir, err));
    close(fd);
    return failed ? kv_err_context(err, "%s", l->path) : 0;
}

static int append(struct kv_ledger *l, struct kv_slice text, struct kv_err *err)
{
    char *directory, *name;
    kv_io_split(l->path, &directory, &name);
    int dir = kv_io_dir_open(directory, err);
    int failed = dir < 0 ? -1 : put(l, dir, name, text, err);
    if (dir >= 0)
        close(dir);
    free(directory);
    free(name);
    if (failed)
        return -1;
    l->whole += text.n;
    l->torn = 0;
    return 0;
}

int kv_ledger_note(
    struct kv_ledger *l, const char *event, struct kv_slice members, struct kv_err *err)
{
    struct kv_buf text = {0};
    struct kv_slice line;
    struct kv_err ignored;
    if (!l->begun)
        add_begin(l, &text);
    size_t at = text.n;
    kv_buf_printf(&text, "{\"event\":\"%s\"", event);
    kv_batch_json_add_time(&text, "at", kv_batch_now_ms());
    kv_buf_add_str(&text, members.n ? "," : "");
    kv_buf_add_slice(&text, members);
    kv_buf_add_str(&text, "}\n");
    int failed = append(l, kv_slice_of(&text), err);
    if (!failed && kv_json_check((struct kv_slice){text.p + at, text.n - at}, KV_JSON_STRICT, &line,
                       &ignored) == 0) {
        l->begun = true;
        take_line(l, line);
    }
    kv_buf_release(&text);
    return failed;
}

int kv_ledger_remove(struct kv_ledger *l, struct kv_err *err)
{
    if (unlink(l->path) != 0 && errno != ENOENT)
        return kv_err_sys(err, "%s", l->path);
    l->begun = false;
    l->whole = l->torn = 0;
    return 0;
}

int kv_ledger_add(struct kv_ledger *l, const char *id, const char *response, const char *endpoint,
    struct kv_err *err)
{
    struct kv_buf members = {0};
    kv_json_out_str(&members, "id", id);
    kv_json_out_str(&members, "response", response);
    kv_json_out_str(&members, "endpoint", endpoint);
    int failed = kv_ledger_note(l, "call", kv_slice_of(&members), err);
    kv_buf_release(&members);
    return failed;
}

int kv_ledger_settle(struct kv_ledger *l, const char *id, struct kv_err *err)
{
    struct kv_buf members = {0};
    if (find(l, id) == l->n)
        return 0;
    kv_json_out_str(&members, "id", id);
    int failed = 0;
    if (l->n == 1 && l->part_count == 0) { /* nothing is out any more */
        struct kv_buf line = {0};
        kv_buf_printf(&line, "{%.*s}", (int)members.n, members.p);
        failed = kv_ledger_remove(l, err);
        if (!failed)
            take_fetched(l, kv_slice_of(&line));
        kv_buf_release(&line);
    } else
        failed = kv_ledger_note(l, "fetched", kv_slice_of(&members), err);
    kv_buf_release(&members);
    return failed;
}
