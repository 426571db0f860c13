/* rowset - the results of one file as a report sees them: the newest row of each task, as facts.
 *
 * A row is known by the digest of its task's key. A row whose task was met before takes the older
 * one's place in the count, at its own place in the order. After the last row, what was superseded
 * is dropped, and lines are brought into the order of their names.
 *
 * A million rows are read in less than 100 MB. So what is needed of each only while reading, its
 * digest and that of its answer, lies apart and goes when the last row was read.
 */
#include "rowset.h"

#include "digest.h"
#include "fact_order.h"
#include "json.h"
#include "num.h"
#include "paths.h"
#include "reply_usage.h"
#include "rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct task_digest {
    uint32_t words[3]; /* 96 bits: two keys of one file never share them */
};

/* The facts by the digests of their tasks' keys: open addressing, a slot is the number of the newest
 * fact of its task + 1. */
struct task_table {
    struct task_digest *digests; /* of each fact */
    uint32_t *slots;             /* 0: free */
    size_t size;                 /* a power of two, or 0 */
};

/* Those of a question, in keyword_ids. */
struct keyword_list {
    uint32_t at, n;
};

struct kv_rowset_private {
    struct kv_rows rows;
    struct task_table tasks;
    struct kv_answer_mark *answers; /* of each fact */
    struct kv_buf packed;           /* the details of all facts */
    struct kv_detail detail;
    struct kv_names lines; /* pairs of model numbers, as bytes */
    struct kv_buf key, text;
    uint32_t *keyword_ids;
    struct keyword_list *keywords_of; /* of each question up to the last that has any */
    size_t keywords_of_room;
    uint32_t *keyword_in; /* of each keyword: the question it was last met in, + 1 */
    size_t keyword_count, keywords_known;
};

/* ---- which file ---- */

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool ends_in(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    return n >= m && strcmp(path + n - m, suffix) == 0;
}

/* An operand that is a file, and no .state, is the results file itself; any other names a run, whose
 * results file is looked for. */
static int find_results(const char *operand, char **path, struct kv_err *err)
{
    struct kv_paths p;
    if (is_file(operand) && !ends_in(operand, ".state")) {
        *path = kv_strdup(operand);
        return 0;
    }
    if (kv_paths_find(&p, operand, err) != 0)
        return -1;
    const char *found = is_file(p.tmp) ? p.tmp : is_file(p.jsonl) ? p.jsonl : p.output;
    *path = kv_strdup(is_file(found) ? found : operand);
    kv_paths_release(&p);
    return 0;
}

static enum kv_layout layout_of(const char *path)
{
    return ends_in(path, ".jsonl") ? KV_LAYOUT_2 : KV_LAYOUT_1;
}

/* ---- names of a row ---- */

static struct kv_slice text_of(struct kv_rowset_private *p, struct kv_slice string)
{
    kv_buf_clear(&p->text);
    kv_buf_reserve(&p->text, 1);
    if (string.n && kv_json_type(string) == KV_JSON_STRING)
        kv_json_unescape(string, &p->text);
    return kv_slice_of(&p->text);
}

static uint32_t model_of(struct kv_rowset *set, struct kv_slice identity)
{
    struct kv_buf *text = &set->private->text;
    kv_buf_clear(text);
    kv_buf_reserve(text, 1);
    kv_row_facts_add_model(text, identity);
    return kv_names_add(&set->models, kv_slice_of(text));
}

/* A request's model is the one that its reply names. */
static uint32_t answering_of(struct kv_rowset *set, const struct kv_result *row)
{
    struct kv_stage_usage u = {0};
    if (row->generic && !row->answering.n && kv_reply_usage_of_result(&u, row->text))
        return kv_names_add(&set->models, text_of(set->private, u.served));
    return model_of(set, row->answering);
}

static uint32_t line_of(struct kv_rowset *set, const struct kv_result *row)
{
    struct kv_line line = {answering_of(set, row), model_of(set, row->parsing)};
    struct kv_slice bytes = {(const char *)&line, sizeof line};
    uint32_t id = kv_names_add(&set->private->lines, bytes);
    if (id == set->line_count) {
        set->lines = kv_grow(set->lines, id, sizeof *set->lines);
        set->lines[set->line_count++] = line;
    }
    return id;
}

/* A keyword that a question repeats counts once. */
static bool is_repeated(struct kv_rowset_private *p, uint32_t keyword, uint32_t question)
{
    if (keyword >= p->keywords_known) {
        size_t known = 2 * (size_t)keyword + 64;
        p->keyword_in = kv_array(p->keyword_in, known, sizeof *p->keyword_in);
        memset(p->keyword_in + p->keywords_known, 0,
            (known - p->keywords_known) * sizeof *p->keyword_in);
        p->keywords_known = known;
    }
    bool repeated = p->keyword_in[keyword] == question + 1;
    p->keyword_in[keyword] = question + 1;
    return repeated;
}

/* Most files have no keywords, and no lists then. */
static struct keyword_list *list_of(struct kv_rowset_private *p, uint32_t question)
{
    if (question >= p->keywords_of_room) {
        size_t old = p->keywords_of_room, room = 2 * (size_t)question + 64;
        p->keywords_of = kv_array(p->keywords_of, room, sizeof *p->keywords_of);
        memset(p->keywords_of + old, 0, (room - old) * sizeof *p->keywords_of);
        p->keywords_of_room = room;
    }
    return &p->keywords_of[question];
}

static void add_keywords(struct kv_rowset *set, uint32_t question, struct kv_slice list)
{
    struct kv_rowset_private *p = set->private;
    struct kv_json_walk walk;
    struct kv_slice item;
    size_t first = p->keyword_count;
    kv_json_begin(&walk, list);
    while (kv_json_item(&walk, &item)) {
        if (kv_json_type(item) != KV_JSON_STRING)
            continue;
        uint32_t keyword = kv_names_add(&set->keywords, text_of(p, item));
        if (is_repeated(p, keyword, question))
            continue;
        p->keyword_ids = kv_grow(p->keyword_ids, p->keyword_count, sizeof *p->keyword_ids);
        p->keyword_ids[p->keyword_count++] = keyword;
    }
    if (p->keyword_count > first)
        *list_of(p, question) =
            (struct keyword_list){(uint32_t)first, (uint32_t)(p->keyword_count - first)};
}

static uint32_t question_of(struct kv_rowset *set, const struct kv_result *row)
{
    struct kv_rowset_private *p = set->private;
    struct kv_slice list = {0};
    struct kv_slice name = kv_result_has_scenario(row) ? row->scenario_id
                           : row->question_id.n        ? row->question_id
                                                       : row->task_id;
    size_t known = set->questions.n;
    uint32_t id = kv_names_add(&set->questions, text_of(p, name));
    if (id < known)
        return id;
    kv_json_get(row->metadata, "keywords", &list);
    add_keywords(set, id, list);
    return id;
}

static void take_time(struct kv_rowset *set, struct kv_slice stamp)
{
    struct kv_slice text = text_of(set->private, stamp);
    if (!text.n)
        return;
    if (!set->first_time.n || kv_slice_cmp(text, kv_slice_of(&set->first_time)) < 0) {
        kv_buf_clear(&set->first_time);
        kv_buf_add_slice(&set->first_time, text);
    }
    if (!set->last_time.n || kv_slice_cmp(text, kv_slice_of(&set->last_time)) > 0) {
        kv_buf_clear(&set->last_time);
        kv_buf_add_slice(&set->last_time, text);
    }
}

/* ---- reading ---- */

/* The slot of a task: free, or with the newest fact of it. */
static uint32_t *slot_of(struct task_table *t, struct task_digest digest)
{
    size_t i = digest.words[0] & (t->size - 1);
    while (t->slots[i] && memcmp(&t->digests[t->slots[i] - 1], &digest, sizeof digest) != 0)
        i = (i + 1) & (t->size - 1);
    return &t->slots[i];
}

static struct task_digest digest_of(struct kv_slice key)
{
    struct kv_digest128 all = kv_digest_128(key);
    return (struct task_digest){{(uint32_t)all.hi, (uint32_t)(all.hi >> 32), (uint32_t)all.lo}};
}

static void widen(struct task_table *t, const struct kv_rowset *set)
{
    t->size = t->size ? 2 * t->size : 1024;
    t->slots = kv_array(t->slots, t->size, sizeof *t->slots);
    memset(t->slots, 0, t->size * sizeof *t->slots);
    for (size_t i = 0; i < set->n; i++)
        if (!(set->facts[i].flags & KV_FACT_SUPERSEDED))
            *slot_of(t, t->digests[i]) = (uint32_t)i + 1;
}

/* Notes the task of the fact that comes next, and marks the older row of it, if there is one. */
static void note_task(struct kv_rowset *set, const struct kv_result *row)
{
    struct kv_rowset_private *p = set->private;
    struct task_table *t = &p->tasks;
    kv_buf_clear(&p->key);
    kv_buf_reserve(&p->key, 1);
    kv_result_key(row, &p->key);
    struct task_digest digest = digest_of(kv_slice_of(&p->key));
    if (2 * set->n >= t->size)
        widen(t, set);
    uint32_t *slot = slot_of(t, digest);
    if (*slot) {
        set->facts[*slot - 1].flags |= KV_FACT_SUPERSEDED;
        set->superseded++;
    }
    t->digests = kv_grow(t->digests, set->n, sizeof *t->digests);
    t->digests[set->n] = digest;
    *slot = (uint32_t)set->n + 1;
}

static int take_row(struct kv_rowset *set, const struct kv_row *at, struct kv_err *err)
{
    struct kv_rowset_private *p = set->private;
    struct kv_result row;
    if (kv_result_read(at->text, KV_JSON_FOREIGN | KV_RESULT_CHECKED, &row, err) != 0)
        return kv_err_context(err, "%s:%zu", set->path, at->line);
    if (row.preview) {
        set->previews++;
        return 0;
    }
    note_task(set, &row);
    struct kv_fact fact;
    struct kv_detail *detail = &p->detail;
    uint32_t question = question_of(set, &row), line = line_of(set, &row);
    take_time(set, row.timestamp);
    kv_row_facts_take(&fact, detail, &row, &set->names);
    detail->offset = at->offset;
    detail->length = (uint32_t)at->text.n;
    fact.question = question;
    fact.line = line;
    uint64_t at_detail = kv_detail_pack(&p->packed, detail);
    fact.detail = (uint32_t)at_detail;
    fact.detail_high = (uint8_t)(at_detail >> 32);
    set->facts = kv_grow(set->facts, set->n, sizeof *set->facts);
    p->answers = kv_grow(p->answers, set->n, sizeof *p->answers);
    p->answers[set->n] = kv_fact_order_answer(kv_row_facts_answer(row.raw_llm_response));
    set->facts[set->n++] = fact;
    return 0;
}

static int read_all(struct kv_rowset *set, struct kv_err *err)
{
    struct kv_rowset_private *p = set->private;
    enum kv_layout layout = layout_of(set->path);
    struct kv_row row;
    struct stat st;
    if (kv_rows_begin(&p->rows, set->path, layout, err) != 0)
        return -1;
    p->rows.members = &set->header;
    if (fstat(p->rows.reader.fd, &st) == 0)
        set->bytes = (uint64_t)st.st_size;
    kv_buf_add_char(&set->header, '{');
    for (;;) {
        int got = kv_rows_next(&p->rows, &row, err);
        if (got == 0)
            break;
        if (got < 0 && (layout == KV_LAYOUT_1 || err->kind != KV_INPUT))
            return -1;
        if (got < 0)
            set->torn++;
        else if (take_row(set, &row, err) != 0)
            return -1;
    }
    if (set->header.n > 2 && set->header.p[set->header.n - 2] == ',')
        kv_buf_cut(&set->header, set->header.n - 2, 2);
    kv_buf_add_char(&set->header, '}');
    return 0;
}

static void read_header(struct kv_rowset *set)
{
    struct kv_slice header = kv_slice_of(&set->header), value;
    int64_t total;
    set->total_tasks = -1;
    set->complete = set->private->rows.layout == KV_LAYOUT_1;
    if (kv_json_path(header, &value, "metadata", "job_summary", "is_complete", NULL))
        set->complete = kv_json_is_true(value);
    if (kv_json_path(header, &value, "metadata", "job_summary", "total_questions", NULL) &&
        kv_num_int64(value, &total) && total >= 0)
        set->total_tasks = total;
}

/* ---- when all are read ---- */

static void drop_superseded(struct kv_rowset *set)
{
    struct kv_answer_mark *answers = set->private->answers;
    size_t kept = 0;
    for (size_t i = 0; i < set->n; i++) {
        if (set->facts[i].flags & KV_FACT_SUPERSEDED)
            continue;
        answers[kept] = answers[i];
        set->facts[kept++] = set->facts[i];
    }
    set->n = kept;
}

struct line_name {
    struct kv_slice judge, answering;
    uint32_t id;
};

static int by_name(const void *a, const void *b)
{
    const struct line_name *x = a, *y = b;
    int c = kv_slice_cmp(x->judge, y->judge);
    return c ? c : kv_slice_cmp(x->answering, y->answering);
}

static void sort_lines(struct kv_rowset *set)
{
    size_t n = set->line_count;
    struct line_name *order = kv_calloc(n ? n : 1, sizeof *order);
    struct kv_line *lines = kv_calloc(n ? n : 1, sizeof *lines);
    uint32_t *place = kv_calloc(n ? n : 1, sizeof *place);
    for (uint32_t i = 0; i < n; i++)
        order[i] = (struct line_name){kv_rowset_model(set, set->lines[i].judge),
            kv_rowset_model(set, set->lines[i].answering), i};
    qsort(order, n, sizeof *order, by_name);
    for (uint32_t i = 0; i < n; i++) {
        place[order[i].id] = i;
        lines[i] = set->lines[order[i].id];
    }
    for (size_t i = 0; i < set->n; i++)
        set->facts[i].line = place[set->facts[i].line];
    free(set->lines);
    set->lines = lines;
    free(order);
    free(place);
}

/* ---- life ---- */

static void forget_tasks(struct task_table *t)
{
    free(t->digests);
    free(t->slots);
    *t = (struct task_table){0};
}

static void forget_answers(struct kv_rowset_private *p)
{
    free(p->answers);
    p->answers = NULL;
}

struct kv_rowset *kv_rowset_open(
    const char *operand, const struct kv_prices *prices, struct kv_err *err)
{
    struct kv_rowset *set = kv_calloc(1, sizeof *set);
    set->private = kv_calloc(1, sizeof *set->private);
    set->private->rows.reader.fd = -1;
    set->names.prices = prices;
    if (find_results(operand, &set->path, err) != 0 || read_all(set, err) != 0) {
        kv_rowset_close(set);
        return NULL;
    }
    forget_tasks(&set->private->tasks);
    read_header(set);
    drop_superseded(set);
    sort_lines(set);
    kv_fact_order_make(set);
    kv_fact_order_mark_repeated(set, set->private->answers);
    forget_answers(set->private);
    return set;
}

void kv_rowset_close(struct kv_rowset *set)
{
    if (!set)
        return;
    struct kv_rowset_private *p = set->private;
    kv_rows_end(&p->rows);
    forget_tasks(&p->tasks);
    forget_answers(p);
    kv_buf_release(&p->packed);
    kv_detail_release(&p->detail);
    kv_names_release(&p->lines);
    kv_buf_release(&p->key);
    kv_buf_release(&p->text);
    free(p->keyword_ids);
    free(p->keywords_of);
    free(p->keyword_in);
    free(p);
    kv_names_release(&set->models);
    kv_names_release(&set->questions);
    kv_names_release(&set->keywords);
    kv_fact_names_release(&set->names);
    kv_buf_release(&set->header);
    kv_buf_release(&set->first_time);
    kv_buf_release(&set->last_time);
    free(set->path);
    free(set->facts);
    free(set->lines);
    free(set->by_line);
    free(set->by_question);
    free(set->line_at);
    free(set->question_at);
    free(set);
}

int kv_rowset_read_at(
    const struct kv_rowset *set, uint64_t at, char *to, size_t n, struct kv_err *err)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(set->private->rows.reader.fd, to + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return kv_err_sys(err, "%s", set->path);
        if (got == 0)
            return kv_err_set(err, KV_INPUT, "%s: became shorter while it was read", set->path);
        done += (size_t)got;
    }
    return 0;
}

struct kv_rowset_keywords kv_rowset_keywords_of(const struct kv_rowset *set, uint32_t question)
{
    const struct kv_rowset_private *p = set->private;
    if (question >= p->keywords_of_room)
        return (struct kv_rowset_keywords){0};
    const struct keyword_list *list = &p->keywords_of[question];
    return (struct kv_rowset_keywords){p->keyword_ids + list->at, list->n};
}

uint32_t kv_rowset_first(const struct kv_rowset *set, uint32_t question)
{
    uint32_t from = set->question_at[question], to = set->question_at[question + 1];
    uint32_t first = from < to ? set->by_question[from] : 0;
    for (uint32_t i = from; i < to; i++)
        if (set->by_question[i] < first)
            first = set->by_question[i];
    return first;
}

static const char *packed_of(const struct kv_rowset *set, const struct kv_fact *fact)
{
    return set->private->packed.p + ((uint64_t)fact->detail_high << 32 | fact->detail);
}

void kv_rowset_detail(
    const struct kv_rowset *set, const struct kv_fact *fact, struct kv_detail *out)
{
    kv_detail_unpack(out, packed_of(set, fact));
}

int kv_rowset_read(
    const struct kv_rowset *set, const struct kv_fact *fact, struct kv_buf *out, struct kv_err *err)
{
    uint64_t offset;
    uint32_t length;
    kv_detail_place(packed_of(set, fact), &offset, &length);
    kv_buf_reserve(out, (size_t)length + 1);
    if (kv_rowset_read_at(set, offset, out->p + out->n, length, err) != 0)
        return -1;
    out->n += length;
    out->p[out->n] = '\0';
    return 0;
}

struct kv_slice kv_rowset_model(const struct kv_rowset *set, uint32_t model)
{
    return kv_names_text(&set->models, model);
}

struct kv_slice kv_rowset_question(const struct kv_rowset *set, uint32_t question)
{
    return kv_names_text(&set->questions, question);
}
