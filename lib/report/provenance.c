/* provenance - where results come from: what the file, and the state beside it, say of the run. */
#include "provenance.h"

#include "json.h"
#include "private_members.h"
#include "reformat.h"
#include "state.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void take_text(struct kv_buf *out, struct kv_slice value)
{
    if (value.n && kv_json_type(value) == KV_JSON_STRING)
        kv_json_unescape(value, out);
}

static void take_header(struct kv_provenance *p, struct kv_slice header)
{
    struct kv_slice metadata, value;
    kv_json_get(header, "metadata", &metadata);
    kv_json_get(metadata, "job_id", &value);
    take_text(&p->job_id, value);
    kv_json_get(metadata, "karenina_version", &value);
    take_text(&p->version, value);
    kv_json_get(metadata, "export_timestamp", &value);
    take_text(&p->exported, value);
    kv_json_get(metadata, "verification_config", &value);
    if (value.n && kv_json_type(value) == KV_JSON_OBJECT)
        kv_reformat(&p->models, value, KV_REFORMAT_COMPACT);
}

/* The .state of a .tmp; NULL if the path is no .tmp, or the file is not there. */
static char *state_of(const char *path)
{
    static const char tmp[] = ".tmp", state[] = ".state";
    size_t n = strlen(path), m = sizeof tmp - 1;
    struct stat st;
    if (n <= m || strcmp(path + n - m, tmp) != 0)
        return NULL;
    char *name = kv_alloc(n - m + sizeof state);
    memcpy(name, path, n - m);
    memcpy(name + n - m, state, sizeof state);
    if (stat(name, &st) == 0 && S_ISREG(st.st_mode))
        return name;
    free(name);
    return NULL;
}

static void take_state(struct kv_provenance *p, const char *path)
{
    struct kv_err ignored; /* a report of results does not fail for want of their state */
    struct kv_slice value;
    struct kv_state *s = kv_state_open(path, &ignored);
    if (!s)
        return;
    kv_buf_add_str(&p->config_hash, kv_state_info(s)->config_hash);
    if (kv_state_member(s, KV_MEMBER_BENCHMARK_DIGEST, &value))
        take_text(&p->benchmark_digest, value);
    kv_state_close(s);
}

void kv_provenance_make(struct kv_provenance *p, const struct kv_rowset *set)
{
    char *state = state_of(set->path);
    *p = (struct kv_provenance){0};
    take_header(p, kv_slice_of(&set->header));
    if (state)
        take_state(p, state);
    free(state);
}

void kv_provenance_release(struct kv_provenance *p)
{
    kv_buf_release(&p->job_id);
    kv_buf_release(&p->version);
    kv_buf_release(&p->exported);
    kv_buf_release(&p->models);
    kv_buf_release(&p->config_hash);
    kv_buf_release(&p->benchmark_digest);
}
