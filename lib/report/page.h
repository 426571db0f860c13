/* page - the parts of the HTML page: one function a section, and what they share.
 *
 * Private to report_page. A section function appends its tables to the sink's bytes, between the
 * words that share/report/page.html puts around them; it is called only if there is something to
 * show. All text from files goes through kv_page_text.
 */
#ifndef KV_PAGE_H
#define KV_PAGE_H

#include "report.h"
#include "sink.h"

struct kv_page {
    struct kv_sink *s;
    struct kv_buf *out; /* &s->held */
    const struct kv_report *r;
    struct kv_buf text; /* scratch */
};

/* ---- what sections share: page.c ---- */

void kv_page_text(struct kv_page *p, struct kv_slice text); /* escaped, whatever it is */
void kv_page_text_cut(struct kv_page *p, struct kv_slice text, size_t max);
void kv_page_printf(struct kv_page *p, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* as it is: numbers and markup of ours */

void kv_page_percent(struct kv_page *p, double share);
void kv_page_points(struct kv_page *p, double share); /* "+3.4", with a true minus sign */
void kv_page_ratio(struct kv_page *p, double x);      /* "0.63" or "–" */
void kv_page_letter(struct kv_page *p, uint32_t line);
void kv_page_name(struct kv_page *p, uint32_t line); /* letter and name */
void kv_page_line(struct kv_page *p, uint32_t line); /* the same, and the judge if several */

/* A bar from 0 to 1 with the interval on it; one from -reach to reach with a dot. They repeat what
 * is written beside them, and are hidden from readers that read aloud. */
void kv_page_bar(struct kv_page *p, double rate, struct kv_interval i);
void kv_page_dot(struct kv_page *p, double difference, struct kv_interval i, double reach);

/* A link to a question, with the beginning of its text. */
int kv_page_question_link(struct kv_page *p, uint32_t question, size_t max, struct kv_err *err);

enum { KV_PAGE_TEXT_BYTES = 20000 }; /* of an answer or another text, at most */

/* p->text becomes the text of a member, "" if there is none. */
void kv_page_take_text(struct kv_page *p, struct kv_slice object, const char *member);

/* A text in an element, up to KV_PAGE_TEXT_BYTES, and how much more there is. */
void kv_page_block(struct kv_page *p, struct kv_slice text, const char *element);

/* A result. If it stands beside the one above, of the same model and replicate, and has the same answer,
 * that is not shown again; *answer_above tells it apart from the next. */
int kv_page_row(
    struct kv_page *p, uint32_t fact, bool beside, uint64_t *answer_above, struct kv_err *err);

/* ---- sections; -1: a row that is quoted cannot be read ---- */

bool kv_page_has_runs(const struct kv_report *r);
bool kv_page_has_differences(const struct kv_report *r);
bool kv_page_has_failures(const struct kv_report *r);
bool kv_page_has_keywords(const struct kv_report *r);
bool kv_page_has_replicates(const struct kv_report *r);
bool kv_page_has_judges(const struct kv_report *r);
bool kv_page_has_use(const struct kv_report *r);
bool kv_page_has_health(const struct kv_report *r);

int kv_page_rates(struct kv_page *p, struct kv_err *err);
int kv_page_runs(struct kv_page *p, struct kv_err *err);
int kv_page_differences(struct kv_page *p, struct kv_err *err);
int kv_page_failures(struct kv_page *p, struct kv_err *err);
int kv_page_keywords(struct kv_page *p, struct kv_err *err);
int kv_page_replicates(struct kv_page *p, struct kv_err *err);
int kv_page_judges(struct kv_page *p, struct kv_err *err);
int kv_page_questions(struct kv_page *p, struct kv_err *err);
int kv_page_use(struct kv_page *p, struct kv_err *err);
int kv_page_health(struct kv_page *p, struct kv_err *err);
int kv_page_provenance(struct kv_page *p, struct kv_err *err);

#endif
