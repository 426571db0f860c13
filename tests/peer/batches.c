/* batches - the test provider's batch services: OpenAI's files and batches, Anthropic's batches. */
#include "batches.h"

#include "chat.h"
#include "json.h"
#include "json_out.h"
#include "num.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct file {
    char id[32], *name, *owner;
    struct kv_buf bytes;
    int64_t created_ms;
    bool deleted;
};

struct request {
    struct kv_slice id, body; /* in the text of the batch */
};

enum state { WORKING, DONE, EXPIRED, CANCELLED, FAILED };

struct batch {
    char id[32], *owner;
    bool anthropic, foreign, deleted;
    enum state state;
    struct file *input;
    char *endpoint;
    struct kv_buf text, metadata, results, errors; /* lines */
    struct request *requests;
    size_t n, done, failed, undone;
    struct kv_buf fails; /* the JSON of why it fails; empty: it does not */
    long looks, expire;
    int64_t created_ms;
    char output_id[32], errors_id[32];
};

static struct {
    double clock, list_lag;
    long looks, missing, close_upload, close_create, drop_upload, drop_create, fail_upload;
    long fail_create, blank_upload, blank_create, refuse_create, refuse_status, expire, omit, cut,
        null_files, foreign;
    bool hold, forget_metadata, iso_dates, capitals, reorder, duplicate, projects;
    char *refuse_message, *results_url, *kill, *pid_file;
    struct kv_buf batch_fails;
} sw = {.expire = -1, .refuse_status = 429};

static struct file **files;
static struct batch **batches;
static size_t file_count, batch_count;
static long serial;

static const struct deed closing = {.peer = "close", .latency_ms = -1, .headers = {"{}", 2}};
static const struct deed cutting = {.peer = "cut", .latency_ms = -1, .headers = {"{}", 2}};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + (int64_t)(sw.clock * 1000);
}

/* ---- switches ---- */

static void set_number(const char *name, double x)
{
    static const struct {
        const char *name;
        long *to;
    } counts[] = {{"looks", &sw.looks}, {"missing", &sw.missing},
        {"close_upload", &sw.close_upload}, {"close_create", &sw.close_create},
        {"drop_upload", &sw.drop_upload}, {"drop_create", &sw.drop_create},
        {"fail_upload", &sw.fail_upload}, {"fail_create", &sw.fail_create},
        {"blank_upload", &sw.blank_upload}, {"blank_create", &sw.blank_create},
        {"refuse_create", &sw.refuse_create}, {"refuse_status", &sw.refuse_status},
        {"expire", &sw.expire}, {"omit", &sw.omit}, {"cut", &sw.cut},
        {"null_files", &sw.null_files}, {"foreign", &sw.foreign}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (strcmp(counts[i].name, name) == 0)
            *counts[i].to = (long)x;
    if (strcmp(name, "clock") == 0)
        sw.clock += x;
    if (strcmp(name, "list_lag") == 0)
        sw.list_lag = x;
}

static void set_flag(const char *name, bool on)
{
    static const struct {
        const char *name;
        bool *to;
    } flags[] = {{"hold", &sw.hold}, {"forget_metadata", &sw.forget_metadata},
        {"iso_dates", &sw.iso_dates}, {"capitals", &sw.capitals}, {"reorder", &sw.reorder},
        {"duplicate", &sw.duplicate}, {"projects", &sw.projects}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strcmp(flags[i].name, name) == 0)
            *flags[i].to = on;
}

static void set_text(const char *name, struct kv_slice value)
{
    static const struct {
        const char *name;
        char **to;
    } texts[] = {{"refuse_message", &sw.refuse_message}, {"results_url", &sw.results_url},
        {"kill", &sw.kill}, {"pid_file", &sw.pid_file}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i].name, name) == 0) {
            free(*texts[i].to);
            *texts[i].to = kv_json_type(value) == KV_JSON_STRING ? kv_json_strdup(value) : NULL;
        }
    if (strcmp(name, "batch_fails") == 0) {
        kv_buf_clear(&sw.batch_fails);
        if (kv_json_type(value) == KV_JSON_OBJECT)
            kv_buf_add_slice(&sw.batch_fails, value);
    }
}

static void control(struct call *c)
{
    struct kv_json_walk w;
    struct kv_slice object, key, value;
    struct kv_err err;
    double x;
    if (kv_json_check(kv_slice_of(&c->body), KV_JSON_STRICT, &object, &err) != 0) {
        c->status = 400;
        kv_buf_printf(&c->reply, "{\"error\":\"%s\"}", err.text);
        return;
    }
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value)) {
        char *name = kv_json_strdup(key);
        if (kv_num_double(value, &x))
            set_number(name, x);
        else if (kv_json_type(value) == KV_JSON_TRUE || kv_json_type(value) == KV_JSON_FALSE)
            set_flag(name, kv_json_is_true(value));
        else
            set_text(name, value);
        free(name);
    }
    kv_buf_add_str(&c->reply, "{}");
}

/* True once for each that the switch has left. */
static bool take_one(long *left)
{
    if (*left <= 0)
        return false;
    (*left)--;
    return true;
}

static bool kills_at(const char *point)
{
    if (!sw.kill || strcmp(sw.kill, point) != 0)
        return false;
    FILE *f = sw.pid_file ? fopen(sw.pid_file, "r") : NULL;
    int pid = 0;
    if (f && fscanf(f, "%d", &pid) == 1 && pid > 1)
        kill(pid, SIGKILL);
    if (f)
        fclose(f);
    free(sw.kill);
    sw.kill = NULL;
    return true;
}

/* ---- who asks ---- */

static const char *owner_of(const struct call *c)
{
    static const char *const names[] = {"x-api-key", "api-key", "Authorization"};
    for (size_t i = 0; i < 3; i++) {
        const char *v = MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, names[i]);
        if (v)
            return v;
    }
    return "";
}

static bool may_see(const struct call *c, const char *owner)
{
    return !sw.projects || strcmp(owner, owner_of(c)) == 0;
}

static void refuse(struct call *c, bool anthropic, int status, const char *type, const char *text)
{
    c->status = status;
    kv_buf_clear(&c->reply);
    chat_error(anthropic ? ANTHROPIC : OPENAI, status, type, NULL, text, &c->reply);
}

static void refuse_missing(struct call *c, bool anthropic)
{
    refuse(c, anthropic, 404, anthropic ? "not_found_error" : "invalid_request_error", "not found");
}

/* What a POST comes to when it was done: lost, answered by a 500 or by an empty object, or told. */
static void end_post(struct call *c, const char *point, long *drop, long *fail, long *blank)
{
    if (take_one(drop) || kills_at(point))
        c->deed = &closing;
    else if (take_one(fail))
        refuse(c, false, 500, "server_error", "The server had an error");
    else if (take_one(blank)) {
        kv_buf_clear(&c->reply);
        kv_buf_add_str(&c->reply, "{}");
    }
}

/* ---- objects ---- */

static void add_time(struct kv_buf *out, const char *name, int64_t ms, bool iso)
{
    struct tm utc;
    char text[32];
    time_t s = (time_t)(ms / 1000);
    if (ms == 0)
        kv_json_out_null(out, name);
    else if (!iso)
        kv_json_out_int(out, name, ms / 1000);
    else {
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&s, &utc));
        kv_json_out_str(out, name, text);
    }
}

static void add_file(const struct file *f, struct kv_buf *out)
{
    kv_json_out_object(out, NULL);
    kv_json_out_str(out, "id", f->id);
    kv_json_out_str(out, "object", "file");
    kv_json_out_count(out, "bytes", f->bytes.n);
    add_time(out, "created_at", f->created_ms, sw.iso_dates);
    kv_json_out_str(out, "filename", f->name);
    kv_json_out_str(out, "purpose", "batch");
    kv_buf_add_char(out, '}');
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

static void add_openai(const struct batch *b, bool files_named, struct kv_buf *out)
{
    kv_json_out_object(out, NULL);
    kv_json_out_str(out, "id", b->id);
    kv_json_out_str(out, "object", "batch");
    kv_json_out_str(out, "endpoint", b->endpoint);
    kv_json_out_str(out, "input_file_id", b->input->id);
    kv_json_out_str(out, "status", status_word(b));
    kv_json_out_str(out, "output_file_id", files_named && b->results.n ? b->output_id : NULL);
    kv_json_out_str(out, "error_file_id", files_named && b->errors.n ? b->errors_id : NULL);
    add_time(out, "created_at", b->created_ms, sw.iso_dates);
    add_time(out, "expires_at", b->created_ms + 86400000, sw.iso_dates);
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

static void add_anthropic(const struct call *c, const struct batch *b, struct kv_buf *out)
{
    bool over = b->state != WORKING;
    const char *host = MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, "Host");
    struct kv_buf url = {0};
    kv_buf_printf(&url, "http://%s/v1/messages/batches/%s/results", host ? host : "", b->id);
    kv_json_out_object(out, NULL);
    kv_json_out_str(out, "id", b->id);
    kv_json_out_str(out, "type", "message_batch");
    kv_json_out_str(out, "processing_status", over ? "ended" : "in_progress");
    kv_json_out_object(out, "request_counts");
    kv_json_out_count(out, "processing", over ? 0 : b->n);
    kv_json_out_count(out, "succeeded", b->done);
    kv_json_out_count(out, "errored", b->failed);
    kv_json_out_count(out, "canceled", over && b->state == CANCELLED ? b->undone : 0);
    kv_json_out_count(out, "expired", over && b->state != CANCELLED ? b->undone : 0);
    kv_buf_add_char(out, '}');
    add_time(out, "created_at", b->created_ms, true);
    add_time(out, "expires_at", b->created_ms + 86400000, true);
    add_time(out, "ended_at", over ? now_ms() : 0, true);
    kv_json_out_str(out, "results_url", !over ? NULL : sw.results_url ? sw.results_url : url.p);
    kv_buf_add_char(out, '}');
    kv_buf_release(&url);
}

/* ---- working ---- */

static void add_line(struct batch *b, const struct request *r, int status, struct kv_slice reply)
{
    struct kv_buf *out = b->anthropic || status < 400 ? &b->results : &b->errors;
    kv_json_out_object(out, NULL);
    if (!b->anthropic) {
        kv_buf_printf(out, "\"id\":\"batch_req_%zu\"", (size_t)(r - b->requests));
        kv_json_out_json(out, "custom_id", r->id);
        kv_buf_printf(
            out, ",\"response\":{\"status_code\":%d,\"request_id\":\"r\",\"body\":", status);
        kv_buf_add_slice(out, reply);
        kv_buf_add_str(out, "},\"error\":null}\n");
        return;
    }
    kv_json_out_json(out, "custom_id", r->id);
    kv_buf_add_str(out, status < 400 ? ",\"result\":{\"type\":\"succeeded\",\"message\":"
                                     : ",\"result\":{\"type\":\"errored\",\"error\":");
    kv_buf_add_slice(out, reply);
    kv_buf_add_str(out, "}}\n");
}

static void add_undone(struct batch *b, const struct request *r)
{
    const char *word = b->state == CANCELLED ? "cancelled" : "expired";
    struct kv_buf *out = b->anthropic ? &b->results : &b->errors;
    kv_json_out_object(out, NULL);
    kv_json_out_json(out, "custom_id", r->id);
    if (b->anthropic)
        kv_buf_printf(out, ",\"result\":{\"type\":\"%s\"}}\n",
            b->state == CANCELLED ? "canceled" : "expired");
    else
        kv_buf_printf(out,
            ",\"response\":null,\"error\":{\"code\":\"batch_%s\",\"message\":\"%s\"}}\n", word,
            word);
    b->undone++;
}

static void work(const struct batches *how, struct batch *b, enum state state)
{
    size_t most = b->expire >= 0 ? (size_t)b->expire : state == CANCELLED ? 0 : b->n;
    b->state = state == DONE && most < b->n ? EXPIRED : state;
    for (size_t i = 0; i < b->n; i++) {
        struct kv_buf reply = {0};
        const char *path = b->anthropic ? "/v1/messages" : b->endpoint;
        if (i >= most) {
            add_undone(b, &b->requests[i]);
            continue;
        }
        int status = b->foreign ? 400 : how->answer(path, b->requests[i].body, &reply);
        if (b->foreign)
            kv_buf_add_str(&reply, "{}");
        add_line(b, &b->requests[i], status, kv_slice_of(&reply));
        *(status < 400 ? &b->done : &b->failed) += 1;
        kv_buf_release(&reply);
    }
}

static void look(const struct batches *how, struct batch *b)
{
    if (b->state != WORKING || sw.hold)
        return;
    if (b->looks > 0)
        b->looks--;
    else if (b->fails.n)
        b->state = FAILED;
    else
        work(how, b, DONE);
}

/* ---- making ---- */

static void add_request(struct batch *b, struct kv_slice line, const char *body)
{
    struct request r;
    kv_json_get(line, "custom_id", &r.id);
    kv_json_get(line, body, &r.body);
    b->requests = kv_grow(b->requests, b->n, sizeof *b->requests);
    b->requests[b->n++] = r;
}

static void note_orders(const struct batches *how, const struct batch *b)
{
    for (size_t i = 0; how->journal && i < b->n; i++)
        fprintf(how->journal, "{\"ordered\":%.*s,\"batch\":\"%s\"}\n", (int)b->requests[i].id.n,
            b->requests[i].id.p, b->id);
    if (how->journal)
        fflush(how->journal);
}

static struct batch *new_batch(const struct call *c, const char *prefix)
{
    struct batch *b = kv_calloc(1, sizeof *b);
    long n = ++serial;
    snprintf(b->id, sizeof b->id, "%s%ld", prefix, n);
    snprintf(b->output_id, sizeof b->output_id, "file-out%ld", n);
    snprintf(b->errors_id, sizeof b->errors_id, "file-err%ld", n);
    b->owner = kv_strdup(owner_of(c));
    b->looks = sw.looks;
    b->expire = sw.expire;
    b->created_ms = now_ms();
    kv_buf_add_slice(&b->fails, kv_slice_of(&sw.batch_fails));
    batches = kv_grow(batches, batch_count, sizeof *batches);
    return batches[batch_count++] = b;
}

static struct file *find_file(const struct call *c, const char *id)
{
    for (size_t i = 0; i < file_count; i++)
        if (strcmp(files[i]->id, id) == 0 && !files[i]->deleted && may_see(c, files[i]->owner))
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
            add_request(b, line, "body");
        else if (!b->fails.n)
            kv_buf_printf(&b->fails,
                "{\"code\":\"invalid_json_line\",\"message\":\"not JSON\",\"line\":%ld}", number);
        rest.p += n + (lf != NULL);
        rest.n -= n + (lf != NULL);
    }
}

static void create_openai(const struct batches *how, struct call *c)
{
    struct kv_slice object, value;
    struct kv_err err;
    if (kv_json_check(kv_slice_of(&c->body), KV_JSON_STRICT, &object, &err) != 0 ||
        !kv_json_get(object, "input_file_id", &value)) {
        refuse(c, false, 400, "invalid_request_error", "no input_file_id");
        return;
    }
    char *id = kv_json_strdup(value);
    struct file *f = find_file(c, id);
    free(id);
    if (!f) {
        refuse(c, false, 400, "invalid_request_error", "Cannot find file");
        return;
    }
    struct batch *b = new_batch(c, "batch_");
    b->input = f;
    kv_json_get(object, "endpoint", &value);
    b->endpoint = kv_json_strdup(value);
    if (kv_json_get(object, "metadata", &value))
        kv_buf_add_slice(&b->metadata, value);
    kv_buf_add_slice(&b->text, kv_slice_of(&f->bytes));
    read_lines(b);
    if (!b->fails.n)
        note_orders(how, b);
    add_openai(b, true, &c->reply);
}

static void create_anthropic(const struct batches *how, struct call *c)
{
    struct kv_slice object, list, item;
    struct kv_json_walk w;
    struct kv_err err;
    if (kv_json_check(kv_slice_of(&c->body), KV_JSON_STRICT, &object, &err) != 0 ||
        !kv_json_get(object, "requests", &list)) {
        refuse(c, true, 400, "invalid_request_error", "requests: Field required");
        return;
    }
    struct batch *b = new_batch(c, "msgbatch_");
    b->anthropic = true;
    kv_buf_add_slice(&b->text, list);
    kv_json_begin(&w, kv_slice_of(&b->text));
    while (kv_json_item(&w, &item))
        add_request(b, item, "params");
    note_orders(how, b);
    add_anthropic(c, b, &c->reply);
}

/* Somebody else's, as an account has them. */
static void make_foreign(const struct call *c)
{
    struct batch *b = new_batch(c, "msgbatch_");
    b->anthropic = b->foreign = true;
    for (long i = 0; i < sw.foreign; i++)
        kv_buf_printf(&b->text, "\"other-%ld\"", i);
    const char *at = b->text.p;
    for (long i = 0; i < sw.foreign; i++) {
        const char *end = strchr(at + 1, '"') + 1;
        b->requests = kv_grow(b->requests, b->n, sizeof *b->requests);
        b->requests[b->n++] = (struct request){{at, (size_t)(end - at)}, {"{}", 2}};
        at = end;
    }
    sw.foreign = 0;
}

static void create(const struct batches *how, struct call *c, bool anthropic)
{
    if (take_one(&sw.close_create) || kills_at("create-before")) {
        c->deed = &closing;
        return;
    }
    if (take_one(&sw.refuse_create)) {
        refuse(c, anthropic, (int)sw.refuse_status, "rate_limit_error",
            sw.refuse_message ? sw.refuse_message : "refused");
        return;
    }
    if (anthropic)
        create_anthropic(how, c);
    else
        create_openai(how, c);
    end_post(c, "create-after", &sw.drop_create, &sw.fail_create, &sw.blank_create);
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
    if (take_one(&sw.close_upload) || kills_at("upload-before")) {
        c->deed = &closing;
        return;
    }
    kv_buf_printf(&end, "\r\n--%s", mark ? mark + 9 : "");
    struct kv_slice body = kv_slice_of(&c->body), name = between(body, "filename=\"", "\"");
    struct kv_slice rest = {name.p, body.n - (size_t)(name.p - body.p)};
    struct kv_slice bytes = name.n ? between(rest, "\r\n\r\n", end.p) : name;
    if (!mark || !bytes.n) {
        refuse(c, false, 400, "invalid_request_error", "no file");
        kv_buf_release(&end);
        return;
    }
    struct file *f = kv_calloc(1, sizeof *f);
    snprintf(f->id, sizeof f->id, "file-%ld", ++serial);
    f->name = kv_slice_dup(name);
    f->owner = kv_strdup(owner_of(c));
    f->created_ms = now_ms();
    kv_buf_add_slice(&f->bytes, bytes);
    files = kv_grow(files, file_count, sizeof *files);
    files[file_count++] = f;
    add_file(f, &c->reply);
    kv_buf_release(&end);
    end_post(c, "upload-after", &sw.drop_upload, &sw.fail_upload, &sw.blank_upload);
}

/* ---- results ---- */

/* Lines in the order, number and completeness that the switches want. */
static void add_lines(struct kv_slice text, struct kv_buf *out)
{
    struct kv_slice *lines = NULL;
    size_t n = 0, omit = sw.omit > 0 ? (size_t)sw.omit : 0;
    while (text.n > 0) {
        const char *lf = memchr(text.p, '\n', text.n);
        size_t length = (size_t)(lf - text.p) + 1;
        lines = kv_grow(lines, n, sizeof *lines);
        lines[n++] = (struct kv_slice){text.p, length};
        text.p += length;
        text.n -= length;
    }
    for (size_t i = omit; i < n; i++)
        kv_buf_add_slice(out, lines[sw.reorder ? n - 1 - i : i]);
    if (sw.duplicate && n > 0)
        kv_buf_add_slice(out, lines[0]);
    free(lines);
}

static void send_lines(struct call *c, const struct kv_buf *text)
{
    if (kills_at("results-before")) {
        c->deed = &closing;
        return;
    }
    if (take_one(&sw.missing)) {
        refuse_missing(c, false);
        return;
    }
    add_lines(kv_slice_of(text), &c->reply);
    if (take_one(&sw.cut))
        c->deed = &cutting;
}

static struct batch *find_batch(const struct call *c, const char *id, size_t n)
{
    for (size_t i = 0; i < batch_count; i++)
        if (strlen(batches[i]->id) == n && memcmp(batches[i]->id, id, n) == 0 &&
            !batches[i]->deleted && may_see(c, batches[i]->owner))
            return batches[i];
    return NULL;
}

static void content(struct call *c, const char *id)
{
    size_t n = strcspn(id, "/");
    for (size_t i = 0; i < batch_count; i++) {
        struct batch *b = batches[i];
        bool output = strlen(b->output_id) == n && memcmp(b->output_id, id, n) == 0;
        bool errors = strlen(b->errors_id) == n && memcmp(b->errors_id, id, n) == 0;
        if ((output || errors) && may_see(c, b->owner)) {
            send_lines(c, output ? &b->results : &b->errors);
            return;
        }
    }
    char *name = kv_strndup(id, n);
    struct file *f = find_file(c, name);
    free(name);
    if (f)
        kv_buf_add_slice(&c->reply, kv_slice_of(&f->bytes));
    else
        refuse_missing(c, false);
}

static void erase(struct call *c, const char *id)
{
    struct file *f = find_file(c, id);
    if (f)
        f->deleted = true;
    kv_buf_printf(&c->reply, "{\"id\":\"%s\",\"object\":\"file\",\"deleted\":true}", id);
}

/* ---- lists ---- */

static bool is_listed(int64_t created_ms)
{
    return created_ms + (int64_t)(sw.list_lag * 1000) <= now_ms();
}

static long limit_of(const struct call *c)
{
    const char *v = MHD_lookup_connection_value(c->connection, MHD_GET_ARGUMENT_KIND, "limit");
    return v ? strtol(v, NULL, 10) : 20;
}

static bool is_after(const struct call *c, const char *name, const char *id, bool *passed)
{
    const char *after = MHD_lookup_connection_value(c->connection, MHD_GET_ARGUMENT_KIND, name);
    bool shown = !after || *passed;
    *passed = *passed || (after && strcmp(after, id) == 0);
    return shown;
}

static void list_files(struct call *c)
{
    long left = limit_of(c);
    bool more = false, passed = false;
    kv_buf_add_str(&c->reply, "{\"object\":\"list\",\"data\":[");
    for (size_t i = file_count; i > 0; i--) {
        const struct file *f = files[i - 1];
        if (!is_after(c, "after", f->id, &passed) || f->deleted || !is_listed(f->created_ms) ||
            !may_see(c, f->owner))
            continue;
        more = left-- <= 0;
        if (more)
            break;
        add_file(f, &c->reply);
    }
    kv_buf_printf(&c->reply, "],\"has_more\":%s}", more ? "true" : "false");
}

static void list_batches(const struct batches *how, struct call *c, bool anthropic)
{
    long left = limit_of(c);
    bool more = false, passed = false;
    (void)how;
    kv_buf_add_str(&c->reply, "{\"object\":\"list\",\"data\":[");
    for (size_t i = batch_count; i > 0; i--) {
        struct batch *b = batches[i - 1];
        if (b->anthropic != anthropic || b->deleted || !may_see(c, b->owner) ||
            !is_after(c, anthropic ? "after_id" : "after", b->id, &passed) ||
            !is_listed(b->created_ms))
            continue;
        more = left-- <= 0;
        if (more)
            break;
        look(how, b);
        if (anthropic)
            add_anthropic(c, b, &c->reply);
        else
            add_openai(b, true, &c->reply);
    }
    kv_buf_printf(&c->reply, "],\"has_more\":%s}", more ? "true" : "false");
}

/* ---- paths ---- */

static void show(struct call *c, struct batch *b)
{
    bool named = b->state == WORKING || !take_one(&sw.null_files);
    if (b->anthropic)
        add_anthropic(c, b, &c->reply);
    else
        add_openai(b, named, &c->reply);
}

/* One batch: a look, its results, its end. */
static void one_batch(
    const struct batches *how, struct call *c, const char *method, const char *rest, bool anthropic)
{
    size_t n = strcspn(rest, "/");
    struct batch *b = find_batch(c, rest, n);
    if (!b || b->anthropic != anthropic || (strcmp(rest + n, "") == 0 && take_one(&sw.missing))) {
        refuse_missing(c, anthropic);
        return;
    }
    if (strcmp(rest + n, "/cancel") == 0) {
        if (b->state == WORKING)
            work(how, b, CANCELLED);
        show(c, b);
    } else if (strcmp(rest + n, "/results") == 0)
        send_lines(c, &b->results);
    else if (strcmp(method, "DELETE") == 0) {
        b->deleted = true;
        kv_buf_printf(&c->reply, "{\"id\":\"%s\",\"type\":\"message_batch_deleted\"}", b->id);
    } else {
        look(how, b);
        show(c, b);
    }
}

static void files_path(struct call *c, const char *method, const char *rest)
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

static void batches_path(
    const struct batches *how, struct call *c, const char *method, const char *rest, bool anthropic)
{
    if (sw.foreign > 0)
        make_foreign(c);
    if (!*rest && strcmp(method, "POST") == 0)
        create(how, c, anthropic);
    else if (!*rest)
        list_batches(how, c, anthropic);
    else
        one_batch(how, c, method, rest + 1, anthropic);
}

bool batches_decide(const struct batches *how, struct call *c, const char *method, const char *path)
{
    static const char anthropic[] = "/v1/messages/batches", openai[] = "/v1/batches",
                      uploads[] = "/v1/files";
    c->at_once = true;
    c->status = 200;
    if (strcmp(path, "/batch-control") == 0)
        control(c);
    else if (strncmp(path, anthropic, sizeof anthropic - 1) == 0)
        batches_path(how, c, method, path + sizeof anthropic - 1, true);
    else if (strncmp(path, openai, sizeof openai - 1) == 0)
        batches_path(how, c, method, path + sizeof openai - 1, false);
    else if (strncmp(path, uploads, sizeof uploads - 1) == 0)
        files_path(c, method, path + sizeof uploads - 1);
    else {
        c->at_once = false;
        return false;
    }
    return true;
}

void batches_reading(const char *path)
{
    if (strcmp(path, "/v1/files") == 0)
        kills_at("upload-middle");
}
