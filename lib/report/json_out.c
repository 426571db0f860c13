/* json_out - members of a JSON object, written one after the other. */
#include "json_out.h"

#include "json_text.h"
#include "num.h"

#include <inttypes.h>
#include <math.h>

void kv_json_out_comma(struct kv_buf *out)
{
    char last = out->n ? out->p[out->n - 1] : '{';
    if (last != '{' && last != '[' && last != ':')
        kv_buf_add_char(out, ',');
}

void kv_json_out_key(struct kv_buf *out, const char *name)
{
    kv_json_out_comma(out);
    kv_buf_printf(out, "\"%s\":", name);
}

void kv_json_out_text(struct kv_buf *out, const char *name, struct kv_slice value)
{
    kv_json_out_key(out, name);
    kv_json_quote(out, value, KV_JSON_RAW);
}

void kv_json_out_count(struct kv_buf *out, const char *name, uint64_t n)
{
    kv_json_out_key(out, name);
    kv_buf_printf(out, "%" PRIu64, n);
}

void kv_json_out_number(struct kv_buf *out, const char *name, double x)
{
    kv_json_out_key(out, name);
    kv_num_add_double(out, x, KV_NUM_COMPACT);
}

void kv_json_out_flag(struct kv_buf *out, const char *name, bool on)
{
    kv_json_out_key(out, name);
    kv_buf_add_str(out, on ? "true" : "false");
}

void kv_json_out_interval(struct kv_buf *out, const char *name, struct kv_interval i)
{
    kv_json_out_key(out, name);
    if (isnan(i.low)) {
        kv_buf_add_str(out, "null");
        return;
    }
    kv_buf_add_char(out, '[');
    kv_num_add_double(out, i.low, KV_NUM_COMPACT);
    kv_buf_add_char(out, ',');
    kv_num_add_double(out, i.high, KV_NUM_COMPACT);
    kv_buf_add_char(out, ']');
}

void kv_json_out_list(struct kv_buf *out, const char *name)
{
    kv_json_out_key(out, name);
    kv_buf_add_char(out, '[');
}

void kv_json_out_item(struct kv_buf *out)
{
    kv_json_out_comma(out);
    kv_buf_add_char(out, '{');
}
