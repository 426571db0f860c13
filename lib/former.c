/* former - the run that was finished here before: is it the one that is to begin? */
#include "former.h"

#include "export.h"
#include "ident.h"
#include "json.h"
#include "result.h"
#include "rows.h"

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
        x->id = bench->questions[i].id;
        x->text = kv_digest_128(q.text);
        memcpy(x->template_id, q.template_id, sizeof x->template_id);
        kv_question_release(&q);
    }
    qsort(e->list, e->n, sizeof *e->list, by_id);
    return 0;
}

static bool same_models(const struct kv_manifest *m, const char *export, struct kv_err *err)
{
    struct kv_buf metadata = {0}, mine = {0}, theirs = {0}, now = {0};
    struct kv_slice models;
    bool same = false;
    if (kv_export_read(export, &metadata, err) == 0) {
        kv_json_get(kv_slice_of(&metadata), "verification_config", &models);
        kv_json_compact(&theirs, models.n ? models : KV_SLICE("null"));
        kv_export_models_add(&mine, m->config->text);
        kv_json_compact(&now, kv_slice_of(&mine));
        same = kv_slice_eq(kv_slice_of(&theirs), kv_slice_of(&now));
    }
    kv_buf_release(&metadata);
    kv_buf_release(&mine);
    kv_buf_release(&theirs);
    kv_buf_release(&now);
    return same;
}

/* A row of a question that is no longer there is nobody's business. */
static bool row_fits(const struct entries *e, const struct kv_result *row, struct kv_buf *scratch)
{
    struct kv_slice text, id;
    struct entry key;
    kv_buf_clear(scratch);
    kv_json_unescape(row->question_id, scratch);
    key.id = kv_slice_of(scratch);
    const struct entry *x = bsearch(&key, e->list, e->n, sizeof *e->list, by_id);
    if (!x)
        return true;
    kv_json_get(row->metadata, "template_id", &id);
    if (!kv_json_string_is(id, x->template_id))
        return false;
    kv_json_get(row->metadata, "question_text", &text);
    kv_buf_clear(scratch);
    kv_json_unescape(text, scratch);
    struct kv_digest128 digest = kv_digest_128(kv_slice_of(scratch));
    return memcmp(&digest, &x->text, sizeof digest) == 0;
}

static int rows_fit(const struct entries *e, const char *export, struct kv_err *err)
{
    struct kv_rows rows;
    struct kv_row row;
    struct kv_result result;
    struct kv_buf scratch = {0};
    int got;
    bool fit = true;
    if (kv_rows_begin(&rows, export, KV_LAYOUT_1, err) != 0)
        return -1;
    while (fit && (got = kv_rows_next(&rows, &row, err)) == 1)
        fit = kv_result_read(row.text, KV_JSON_NONFINITE | KV_RESULT_CHECKED, &result, err) == 0 &&
              (result.preview || result.generic || row_fits(e, &result, &scratch));
    kv_rows_end(&rows);
    kv_buf_release(&scratch);
    return !fit ? 0 : got < 0 ? -1 : 1;
}

static bool all_there(const struct kv_manifest *m, const struct kv_state *s)
{
    struct kv_task_state task;
    for (size_t i = 0; i < m->count; i++) {
        kv_state_find(s, m->keys[i], &task);
        if (!task.completed)
            return false;
    }
    return true;
}

int kv_former_fits(const struct kv_manifest *m, struct kv_state *s, struct kv_err *err)
{
    const char *export = kv_state_info(s)->results_path;
    struct entries e = {0};
    if (kv_state_load(s, KV_LOAD_TASKS, err) != 0)
        return -1;
    if (!all_there(m, s) || (m->config && !same_models(m, export, err)))
        return 0;
    int fits = 1;
    if (m->bench)
        fits = list_questions(&e, m->bench, err) != 0 ? -1 : rows_fit(&e, export, err);
    free(e.list);
    return fits;
}
