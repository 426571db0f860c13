/* same_run - what a run was made from. */
#include "same_run.h"

#include "config_diff.h"
#include "finished_export.h"
#include "json.h"
#include "json_out.h"
#include "private_members.h"

#include <stdlib.h>
#include <string.h>

/* ---- which questions a manifest names ---- */

static int by_id(const void *a, const void *b, void *closure)
{
    const struct kv_bench *bench = closure;
    return kv_slice_cmp(
        kv_bench_id(bench, *(const uint32_t *)a), kv_bench_id(bench, *(const uint32_t *)b));
}

void kv_same_run_begin(struct kv_same_run *o, const struct kv_bench *bench)
{
    *o = (struct kv_same_run){
        .bench = bench,
        .by_id = kv_array(NULL, bench->n + 1, sizeof *o->by_id),
        .named = kv_calloc(bench->n + 1, sizeof *o->named),
    };
    for (size_t i = 0; i < bench->n; i++)
        o->by_id[i] = (uint32_t)i;
    struct kv_bench *closure = (struct kv_bench *)(uintptr_t)bench; /* qsort_r knows no const */
    qsort_r(o->by_id, bench->n, sizeof *o->by_id, by_id, closure);
}

static void mark(struct kv_same_run *o, struct kv_slice id)
{
    size_t low = 0, high = o->bench->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (kv_slice_cmp(kv_bench_id(o->bench, o->by_id[middle]), id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == o->bench->n)
        return;
    struct kv_slice found = kv_bench_id(o->bench, o->by_id[low]);
    if (!kv_slice_eq(found, id))
        return;
    o->named[o->by_id[low]] = true;
    o->last = found;
}

void kv_same_run_add(struct kv_same_run *o, struct kv_slice key)
{
    size_t n = o->last.n;
    if (o->last.p && key.n > n && key.p[n] == '\t' && memcmp(key.p, o->last.p, n) == 0)
        return; /* keys of one question stand together */
    /* An id may contain tabs: every beginning that ends at one may be the id. */
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] == '\t')
            mark(o, (struct kv_slice){key.p, i});
}

struct kv_question_digests *kv_same_run_digests(const struct kv_same_run *o)
{
    return kv_question_digests_of(o->bench, o->named);
}

void kv_same_run_end(struct kv_same_run *o)
{
    free(o->by_id);
    free(o->named);
    *o = (struct kv_same_run){0};
}

/* ---- a state against what is given ---- */

struct kv_slice kv_same_run_config(const struct kv_state *s)
{
    const struct kv_state_info *info = kv_state_info(s);
    struct kv_slice known;
    return info->finished && kv_state_member(s, KV_MEMBER_KNOWN, &known) ? known : info->config;
}

static struct kv_slice text_member(const struct kv_state *s, const char *name)
{
    struct kv_slice v;
    bool found = kv_state_member(s, name, &v) && kv_json_type(v) == KV_JSON_STRING;
    return found ? (struct kv_slice){v.p + 1, v.n - 2} : (struct kv_slice){0};
}

bool kv_same_run_has_digest(const struct kv_state *s)
{
    return kv_state_has_questions(s) || text_member(s, KV_MEMBER_BENCHMARK_DIGEST).n;
}

/* The one digest of the questions that the state's manifest names. */
static int digest_of(const struct kv_state *s, const struct kv_bench *bench,
    char hex[KV_SHA256_HEX + 1], struct kv_err *err)
{
    struct kv_same_run o;
    struct kv_keys keys;
    int got = -1;
    kv_same_run_begin(&o, bench);
    if (kv_keys_begin(&keys, kv_state_file(s), KV_KEYS_MANIFEST, err) == 0) {
        while ((got = kv_keys_next(&keys, err)) == 1)
            kv_same_run_add(&o, kv_slice_of(&keys.key));
        kv_keys_end(&keys);
    }
    kv_bench_digest(bench, o.named, hex);
    kv_same_run_end(&o);
    return got;
}

int kv_same_run_changes(const struct kv_state *s, const struct kv_bench *bench,
    struct kv_question_changes *changes, struct kv_err *err)
{
    char hex[KV_SHA256_HEX + 1];
    struct kv_buf digests = {0};
    struct kv_slice old = text_member(s, KV_MEMBER_BENCHMARK_DIGEST);
    *changes = (struct kv_question_changes){0};
    int known = kv_state_questions(s, &digests, err);
    known = known == 1 ? digests.n > 0 : known;
    if (known == 1)
        kv_question_digests_compare(kv_slice_of(&digests), bench, changes);
    kv_buf_release(&digests);
    if (known < 0)
        return -1;
    if (!known && old.n) {
        if (digest_of(s, bench, hex, err) != 0)
            return -1;
        if (!kv_slice_is(old, hex)) {
            changes->changed = 1;
            kv_buf_add_str(&changes->ids, "which one is not known of a run this old");
        }
    }
    return 0;
}

int kv_same_run_judge(const struct kv_state *s, const struct kv_same_run_given *given, bool exact,
    struct kv_same_run_verdict *v, struct kv_err *err)
{
    const struct kv_state_info *info = kv_state_info(s);
    struct kv_config_diff_side state = {
        .benchmark_path = kv_slice(info->benchmark_path),
        .config_hash = kv_slice(info->config_hash),
        .config = info->config,
    };
    if (given->bench && kv_same_run_changes(s, given->bench, &v->questions, err) != 0)
        return -1;
    struct kv_config_diff_side now = {
        .benchmark_path = kv_slice(given->benchmark_path),
        .config_hash = kv_slice(given->config->hash),
        .config = given->config->text,
        .content_differs = v->questions.changed || v->questions.gone,
    };
    v->compatible =
        kv_config_diff_decide(&state, &now, exact, &v->reason, &v->different, &v->harmless);
    return 0;
}

void kv_same_run_judge_jobs(
    const struct kv_state *s, struct kv_slice config, struct kv_same_run_verdict *v)
{
    const struct kv_state_info *info = kv_state_info(s);
    char hash[KV_MD5_HEX + 1] = "";
    if (config.n)
        kv_digest_md5(config, hash);
    v->compatible = strcmp(hash, info->config_hash) == 0;
    if (v->compatible)
        return;
    kv_buf_add_str(&v->reason, "Configuration has changed since the job started");
    kv_config_diff_find(
        info->config, config.n ? config : KV_SLICE("{}"), &v->different, &v->different);
}

static void add_list(struct kv_buf *out, const char *name, const struct kv_buf *items)
{
    if (!items->n)
        return;
    kv_json_out_list(out, name);
    kv_buf_add_slice(out, kv_slice_of(items));
    kv_buf_add_char(out, ']');
}

void kv_same_run_add_json(struct kv_buf *out, const struct kv_same_run_verdict *v)
{
    size_t start = out->n;
    kv_json_out_object(out, NULL);
    kv_json_out_flag(out, "compatible", v->compatible);
    kv_json_out_text(out, "reason", kv_slice_of(&v->reason));
    add_list(out, "differences", &v->different);
    add_list(out, "harmless", &v->harmless);
    add_list(out, "not_compared", &v->unknown);
    add_list(out, "changed_questions", &v->questions.json);
    add_list(out, "lost_batches", &v->lost);
    kv_buf_add_char(out, '}');
    kv_json_replace_surrogates(out, start);
}

void kv_same_run_release(struct kv_same_run_verdict *v)
{
    kv_buf_release(&v->reason);
    kv_buf_release(&v->different);
    kv_buf_release(&v->lost);
    kv_buf_release(&v->harmless);
    kv_buf_release(&v->unknown);
    kv_question_changes_release(&v->questions);
}
