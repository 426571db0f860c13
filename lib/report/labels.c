/* labels - a judge against people: labels read, matched with rows, and what they say of its rates.
 *
 * A judge's errors are taken to be the same for all answering models: its labels are counted
 * together, and correct the rate of each of its lines.
 */
#include "agreement.h"
#include "io.h"
#include "json.h"
#include "num.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct label {
    struct kv_buf question, answering;
    int64_t replicate; /* KV_FACT_NO_REPLICATE: not said, or null */
    bool right;
};

static int read_label(struct label *l, struct kv_slice line, struct kv_err *err)
{
    struct kv_slice object, value;
    if (kv_json_check(line, 0, &object, err) != 0)
        return -1;
    if (kv_json_type(object) != KV_JSON_OBJECT)
        return kv_err_set(err, KV_INPUT, "expected an object, found %s", kv_json_type_name(object));
    if (!kv_json_get(object, "question_id", &value) || kv_json_type(value) != KV_JSON_STRING)
        return kv_err_set(err, KV_INPUT, "question_id: a string is required");
    kv_buf_clear(&l->question);
    kv_buf_reserve(&l->question, 1);
    kv_json_unescape(value, &l->question);
    kv_buf_clear(&l->answering);
    kv_buf_reserve(&l->answering, 1);
    if (kv_json_get(object, "answering", &value) && kv_json_type(value) == KV_JSON_STRING)
        kv_json_unescape(value, &l->answering);
    else if (!kv_json_is_null(value))
        return kv_err_set(err, KV_INPUT, "answering: must be a string");
    l->replicate = KV_FACT_NO_REPLICATE;
    if (kv_json_get(object, "replicate", &value) && !kv_json_is_null(value) &&
        !kv_num_int64(value, &l->replicate))
        return kv_err_set(err, KV_INPUT, "replicate: must be an integer");
    if (!kv_json_get(object, "label", &value) ||
        (kv_json_type(value) != KV_JSON_TRUE && kv_json_type(value) != KV_JSON_FALSE))
        return kv_err_set(err, KV_INPUT, "label: true or false is required");
    l->right = kv_json_is_true(value);
    return 0;
}

/* True if the model of a label is that of a row: by its name in the report, or by its bare name. */
static bool names_model(struct kv_slice given, struct kv_slice model)
{
    const char *colon = memchr(model.p, ':', model.n);
    if (!given.n || kv_slice_eq(given, model))
        return true;
    if (!colon)
        return false;
    struct kv_slice bare = {colon + 1, model.n - (size_t)(colon + 1 - model.p)};
    return kv_slice_eq(given, bare);
}

static struct kv_label_check *check_of(struct kv_agreements *a, uint32_t judge)
{
    for (size_t i = 0; i < a->check_count; i++)
        if (a->checks[i].judge == judge)
            return &a->checks[i];
    a->checks = kv_grow(a->checks, a->check_count, sizeof *a->checks);
    a->checks[a->check_count] = (struct kv_label_check){.judge = judge};
    return &a->checks[a->check_count++];
}

/* Counts the rows that a label is about: one for each judge. False if there are none, or, without a
 * model's name, those of several models. */
static bool match(struct kv_agreements *a, const struct kv_rowset *set, const struct label *l)
{
    uint32_t question = kv_names_find(&set->questions, kv_slice_of(&l->question));
    uint32_t model = KV_NO_NAME;
    bool several = false;
    if (question == KV_NO_NAME)
        return false;
    for (int counting = 0; counting < 2 && !several; counting++)
        for (size_t i = set->question_at[question]; i < set->question_at[question + 1]; i++) {
            const struct kv_fact *f = &set->facts[set->by_question[i]];
            const struct kv_line *line = &set->lines[f->line];
            if (f->replicate != l->replicate || !kv_rates_is_scored(f) ||
                !names_model(kv_slice_of(&l->answering), kv_rowset_model(set, line->answering)))
                continue;
            several |= model != KV_NO_NAME && model != line->answering;
            model = line->answering;
            if (!counting)
                continue;
            struct kv_two_by_two *t = &check_of(a, line->judge)->table;
            bool passed = f->outcome == KV_RESULT_PASSED;
            t->both += passed && l->right;
            t->first += passed && !l->right;
            t->second += !passed && l->right;
            t->neither += !passed && !l->right;
        }
    return model != KV_NO_NAME && !several;
}

static int read_labels(
    struct kv_agreements *a, const struct kv_rowset *set, const char *path, struct kv_err *err)
{
    struct kv_lines lines;
    struct kv_slice line;
    struct label label = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC), got;
    if (fd < 0)
        return kv_err_sys(err, "%s", path);
    kv_lines_init(&lines, fd, 1 << 20);
    while ((got = kv_lines_next(&lines, &line, err)) == 1) {
        if (!kv_slice_strip(line).n)
            continue;
        if (read_label(&label, line, err) != 0) {
            bool place = strncmp(err->text, "1:", 2) == 0; /* "1:17: …" of a single line */
            struct kv_err why = *err;
            got = kv_err_set(err, KV_INPUT, "%s:%zu%s%s", path, lines.number, place ? "" : ": ",
                why.text + place);
            break;
        }
        a->labels++;
        a->unmatched += !match(a, set, &label);
    }
    kv_lines_release(&lines);
    kv_buf_release(&label.question);
    kv_buf_release(&label.answering);
    close(fd);
    return got < 0 ? -1 : 0;
}

static void finish(struct kv_label_check *c)
{
    const struct kv_two_by_two *t = &c->table;
    double good = (double)(t->both + t->second), bad = (double)(t->first + t->neither);
    c->tpr = good > 0 ? (double)t->both / good : NAN;
    c->tnr = bad > 0 ? (double)t->neither / bad : NAN;
    c->kappa = kv_statistics_kappa(t);
    c->enough =
        good >= KV_AGREEMENT_LABELS_MIN && bad >= KV_AGREEMENT_LABELS_MIN && c->tpr + c->tnr > 1.2;
}

static struct kv_corrected correct_line(const struct kv_label_check *c, const struct kv_rowset *set,
    const struct kv_line_rates *rates, const uint32_t *cluster, size_t count)
{
    struct kv_cluster *clusters = kv_rates_clustered(set, rates->line, cluster, &count);
    struct kv_corrected corrected = {rates->line,
        kv_statistics_corrected(rates->rate, c->tpr, c->tnr),
        kv_statistics_corrected_interval(&c->table, clusters, count)};
    free(clusters);
    return corrected;
}

static void correct(struct kv_agreements *a, const struct kv_rowset *set,
    const struct kv_line_rates *rates, const char *prefix)
{
    size_t count;
    uint32_t *cluster = kv_rates_clusters(set, prefix, &count);
    a->corrected = kv_calloc(set->line_count ? set->line_count : 1, sizeof *a->corrected);
    for (uint32_t i = 0; i < set->line_count; i++)
        for (size_t j = 0; j < a->check_count; j++) {
            const struct kv_label_check *c = &a->checks[j];
            if (c->judge != set->lines[i].judge || !c->enough || !rates[i].scored)
                continue;
            a->corrected[a->corrected_count++] = correct_line(c, set, &rates[i], cluster, count);
        }
    free(cluster);
}

int kv_agreements_label(struct kv_agreements *a, const struct kv_rowset *set,
    const struct kv_line_rates *rates, const char *cluster, const char *path, struct kv_err *err)
{
    if (read_labels(a, set, path, err) != 0)
        return -1;
    if (a->labels == a->unmatched)
        return kv_err_set(err, KV_INPUT, "%s: no label names an answer of these results", path);
    for (size_t i = 0; i < a->check_count; i++)
        finish(&a->checks[i]);
    correct(a, set, rates, cluster);
    return 0;
}
