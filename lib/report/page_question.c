/* page_question - the questions of the page: a line each, and what was asked, answered and judged.
 *
 * A page has a size that browsers and mail still take. If all would not fit, only questions that
 * some line did not pass are opened in full, and the rest are lines; and if even these are too
 * many, the list ends and says so.
 */
#include "page.h"
#include "quotation.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGE_BYTES = 30000000,             /* the page, at most */
    REST_BYTES = 2000000,              /* kept for the sections behind the questions */
    LINE_BYTES = 700,                  /* of a question's line, about */
    ROW_BYTES = 700,                   /* of the markup of a row, about */
    ANSWER_BYTES = KV_PAGE_TEXT_BYTES, /* of an answer or another text, at most */
    SUMMARY_CHARS = 220,
};

/* ---- what a page has room for ---- */

struct room {
    bool all;            /* every question is opened in full */
    size_t listed, full; /* so far */
};

static bool has_all_room(const struct kv_page *p)
{
    const struct kv_rowset *set = p->r->set;
    double bytes = (double)set->questions.n * LINE_BYTES;
    struct kv_detail d = {0};
    for (size_t i = 0; i < set->n; i++) {
        kv_rowset_detail(set, &set->facts[i], &d);
        uint32_t n = d.length;
        bytes += ROW_BYTES + (n < 2 * ANSWER_BYTES ? n : 2 * ANSWER_BYTES);
    }
    kv_detail_release(&d);
    return bytes < PAGE_BYTES - REST_BYTES;
}

static uint64_t bytes_left(const struct kv_page *p)
{
    uint64_t used = p->s->written + p->out->n + REST_BYTES;
    return used < PAGE_BYTES ? PAGE_BYTES - used : 0;
}

/* ---- a question's rows, an answer's next to each other ---- */

struct of_question {
    const struct kv_rowset *set;
    const uint32_t *place; /* of each line in the report's order */
    uint32_t *facts;
    size_t n;
};

struct sorted {
    uint32_t fact, answering, place;
    int32_t replicate;
};

static int by_answer(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    if (x->answering != y->answering)
        return x->answering < y->answering ? -1 : 1;
    if (x->replicate != y->replicate)
        return x->replicate < y->replicate ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* The place of an answering model: that of its first line. */
static uint32_t place_of_model(const struct kv_report *r, uint32_t line)
{
    uint32_t model = r->set->lines[line].answering;
    for (uint32_t i = 0; i < r->set->line_count; i++)
        if (r->set->lines[r->order[i]].answering == model)
            return i;
    return 0;
}

static struct sorted *sort_rows(const struct kv_report *r, uint32_t question, size_t *count)
{
    const struct kv_rowset *set = r->set;
    size_t from = set->question_at[question], n = set->question_at[question + 1] - from;
    struct sorted *rows = kv_calloc(n ? n : 1, sizeof *rows);
    for (size_t i = 0; i < n; i++) {
        const struct kv_fact *f = &set->facts[set->by_question[from + i]];
        rows[i] = (struct sorted){set->by_question[from + i], place_of_model(r, f->line),
            r->place[f->line], f->replicate};
    }
    qsort(rows, n, sizeof *rows, by_answer);
    *count = n;
    return rows;
}

/* ---- the line of a question ---- */

/* What came of a question in one line of the report. */
struct standing {
    uint32_t line;
    size_t n, scored, passed, outcomes[KV_RESULT_OUTCOMES];
};

static struct standing *stand(const struct kv_report *r, uint32_t question, size_t *count)
{
    const struct kv_rowset *set = r->set;
    size_t from = set->question_at[question], to = set->question_at[question + 1], n = 0;
    struct standing *all = kv_calloc(to - from ? to - from : 1, sizeof *all);
    for (size_t i = from; i < to; i++) {
        const struct kv_fact *f = &set->facts[set->by_question[i]];
        if (n == 0 || all[n - 1].line != f->line)
            all[n++].line = f->line;
        struct standing *s = &all[n - 1];
        s->n++;
        s->outcomes[f->outcome]++;
        s->scored += kv_rates_is_scored(f);
        s->passed += f->outcome == KV_RESULT_PASSED;
    }
    *count = n;
    return all;
}

static const struct kv_line_rates *rates_of(const struct kv_report *r, uint32_t line)
{
    return &r->rates[line];
}

/* One word and one sign for a line's replicates. */
static char kind_of(const struct standing *s)
{
    if (s->scored && s->passed == s->scored)
        return 'p';
    if (s->passed)
        return 'f';
    if (s->outcomes[KV_RESULT_WRONG] || s->outcomes[KV_RESULT_INSUFFICIENT])
        return 'w';
    if (s->outcomes[KV_RESULT_DECLINED])
        return 'd';
    return s->outcomes[KV_RESULT_ERROR] ? 'e' : 'u';
}

static const char *sign_of(char kind)
{
    return kind == 'p'   ? "✓"
           : kind == 'f' ? "±"
           : kind == 'w' ? "✗"
           : kind == 'd' ? "–"
           : kind == 'e' ? "!"
                         : "○";
}

static const char *word_of(char kind)
{
    return kind == 'p'   ? "passed"
           : kind == 'f' ? "sometimes passed"
           : kind == 'w' ? "wrong"
           : kind == 'd' ? "declined"
           : kind == 'e' ? "error"
                         : "unscored";
}

static int by_place(const void *a, const void *b)
{
    const struct standing *x = a, *y = b;
    return x->line < y->line ? -1 : x->line > y->line;
}

static void add_chip(struct kv_page *p, const struct standing *s)
{
    char kind = kind_of(s);
    kv_page_printf(p, "<b class=%c title=\"%s\">", kind, word_of(kind));
    kv_report_add_letter(p->out, p->r, s->line);
    kv_page_printf(p, "&nbsp;%s", sign_of(kind));
    if (rates_of(p->r, s->line)->replicates > 1)
        kv_page_printf(p, " %zu/%zu", s->passed, s->scored);
    kv_buf_add_str(p->out, "</b>");
}

/* Letters for the filter: what some line came to, unstable, in doubt. */
static void add_kinds(struct kv_page *p, const struct standing *all, size_t n, uint32_t question)
{
    size_t outcomes[KV_RESULT_OUTCOMES] = {0};
    double scored = 0, passed = 0;
    bool unstable = false;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < KV_RESULT_OUTCOMES; j++)
            outcomes[j] += all[i].outcomes[j];
        scored += (double)all[i].scored;
        passed += (double)all[i].passed;
        unstable |= all[i].passed && all[i].passed < all[i].scored;
    }
    kv_page_printf(p, " data-o=\"%s%s%s%s%s%s%s\" data-r=%.4f",
        outcomes[KV_RESULT_PASSED] ? "p" : "",
        outcomes[KV_RESULT_WRONG] + outcomes[KV_RESULT_INSUFFICIENT] ? "w" : "",
        outcomes[KV_RESULT_DECLINED] ? "d" : "", outcomes[KV_RESULT_ERROR] ? "e" : "",
        outcomes[KV_RESULT_UNSCORED] ? "u" : "", unstable ? "f" : "",
        p->r->failures.doubt[question] == KV_DOUBT_ALL_SAY ? "c" : "",
        scored > 0 ? passed / scored : 2);
}

static void add_summary(struct kv_page *p, const struct kv_quotation *q, uint32_t question,
    struct standing *all, size_t n)
{
    kv_page_printf(p, "<i>%" PRIu32 "</i><span dir=auto>", question + 1);
    kv_buf_clear(&p->text);
    kv_buf_reserve(&p->text, 1);
    kv_quotation_add_text(&p->text, q->metadata, "question_text");
    kv_page_text_cut(p, p->text.n ? kv_slice_of(&p->text) : kv_rowset_question(p->r->set, question),
        SUMMARY_CHARS);
    kv_buf_add_str(p->out, "</span><span class=k>");
    if (p->r->failures.doubt[question] == KV_DOUBT_ALL_SAY)
        kv_buf_add_str(p->out, "<span class=flag title=\"check the reference\">⚑</span>");
    for (size_t i = 0; i < n; i++)
        all[i].line = p->r->place[all[i].line];
    qsort(all, n, sizeof *all, by_place);
    for (size_t i = 0; i < n; i++) {
        all[i].line = p->r->order[all[i].line];
        add_chip(p, &all[i]);
    }
    kv_buf_add_str(p->out, "</span>");
}

/* ---- a question ---- */

static void add_keywords(struct kv_page *p, uint32_t question)
{
    const struct kv_rowset_keywords of = kv_rowset_keywords_of(p->r->set, question);
    if (!of.n)
        return;
    kv_buf_add_str(p->out, "<dt>Keywords</dt><dd>");
    for (size_t i = 0; i < of.n && i < 50; i++) {
        kv_buf_add_str(p->out, i ? ", <bdi>" : "<bdi>");
        kv_page_text_cut(p, kv_names_text(&p->r->set->keywords, of.ids[i]), 100);
        kv_buf_add_str(p->out, "</bdi>");
    }
    kv_buf_add_str(p->out, "</dd>\n");
}

static void add_reference(struct kv_page *p, const struct kv_quotation *q, uint32_t question)
{
    kv_buf_add_str(p->out, "<div><dl>\n");
    kv_page_take_text(p, q->metadata, "question_text");
    if (p->text.n > SUMMARY_CHARS) {
        kv_buf_add_str(p->out, "<dt>Question</dt>");
        kv_page_block(p, kv_slice_of(&p->text), "dd");
    }
    kv_page_take_text(p, q->metadata, "raw_answer");
    if (p->text.n) {
        kv_buf_add_str(p->out, "<dt>Reference</dt>");
        kv_page_block(p, kv_slice_of(&p->text), "dd");
    }
    add_keywords(p, question);
    kv_buf_add_str(p->out, "<dt>Id</dt><dd><code>");
    kv_page_text_cut(p, kv_rowset_question(p->r->set, question), 300);
    kv_buf_add_str(p->out, "</code></dd></dl>\n");
}

static int add_rows(struct kv_page *p, uint32_t question, struct kv_err *err)
{
    size_t n;
    uint64_t answer = 0;
    int failed = 0;
    struct sorted *rows = sort_rows(p->r, question, &n);
    for (size_t i = 0; !failed && i < n; i++) {
        bool beside = i && rows[i].answering == rows[i - 1].answering &&
                      rows[i].replicate == rows[i - 1].replicate;
        failed = kv_page_row(p, rows[i].fact, beside, &answer, err);
    }
    free(rows);
    return failed;
}

static bool is_all_passed(const struct standing *all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (all[i].passed < all[i].n)
            return false;
    return true;
}

static int add_question(struct kv_page *p, uint32_t question, struct room *room, struct kv_err *err)
{
    const struct kv_rowset *set = p->r->set;
    size_t n;
    struct kv_quotation q;
    struct standing *all = stand(p->r, question, &n);
    uint64_t left = bytes_left(p), behind = (uint64_t)(set->questions.n - question) * LINE_BYTES;
    bool full = room->all || (!is_all_passed(all, n) && left > behind + 100000);
    int failed = kv_quotation_read(&q, set, kv_rowset_first(set, question), err);
    if (!failed) {
        kv_page_printf(p,
            full ? "<details class=q id=q%" PRIu32 : "<div class=\"q plain\" id=q%" PRIu32,
            question + 1);
        add_kinds(p, all, n, question);
        kv_buf_add_str(p->out, full ? "><summary>" : "><div class=s>");
        add_summary(p, &q, question, all, n);
        kv_buf_add_str(p->out, full ? "</summary>" : "</div>");
        if (full) {
            add_reference(p, &q, question);
            failed = add_rows(p, question, err);
            kv_buf_add_str(p->out, "</div>");
        }
        kv_buf_add_str(p->out, full ? "</details>\n" : "</div>\n");
        kv_quotation_release(&q);
    }
    room->listed++;
    room->full += full;
    free(all);
    return failed;
}

static void add_legend(struct kv_page *p)
{
    const struct kv_report *r = p->r;
    kv_buf_add_str(p->out, "<p class=note>");
    for (size_t i = 0; i < r->set->line_count && i < 40; i++) {
        kv_buf_add_str(p->out, i ? " · " : "");
        kv_page_line(p, r->order[i]);
    }
    kv_buf_add_str(p->out,
        "<br>✓ passed, ✗ wrong, ± passed sometimes, – declined, ! error, ○ no verdict</p>\n");
}

int kv_page_questions(struct kv_page *p, struct kv_err *err)
{
    const struct kv_rowset *set = p->r->set;
    struct room room = {.all = has_all_room(p)};
    add_legend(p);
    if (!room.all)
        kv_buf_add_str(p->out,
            "<p class=note>These are too many results for one page: only questions that "
            "did not pass are opened in full, as far as there is room. All are in the file."
            "</p>\n");
    kv_buf_add_str(p->out, "<div class=qs>\n");
    for (uint32_t i = 0; i < set->questions.n; i++) {
        if (!room.all && bytes_left(p) < LINE_BYTES)
            break;
        if (add_question(p, i, &room, err) != 0)
            return -1;
        kv_sink_step(p->s);
    }
    kv_buf_add_str(p->out, "</div>\n");
    if (!room.all)
        kv_page_printf(p, "<p class=note>%zu of %zu questions are listed, %zu in full.</p>\n",
            room.listed, set->questions.n, room.full);
    return 0;
}
