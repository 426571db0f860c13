/* json_out - JSON text of our own, written member by member. */
#include "json_out.h"

#include "json_text.h"
#include "num.h"

#include <string.h>

static bool needs_comma(const struct kv_buf *out)
{
    char last = out->n ? out->p[out->n - 1] : '\n';
    return last != '{' && last != '[' && last != ':' && last != '\n';
}

static inline void add_name(
    struct kv_buf *out, const char *name, struct kv_slice comma, struct kv_slice colon)
{
    size_t n = name ? strlen(name) : 0;
    if (needs_comma(out))
        kv_buf_add_slice(out, comma);
    size_t need = n + 1 + colon.n;
    if (!name || ((need >= out->cap - out->n || out->max) && !kv_buf_reserve(out, need)))
        return;
    char *to = out->p + out->n;
    *to++ = '"';
    memcpy(to, name, n);
    memcpy(to + n, colon.p, colon.n + 1); /* with its NUL */
    out->n += need;
}

void kv_json_out_key(struct kv_buf *out, const char *name)
{
    add_name(out, name, KV_SLICE(","), KV_SLICE("\":"));
}

void kv_json_out_spaced(struct kv_buf *out, const char *name)
{
    add_name(out, name, KV_SLICE(", "), KV_SLICE("\": "));
}

void kv_json_out_object(struct kv_buf *out, const char *name)
{
    kv_json_out_key(out, name);
    kv_buf_add_char(out, '{');
}

void kv_json_out_list(struct kv_buf *out, const char *name)
{
    kv_json_out_key(out, name);
    kv_buf_add_char(out, '[');
}

void kv_json_out_text(struct kv_buf *out, const char *name, struct kv_slice text)
{
    kv_json_out_key(out, name);
    kv_json_quote(out, text, KV_JSON_RAW);
}

void kv_json_out_text_or_null(struct kv_buf *out, const char *name, struct kv_slice text)
{
    if (text.p)
        kv_json_out_text(out, name, text);
    else
        kv_json_out_null(out, name);
}

void kv_json_out_str(struct kv_buf *out, const char *name, const char *text)
{
    kv_json_out_key(out, name);
    kv_json_quote_str(out, text);
}

void kv_json_out_int(struct kv_buf *out, const char *name, int64_t n)
{
    kv_json_out_key(out, name);
    kv_buf_add_int(out, n);
}

void kv_json_out_count(struct kv_buf *out, const char *name, uint64_t n)
{
    kv_json_out_key(out, name);
    kv_buf_add_count(out, n);
}

void kv_json_out_number(struct kv_buf *out, const char *name, double x)
{
    kv_json_out_key(out, name);
    kv_num_add_double(out, x, KV_NUM_COMPACT);
}

void kv_json_out_python(struct kv_buf *out, const char *name, double x)
{
    kv_json_out_key(out, name);
    kv_num_add_double(out, x, KV_NUM_PYTHON);
}

void kv_json_out_flag(struct kv_buf *out, const char *name, bool on)
{
    kv_json_out_key(out, name);
    kv_buf_add_str(out, on ? "true" : "false");
}

void kv_json_out_null(struct kv_buf *out, const char *name)
{
    kv_json_out_json(out, name, (struct kv_slice){0});
}

void kv_json_out_json(struct kv_buf *out, const char *name, struct kv_slice value)
{
    kv_json_out_key(out, name);
    kv_buf_add_slice(out, value.n ? value : KV_SLICE("null"));
}

void kv_json_out_member(struct kv_buf *out, struct kv_slice key, struct kv_slice value)
{
    kv_json_out_key(out, NULL);
    kv_buf_add_slice(out, key);
    kv_buf_add_char(out, ':');
    kv_buf_add_slice(out, value.n ? value : KV_SLICE("null"));
}
