/* shard - the part of a manifest that one of several hosts does.
 *
 * Engines that start the members of an array say which one each is in a variable of their own, and
 * nothing tells on a repeat of some members how many there are altogether: N is always given.
 */
#include "shard.h"

#include "digest.h"
#include "num.h"

#include <string.h>

/* ---- reading ---- */

/* Where an index is found, and how many there are where that can be known. */
static const struct variable {
    const char *index, *size;
} variables[] = {
    {"KV_SHARD", NULL},
    {"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT"},
    {"JOB_COMPLETION_INDEX", NULL},
    {"AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE"},
    {"NOMAD_ALLOC_INDEX", NULL},
    {"PBS_ARRAY_INDEX", NULL},
    {"SGE_TASK_ID", NULL},
    {"LSB_JOBINDEX", NULL},
};
enum { VARIABLES = sizeof variables / sizeof *variables };

static const char *look_up(const char *(*env)(const char *name), const char *name)
{
    const char *value = env && name ? env(name) : NULL;
    return value && *value ? value : NULL;
}

/* SGE and LSF set theirs outside arrays too. */
static bool means_nothing(const char *name, const char *value)
{
    return (strcmp(name, "SGE_TASK_ID") == 0 && strcmp(value, "undefined") == 0) ||
           (strcmp(name, "LSB_JOBINDEX") == 0 && strcmp(value, "0") == 0);
}

static int refuse_unset(const char *text, struct kv_err *err)
{
    struct kv_buf names = {0};
    for (int i = 0; i < VARIABLES; i++)
        kv_buf_printf(&names, "%s%s",
            i == 0               ? ""
            : i == VARIABLES - 1 ? " or "
                                 : ", ",
            variables[i].index);
    kv_err_set(err, KV_USAGE, "--shard %s: the environment has none of %s", text, names.p);
    kv_buf_release(&names);
    return -1;
}

static int find_index(const char *text, const char *(*env)(const char *name), struct kv_shard *out,
    struct kv_err *err)
{
    const struct variable *v = variables, *end = variables + VARIABLES;
    const char *value = NULL;
    int64_t index, size;
    for (; v < end; v++)
        if ((value = look_up(env, v->index)) && !means_nothing(v->index, value))
            break;
    if (v == end)
        return refuse_unset(text, err);
    if (!kv_num_int64(kv_slice(value), &index) || index < 0)
        return kv_err_set(
            err, KV_USAGE, "--shard %s: %s is no number from 0: '%s'", text, v->index, value);
    const char *members = look_up(env, v->size);
    if (members && kv_num_int64(kv_slice(members), &size) && size > 0 &&
        (uint64_t)size > out->count)
        return kv_err_set(err, KV_USAGE,
            "--shard %s: the array has more members (%s is %s): two of them would do the same",
            text, v->size, members);
    out->index = (uint64_t)index % out->count;
    return 0;
}

int kv_shard_parse(const char *text, const char *(*env)(const char *name), struct kv_shard *out,
    struct kv_err *err)
{
    const char *slash = strchr(text, '/');
    struct kv_slice before = {text, slash ? (size_t)(slash - text) : 0};
    int64_t index = 1, count = 0;
    bool told = kv_slice_is(before, "@");
    if (!slash || (!told && !kv_num_int64(before, &index)) ||
        !kv_num_int64(kv_slice(slash + 1), &count) || index < 1 || index > count)
        return kv_err_set(
            err, KV_USAGE, "--shard: expected I/N with I from 1 to N, or @/N, not '%s'", text);
    struct kv_shard shard = {(uint64_t)index - 1, (uint64_t)count};
    if (told && find_index(text, env, &shard, err) != 0)
        return -1;
    *out = shard;
    return 0;
}

void kv_shard_add_text(struct kv_buf *out, const struct kv_shard *s)
{
    kv_buf_printf(out, "%llu/%llu", (unsigned long long)s->index + 1, (unsigned long long)s->count);
}

/* ---- what is in it ---- */

static size_t count_tabs(struct kv_slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\t';
    return n;
}

/* Takes the part behind the last TAB off a key that has one. */
static struct kv_slice cut_last(struct kv_slice *key)
{
    const char *tab = memrchr(key->p, '\t', key->n);
    struct kv_slice part = {tab + 1, (size_t)(key->p + key->n - tab - 1)};
    key->n = (size_t)(tab - key->p);
    return part;
}

static bool is_replicate(struct kv_slice part)
{
    size_t digits = 3;
    while (digits < part.n && part.p[digits] >= '0' && part.p[digits] <= '9')
        digits++;
    return kv_slice_starts(part, "rep") && part.n > 3 && digits == part.n;
}

/* Appends a key without its judge, which is the last part before the replicate, also where a
 * question's id contains tabs. */
static void add_answer(struct kv_buf *out, struct kv_slice key)
{
    struct kv_slice rest = key, last = cut_last(&rest), replicate = {0};
    if (is_replicate(last) && count_tabs(rest) >= 2) {
        replicate = last;
        cut_last(&rest);
    }
    kv_buf_add_slice(out, rest);
    kv_buf_add_char(out, '\t');
    kv_buf_add_slice(out, replicate);
}

bool kv_shard_has(const struct kv_shard *s, struct kv_slice key)
{
    struct kv_buf answer = {0};
    if (!s->count)
        return true;
    if (count_tabs(key) >= 2) {
        add_answer(&answer, key);
        key = kv_slice_of(&answer);
    }
    bool has = kv_digest_128(key).hi % s->count == s->index;
    kv_buf_release(&answer);
    return has;
}
