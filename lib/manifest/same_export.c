/* same_export - whether the finished export at the output path is of exactly the run of a manifest.
 *
 * finished_export.h gives what the export says of its configuration as part of one (kv_known).
 * Compared as any two configurations are, what only the other side has was not compared.
 */
#include "same_export.h"

#include "config_diff.h"
#include "finished_csv.h"
#include "json.h"
#include "json_out.h"
#include "question_id.h"
#include "result.h"
#include "rows.h"
#include "way_out.h"

#include <stdlib.h>
#include <string.h>

/* What the rows of a question must say of it. */
struct entry {
    struct kv_slice id;
    char template_id[KV_MD5_HEX + 1];
    struct kv_digest128 text;
};

struct entries {
    struct entry *list; /* by id */
    size_t n;
};

static int by_id(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return kv_slice_cmp(x->id, y->id);
}

static int list_questions(struct entries *e, const struct kv_bench *bench, struct kv_err *err)
{
    struct kv_question q;
    e->list = kv_array(NULL, bench->n + 1, sizeof *e->list);
    for (size_t i = 0; i < bench->n; i++) {
        if (kv_bench_read(bench, i, &q, err) != 0)
            return -1;
        struct entry *x = &e->list[e->n++];
        x->id = kv_bench_id(bench, i);
        x->text = kv_digest_128(q.text);
        kv_question_id_template(q.template, x->template_id);
        kv_question_release(&q);
    }
    qsort(e->list, e->n, sizeof *e->list, by_id);
    return 0;
}

static const struct entry *find_entry(const struct entries *e, struct kv_slice id)
{
    const struct entry key = {.id = id};
    return e->n ? bsearch(&key, e->list, e->n, sizeof *e->list, by_id) : NULL;
}

static bool asks(const struct entry *question, struct kv_slice text)
{
    struct kv_digest128 digest = kv_digest_128(text);
    return memcmp(&digest, &question->text, sizeof digest) == 0;
}

/* A row of a question that is no longer there is not compared. */
static bool row_matches(
    const struct entries *e, const struct kv_result *row, struct kv_buf *scratch)
{
    struct kv_slice text, id;
    kv_buf_clear(scratch);
    kv_json_unescape(row->question_id, scratch);
    const struct entry *x = find_entry(e, kv_slice_of(scratch));
    if (!x)
        return true;
    kv_json_get(row->metadata, "template_id", &id);
    if (!kv_json_string_is(id, x->template_id))
        return false;
    kv_json_get(row->metadata, "question_text", &text);
    kv_buf_clear(scratch);
    kv_json_unescape(text, scratch);
    return asks(x, kv_slice_of(scratch));
}

static int rows_match(const struct entries *e, const char *export, struct kv_err *err)
{
    struct kv_rows rows;
    struct kv_row row;
    struct kv_result result;
    struct kv_buf scratch = {0};
    int got;
    bool matches = true;
    if (kv_rows_begin(&rows, export, KV_LAYOUT_1, err) != 0)
        return -1;
    while (matches && (got = kv_rows_next(&rows, &row, err)) == 1)
        matches =
            kv_result_read(row.text, KV_JSON_FOREIGN | KV_RESULT_CHECKED, &result, err) == 0 &&
            (result.preview || result.generic || row_matches(e, &result, &scratch));
    kv_rows_end(&rows);
    kv_buf_release(&scratch);
    return !matches ? 0 : got < 0 ? -1 : 1;
}

/* ---- the configuration ---- */

/* A model that only one side has is a difference; a setting that the export lacks is not. */
static void judge_config(
    const struct kv_state *s, const struct kv_config *given, struct kv_same_run_verdict *v)
{
    struct kv_buf all = {0}, ignored = {0}, array = {0};
    struct kv_slice item, path, side;
    struct kv_json_walk w;
    kv_config_diff_find(kv_same_run_config(s), given->text, &all, &ignored);
    kv_buf_printf(&array, "[%s]", all.n ? all.p : "");
    kv_json_begin(&w, kv_slice_of(&array));
    while (kv_json_item(&w, &item)) {
        kv_json_get(item, "path", &path);
        bool model = path.n > 3 && path.p[path.n - 2] == ']';
        if (model || kv_json_get(item, "state", &side))
            kv_json_out_json(&v->different, NULL, item);
        else
            kv_json_out_json(&v->unknown, NULL, path);
    }
    kv_json_out_str(&v->unknown, NULL, "benchmark_path");
    kv_json_out_str(&v->unknown, NULL, "rubrics");
    kv_buf_release(&all);
    kv_buf_release(&ignored);
    kv_buf_release(&array);
}

/* ---- the verdict ---- */

int kv_same_export_judge(const struct kv_state *s, const struct kv_same_run_given *given,
    struct kv_same_run_verdict *v, struct kv_err *err)
{
    struct entries e = {0};
    judge_config(s, given->config, v);
    int matches = list_questions(&e, given->bench, err) != 0
                      ? -1
                      : rows_match(&e, kv_state_info(s)->results_path, err);
    free(e.list);
    if (v->different.n)
        kv_buf_add_str(&v->reason, "Configuration has changed since the job started");
    else if (matches == 0)
        kv_buf_add_str(&v->reason, "Benchmark content has changed since the job started");
    v->compatible = !v->reason.n;
    return matches < 0 ? -1 : 0;
}

void kv_same_export_reason_release(struct kv_same_export_reason *why)
{
    kv_buf_release(&why->text);
}

/* How many tasks of the manifest have no result; *first is the number of one. */
static size_t count_missing(const struct kv_manifest *m, const struct kv_state *s, size_t *first)
{
    struct kv_task_state task;
    struct kv_buf key = {0};
    size_t missing = 0;
    for (size_t i = 0; i < m->count; i++) {
        kv_state_find(s, kv_manifest_key(m, i, &key), &task);
        if (!task.completed && missing++ == 0)
            *first = i;
    }
    kv_buf_release(&key);
    return missing;
}

/* Says what differs; if tasks are missing, whether the results that are there can be kept. */
static void explain(const struct kv_same_run_verdict *v, size_t missing, struct kv_slice first,
    struct kv_same_export_reason *why)
{
    why->only_more =
        missing && kv_way_out_only_more(&v->different) && (v->different.n || v->compatible);
    if (!v->compatible) {
        kv_buf_add_slice(&why->text, kv_slice_of(&v->reason));
        kv_way_out_add_differences(&why->text, &v->different);
    }
    if (missing)
        kv_buf_printf(&why->text, "%s%zu of the tasks have no result in it, first '%.*s'",
            why->text.n ? "; " : "", missing, (int)first.n, first.p);
}

int kv_same_export_matches(const struct kv_manifest *m, struct kv_state *s,
    struct kv_same_export_reason *why, struct kv_err *err)
{
    const struct kv_same_run_given given = {.config = m->config, .bench = m->bench};
    struct kv_same_run_verdict v = {.compatible = true};
    struct kv_buf key = {0};
    size_t first = 0;
    if (kv_state_load(s, KV_LOAD_TASKS, err) != 0)
        return -1;
    size_t missing = count_missing(m, s, &first);
    if (m->config && kv_same_export_judge(s, &given, &v, err) != 0) {
        kv_same_run_release(&v);
        return -1;
    }
    bool matches = v.compatible && !missing;
    if (!matches)
        explain(&v, missing, missing ? kv_manifest_key(m, first, &key) : (struct kv_slice){0}, why);
    kv_buf_release(&key);
    kv_same_run_release(&v);
    return matches;
}

/* ---- a run that left a CSV ---- */

struct csv_check {
    struct entries questions;
    struct kv_key_index *answered; /* by what a row says of its task */
    struct kv_buf name;
};

static void add_name(struct kv_buf *name, struct kv_slice id, struct kv_slice answering,
    struct kv_slice parsing, struct kv_slice replicate)
{
    const struct kv_slice parts[] = {id, answering, parsing, replicate};
    kv_buf_clear(name);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        kv_buf_add_slice(name, parts[i]);
        kv_buf_add_char(name, '\t');
    }
}

static int check_row(void *closure, const struct kv_finished_csv_row *row)
{
    struct csv_check *c = closure;
    struct kv_key_index_entry e;
    const struct entry *question = find_entry(&c->questions, row->question_id);
    if (question && !asks(question, row->question_text))
        return 1;
    add_name(&c->name, row->question_id, row->answering, row->parsing, row->replicate);
    if (kv_key_index_find(c->answered, kv_digest_128(kv_slice_of(&c->name)), &e, NULL) == 0) {
        e.flags = KV_KEY_INDEX_SEEN;
        kv_key_index_put(c->answered, &e, NULL);
    }
    return 0;
}

/* What a row of this task would say. */
static void name_task(const struct kv_manifest *m, struct kv_slice key, struct kv_buf *name)
{
    struct kv_buf answering = {0}, parsing = {0}, replicate = {0};
    struct kv_slice id = key, none = {"", 0};
    struct kv_identity who;
    struct kv_task t;
    if (m->config && kv_plan_find(&m->plan, key, &t)) {
        id = kv_plan_question(&m->plan, t.question);
        kv_identity_of(&m->config->answering[t.answering], KV_ANSWERING, &who);
        kv_identity_add_display(&answering, &who);
        kv_identity_of(&m->config->parsing[t.parsing], KV_PARSING, &who);
        kv_identity_add_display(&parsing, &who);
        if (t.replicate != KV_NO_REPLICATE)
            kv_buf_printf(&replicate, "%lld", (long long)t.replicate);
    }
    add_name(name, id, answering.n ? kv_slice_of(&answering) : none,
        parsing.n ? kv_slice_of(&parsing) : none, replicate.n ? kv_slice_of(&replicate) : none);
    kv_buf_release(&answering);
    kv_buf_release(&parsing);
    kv_buf_release(&replicate);
}

int kv_same_export_csv_matches(const struct kv_manifest *m, const char *path,
    struct kv_same_export_reason *why, struct kv_err *err)
{
    struct csv_check c = {.answered = kv_key_index_memory(m->count)};
    struct kv_key_index_entry e;
    struct kv_buf key = {0};
    int rc = m->bench ? list_questions(&c.questions, m->bench, err) : 0;
    if (rc == 0)
        rc = kv_finished_csv_read(path, check_row, &c, err);
    bool matches = rc == 0;
    for (size_t i = 0; matches && i < m->count; i++) {
        name_task(m, kv_manifest_key(m, i, &key), &c.name);
        matches = kv_key_index_find(c.answered, kv_digest_128(kv_slice_of(&c.name)), &e, err) == 1;
    }
    if (rc >= 0 && !matches)
        kv_buf_add_str(&why->text, "its CSV has not all the tasks, with these models and texts");
    free(c.questions.list);
    kv_key_index_close(c.answered);
    kv_buf_release(&c.name);
    kv_buf_release(&key);
    return rc < 0 ? -1 : matches;
}
