/* bench - a benchmark: its questions listed in order, each read again when it is wanted.
 *
 * The file is walked piece by piece: once over the top level, to see what it is and where its
 * questions begin, then over the questions. What was checked then is checked again when a question
 * is read, since the file may have changed: nobody promises that it has not.
 */
#include "bench.h"

#include "checkpoint.h"
#include "io.h"
#include "io_at.h"
#include "json.h"
#include "question_jsonl.h"

#include <stdlib.h>
#include <string.h>

/* ---- the list ---- */

enum { LINE_MAX = (1 << 30) - 1, LENGTH_MAX = (int)((1u << 31) - 1) };

static void list(struct kv_bench *b, const struct kv_question *q, bool bad, size_t line,
    uint64_t offset, struct kv_slice text)
{
    b->questions = kv_grow(b->questions, b->n, sizeof *b->questions);
    b->questions[b->n++] = (struct kv_listed){.id = {(uint32_t)b->ids.n, (uint32_t)q->id.n},
        .finished = q->finished,
        .has_rubric = q->rubric.n != 0,
        .bad = bad,
        .line = line & LINE_MAX,
        .content = kv_question_digest(q),
        .offset = offset,
        .bytes = kv_digest_quick(text),
        .length = text.n & LENGTH_MAX};
    kv_buf_add(&b->ids, q->id.n ? q->id.p : "", q->id.n);
    kv_buf_add(&b->ids, "", 1);
    if (b->ids.n > UINT32_MAX)
        kv_no_memory();
}

struct kv_slice kv_bench_id(const struct kv_bench *b, size_t i)
{
    return (struct kv_slice){b->ids.p + b->questions[i].id.at, b->questions[i].id.n};
}

const char *kv_bench_ids(const struct kv_bench *b)
{
    return b->ids.p;
}

static int by_id(const void *a, const void *b, void *closure)
{
    const struct kv_bench *bench = closure;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = kv_slice_cmp(kv_bench_id(bench, x), kv_bench_id(bench, y));
    return order ? order : (x > y) - (x < y);
}

static uint32_t *sort_ids(struct kv_bench *b)
{
    uint32_t *order = kv_array(NULL, b->n + 1, sizeof *order);
    for (size_t i = 0; i < b->n; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, b->n, sizeof *order, by_id, b);
    return order;
}

/* In a checkpoint questions of one id are one, as a map would have it: the first place, the last
 * data. */
static void fold_duplicates(struct kv_bench *b)
{
    uint32_t *order = sort_ids(b);
    size_t kept = 0;
    bool *gone = kv_calloc(b->n + 1, sizeof *gone);
    for (size_t i = 1, first = 0; i < b->n; i++) {
        uint32_t a = order[first], c = order[i];
        gone[c] = kv_slice_eq(kv_bench_id(b, a), kv_bench_id(b, c));
        if (gone[c])
            b->questions[a] = b->questions[c];
        else
            first = i;
    }
    for (size_t i = 0; i < b->n; i++)
        if (!gone[i])
            b->questions[kept++] = b->questions[i];
    b->n = kept;
    free(order);
    free(gone);
}

/* Of a benchmark that is read partly. */
static void drop_bad(struct kv_bench *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->n; i++)
        if (!b->questions[i].bad)
            b->questions[kept++] = b->questions[i];
    b->n = kept;
}

/* In JSON Lines they are a mistake. */
static void refuse_duplicates(struct kv_bench *b, struct kv_problems *problems)
{
    uint32_t *order = sort_ids(b);
    for (size_t i = 1; i < b->n; i++) {
        struct kv_slice a = kv_bench_id(b, order[i - 1]), c = kv_bench_id(b, order[i]);
        if (c.n && kv_slice_eq(a, c))
            kv_problems_add(problems, NULL, "value_error", "two questions have the id '%s'", c.p);
    }
    free(order);
}

/* ---- walking the file ---- */

/* Starts at an offset; `first`: behind the bracket of an array. Shares the open file. */
static void walk_from(
    const struct kv_bench *b, struct kv_json_reader *r, uint64_t offset, bool first)
{
    if (b->file.fd >= 0)
        kv_json_reader_resume(r, b->file.fd, KV_JSON_DIGITS, offset, first);
    else
        kv_json_reader_lend(r, kv_slice_of(&b->text), KV_JSON_DIGITS, offset, first);
}

/* The first value of a file, looked over. */
struct top {
    struct kv_buf text; /* the value, with an empty list in place of its questions */
    uint64_t questions; /* behind the bracket of the last such list; 0: there is none */
    bool lines;         /* it is a line of JSON Lines */
};

static int skip_questions(struct top *t, struct kv_json_reader *r, struct kv_err *err)
{
    struct kv_slice item;
    int got;
    if (kv_json_reader_enter(r, '[', err) != 0)
        return -1;
    t->questions = kv_json_reader_tell(r);
    kv_buf_add_str(&t->text, "[]");
    while ((got = kv_json_reader_item(r, &item, err)) == 1)
        ;
    return got;
}

static int look_over_members(struct top *t, struct kv_json_reader *r, struct kv_err *err)
{
    struct kv_slice key, value;
    int got;
    kv_buf_add_char(&t->text, '{');
    while ((got = kv_json_reader_member(r, &key, err)) == 1) {
        kv_buf_add_str(&t->text, t->text.n > 1 ? "," : "");
        kv_buf_add_slice(&t->text, key);
        kv_buf_add_char(&t->text, ':');
        if (kv_json_string_is(key, KV_CHECKPOINT_QUESTIONS) && kv_json_reader_peek(r, err) == '[') {
            if (skip_questions(t, r, err) != 0)
                return -1;
        } else if (kv_json_reader_value(r, &value, err) == 0) {
            kv_buf_add_slice(&t->text, value);
        } else {
            return -1;
        }
    }
    kv_buf_add_char(&t->text, '}');
    return got;
}

/* A file of questions starts with one; everything else is meant to be a checkpoint. */
static bool is_line(const struct top *t, bool more)
{
    struct kv_slice first = kv_slice_of(&t->text), v;
    if (kv_json_type(first) != KV_JSON_OBJECT || kv_json_get(first, "@context", &v) ||
        kv_json_get(first, KV_CHECKPOINT_QUESTIONS, &v))
        return false;
    return more || kv_json_get(first, "question", &v) || kv_json_get(first, "rubric", &v);
}

static int look_over_value(struct top *t, struct kv_json_reader *r, struct kv_err *err)
{
    struct kv_slice value;
    int c = kv_json_reader_peek(r, err);
    if (c == '{')
        return kv_json_reader_enter(r, '{', err) == 0 ? look_over_members(t, r, err) : -1;
    if (c < 0 || kv_json_reader_value(r, &value, err) != 0)
        return -1;
    kv_buf_add_slice(&t->text, value);
    return 0;
}

static int look_over(const struct kv_bench *b, struct top *t, struct kv_err *err)
{
    struct kv_json_reader r;
    int more = -1;
    walk_from(b, &r, 0, false);
    int failed = look_over_value(t, &r, err) != 0 || (more = kv_json_reader_peek(&r, err)) < 0;
    if (!failed) {
        t->lines = is_line(t, more > 0);
        failed = !t->lines && kv_json_reader_finish(&r, err) != 0;
    }
    kv_json_reader_close(&r);
    return failed ? -1 : 0;
}

/* ---- JSON Lines ---- */

static void take_line(struct kv_bench *b, struct kv_json_reader *r, struct kv_slice line,
    struct kv_problems *problems)
{
    struct kv_question q = {0};
    size_t before = problems->n;
    kv_buf_clear(&b->place);
    kv_buf_add_str(&b->place, "line ");
    kv_buf_add_count(&b->place, r->value_line);
    struct kv_path here = {.name = kv_slice_of(&b->place)};
    if (kv_json_type(line) != KV_JSON_OBJECT)
        kv_problems_add(
            problems, &here, "model_type", "expected an object, got %s", kv_json_type_name(line));
    else
        kv_question_jsonl_read(&q, &b->rubric, line, &here, problems);
    if (q.id.n) /* also one that is not in order: its duplicate is to be named as well */
        list(b, &q, problems->n != before, r->value_line, kv_json_reader_offset(r, line), line);
    kv_question_release(&q);
}

static int read_lines(struct kv_bench *b, struct kv_problems *problems, struct kv_err *err)
{
    struct kv_json_reader r;
    struct kv_slice line;
    int c;
    walk_from(b, &r, 0, false);
    while ((c = kv_json_reader_peek(&r, err)) > 0) {
        if (kv_json_reader_value(&r, &line, err) != 0) {
            c = -1;
            break;
        }
        take_line(b, &r, line, problems);
    }
    kv_json_reader_close(&r);
    if (c < 0 && (!b->partly || err->kind != KV_INPUT))
        return -1;
    if (c < 0)
        kv_problems_add(problems, NULL, "json_invalid", "%s", err->text);
    refuse_duplicates(b, problems);
    if (problems->n == 0)
        kv_rubric_check(&b->rubric, NULL, problems);
    drop_bad(b);
    return problems->n && !b->partly ? kv_problems_err(problems, err) : 0;
}

/* ---- JSON-LD ---- */

static int read_questions(
    struct kv_bench *b, uint64_t offset, struct kv_problems *problems, struct kv_err *err)
{
    struct kv_json_reader r;
    struct kv_slice element;
    int got;
    walk_from(b, &r, offset, true);
    for (size_t i = 0; (got = kv_json_reader_item(&r, &element, err)) == 1; i++) {
        struct kv_question q = {0};
        if (kv_checkpoint_read_question(&q, element, i, problems) == 0)
            list(b, &q, false, 0, kv_json_reader_offset(&r, element), element);
        kv_question_release(&q);
    }
    kv_json_reader_close(&r);
    return got;
}

static int read_checkpoint(
    struct kv_bench *b, const struct top *t, struct kv_problems *problems, struct kv_err *err)
{
    struct kv_slice top = kv_slice_of(&t->text);
    size_t before = problems->n;
    kv_checkpoint_check(top, problems);
    if (t->questions && read_questions(b, t->questions, problems, err) != 0)
        return -1;
    if (kv_json_type(top) == KV_JSON_OBJECT)
        kv_checkpoint_read_rubric(&b->rubric, top, problems);
    if (problems->n != before && !b->partly)
        return kv_problems_err(problems, err);
    fold_duplicates(b);
    return 0;
}

/* ---- opening ---- */

static int read_all(struct kv_bench *b, struct kv_problems *problems, struct kv_err *err)
{
    struct top t = {0};
    int failed = look_over(b, &t, err);
    b->lines = t.lines;
    if (!failed)
        failed = t.lines ? read_lines(b, problems, err) : read_checkpoint(b, &t, problems, err);
    kv_buf_release(&t.text);
    return failed;
}

static struct kv_bench *create(void)
{
    struct kv_bench *b = kv_calloc(1, sizeof *b);
    b->file.fd = -1;
    return b;
}

struct kv_bench *kv_bench_parse(
    struct kv_slice text, struct kv_problems *problems, struct kv_err *err)
{
    struct kv_bench *b = create();
    kv_buf_add_slice(&b->text, text);
    if (read_all(b, problems, err) == 0)
        return b;
    kv_bench_close(b);
    return NULL;
}

static struct kv_bench *open_file(
    const char *path, bool partly, struct kv_problems *problems, struct kv_err *err)
{
    struct kv_bench *b = create();
    b->partly = partly;
    int failed = kv_io_is_stream(path) ? kv_io_read(path, 0, &b->text, err)
                                       : kv_json_reader_open(&b->file, path, KV_JSON_DIGITS, err);
    if (!failed && read_all(b, problems, err) != 0)
        failed = kv_err_context(err, "%s", kv_io_name(path));
    if (!failed)
        return b;
    kv_bench_close(b);
    return NULL;
}

struct kv_bench *kv_bench_open(const char *path, struct kv_problems *problems, struct kv_err *err)
{
    return open_file(path, false, problems, err);
}

struct kv_bench *kv_bench_open_partly(
    const char *path, struct kv_problems *problems, struct kv_err *err)
{
    return open_file(path, true, problems, err);
}

void kv_bench_forget(struct kv_bench *b)
{
    free(b->questions);
    b->questions = NULL;
    b->n = 0;
}

void kv_bench_close(struct kv_bench *b)
{
    if (!b)
        return;
    kv_bench_forget(b);
    kv_buf_release(&b->ids);
    kv_json_reader_close(&b->file);
    kv_rubric_release(&b->rubric);
    kv_buf_release(&b->text);
    kv_buf_release(&b->place);
    free(b);
}

/* ---- one question ---- */

void kv_bench_add_place(const struct kv_bench *b, size_t i, struct kv_buf *out)
{
    if (b->lines)
        kv_buf_printf(out, "line %zu", (size_t)b->questions[i].line);
    else
        kv_buf_add_slice(out, kv_bench_id(b, i));
}

static int read_text(
    const struct kv_bench *b, const struct kv_listed *from, struct kv_buf *text, struct kv_err *err)
{
    kv_buf_reserve(text, from->length);
    text->n = from->length;
    text->p[text->n] = '\0';
    if (b->file.fd >= 0)
        return kv_io_pread(b->file.fd, text->p, text->n, (off_t)from->offset, err);
    memcpy(text->p, b->text.p + from->offset, text->n);
    return 0;
}

/* True if the text stands for the question that was listed. What is not the same bytes was not
 * checked yet, and may still be the same question. */
static bool is_question(
    const struct kv_bench *b, size_t i, struct kv_slice text, struct kv_question *q)
{
    const struct kv_listed *listed = &b->questions[i];
    struct kv_problems problems = {0};
    struct kv_rubric none = {0};
    bool known = kv_digest_quick(text) == listed->bytes;
    bool read = known || (kv_json_check(text, KV_JSON_DIGITS, &text, NULL) == 0 &&
                             kv_json_type(text) == KV_JSON_OBJECT);
    if (read)
        read = (b->lines ? kv_question_jsonl_read(q, &none, text, NULL, &problems)
                         : kv_checkpoint_read_question(q, text, i, &problems)) == 0;
    kv_problems_release(&problems);
    kv_rubric_release(&none);
    if (!read || known)
        return read;
    struct kv_digest128 now = kv_question_digest(q);
    return now.hi == listed->content.hi && now.lo == listed->content.lo;
}

int kv_bench_read(const struct kv_bench *b, size_t i, struct kv_question *q, struct kv_err *err)
{
    struct kv_buf text = {0};
    *q = (struct kv_question){0};
    bool same = read_text(b, &b->questions[i], &text, NULL) == 0 &&
                is_question(b, i, kv_slice_of(&text), q);
    kv_buf_release(&text);
    if (same)
        return 0;
    kv_question_release(q);
    return kv_err_set(err, KV_INPUT, "question '%s' has changed in its file since that was opened",
        kv_bench_id(b, i).p);
}

/* ---- content ---- */

void kv_bench_digest(const struct kv_bench *b, const bool *chosen, char hex[KV_SHA256_HEX + 1])
{
    struct kv_digest *d = kv_digest_begin();
    struct kv_buf rubric = {0};
    kv_rubric_add_json(&rubric, &b->rubric);
    kv_digest_update(d, kv_slice_of(&rubric));
    kv_buf_release(&rubric);
    for (size_t i = 0; i < b->n; i++)
        if (!chosen || chosen[i])
            kv_digest_update(d, (struct kv_slice){(const char *)&b->questions[i].content,
                                    sizeof b->questions[i].content});
    kv_digest_end(d, hex);
}
