/* layout1_create - a new pair of layout 1.0, both files or neither.
 *
 * The counts stand at the beginning of both documents, so rows to begin with are gone through
 * twice: first to see which of them count, then to write them.
 */
#include "layout1_create.h"

#include "accounting.h"
#include "doc.h"
#include "json.h"
#include "json_out.h"
#include "layout1_text.h"
#include "num.h"
#include "paths.h"
#include "private_members.h"
#include "random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RESULTS, STATE, PIECE = 1 << 16 };

/* Marks an offset in the index that is the number of a row, until that has its place. */
static const uint64_t numbered = (uint64_t)1 << 63;

struct making {
    const struct kv_store_plan *plan;
    struct kv_paths paths;
    struct kv_doc *doc;
    struct kv_key_index *index; /* in memory until all is written */
    struct kv_header head;
    struct kv_accounting accounting;
    uint64_t end; /* of the rows */
};

static void set_times(struct making *m)
{
    struct kv_buf text = {0};
    kv_num_add_double(&text, m->plan->start_time, KV_NUM_PYTHON);
    snprintf(m->head.start, sizeof m->head.start, "%s", text.p);
    kv_buf_clear(&text);
    kv_header_add_time(&text, kv_num_whole(m->plan->start_time), KV_HEADER_STATE);
    snprintf(m->head.created, sizeof m->head.created, "%s", text.p);
    m->head.updated = time(NULL);
    kv_buf_release(&text);
}

/* True of a results file without a state and without results: a creation that was killed has left
 * it. */
static bool is_left_over(struct making *m)
{
    const struct kv_doc_version *t = kv_doc_view(m->doc, RESULTS);
    struct kv_header head = {0};
    if (kv_doc_view(m->doc, STATE)->shape != KV_DOC_VERSION_ABSENT)
        return false;
    return kv_doc_gave_up(m->doc, RESULTS) ||
           (t->shape == KV_DOC_VERSION_GROWING && t->empty &&
               kv_header_read(&head, (struct kv_slice){t->head, t->head_n}, KV_HEADER_RESULTS));
}

static int refuse_existing(struct making *m, struct kv_err *err)
{
    bool tmp = kv_doc_view(m->doc, RESULTS)->shape != KV_DOC_VERSION_ABSENT;
    bool state = kv_doc_view(m->doc, STATE)->shape != KV_DOC_VERSION_ABSENT;
    if ((!tmp && !state) || is_left_over(m))
        return 0;
    if (m->plan->replace)
        return kv_doc_unrelated(m->doc), 0;
    if (state)
        return kv_err_set(err, KV_INPUT, "%s: exists already", m->paths.state);
    return kv_err_set(err, KV_INPUT, "%s: results of a run whose state is lost%s", m->paths.tmp,
        m->plan->way_out ? m->plan->way_out : "");
}

static int enter_manifest(struct making *m, struct kv_err *err)
{
    for (size_t i = 0; i < m->plan->manifest_count; i++) {
        struct kv_slice key = m->plan->task(m->plan->tasks, i);
        if (kv_utf8_has_lone_surrogate(key)) /* jq could not read the files */
            return kv_err_set(err, KV_INPUT, "task %zu: half a surrogate pair in its name", i + 1);
        int got = kv_accounting_manifest(&m->accounting, key, err);
        if (got < 0)
            return -1;
        if (got == 0)
            return kv_err_set(err, KV_INPUT, "task %.*s: given twice", (int)key.n, key.p);
    }
    return 0;
}

/* ---- rows to begin with ---- */

/* The next one that is a result; `key` is replaced. 1, 0, -1. */
static int next_row(struct making *m, struct kv_result *row, struct kv_buf *key, struct kv_err *err)
{
    struct kv_slice text;
    int got;
    if (!m->plan->next_row)
        return 0;
    while ((got = m->plan->next_row(m->plan->closure, &text, err)) == 1) {
        if (kv_result_read(text, KV_JSON_PORTABLE, row, err) != 0)
            return -1;
        if (row->preview)
            continue;
        kv_buf_clear(key);
        kv_result_key(row, key);
        return 1;
    }
    return got;
}

static int survey_rows(struct making *m, struct kv_err *err)
{
    struct kv_buf key = {0};
    struct kv_result row;
    struct kv_key_index_entry task, old;
    bool completes;
    int got;
    for (uint64_t n = 0; (got = next_row(m, &row, &key, err)) == 1; n++) {
        struct kv_slice k = kv_slice_of(&key);
        if ((got = kv_accounting_find(&m->accounting, &row, k, &task, &old, err)) != 0)
            break;
        if (!(task.flags & KV_KEY_INDEX_MANIFEST)) {
            got = kv_err_set(err, KV_INPUT, "%.*s is not in the manifest", (int)k.n, k.p);
            break;
        }
        bool again = old.flags & KV_KEY_INDEX_ROW;
        if (again && !(old.flags & KV_KEY_INDEX_FAILED) && (task.flags & KV_KEY_INDEX_COMPLETED))
            continue;
        if ((got = kv_accounting_row(&m->accounting, &row, k, n | numbered, &completes, err)) != 0)
            break;
        m->head.rows -= again;
    }
    kv_buf_release(&key);
    return got;
}

/* Writes a row and, if it settles its task, its key; answers where the row lies. */
static uint64_t add_row(struct making *m, const struct kv_result *row, struct kv_slice key)
{
    struct kv_buf line = {0};
    if (memchr(row->text.p, '\n', row->text.n))
        kv_json_compact(&line, row->text);
    else
        kv_buf_add_slice(&line, row->text);
    uint64_t at = (uint64_t)kv_doc_add(m->doc, RESULTS, kv_slice_of(&line));
    m->end = at + line.n;
    if (kv_result_settles(row)) {
        kv_buf_clear(&line);
        kv_layout1_text_quote_key(&line, key);
        kv_doc_add(m->doc, STATE, kv_slice_of(&line));
    }
    kv_buf_release(&line);
    return at;
}

static int place(struct making *m, struct kv_key_index_entry *e, uint64_t at, struct kv_err *err)
{
    e->offset = at;
    return kv_key_index_put(m->index, e, err);
}

static int write_rows(struct making *m, struct kv_err *err)
{
    struct kv_buf key = {0};
    struct kv_result row;
    struct kv_key_index_entry task, old;
    int got;
    for (uint64_t n = 0; (got = next_row(m, &row, &key, err)) == 1; n++) {
        if ((got = kv_accounting_find(&m->accounting, &row, kv_slice_of(&key), &task, &old, err)) !=
            0)
            break;
        if (old.offset != (n | numbered))
            continue;
        uint64_t at = add_row(m, &row, kv_slice_of(&key));
        if ((task.offset == old.offset && (got = place(m, &task, at, err)) != 0) ||
            (got = place(m, &old, at, err)) != 0)
            break;
    }
    kv_buf_release(&key);
    return got;
}

/* ---- the two documents up to their arrays ---- */

static void add_member(struct kv_buf *out, const char *name, struct kv_slice value)
{
    kv_json_out_spaced(out, name);
    kv_buf_add_slice(out, value);
}

static void add_text(struct kv_buf *out, const char *name, const char *text)
{
    kv_json_out_spaced(out, name);
    kv_json_quote(out, kv_slice(text), KV_JSON_ASCII);
}

/* Two runs of the same name and configuration are still two: store.c. */
static void add_run_id(struct kv_buf *out)
{
    struct kv_digest128 id;
    char text[33];
    kv_random(&id, sizeof id);
    snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, id.hi, id.lo);
    add_text(out, KV_MEMBER_RUN, text);
}

static int begin_results(struct making *m, struct kv_err *err)
{
    const struct kv_store_plan *plan = m->plan;
    struct kv_buf document = {0}, text = {0};
    kv_buf_add_str(&document, "{\"metadata\": {");
    if (plan->models.n) {
        kv_buf_add_str(&document, "\"verification_config\": ");
        kv_buf_add_slice(&document, plan->models);
    }
    kv_buf_add_str(&document, "}, \"shared_data\": {\"rubric_definition\": ");
    kv_buf_add_slice(&document, plan->rubric.n ? plan->rubric : KV_SLICE("null"));
    kv_buf_add_str(&document, "}}");
    kv_layout1_text_add_results(&text, &m->head, kv_slice_of(&document), plan->config);
    int failed = kv_doc_rewrite(m->doc, RESULTS, err) != 0 ||
                 kv_doc_text(m->doc, RESULTS, kv_slice_of(&text), err) != 0;
    m->end = text.n;
    kv_buf_release(&document);
    kv_buf_release(&text);
    return failed ? -1 : 0;
}

static int begin_state(struct making *m, struct kv_err *err)
{
    const struct kv_store_plan *plan = m->plan;
    struct kv_buf first = {0}, last = {0}, text = {0};
    kv_buf_add_char(&first, '{');
    add_text(&first, "benchmark_path", plan->benchmark_path);
    add_text(&first, "config_hash", plan->config_hash);
    add_run_id(&first);
    kv_buf_add_char(&first, '}');
    kv_buf_add_char(&last, '{');
    add_member(&last, "config", plan->config.n ? plan->config : KV_SLICE("{}"));
    kv_buf_add_char(&last, '}');
    const struct kv_slice objects[] = {
        kv_slice_of(&first), plan->members.n ? plan->members : KV_SLICE("{}"), kv_slice_of(&last)};
    int failed = kv_doc_rewrite(m->doc, STATE, err) != 0 ||
                 kv_layout1_text_put_state(m->doc, STATE, &m->head, objects,
                     sizeof objects / sizeof *objects, m->paths.output, err) != 0;
    kv_buf_release(&first);
    kv_buf_release(&last);
    for (size_t i = 0; i < plan->manifest_count && !failed; i++) {
        kv_layout1_text_add_key(&text, plan->task(plan->tasks, i), i == 0);
        if (text.n < PIECE)
            continue;
        failed = kv_doc_text(m->doc, STATE, kv_slice_of(&text), err);
        kv_buf_clear(&text);
    }
    kv_layout1_text_add_turn(&text);
    failed = failed || kv_doc_text(m->doc, STATE, kv_slice_of(&text), err) != 0;
    kv_buf_release(&text);
    return failed ? -1 : 0;
}

/* ---- all of it ---- */

struct kv_slice kv_store_plan_listed(void *tasks, size_t i)
{
    return ((const struct kv_slice *)tasks)[i];
}

/* The index is written now, so that the first add is as fast as any. It is no failure if it is not.
 */
static void publish_index(struct making *m)
{
    struct kv_key_index_mark mark = {(uint64_t)m->head.rows, m->end, (uint64_t)m->head.completed};
    struct kv_key_index *file = kv_key_index_open(m->paths.index, NULL);
    if (!file)
        return;
    if (kv_key_index_take(file, m->index, NULL) != 0 ||
        kv_key_index_mark(file, kv_doc_lineage(m->doc), &mark, NULL) != 0)
        kv_key_index_void(file);
    kv_key_index_close(file);
    m->index = NULL;
}

static int make(struct making *m, struct kv_err *err)
{
    static const char *const suffixes[] = {".tmp", ".state"};
    m->doc = kv_doc_new(m->paths.output, suffixes, 2);
    if (kv_doc_begin(m->doc, true, err) != 0)
        return -1;
    set_times(m);
    int failed = refuse_existing(m, err) != 0 || enter_manifest(m, err) != 0 ||
                 survey_rows(m, err) != 0 || begin_results(m, err) != 0 ||
                 begin_state(m, err) != 0 || write_rows(m, err) != 0 ||
                 kv_doc_commit(m->doc, err) != 0;
    if (!failed)
        publish_index(m);
    kv_doc_end(m->doc);
    return failed ? -1 : 0;
}

int kv_store_create(const struct kv_store_plan *plan, struct kv_err *err)
{
    struct making m = {.plan = plan};
    if (kv_paths_of_output(&m.paths, plan->output_path, err) != 0)
        return -1;
    m.index = kv_key_index_memory(plan->manifest_count);
    m.accounting = (struct kv_accounting){m.index, &m.head, false};
    int failed = make(&m, err);
    kv_doc_free(m.doc);
    kv_key_index_close(m.index);
    kv_paths_release(&m.paths);
    return failed;
}
