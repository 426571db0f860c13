/* batches_files - the test provider's batches of OpenAI: files uploaded, batches made of them. */
#include "batches_private.h"
#include "json.h"
#include "json_out.h"

#include <stdlib.h>
#include <string.h>

static struct file **files;
static size_t file_count;

/* ---- objects ---- */

static void add_file(const struct file *f, struct kv_buf *out)
{
    kv_json_out_object(out, NULL);
    kv_json_out_str(out, "id", f->id);
    kv_json_out_str(out, "object", "file");
    kv_json_out_count(out, "bytes", f->bytes.n);
    batch_add_time(out, "created_at", f->created_ms, sw.iso_dates);
    kv_json_out_str(out, "filename", f->name);
    kv_json_out_str(out, "purpose", "batch");
    kv_buf_add_char(out, '}');
}

static const char *end_word(const struct batch *b)
{
    static const char *const words[] = {[WORKING] = "completed_at",
        [DONE] = "completed_at",
        [EXPIRED] = "expired_at",
        [CANCELLED] = "cancelled_at",
        [FAILED] = "failed_at"};
    return words[b->state];
}

static const char *status_word(const struct batch *b)
{
    static const char *const words[][2] = {[WORKING] = {"in_progress", "PROGRESS"},
        [DONE] = {"completed", "COMPLETED"},
        [EXPIRED] = {"expired", "EXPIRED"},
        [CANCELLED] = {"cancelled", "CANCELLED"},
        [FAILED] = {"failed", "FAILED"}};
    return words[b->state][sw.capitals];
}

void files_add_batch(const struct batch *b, bool files_named, struct kv_buf *out)
{
    kv_json_out_object(out, NULL);
    kv_json_out_str(out, "id", b->id);
    kv_json_out_str(out, "object", "batch");
    kv_json_out_str(out, "endpoint", b->endpoint);
    kv_json_out_str(out, "input_file_id", b->input->id);
    kv_json_out_str(out, "status", status_word(b));
    kv_json_out_str(out, "output_file_id", files_named && b->results.n ? b->output_id : NULL);
    kv_json_out_str(out, "error_file_id", files_named && b->errors.n ? b->errors_id : NULL);
    batch_add_time(out, "created_at", b->created_ms, sw.iso_dates);
    batch_add_time(out, "expires_at", b->created_ms + 86400000, sw.iso_dates);
    batch_add_time(out, end_word(b), b->ended_ms, sw.iso_dates);
    kv_json_out_object(out, "request_counts");
    kv_json_out_count(out, "total", b->state == FAILED ? 0 : b->n);
    kv_json_out_count(out, "completed", b->done);
    kv_json_out_count(out, "failed", b->failed);
    kv_buf_add_char(out, '}');
    kv_json_out_json(out, "metadata",
        sw.forget_metadata || !b->metadata.n ? KV_SLICE("null") : kv_slice_of(&b->metadata));
    if (b->state == FAILED) {
        kv_buf_add_str(out, ",\"errors\":{\"object\":\"list\",\"data\":[");
        kv_buf_add_slice(out, kv_slice_of(&b->fails));
        kv_buf_add_str(out, "]}");
    }
    kv_buf_add_char(out, '}');
}

/* ---- batches made of a file ---- */

static struct file *find_file(const struct call *c, const char *id)
{
    for (size_t i = 0; i < file_count; i++)
        if (strcmp(files[i]->id, id) == 0 && !files[i]->deleted &&
            batch_may_see(c, files[i]->owner))
            return files[i];
    return NULL;
}

/* Lines of a file; one that is no JSON fails the batch, as does an id that is there twice. */
static void read_lines(struct batch *b)
{
    struct kv_slice rest = kv_slice_of(&b->text), line;
    struct kv_err err;
    for (long number = 1; rest.n > 0; number++) {
        const char *lf = memchr(rest.p, '\n', rest.n);
        size_t n = lf ? (size_t)(lf - rest.p) : rest.n;
        if (kv_json_check((struct kv_slice){rest.p, n}, KV_JSON_STRICT, &line, &err) == 0)
            batch_add_request(b, line, "body");
        else if (!b->fails.n)
            kv_buf_printf(&b->fails,
                "{\"code\":\"invalid_json_line\",\"message\":\"not JSON\",\"line\":%ld}", number);
        rest.p += n + (lf != NULL);
        rest.n -= n + (lf != NULL);
    }
}

void files_create(const struct batches *how, struct call *c)
{
    struct kv_slice object, value;
    struct kv_err err;
    if (kv_json_check(kv_slice_of(&c->body), KV_JSON_STRICT, &object, &err) != 0 ||
        !kv_json_get(object, "input_file_id", &value)) {
        batch_refuse(c, false, 400, "invalid_request_error", "no input_file_id");
        return;
    }
    char *id = kv_json_strdup(value);
    struct file *f = find_file(c, id);
    free(id);
    if (!f) {
        batch_refuse(c, false, 400, "invalid_request_error", "Cannot find file");
        return;
    }
    struct batch *b = batch_new(c, "batch_");
    b->input = f;
    kv_json_get(object, "endpoint", &value);
    b->endpoint = kv_json_strdup(value);
    if (kv_json_get(object, "metadata", &value))
        kv_buf_add_slice(&b->metadata, value);
    kv_buf_add_slice(&b->text, kv_slice_of(&f->bytes));
    read_lines(b);
    if (!b->fails.n)
        batch_note_orders(how, b);
    files_add_batch(b, true, &c->reply);
}

/* ---- files ---- */

/* The text between two marks; empty if they are not there. */
static struct kv_slice between(struct kv_slice text, const char *begin, const char *end)
{
    const char *from = memmem(text.p, text.n, begin, strlen(begin));
    if (!from)
        return (struct kv_slice){"", 0};
    from += strlen(begin);
    const char *to = memmem(from, text.n - (size_t)(from - text.p), end, strlen(end));
    return (struct kv_slice){from, to ? (size_t)(to - from) : 0};
}

static void upload(struct call *c)
{
    const char *type = MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, "Content-Type");
    const char *mark = type ? strstr(type, "boundary=") : NULL;
    struct kv_buf end = {0};
    if (switch_take(&sw.close_upload) || switch_kills("upload-before")) {
        c->deed = &batches_closing;
        return;
    }
    kv_buf_printf(&end, "\r\n--%s", mark ? mark + 9 : "");
    struct kv_slice body = kv_slice_of(&c->body), name = between(body, "filename=\"", "\"");
    struct kv_slice rest = {name.p, body.n - (size_t)(name.p - body.p)};
    struct kv_slice bytes = name.n ? between(rest, "\r\n\r\n", end.p) : name;
    if (!mark || !bytes.n) {
        batch_refuse(c, false, 400, "invalid_request_error", "no file");
        kv_buf_release(&end);
        return;
    }
    struct file *f = kv_calloc(1, sizeof *f);
    snprintf(f->id, sizeof f->id, "file-%ld", ++batches_serial);
    f->name = kv_slice_dup(name);
    f->owner = kv_strdup(batch_owner(c));
    f->created_ms = service_ms();
    kv_buf_add_slice(&f->bytes, bytes);
    files = kv_grow(files, file_count, sizeof *files);
    files[file_count++] = f;
    add_file(f, &c->reply);
    kv_buf_release(&end);
    batch_end_post(c, "upload-after", &sw.drop_upload, &sw.fail_upload, &sw.blank_upload);
}

static void content(struct call *c, const char *id)
{
    size_t n = strcspn(id, "/");
    for (size_t i = 0; i < batches_made_count; i++) {
        struct batch *b = batches_made[i];
        bool output = strlen(b->output_id) == n && memcmp(b->output_id, id, n) == 0;
        bool errors = strlen(b->errors_id) == n && memcmp(b->errors_id, id, n) == 0;
        if ((output || errors) && !b->results_deleted && batch_may_see(c, b->owner)) {
            batch_send_lines(c, output ? &b->results : &b->errors);
            return;
        }
    }
    char *name = kv_strndup(id, n);
    struct file *f = find_file(c, name);
    free(name);
    if (f && sw.keep_uploads)
        batch_refuse(c, false, 400, "invalid_request_error", "Not allowed to download this file");
    else if (f)
        kv_buf_add_slice(&c->reply, kv_slice_of(&f->bytes));
    else
        batch_refuse_missing(c, false);
}

static void erase(struct call *c, const char *id)
{
    struct file *f = find_file(c, id);
    if (f)
        f->deleted = true;
    for (size_t i = 0; i < batches_made_count; i++)
        if (strcmp(batches_made[i]->output_id, id) == 0)
            batches_made[i]->results_deleted = true;
    kv_buf_printf(&c->reply, "{\"id\":\"%s\",\"object\":\"file\",\"deleted\":true}", id);
}

static void list_files(struct call *c)
{
    long left = batch_page(c);
    bool more = false, passed = false;
    kv_buf_add_str(&c->reply, "{\"object\":\"list\",\"data\":[");
    for (size_t i = file_count; i > 0; i--) {
        const struct file *f = files[i - 1];
        if (!batch_is_after(c, "after", f->id, &passed) || f->deleted ||
            !batch_is_listed(f->created_ms) || !batch_may_see(c, f->owner))
            continue;
        more = left-- <= 0;
        if (more)
            break;
        add_file(f, &c->reply);
    }
    kv_buf_printf(&c->reply, "],\"has_more\":%s}", more ? "true" : "false");
}

void files_decide(struct call *c, const char *method, const char *rest)
{
    if (!*rest && strcmp(method, "POST") == 0)
        upload(c);
    else if (!*rest)
        list_files(c);
    else if (strcmp(method, "DELETE") == 0)
        erase(c, rest + 1);
    else
        content(c, rest + 1);
}
