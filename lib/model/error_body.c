/* error_body - what a server said when it refused, out of any of the bodies servers use for it. */
#include "error_body.h"

#include "json.h"
#include "num.h"
#include "ratelimit.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    RAW_SHOWN = 200,  /* of a body that is no JSON */
    LOOKED_AT = 4096, /* of any text: what decides stands in front */
    WRAPS_MAX = 3,    /* proxies put error objects into error texts */
};

void kv_error_body_release(struct kv_error_body_text *t)
{
    kv_buf_release(&t->type);
    kv_buf_release(&t->code);
    kv_buf_release(&t->param);
    kv_buf_release(&t->message);
    kv_buf_release(&t->detail);
}

static void begin(struct kv_error_body_text *t)
{
    kv_buf_clear(&t->type);
    kv_buf_clear(&t->code);
    kv_buf_clear(&t->param);
    kv_buf_clear(&t->message);
    kv_buf_clear(&t->detail);
    t->status = 0;
    t->delay_ms = -1;
}

/* ---- values ---- */

static struct kv_slice front(const struct kv_buf *b)
{
    return (struct kv_slice){b->p, b->n < LOOKED_AT ? b->n : LOOKED_AT};
}

/* A string unescaped, a number as written, nothing else; the first one given wins. */
static void take_text(struct kv_buf *out, struct kv_slice value)
{
    if (out->n || kv_json_is_null(value))
        return;
    if (kv_json_type(value) == KV_JSON_STRING)
        kv_json_unescape(value, out);
    else if (kv_json_type(value) == KV_JSON_NUMBER)
        kv_buf_add_slice(out, value);
}

static void take_member(struct kv_buf *out, struct kv_slice object, const char *name)
{
    struct kv_slice value;
    if (kv_json_get(object, name, &value))
        take_text(out, value);
}

/* Google's details carry what decides: the quota's id, the reason, the delay. */
static void take_details(struct kv_error_body_text *t, struct kv_slice details)
{
    struct kv_json_walk w;
    struct kv_slice item, value;
    struct kv_buf delay = {0};
    kv_json_begin(&w, details);
    while (kv_json_item(&w, &item)) {
        if (kv_json_get(item, "violations", &value)) {
            kv_json_compact(&t->detail, value);
            kv_buf_add_char(&t->detail, ' ');
        }
        struct kv_buf reason = {0};
        take_member(&reason, item, "reason");
        kv_buf_add_slice(&t->detail, kv_slice_of(&reason));
        kv_buf_release(&reason);
        take_member(&delay, item, "retryDelay");
    }
    if (delay.n)
        t->delay_ms = kv_ratelimit_duration(kv_slice_of(&delay));
    kv_buf_release(&delay);
}

static void take_status(struct kv_error_body_text *t)
{
    int64_t n;
    if (kv_num_int64(kv_slice_of(&t->code), &n) && n >= 300 && n <= 599)
        t->status = (int)n;
}

/* FastAPI: a list of {"loc","msg","type"}. */
static void take_list(struct kv_buf *out, struct kv_slice list)
{
    struct kv_json_walk w;
    struct kv_slice item;
    kv_json_begin(&w, list);
    while (kv_json_item(&w, &item)) {
        struct kv_buf one = {0};
        take_text(&one, item);
        take_member(&one, item, "msg");
        take_member(&one, item, "message");
        if (out->n && one.n)
            kv_buf_add_str(out, "; ");
        kv_buf_add_slice(out, kv_slice_of(&one));
        kv_buf_release(&one);
    }
}

static void read_value(struct kv_error_body_text *t, struct kv_slice value, int wraps);

/* An error text that is itself a JSON error: the inner one knows more. */
static void unwrap(struct kv_error_body_text *t, int wraps)
{
    struct kv_slice text = kv_slice_strip(kv_slice_of(&t->message)), value;
    struct kv_err err;
    if (wraps >= WRAPS_MAX || text.n == 0 || (text.p[0] != '{' && text.p[0] != '['))
        return;
    if (kv_json_check(text, KV_JSON_STRICT, &value, &err) < 0)
        return;
    struct kv_buf outer = t->message;
    t->message = (struct kv_buf){0};
    read_value(t, value, wraps + 1);
    if (t->message.n == 0) {
        kv_buf_release(&t->message);
        t->message = outer;
    } else
        kv_buf_release(&outer);
}

static void read_object(struct kv_error_body_text *t, struct kv_slice e, int wraps)
{
    struct kv_slice value;
    take_member(&t->type, e, "type");
    take_member(&t->type, e, "status");
    take_member(&t->code, e, "code");
    take_member(&t->param, e, "param");
    take_member(&t->message, e, "message");
    take_status(t);
    if (kv_json_get(e, "details", &value))
        take_details(t, value);
    if (kv_json_path(e, &value, "innererror", "code", NULL))
        take_text(&t->detail, value);
    if (kv_json_path(e, &value, "metadata", "reasons", NULL)) {
        kv_buf_add_str(&t->detail, "reasons ");
        kv_json_compact(&t->detail, value);
    }
    unwrap(t, wraps);
}

static void read_root(struct kv_error_body_text *t, struct kv_slice root, int wraps)
{
    static const char *const words[] = {"message", "error_description", "title", "msg"};
    struct kv_slice value;
    if (kv_json_get(root, "detail", &value)) {
        take_text(&t->message, value);
        if (!t->message.n)
            take_list(&t->message, value);
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        take_member(&t->message, root, words[i]);
    if (kv_json_get(root, "errors", &value) && !t->message.n)
        take_list(&t->message, value);
    take_member(&t->type, root, "type");
    take_member(&t->code, root, "code");
    take_member(&t->param, root, "param");
    take_status(t);
    unwrap(t, wraps);
}

static void read_value(struct kv_error_body_text *t, struct kv_slice value, int wraps)
{
    struct kv_json_walk w;
    struct kv_slice error;
    if (kv_json_type(value) == KV_JSON_ARRAY) {
        kv_json_begin(&w, value);
        if (!kv_json_item(&w, &value))
            return;
    }
    if (kv_json_type(value) != KV_JSON_OBJECT) {
        take_text(&t->message, value);
        return;
    }
    if (!kv_json_get(value, "error", &error) || kv_json_is_null(error))
        read_root(t, value, wraps);
    else if (kv_json_type(error) == KV_JSON_OBJECT)
        read_object(t, error, wraps);
    else {
        take_text(&t->message, error);
        take_member(&t->message, value, "message");
        unwrap(t, wraps);
    }
}

/* ---- bodies that are no JSON ---- */

static const char *find(struct kv_slice text, const char *tag)
{
    size_t n = strlen(tag);
    for (size_t i = 0; i + n <= text.n; i++)
        if (strncasecmp(text.p + i, tag, n) == 0)
            return text.p + i;
    return NULL;
}

/* Skips what a page holds that is no text: *rest behind the element that begins there. */
static bool skip_element(struct kv_slice *rest, const char *name)
{
    char opening[16], closing[16];
    snprintf(opening, sizeof opening, "<%s", name);
    snprintf(closing, sizeof closing, "</%s", name);
    if (find(*rest, opening) != rest->p)
        return false;
    const char *end = find(*rest, closing);
    rest->n = end ? rest->n - (size_t)(end - rest->p) : 0;
    rest->p = end ? end : rest->p;
    return true;
}

/* The text of a page, its tags and white space as single spaces. */
static void add_page(struct kv_buf *out, struct kv_slice rest)
{
    bool gap = false;
    while (rest.n && out->n < RAW_SHOWN) {
        if (skip_element(&rest, "style") || skip_element(&rest, "script"))
            continue;
        if (*rest.p == '<') {
            const char *end = memchr(rest.p, '>', rest.n);
            size_t n = end ? (size_t)(end - rest.p) + 1 : rest.n;
            rest.p += n;
            rest.n -= n;
            gap = true;
            continue;
        }
        bool blank = strchr(" \t\r\n", *rest.p) != NULL;
        if (!blank && gap && out->n)
            kv_buf_add_char(out, ' ');
        if (!blank)
            kv_buf_add_char(out, *rest.p);
        gap = blank;
        rest.p++;
        rest.n--;
    }
}

/* The title of a page, or its text; else the beginning of the text. */
static void take_raw(struct kv_error_body_text *t, struct kv_slice body)
{
    struct kv_slice text = kv_slice_strip(body);
    const char *title = find(text, "<title>");
    if (title) {
        struct kv_slice rest = {title + 7, (size_t)(text.p + text.n - title) - 7};
        const char *end = find(rest, "<");
        text = kv_slice_strip((struct kv_slice){rest.p, end ? (size_t)(end - rest.p) : rest.n});
    }
    if (!title && text.n && *text.p == '<') {
        add_page(&t->message, text);
        return;
    }
    if (text.n > RAW_SHOWN)
        text.n = RAW_SHOWN;
    kv_buf_add_slice(&t->message, text);
}

void kv_error_body_read(struct kv_error_body_text *t, struct kv_slice body)
{
    struct kv_slice value;
    struct kv_err err;
    begin(t);
    if (kv_json_check(body, KV_JSON_STRICT, &value, &err) < 0)
        take_raw(t, body);
    else
        read_value(t, value, 0);
    if (t->delay_ms < 0)
        t->delay_ms = kv_ratelimit_prose(front(&t->message));
}

void kv_error_body_read_error(struct kv_error_body_text *t, struct kv_slice error)
{
    begin(t);
    if (kv_json_type(error) == KV_JSON_OBJECT)
        read_object(t, error, 0);
    else
        take_text(&t->message, error);
    if (t->delay_ms < 0)
        t->delay_ms = kv_ratelimit_prose(front(&t->message));
}

struct kv_error_body kv_error_body_of(
    const struct kv_error_body_text *t, int status, int64_t retry_after_ms, bool google)
{
    return (struct kv_error_body){.status = status,
        .type = front(&t->type),
        .code = front(&t->code),
        .param = front(&t->param),
        .message = front(&t->message),
        .detail = front(&t->detail),
        .retry_after_ms = retry_after_ms,
        .google = google};
}
