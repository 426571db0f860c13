/* recorded - answers recorded before: manual trace files and replay stores. */
#include "recorded.h"

#include "digest.h"
#include "json.h"
#include "num.h"

#include <stdlib.h>
#include <string.h>

/* ---- manual traces ---- */

struct trace {
    char hash[KV_MD5_HEX + 1];
    struct kv_slice answer;
};

struct kv_traces {
    struct trace *traces; /* sorted by hash */
    size_t n;
};

static int compare_hashes(const void *a, const void *b)
{
    return strcmp(((const struct trace *)a)->hash, ((const struct trace *)b)->hash);
}

static struct kv_slice unescaped(struct kv_slice string)
{
    struct kv_buf b = {0};
    kv_json_unescape(string, &b);
    size_t n = b.n;
    return (struct kv_slice){kv_buf_detach(&b), n};
}

static void forget(struct kv_slice s)
{
    free((char *)(uintptr_t)s.p);
}

static bool is_hash(struct kv_slice s)
{
    if (s.n != KV_MD5_HEX)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("0123456789abcdefABCDEF", s.p[i]) || !s.p[i])
            return false;
    return true;
}

static int add_trace(
    struct kv_traces *t, struct kv_slice key, struct kv_slice value, struct kv_err *err)
{
    struct kv_slice hash = unescaped(key);
    struct kv_slice answer = unescaped(value);
    int failed = 0;
    if (!is_hash(hash))
        failed = kv_err_set(err, KV_INPUT,
            "invalid question hash format: '%s' (expected 32 hexadecimal digits)", hash.p);
    else if (kv_slice_strip(answer).n == 0)
        failed = kv_err_set(err, KV_INPUT,
            "invalid trace content for question hash '%s': expected a non-empty string, not %s",
            hash.p, kv_json_type_name(value));
    if (failed) {
        forget(answer);
    } else {
        t->traces = kv_grow(t->traces, t->n, sizeof *t->traces);
        memcpy(t->traces[t->n].hash, hash.p, KV_MD5_HEX + 1);
        t->traces[t->n++].answer = answer;
    }
    forget(hash);
    return failed;
}

struct kv_traces *kv_traces_open(struct kv_slice text, struct kv_err *err)
{
    struct kv_slice doc, key, value;
    struct kv_json_walk w;
    if (kv_json_check(text, KV_JSON_DIGITS, &doc, err) != 0)
        return NULL;
    struct kv_traces *t = kv_calloc(1, sizeof *t);
    int failed = 0;
    if (kv_json_type(doc) != KV_JSON_OBJECT)
        failed = kv_err_set(err, KV_INPUT,
            "invalid trace file format: expected a JSON object, not %s", kv_json_type_name(doc));
    kv_json_begin(&w, doc);
    while (!failed && kv_json_member(&w, &key, &value))
        failed = add_trace(t, key, value, err);
    if (!failed && t->n == 0)
        failed = kv_err_set(err, KV_INPUT, "empty trace data: no traces found");
    if (failed) {
        kv_traces_close(t);
        return NULL;
    }
    qsort(t->traces, t->n, sizeof *t->traces, compare_hashes);
    return t;
}

void kv_traces_close(struct kv_traces *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++)
        forget(t->traces[i].answer);
    free(t->traces);
    free(t);
}

size_t kv_traces_count(const struct kv_traces *t)
{
    return t->n;
}

bool kv_traces_find(
    const struct kv_traces *t, struct kv_slice question_text, struct kv_slice *answer)
{
    struct trace wanted;
    kv_digest_md5(question_text, wanted.hash);
    const struct trace *found =
        bsearch(&wanted, t->traces, t->n, sizeof *t->traces, compare_hashes);
    if (!found)
        return false;
    *answer = found->answer;
    return true;
}

/* ---- replay stores ---- */

struct kv_recorded {
    struct kv_recorded_entry *entries; /* sorted by question id; of equals the later ones win */
    size_t n;
    struct kv_buf text;
    bool strict;
};

static bool is_int(struct kv_slice v, int64_t *x)
{
    double d;
    struct kv_buf b = {0};
    struct kv_slice text = v;
    if (kv_json_type(v) == KV_JSON_STRING) {
        kv_json_unescape(v, &b);
        text = kv_slice_strip(kv_slice_of(&b));
    }
    bool ok = kv_num_int64(text, x);
    if (!ok && kv_num_double(text, &d) && d >= -1e15 && d <= 1e15 && d == (double)(int64_t)d) {
        *x = (int64_t)d;
        ok = true;
    }
    kv_buf_release(&b);
    return ok;
}

/* The last of several members of a name counts. */
static void keep(struct kv_slice *to, struct kv_slice string)
{
    forget(*to);
    *to = kv_json_is_null(string) ? (struct kv_slice){0} : unescaped(string);
}

static int bad(struct kv_err *err, const char *name, size_t i, const char *what)
{
    return kv_err_set(err, KV_INPUT, "%s: entries[%zu].%s", name, i, what);
}

static int read_key(struct kv_recorded_entry *e, struct kv_slice key, const char *name, size_t i,
    struct kv_err *err)
{
    struct kv_json_walk w;
    struct kv_slice k, v;
    kv_json_begin(&w, key);
    while (kv_json_member(&w, &k, &v)) {
        bool null = kv_json_is_null(v), text = kv_json_type(v) == KV_JSON_STRING;
        if (kv_json_string_is(k, "question_id") && text)
            keep(&e->question_id, v);
        else if (kv_json_string_is(k, "answering_model_id") && (text || null))
            keep(&e->model, v);
        else if (kv_json_string_is(k, "replicate") && (null || is_int(v, &e->replicate)))
            e->replicate = null ? INT64_MIN : e->replicate;
        else if (kv_json_string_is(k, "scenario_id") || kv_json_string_is(k, "scenario_node"))
            e->scenario |= !null;
        else if (kv_json_string_is(k, "visit_index"))
            e->visit |= !null;
        else
            return bad(err, name, i, "key: unknown member, or one of the wrong type");
    }
    return e->question_id.p ? 0 : bad(err, name, i, "key.question_id: required");
}

static int read_entry(struct kv_recorded_entry *e, struct kv_slice entry, const char *name,
    size_t i, struct kv_err *err)
{
    struct kv_json_walk w;
    struct kv_slice k, v;
    kv_json_begin(&w, entry);
    while (kv_json_member(&w, &k, &v)) {
        struct kv_slice given = kv_json_is_null(v) ? (struct kv_slice){"", 0} : v;
        if (kv_json_string_is(k, "raw_trace") && kv_json_type(v) == KV_JSON_STRING)
            keep(&e->raw_trace, v);
        else if (kv_json_string_is(k, "trace_messages"))
            e->trace_messages = given;
        else if (kv_json_string_is(k, "parsed_answer_fields"))
            e->parsed_fields = given;
        else if (kv_json_string_is(k, "usage_metadata"))
            e->usage = given;
        else if (kv_json_string_is(k, "agent_metrics"))
            e->metrics = given;
        else if (kv_json_string_is(k, "verify_result"))
            e->verify_result = given;
        else if (!kv_json_string_is(k, "captured_at") && !kv_json_string_is(k, "captured_model_id"))
            return bad(err, name, i, "entry: unknown member, or one of the wrong type");
    }
    return e->raw_trace.p ? 0 : bad(err, name, i, "entry.raw_trace: required");
}

static void forget_entry(struct kv_recorded_entry *e)
{
    forget(e->question_id);
    forget(e->model);
    forget(e->raw_trace);
}

static int add_entry(
    struct kv_recorded *r, struct kv_slice item, const char *name, size_t i, struct kv_err *err)
{
    struct kv_recorded_entry e = {.replicate = INT64_MIN};
    struct kv_slice key, entry;
    kv_json_get(item, "key", &key);
    kv_json_get(item, "entry", &entry);
    if (read_key(&e, key, name, i, err) != 0 || read_entry(&e, entry, name, i, err) != 0) {
        forget_entry(&e);
        return -1;
    }
    r->entries = kv_grow(r->entries, r->n, sizeof *r->entries);
    r->entries[r->n++] = e;
    return 0;
}

static int check_frame(
    struct kv_recorded *r, struct kv_slice doc, const char *name, struct kv_err *err)
{
    struct kv_slice version, entries, policy;
    double x;
    if (kv_json_type(doc) != KV_JSON_OBJECT)
        return kv_err_set(err, KV_INPUT, "%s: a replay file must be a JSON object", name);
    if (!kv_json_get(doc, "version", &version) || !kv_num_double(version, &x) || x != 1)
        return kv_err_set(err, KV_INPUT, "%s: unsupported replay file version %.*s (expected 1)",
            name, version.n ? (int)version.n : 4, version.n ? version.p : "none");
    if (kv_json_get(doc, "entries", &entries) && kv_json_type(entries) != KV_JSON_ARRAY)
        return kv_err_set(err, KV_INPUT, "%s: 'entries' must be an array", name);
    if (kv_json_get(doc, "miss_policy", &policy)) {
        r->strict = kv_json_string_is(policy, "strict");
        if (!r->strict && !kv_json_string_is(policy, "fall_through"))
            return kv_err_set(
                err, KV_INPUT, "%s: miss_policy must be \"fall_through\" or \"strict\"", name);
    }
    return 0;
}

static int compare_entries(const void *a, const void *b)
{
    return kv_slice_cmp(((const struct kv_recorded_entry *)a)->question_id,
        ((const struct kv_recorded_entry *)b)->question_id);
}

/* Stable: a repeated key must stay behind the one it replaces. */
static void sort_entries(struct kv_recorded_entry *e, size_t n, struct kv_recorded_entry *spare)
{
    if (n < 2)
        return;
    size_t half = n / 2, i = 0, j = half, k = 0;
    sort_entries(e, half, spare);
    sort_entries(e + half, n - half, spare);
    while (i < half && j < n)
        spare[k++] = compare_entries(&e[i], &e[j]) <= 0 ? e[i++] : e[j++];
    while (i < half)
        spare[k++] = e[i++];
    memcpy(e, spare, k * sizeof *e);
}

struct kv_recorded *kv_recorded_open(struct kv_slice text, const char *name, struct kv_err *err)
{
    struct kv_recorded *r = kv_calloc(1, sizeof *r);
    struct kv_slice doc, entries, item;
    struct kv_json_walk w;
    kv_buf_add_slice(&r->text, text);
    if (kv_json_check(kv_slice_of(&r->text), KV_JSON_DIGITS, &doc, err) != 0) {
        kv_err_context(err, "%s", name);
        kv_recorded_close(r);
        return NULL;
    }
    int failed = check_frame(r, doc, name, err);
    kv_json_get(doc, "entries", &entries);
    kv_json_begin(&w, entries);
    for (size_t i = 0; !failed && kv_json_item(&w, &item); i++)
        failed = add_entry(r, item, name, i, err);
    if (failed) {
        kv_recorded_close(r);
        return NULL;
    }
    struct kv_recorded_entry *spare = kv_array(NULL, r->n, sizeof *spare);
    sort_entries(r->entries, r->n, spare);
    free(spare);
    return r;
}

void kv_recorded_close(struct kv_recorded *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n; i++)
        forget_entry(&r->entries[i]);
    free(r->entries);
    kv_buf_release(&r->text);
    free(r);
}

bool kv_recorded_strict(const struct kv_recorded *r)
{
    return r->strict;
}

/* 2 for a named model that fits, 1 for a named replicate that fits; -1: does not fit. */
static int match(const struct kv_recorded_entry *e, struct kv_slice model, int64_t replicate)
{
    if (e->scenario || e->visit)
        return -1;
    if (e->model.p && !kv_slice_eq(e->model, model))
        return -1;
    if (e->replicate != INT64_MIN && e->replicate != replicate)
        return -1;
    return (e->model.p ? 2 : 0) + (e->replicate != INT64_MIN ? 1 : 0);
}

const struct kv_recorded_entry *kv_recorded_find(const struct kv_recorded *r,
    struct kv_slice question_id, struct kv_slice model, int64_t replicate)
{
    struct kv_recorded_entry wanted = {.question_id = question_id};
    if (!r->n)
        return NULL;
    const struct kv_recorded_entry *best = NULL, *end = r->entries + r->n;
    const struct kv_recorded_entry *e =
        bsearch(&wanted, r->entries, r->n, sizeof *r->entries, compare_entries);
    int most = -1;
    while (e && e > r->entries && compare_entries(e - 1, &wanted) == 0)
        e--;
    for (; e && e < end && compare_entries(e, &wanted) == 0; e++) {
        int how_well = match(e, model, replicate);
        if (how_well >= 0 && how_well >= most) {
            most = how_well;
            best = e;
        }
    }
    return best;
}
