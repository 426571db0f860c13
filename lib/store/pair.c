/* pair - the two files of a run under the writer's lock: what both layouts share. */
#include "pair.h"

#include "json.h"

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
