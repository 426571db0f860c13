/* page_failures - the section of what did not pass: kinds, fields, references in doubt. */
#include "page.h"
#include "quotation.h"

#include <inttypes.h>

enum { LISTED = 50, VALUE_CHARS = 120, LINK_CHARS = 70 };

bool kv_page_has_failures(const struct kv_report *r)
{
    return r->failures.kind_count > 0;
}

static char class_of(enum kv_result_outcome outcome)
{
    return kv_result_outcome_name(outcome)[0] == 'i' ? 'w' : kv_result_outcome_name(outcome)[0];
}

static int add_kind(struct kv_page *p, const struct kv_failure_kind *k, struct kv_err *err)
{
    struct kv_slice category, stage, reason;
    kv_failure_kinds_parts(
        kv_names_text(&p->r->set->names.reasons, k->reason), &category, &stage, &reason);
    kv_page_printf(p,
        "<tr><td class=r>%zu</td><td class=r>%zu</td><td><span class=\"o %c\">%s</span></td>",
        k->count, k->models, class_of(k->outcome), kv_result_outcome_name(k->outcome));
    kv_buf_add_str(p->out, "<td><bdi>");
    if (k->outcome == KV_RESULT_WRONG)
        kv_buf_add_str(p->out, reason.n ? "field " : "the verdict was false");
    kv_page_text(p, reason);
    kv_buf_add_str(p->out, "</bdi>");
    if (k->outcome == KV_RESULT_ERROR) {
        kv_buf_add_str(p->out, "<br><small>");
        kv_page_text_cut(p, category, LINK_CHARS);
        kv_buf_add_str(p->out, stage.n ? " at " : "");
        kv_page_text_cut(p, stage, LINK_CHARS);
        kv_buf_add_str(p->out, "</small>");
    }
    kv_buf_add_str(p->out, "</td><td class=small>");
    for (size_t i = 0; i < k->examples; i++) {
        kv_buf_add_str(p->out, i ? "<br>" : "");
        if (kv_page_question_link(p, p->r->set->facts[k->example[i]].question, LINK_CHARS, err) !=
            0)
            return -1;
    }
    kv_buf_add_str(p->out, "</td></tr>\n");
    return 0;
}

static int add_kinds(struct kv_page *p, struct kv_err *err)
{
    const struct kv_failure_kinds *f = &p->r->failures;
    kv_buf_add_str(p->out, "<div class=scroll><table class=sort><thead><tr>"
                           "<th scope=col class=r>results</th><th scope=col class=r>models</th>"
                           "<th scope=col>outcome</th><th scope=col>reason</th>"
                           "<th scope=col>for example</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < f->kind_count && i < LISTED; i++)
        if (add_kind(p, &f->kinds[i], err) != 0)
            return -1;
    kv_buf_add_str(p->out, "</tbody></table></div>\n");
    if (f->kind_count > LISTED)
        kv_page_printf(
            p, "<p class=note>%zu more kinds are in --json.</p>\n", f->kind_count - LISTED);
    return 0;
}

static void add_value(
    struct kv_page *p, const struct kv_quotation *q, uint32_t field, bool expected)
{
    struct kv_buf value = {0};
    kv_quotation_add_field(&value, q, p->r->set, field, expected);
    kv_buf_add_str(p->out, "<td><code>");
    kv_page_text_cut(p, kv_slice_of(&value), VALUE_CHARS);
    kv_buf_add_str(p->out, "</code></td>");
    kv_buf_release(&value);
}

static int add_miss(struct kv_page *p, const struct kv_field_miss *m, struct kv_err *err)
{
    struct kv_quotation q;
    if (kv_quotation_read(&q, p->r->set, m->example, err) != 0)
        return -1;
    kv_buf_add_str(p->out, "<tr><th scope=row><bdi>");
    kv_page_text_cut(p, kv_names_text(&p->r->set->names.fields, m->field), VALUE_CHARS);
    kv_page_printf(
        p, "</bdi></th><td class=r data-v=%zu>%zu of %zu</td>", m->same, m->same, m->answers);
    if (m->nothing)
        kv_buf_add_str(p->out, "<td class=dim>nothing</td>");
    else
        add_value(p, &q, m->field, false);
    add_value(p, &q, m->field, true);
    kv_page_printf(p, "<td class=r>%zu</td><td class=small>", m->models);
    kv_quotation_release(&q);
    if (kv_page_question_link(p, m->question, LINK_CHARS, err) != 0)
        return -1;
    if (p->r->failures.doubt[m->question] == KV_DOUBT_ALL_SAY)
        kv_buf_add_str(p->out, " <span class=flag>⚑ check the reference</span>");
    kv_buf_add_str(p->out, "</td></tr>\n");
    return 0;
}

static int add_misses(struct kv_page *p, struct kv_err *err)
{
    const struct kv_failure_kinds *f = &p->r->failures;
    if (!f->miss_count)
        return 0;
    kv_buf_add_str(p->out,
        "<h3>What was said instead</h3><p class=lead>For each question and field the commonest "
        "other "
        "value. Where many models agree on one, the reference may be what is wrong.</p>\n"
        "<div class=scroll><table class=sort><thead><tr><th scope=col>field</th>"
        "<th scope=col class=r>answers</th><th scope=col>say</th><th scope=col>expected</th>"
        "<th scope=col class=r>models</th><th scope=col>question</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < f->miss_count && i < LISTED; i++)
        if (add_miss(p, &f->misses[i], err) != 0)
            return -1;
    kv_buf_add_str(p->out, "</tbody></table></div>\n");
    if (f->miss_count > LISTED)
        kv_page_printf(p, "<p class=note>%zu more are not listed.</p>\n", f->miss_count - LISTED);
    return 0;
}

/* Questions that nobody answers as the reference has it. */
static int add_doubts(struct kv_page *p, struct kv_err *err)
{
    const struct kv_failure_kinds *f = &p->r->failures;
    size_t listed = 0;
    if (!f->all_fail)
        return 0;
    kv_page_printf(p, "<h3>%zu question%s that every model fails</h3><ul>\n", f->all_fail,
        f->all_fail == 1 ? "" : "s");
    for (uint32_t q = 0; q < p->r->set->questions.n && listed < LISTED; q++) {
        if (f->doubt[q] == KV_DOUBT_NONE)
            continue;
        listed++;
        kv_buf_add_str(p->out, "<li>");
        if (kv_page_question_link(p, q, 2 * LINK_CHARS, err) != 0)
            return -1;
        if (f->doubt[q] == KV_DOUBT_ALL_SAY)
            kv_buf_add_str(
                p->out, " <span class=flag>⚑ all say the same: check the reference</span>");
        kv_buf_add_str(p->out, "</li>\n");
    }
    kv_buf_add_str(p->out, "</ul>\n");
    if (f->all_fail > LISTED)
        kv_page_printf(p, "<p class=note>%zu more are in --json.</p>\n", f->all_fail - LISTED);
    return 0;
}

int kv_page_failures(struct kv_page *p, struct kv_err *err)
{
    return add_kinds(p, err) != 0 || add_misses(p, err) != 0 || add_doubts(p, err) != 0 ? -1 : 0;
}
