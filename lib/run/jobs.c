/* jobs - what a run has to do: the pending tasks, grouped into jobs, in the order of execution. */
#include "jobs.h"

#include "json.h"
#include "marks.h"

#include <stdlib.h>
#include <string.h>

/* The judges of a job: so many from there on in `judges`. */
struct judged {
    uint32_t first, count;
};

void kv_jobs_release(struct kv_jobs *w)
{
    for (size_t i = 0; i < w->chosen_count; i++)
        free(w->chosen[i]);
    free(w->chosen);
    free(w->met);
    free(w->wanted);
    free(w->number);
    free(w->lists);
    free(w->judges);
    free(w->rows);
    free(w->known);
    free(w->models);
    kv_buf_release(&w->keys);
    *w = (struct kv_jobs){0};
}

/* ---- what the user chose ---- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int choose_line(struct kv_jobs *w, struct kv_slice line, struct kv_err *err)
{
    struct kv_slice value, key;
    if (kv_slice_strip(line).n == 0)
        return 0;
    if (kv_json_check(line, KV_JSON_STRICT, &value, err) != 0)
        return -1;
    key = value;
    if (kv_json_type(value) == KV_JSON_OBJECT)
        kv_json_get(value, "task_id", &key);
    if (kv_json_type(key) != KV_JSON_STRING)
        return kv_err_set(
            err, KV_INPUT, "expected a task: a string, or an object with \"task_id\"");
    if ((w->chosen_count & (w->chosen_count - 1)) == 0) /* a power of two is full */
        w->chosen =
            kv_array(w->chosen, w->chosen_count ? 2 * w->chosen_count : 1, sizeof *w->chosen);
    w->chosen[w->chosen_count++] = kv_json_strdup(key);
    return 0;
}

static void drop_repeated(struct kv_jobs *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->chosen_count; i++)
        if (n && strcmp(w->chosen[n - 1], w->chosen[i]) == 0)
            free(w->chosen[i]);
        else
            w->chosen[n++] = w->chosen[i];
    w->chosen_count = n;
}

int kv_jobs_choose(struct kv_jobs *w, struct kv_slice text, const char *name, struct kv_err *err)
{
    for (size_t number = 1; text.n; number++) {
        const char *lf = memchr(text.p, '\n', text.n);
        struct kv_slice line = {text.p, lf ? (size_t)(lf - text.p) : text.n};
        if (choose_line(w, line, err) != 0)
            return kv_err_context(err, "%s:%zu", name, number);
        size_t taken = line.n + (lf ? 1 : 0);
        text = (struct kv_slice){text.p + taken, text.n - taken};
    }
    w->chosen = kv_array(w->chosen, w->chosen_count + 1, sizeof *w->chosen); /* none is a choice */
    if (w->chosen_count)
        qsort(w->chosen, w->chosen_count, sizeof *w->chosen, compare_texts);
    drop_repeated(w);
    w->met = kv_calloc(w->chosen_count + 1, sizeof *w->met);
    return 0;
}

static bool is_chosen(const struct kv_jobs *w, struct kv_slice key)
{
    if (!w->chosen)
        return true;
    const char *text = key.p; /* keys handed out by the state end in a NUL */
    char **found = w->chosen_count ? bsearch(&text, w->chosen, w->chosen_count, sizeof *w->chosen,
                                         compare_texts)
                                   : NULL;
    if (found)
        w->met[found - w->chosen] = true;
    return found != NULL;
}

static int check_chosen(const struct kv_jobs *w, struct kv_err *err)
{
    for (size_t i = 0; i < w->chosen_count; i++)
        if (!w->met[i])
            return kv_err_set(err, KV_INPUT, "'%s' is not a task of this state", w->chosen[i]);
    return 0;
}

/* ---- which tasks ---- */

static int read_row(
    const struct kv_state *s, uint64_t offset, struct kv_buf *row, struct kv_err *err)
{
    struct kv_json_reader r = {.fd = -1};
    struct kv_slice value;
    const char *path = kv_state_info(s)->results_path;
    int failed = -1;
    if (kv_json_reader_open(&r, path, KV_JSON_FOREIGN, err) != 0)
        return -1;
    int fd = r.fd;
    struct kv_json_reader at;
    kv_json_reader_resume(&at, fd, KV_JSON_FOREIGN, offset, true);
    if (kv_json_reader_item(&at, &value, err) == 1) {
        kv_buf_clear(row);
        kv_buf_add_slice(row, value);
        failed = 0;
    }
    kv_json_reader_close(&at);
    kv_json_reader_close(&r);
    return failed ? kv_err_context(err, "%s", path) : 0;
}

int kv_jobs_row(
    const struct kv_state *s, const struct kv_job *job, struct kv_buf *row, struct kv_err *err)
{
    return read_row(s, job->row - 1, row, err);
}

/* True if `name` is one of the words of "a,b,c". */
static bool is_listed(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = list; *at;) {
        size_t word = strcspn(at, ",");
        if (word == n && memcmp(at, name, n) == 0)
            return true;
        at += word + (at[word] == ',');
    }
    return false;
}

/* True if answers that stopped at their token limit are to be asked for again. */
static bool retries_cut(const struct kv_jobs_options *o)
{
    return o->retry_failed && o->categories && is_listed(o->categories, "truncated");
}

/* 1 if the recorded failure of a task is among those to be retried, 0 if not, -1 if its row cannot
 * be read. An answer that a time limit cut off is one of "timeout" and "partial", and one that a
 * token limit did one of "truncated", whatever their verdict. */
static int is_to_be_retried(const struct kv_state *s, const struct kv_task_state *task,
    const struct kv_jobs_options *o, struct kv_err *err)
{
    struct kv_buf row = {0};
    struct kv_result result;
    const char *categories = o->categories && *o->categories ? o->categories : NULL;
    bool partial =
        categories && (is_listed(categories, "partial") || is_listed(categories, "timeout"));
    bool cut = retries_cut(o);
    if (!o->retry_failed || !task->has_row || !(task->failed || partial || cut))
        return 0;
    if (!categories)
        return 1;
    int listed = -1;
    if (read_row(s, task->offset, &row, err) == 0 &&
        kv_result_read(kv_slice_of(&row), KV_JSON_FOREIGN, &result, err) == 0) {
        const char *name = kv_failure_name(result.failure);
        listed = (name && is_listed(categories, name)) ||
                 (partial && kv_result_is_partial(&result)) ||
                 (cut && kv_marks_of(&result) & KV_MARK_CUT);
    }
    kv_buf_release(&row);
    return listed;
}

enum { BITS = 64 };

/* 1 if the i-th task of the manifest is, 0 if not. */
static int is_wanted(
    const struct kv_jobs *w, const struct kv_state *s, size_t i, struct kv_err *err)
{
    if (i < w->walked)
        return !w->wanted || (w->wanted[i / BITS] >> i % BITS & 1);
    return kv_err_set(err, KV_SYSTEM, "%s: changed by another program; try again",
        kv_state_info(s)->paths->state);
}

/* Whether the i-th task of the manifest is to be done; -1 if that cannot be read. */
static int must_do(struct kv_jobs *w, const struct kv_state *s, const struct kv_task_state *task,
    const struct kv_jobs_options *o, struct kv_err *err)
{
    if (!is_chosen(w, task->key) || !kv_shard_has(&o->shard, task->key))
        return 0;
    return task->completed ? is_to_be_retried(s, task, o, err) : 1;
}

/* Whether nothing has a result, and nobody chooses among the tasks. */
static bool wants_all(
    const struct kv_jobs *w, const struct kv_state_info *info, const struct kv_jobs_options *o)
{
    return !w->chosen && !o->shard.count && info->recorded_count == 0 && info->adopted_count == 0;
}

int kv_jobs_find(struct kv_jobs *w, const struct kv_state *s, const struct kv_jobs_options *o,
    struct kv_err *err)
{
    const struct kv_state_info *info = kv_state_info(s);
    struct kv_tasks walk;
    struct kv_task_state task;
    int got = -1, again = 0;
    if (wants_all(w, info, o)) {
        w->walked = w->found = (size_t)info->manifest_length;
        return 0;
    }
    if (kv_tasks_begin(&walk, s, KV_KEYS_MANIFEST, err) != 0)
        return -1;
    for (size_t i = 0; (got = kv_tasks_next(&walk, &task, err)) == 1; i++) {
        if ((again = must_do(w, s, &task, o, err)) < 0)
            break;
        w->again |= task.completed && again == 1;
        if (i % BITS == 0) {
            w->wanted = kv_grow(w->wanted, i / BITS, sizeof *w->wanted);
            w->wanted[i / BITS] = 0;
        }
        w->wanted[i / BITS] |= (uint64_t)again << i % BITS;
        w->found += (size_t)again;
        w->walked++;
    }
    kv_tasks_end(&walk);
    return got < 0 || again < 0 ? -1 : check_chosen(w, err);
}

static int take_task(struct kv_jobs *w, struct kv_slice key, struct kv_err *err)
{
    struct kv_task task;
    if (!w->plan) {
        w->number[w->tasks++] = w->keys.n;
        kv_buf_add(&w->keys, key.p, key.n + 1);
        return 0;
    }
    if (!kv_plan_find(w->plan, key, &task))
        return kv_err_set(err, KV_INPUT, "task '%.*s' is not of this benchmark and configuration",
            (int)key.n, key.p);
    w->number[w->tasks++] = kv_plan_number(w->plan, &task);
    return 0;
}

static int take_tasks(struct kv_jobs *w, const struct kv_state *s, struct kv_err *err)
{
    struct kv_tasks walk;
    struct kv_task_state task;
    int got;
    if (kv_tasks_begin(&walk, s, KV_KEYS_MANIFEST, err) != 0)
        return -1;
    for (size_t i = 0; (got = kv_tasks_next(&walk, &task, err)) == 1; i++) {
        int wanted = is_wanted(w, s, i, err);
        if (wanted < 0 || (wanted && take_task(w, task.key, err) != 0)) {
            got = -1;
            break;
        }
    }
    kv_tasks_end(&walk);
    return got;
}

/* ---- jobs ---- */

struct kv_job kv_jobs_at(const struct kv_jobs *w, size_t i)
{
    struct kv_job job = {.count = 1};
    if (w->plan) {
        struct kv_task t = kv_plan_task(w->plan, w->number[i]);
        job.question = t.question;
        job.answering = t.answering;
        job.replicate = t.replicate;
        job.judge = t.parsing;
    } else {
        job.key = w->number[i];
        job.answering = w->models ? w->models[i] : 0;
    }
    if (w->lists) {
        job.first = w->lists[i].first;
        job.count = w->lists[i].count;
    }
    job.row = w->rows ? w->rows[i] : 0;
    job.known = w->known && w->known[i];
    return job;
}

size_t kv_jobs_judge(const struct kv_jobs *w, const struct kv_job *job, size_t k)
{
    return w->lists ? w->judges[job->first + k] : job->judge;
}

void kv_jobs_set_known(struct kv_jobs *w, size_t i)
{
    if (!w->known)
        w->known = kv_calloc(w->n, sizeof *w->known);
    w->known[i] = true;
}

void kv_jobs_set_model(struct kv_jobs *w, size_t i, size_t answering)
{
    if (!w->models)
        w->models = kv_calloc(w->n, sizeof *w->models);
    w->models[i] = (uint32_t)answering;
}

static void set_row(struct kv_jobs *w, size_t i, uint64_t row)
{
    if (!w->rows)
        w->rows = kv_calloc(w->n, sizeof *w->rows);
    w->rows[i] = row;
}

/* Tasks of one answer, wherever they stand in the order: a table of jobs by what they answer. */
struct table {
    uint32_t *slot; /* 1 + index of a job; 0: free */
    size_t size;
};

/* The number of the answer that a task is of, the same for all its judges. */
static uint64_t answer_of(const struct kv_plan *plan, uint64_t number)
{
    struct kv_task t = kv_plan_task(plan, number);
    t.parsing = 0;
    return kv_plan_number(plan, &t);
}

static size_t hash_of(uint64_t answer)
{
    uint64_t h = answer * 0x9E3779B97F4A7C15u;
    return (size_t)(h ^ h >> 29);
}

static uint32_t *find_slot(const struct kv_jobs *w, struct table *t, uint64_t answer)
{
    size_t i = hash_of(answer) & (t->size - 1);
    while (t->slot[i] && answer_of(w->plan, w->number[t->slot[i] - 1]) != answer)
        i = (i + 1) & (t->size - 1);
    return &t->slot[i];
}

static struct table make_table(size_t n)
{
    struct table t = {.size = 64};
    while (t.size < 2 * n)
        t.size *= 2;
    t.slot = kv_calloc(t.size, sizeof *t.slot);
    return t;
}

/* Brings the tasks of one answer together: the first of them stands for the job. */
static void group(struct kv_jobs *w)
{
    struct table t = make_table(w->tasks);
    uint32_t *job_of = kv_array(NULL, w->tasks + 1, sizeof *job_of);
    w->lists = kv_calloc(w->tasks + 1, sizeof *w->lists);
    w->judges = kv_array(NULL, w->tasks + 1, sizeof *w->judges);
    uint32_t *parsing = kv_array(NULL, w->tasks + 1, sizeof *parsing);
    for (size_t i = 0; i < w->tasks; i++) {
        uint64_t task = w->number[i];
        uint32_t *slot = find_slot(w, &t, answer_of(w->plan, task));
        if (!*slot) {
            w->number[w->n++] = task; /* at i or before */
            *slot = (uint32_t)w->n;
        }
        job_of[i] = *slot - 1;
        parsing[i] = (uint32_t)kv_plan_task(w->plan, task).parsing;
        w->lists[job_of[i]].count++;
    }
    uint32_t at = 0;
    for (size_t j = 0; j < w->n; j++) {
        w->lists[j].first = at;
        at += w->lists[j].count;
        w->lists[j].count = 0;
    }
    for (size_t i = 0; i < w->tasks; i++) {
        struct judged *of = &w->lists[job_of[i]];
        w->judges[of->first + of->count++] = parsing[i];
    }
    free(parsing);
    free(job_of);
    free(t.slot);
}

int kv_jobs_collect(struct kv_jobs *w, const struct kv_state *s, const struct kv_plan *plan,
    const struct kv_jobs_options *options, struct kv_err *err)
{
    size_t planned;
    if (plan && !kv_plan_count(plan, &planned)) /* tasks have numbers among them */
        return kv_err_set(err, KV_INPUT, "%s: its configuration has more than %d tasks",
            kv_state_info(s)->paths->state, KV_PLAN_MAX);
    w->plan = plan;
    w->number = kv_array(NULL, w->found + 1, sizeof *w->number);
    if (take_tasks(w, s, err) != 0)
        return -1;
    free(w->wanted);
    w->wanted = NULL;
    if (plan)
        kv_plan_order(plan, plan->config->task_ordering, options->seed, w->number, w->tasks);
    if (plan && plan->config->parsing_count > 1)
        group(w);
    else
        w->n = w->tasks;
    return 0;
}

/* Puts what each job has at its new place: `order` are the jobs as they are to come. */
static void *put_in_order(void *of_jobs, size_t size, const uint32_t *order, size_t n)
{
    char *old = of_jobs, *new = old ? kv_array(NULL, n + 1, size) : NULL;
    for (size_t i = 0; old && i < n; i++)
        memcpy(new + i *size, old + order[i] * size, size);
    free(old);
    return new;
}

void kv_jobs_put_last(
    struct kv_jobs *w, bool (*is_last)(void *closure, const struct kv_job *job), void *closure)
{
    uint32_t *order = kv_array(NULL, w->n + 1, sizeof *order);
    bool *last = kv_calloc(w->n + 1, sizeof *last);
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct kv_job job = kv_jobs_at(w, i);
        if (!(last[i] = is_last(closure, &job)))
            order[n++] = (uint32_t)i;
    }
    bool any = n < w->n;
    for (size_t i = 0; i < w->n; i++)
        if (last[i])
            order[n++] = (uint32_t)i;
    if (any) {
        w->number = put_in_order(w->number, sizeof *w->number, order, n);
        w->lists = put_in_order(w->lists, sizeof *w->lists, order, n);
        w->rows = put_in_order(w->rows, sizeof *w->rows, order, n);
        w->known = put_in_order(w->known, sizeof *w->known, order, n);
        w->models = put_in_order(w->models, sizeof *w->models, order, n);
    }
    free(last);
    free(order);
}

/* ---- answers that are there already ---- */

/* True if the answer in this row may be used again. */
static bool holds_answer(const struct kv_result *r, const struct kv_jobs_options *o)
{
    if (r->generic || r->preview || !r->raw_llm_response.n || r->raw_llm_response.n <= 2)
        return false;
    if (kv_result_is_partial(r) || kv_json_string_is(r->failure_stage, "GenerateAnswer"))
        return false;
    if (retries_cut(o) && kv_marks_of(r) & KV_MARK_CUT)
        return false;
    return !o->retry_failed || !kv_result_failed(r) || !kv_result_settles(r) ||
           kv_json_string_is(r->failure_stage, "ParseTemplate");
}

/* A search for answers among the rows. */
struct search {
    struct kv_jobs *work;
    const struct kv_plan *plan;
    struct table jobs;
    bool *wanted; /* by question: some job needs an answer to it */
    const struct kv_jobs_options *options;
    struct kv_buf key;
};

/* False only if an unchecked row cannot be of a question that is wanted. Most are not when a run is
 * nearly done, and need not be looked at closely. Wherever in it the name stands, what is behind is
 * looked up. */
static bool may_matter(const struct search *s, struct kv_slice row)
{
    static const char name[] = "\"question_id\"";
    const char *end = row.p + row.n, *at = row.p;
    size_t question;
    while ((at = memmem(at, (size_t)(end - at), name, sizeof name - 1))) {
        at += sizeof name - 1;
        const char *open = memchr(at, '"', (size_t)(end - at));
        const char *close = open ? memchr(open + 1, '"', (size_t)(end - open - 1)) : NULL;
        if (!close || memchr(open, '\\', (size_t)(close - open)))
            return true;
        if (kv_plan_find_question(
                s->plan, (struct kv_slice){open + 1, (size_t)(close - open - 1)}, &question) &&
            s->wanted[question])
            return true;
    }
    return false;
}

/* A row that a new one cannot repeat, nested too deeply or with too long a number, is no answer. */
static void note_row(struct search *s, const struct kv_row *row)
{
    struct kv_result r;
    struct kv_task task;
    struct kv_slice text;
    if (!may_matter(s, row->text) ||
        kv_json_check(row->text, KV_JSON_NONFINITE | KV_JSON_DIGITS, &text, NULL) != 0 ||
        kv_result_read(text, KV_JSON_NONFINITE | KV_RESULT_CHECKED, &r, NULL) != 0 ||
        !holds_answer(&r, s->options))
        return;
    kv_buf_clear(&s->key);
    kv_result_key(&r, &s->key);
    if (!kv_plan_find(s->plan, kv_slice_of(&s->key), &task))
        return;
    task.parsing = 0;
    uint32_t *slot = find_slot(s->work, &s->jobs, kv_plan_number(s->plan, &task));
    if (*slot)
        set_row(s->work, *slot - 1, row->offset + 1);
}

static void begin_search(struct search *s)
{
    struct kv_jobs *w = s->work;
    s->jobs = make_table(w->n);
    s->wanted = kv_calloc(s->plan->question_count + 1, sizeof *s->wanted);
    for (size_t i = 0; i < w->n; i++) {
        *find_slot(w, &s->jobs, answer_of(w->plan, w->number[i])) = (uint32_t)(i + 1);
        s->wanted[kv_plan_task(w->plan, w->number[i]).question] = true;
    }
}

static void end_search(struct search *s)
{
    free(s->jobs.slot);
    free(s->wanted);
    kv_buf_release(&s->key);
}

int kv_jobs_recall(struct kv_jobs *w, const struct kv_state *s, const struct kv_plan *plan,
    const struct kv_jobs_options *options, struct kv_err *err)
{
    const struct kv_state_info *info = kv_state_info(s);
    struct search search = {.work = w, .plan = plan, .options = options};
    struct kv_rows rows;
    struct kv_row row;
    int got;
    if (w->n == 0 || kv_rows_begin(&rows, info->results_path, info->layout, err) != 0)
        return w->n == 0 ? 0 : -1;
    rows.raw = true;
    begin_search(&search);
    for (;;) {
        got = kv_rows_next(&rows, &row, err);
        if (got == 1)
            note_row(&search, &row);
        else if (got == 0 || info->layout == KV_LAYOUT_1 || err->kind != KV_INPUT)
            break; /* a damaged line of JSON Lines is passed over */
    }
    kv_rows_end(&rows);
    end_search(&search);
    return got < 0 ? -1 : 0;
}
