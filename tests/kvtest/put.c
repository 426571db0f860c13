/* put - members of a line of answer, left out where nothing is known. */
#include "put.h"

#include "json_out.h"

void put_text(struct kv_buf *out, const char *name, const struct kv_buf *text)
{
    if (text->n)
        kv_json_out_text(out, name, kv_slice_of(text));
}

void put_count(struct kv_buf *out, const char *name, int64_t n)
{
    if (n >= 0)
        kv_json_out_int(out, name, n);
}

void put_flag(struct kv_buf *out, const char *name, bool set)
{
    if (set)
        kv_json_out_flag(out, name, true);
}
