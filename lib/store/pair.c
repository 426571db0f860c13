/* pair - the two files of a run under the writer's lock: what both layouts share. */
#include "pair.h"

#include "json.h"

#include <stdarg.h>

void kv_note(const struct kv_notes *n, const char *format, ...)
{
    struct kv_buf text = {0};
    va_list ap;
    if (!n || !n->say)
        return;
    va_start(ap, format);
    kv_buf_vprintf(&text, format, ap);
    va_end(ap);
    n->say(n->closure, text.p);
    kv_buf_release(&text);
}

void kv_pair_set_config(struct kv_pair *p, struct kv_slice config, const char *hash)
{
    kv_pair_drop_config(p);
    kv_buf_add_slice(&p->config, config);
    kv_json_quote_str(&p->hash, hash);
}

void kv_pair_drop_config(struct kv_pair *p)
{
    kv_buf_release(&p->config);
    kv_buf_release(&p->hash);
}
