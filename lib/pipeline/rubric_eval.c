/* rubric_eval - rubric evaluation of one answer: which calls it takes, and the scores that come of
 * them.
 */
#include "rubric_eval.h"

#include "field_value.h"
#include "json.h"
#include "num.h"
#include "reply_object.h"
#include "trait_score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON members, collected without their braces ---- */

static void add_key(struct kv_buf *out, struct kv_slice name)
{
    if (out->n)
        kv_buf_add_char(out, ',');
    kv_json_quote(out, name, KV_JSON_RAW);
    kv_buf_add_char(out, ':');
}

static void add_bool(struct kv_buf *out, struct kv_slice name, bool value)
{
    add_key(out, name);
    kv_buf_add_str(out, value ? "true" : "false");
}

static void add_int(struct kv_buf *out, struct kv_slice name, int64_t value)
{
    add_key(out, name);
    kv_buf_printf(out, "%lld", (long long)value);
}

static void add_json(struct kv_buf *out, struct kv_slice name, struct kv_slice json)
{
    add_key(out, name);
    kv_buf_add_slice(out, json);
}

/* ---- notes ---- */

/* `said` is what was found of the trait; empty: nothing. */
static void note_lost(
    struct kv_rubric_eval *t, const struct kv_trait *r, const char *why, struct kv_slice said)
{
    kv_buf_printf(&t->trouble, "Rubric trait '%s' has no value: %s", r->name.p, why);
    if (said.n)
        kv_buf_printf(&t->trouble, ", not %.*s", (int)(said.n < 60 ? said.n : 60), said.p);
    kv_buf_add_char(&t->trouble, '\0');
}

/* ---- beginning: what needs no judge ---- */

/* A trait whose pattern cannot be used is left out. */
static void evaluate_regexes(struct kv_rubric_eval *t)
{
    const struct kv_rubric *rubric = &t->ask.prepared->rubric;
    bool value;
    for (size_t i = 0; i < rubric->n; i++) {
        const struct kv_trait *r = &rubric->traits[i];
        add_json(&t->provenance, r->name,
            r->global ? KV_SLICE("\"global\"") : KV_SLICE("\"question_specific\""));
        if (r->list == KV_TRAIT_REGEX &&
            kv_trait_score_regex(t->ask.shared->scorer, r->pattern, r->case_sensitive, r->invert,
                t->ask.text, &value, NULL) == 0)
            add_bool(&t->regex, r->name, value);
    }
}

void kv_rubric_eval_begin(struct kv_rubric_eval *t, const struct kv_pipeline_shared *shared,
    const struct kv_prepared_question *prepared, struct kv_slice text)
{
    *t = (struct kv_rubric_eval){.ask = {.shared = shared, .prepared = prepared, .text = text}};
    evaluate_regexes(t);
}

/* ---- which call is next ---- */

static bool any(const struct kv_rubric *r, enum kv_rubric_pass pass)
{
    for (size_t i = 0; i < r->n; i++)
        if (kv_rubric_takes(pass, &r->traits[i]))
            return true;
    return false;
}

bool kv_rubric_eval_query(struct kv_rubric_eval *t, struct kv_query *query)
{
    const struct kv_rubric *r = &t->ask.prepared->rubric;
    bool batches = t->ask.shared->config->rubric_strategy == KV_RUBRIC_BATCH;
    for (; !t->lost && r->n && t->step < KV_RUBRIC_PASSES * r->n; t->step++) {
        t->pass = (enum kv_rubric_pass)(t->step / r->n);
        bool batch = batches && (t->pass == KV_RUBRIC_SCORED || t->pass == KV_RUBRIC_LITERAL);
        if (batch && (t->step % r->n != 0 || !any(r, t->pass)))
            continue;
        t->trait = batch ? NULL : &r->traits[t->step % r->n];
        if (!batch && !kv_rubric_takes(t->pass, t->trait))
            continue;
        if (batch)
            kv_rubric_ask_all(&t->ask, t->pass, query);
        else
            kv_rubric_ask_one(&t->ask, t->trait, query);
        query->trait = batch ? (t->pass == KV_RUBRIC_SCORED ? NULL : "") : t->trait->name.p;
        kv_reask_add(&t->again, query);
        return true;
    }
    return false;
}

/* ---- a value of one trait ---- */

static bool take_truth(struct kv_rubric_eval *t, const struct kv_trait *r, struct kv_slice said)
{
    struct kv_err err;
    bool truth;
    bool read = kv_trait_score_boolean(t->ask.shared->scorer, said, &truth, &err) == 0;
    if (read)
        add_bool(&t->llm, r->name, truth);
    else
        note_lost(t, r, err.text, said);
    return read;
}

static bool take_number(struct kv_rubric_eval *t, const struct kv_trait *r, struct kv_slice said)
{
    struct kv_err err;
    int64_t number;
    double exact;
    if (kv_trait_score_number(
            t->ask.shared->scorer, said, r->min_score, r->max_score, &number, &err) != 0) {
        note_lost(t, r, err.text, said);
        return false;
    }
    add_int(&t->llm, r->name, number);
    if (kv_field_value_whole(said, &exact) && exact != (double)number)
        kv_buf_printf(&t->trouble,
            "Rubric trait '%s' was given %.*s, which is not from %lld to %lld: counted as %lld%c",
            r->name.p, (int)(said.n < 60 ? said.n : 60), said.p, (long long)r->min_score,
            (long long)r->max_score, (long long)number, 0);
    return true;
}

/* A class, or what was said in place of one; nothing said is told in the label. */
static bool take_class(struct kv_rubric_eval *t, const struct kv_trait *r, struct kv_slice said)
{
    struct kv_buf label = {0};
    struct kv_err err;
    int64_t index;
    bool read =
        kv_trait_score_literal(t->ask.shared->scorer, r->classes, said, &index, &label, &err) == 0;
    if (read) {
        add_int(&t->llm, r->name, index);
        add_json(&t->labels, r->name, kv_slice_of(&label));
    } else {
        note_lost(t, r, err.text, said);
    }
    kv_buf_release(&label);
    return read;
}

static bool take_value(struct kv_rubric_eval *t, const struct kv_trait *r, struct kv_slice said)
{
    if (r->kind == KV_TRAIT_LITERAL)
        return take_class(t, r, said);
    if (!said.n)
        note_lost(t, r, "the judge did not speak of it", said);
    if (!said.n)
        return false;
    return r->kind == KV_TRAIT_BOOLEAN ? take_truth(t, r, said) : take_number(t, r, said);
}

/* ---- a reply about many traits ---- */

/* The names of the pass, behind the member that holds them. The caller frees them. */
static struct kv_wanted wanted_of(const struct kv_rubric_eval *t, const char *member)
{
    const struct kv_rubric *rubric = &t->ask.prepared->rubric;
    struct kv_slice *names = kv_array(NULL, rubric->n + 1, sizeof *names);
    struct kv_wanted wanted = {.names = names, .n = 1};
    names[0] = kv_slice(member);
    for (size_t i = 0; i < rubric->n; i++)
        if (t->trait ? t->trait == &rubric->traits[i]
                     : kv_rubric_takes(t->pass, &rubric->traits[i]))
            names[wanted.n++] = rubric->traits[i].name;
    return wanted;
}

/* [{"trait_name":…,"class_name":…},…] as {name:class}. */
static void pair_classes(struct kv_slice list, struct kv_buf *out)
{
    struct kv_json_walk w;
    struct kv_slice item, name, class;
    kv_json_begin(&w, list);
    kv_buf_add_char(out, '{');
    while (kv_json_item(&w, &item))
        if (kv_json_get(item, "trait_name", &name) && kv_json_type(name) == KV_JSON_STRING &&
            kv_json_get(item, "class_name", &class)) {
            kv_buf_add_str(out, out->p[out->n - 1] == '{' ? "" : ",");
            kv_buf_add_slice(out, name);
            kv_buf_add_char(out, ':');
            kv_buf_add_slice(out, class);
        }
    kv_buf_add_char(out, '}');
}

/* The object of values by trait: in the member it should be in, or the reply itself. One that is
 * about none of them is empty. */
static int find_values(struct kv_slice object, const char *member, const struct kv_wanted *wanted,
    struct kv_buf *out, struct kv_err *err)
{
    struct kv_buf pairs = {0};
    struct kv_wanted traits = *wanted;
    struct kv_slice inside;
    traits.names++;
    traits.n--;
    if (!kv_json_get(object, member, &inside))
        inside = object;
    if (kv_json_type(inside) == KV_JSON_ARRAY) {
        pair_classes(inside, &pairs);
        inside = kv_slice_of(&pairs);
    }
    enum kv_speaks speaks = kv_envelope_open(inside, &traits, out, err);
    if (speaks == KV_SILENT)
        kv_buf_add_str(out, "{}");
    kv_buf_release(&pairs);
    return speaks == KV_DOUBTFUL ? -1 : 0;
}

/* How many traits the reply has a value for; -1 with the reason if it cannot be read. */
static int take_batch(struct kv_rubric_eval *t, struct kv_slice reply, struct kv_err *err)
{
    const struct kv_rubric *rubric = &t->ask.prepared->rubric;
    const char *member = t->pass == KV_RUBRIC_SCORED ? "scores" : "classifications";
    struct kv_wanted wanted = wanted_of(t, member);
    struct kv_buf object = {0}, values = {0};
    int taken = -1;
    if (kv_reply_object(reply, &wanted, &object, err) == 0 &&
        find_values(kv_slice_of(&object), member, &wanted, &values, err) == 0) {
        taken = 0;
        for (size_t i = 0; i < rubric->n; i++) {
            struct kv_slice said = {0};
            if (!kv_rubric_takes(t->pass, &rubric->traits[i]))
                continue;
            kv_json_get(kv_slice_of(&values), rubric->traits[i].name.p, &said);
            taken += take_value(t, &rubric->traits[i], said) && said.n;
        }
    }
    kv_buf_release(&object);
    kv_buf_release(&values);
    free((void *)(uintptr_t)wanted.names);
    return taken;
}

/* ---- a reply about one ---- */

static int take_single(struct kv_rubric_eval *t, struct kv_slice reply, struct kv_err *err)
{
    const char *member = kv_rubric_ask_member(t->trait);
    struct kv_wanted wanted = wanted_of(t, member);
    struct kv_buf object = {0};
    struct kv_slice said;
    int taken = -1;
    if (kv_reply_object(reply, &wanted, &object, err) == 0) {
        if (!kv_json_get(kv_slice_of(&object), member, &said))
            kv_json_get(kv_slice_of(&object), t->trait->name.p, &said);
        taken = take_value(t, t->trait, said);
    }
    kv_buf_release(&object);
    free((void *)(uintptr_t)wanted.names);
    return taken;
}

static int take_metric(struct kv_rubric_eval *t, struct kv_slice reply, struct kv_err *err)
{
    static const struct kv_slice names[] = {{"tp", 2}, {"fn", 2}, {"fp", 2}, {"tn", 2}};
    static const struct kv_wanted wanted = {.names = names, .n = 4};
    const struct kv_trait *r = t->trait;
    struct kv_buf object = {0}, lists = {0}, values = {0};
    bool read = kv_reply_object(reply, &wanted, &object, err) == 0 &&
                kv_trait_score_metric(t->ask.shared->scorer, kv_slice_of(&object), r->metrics,
                    r->repeated_extraction, &lists, &values, err) == 0;
    if (read) {
        add_json(&t->lists, r->name, kv_slice_of(&lists));
        add_json(&t->metric, r->name, kv_slice_of(&values));
    }
    kv_buf_release(&object);
    kv_buf_release(&lists);
    kv_buf_release(&values);
    return read ? 1 : -1;
}

/* ---- a trait of template kind: one entry a member, "trait.member" ---- */

static struct kv_wanted members_of(const struct kv_trait *r, struct kv_buf *texts)
{
    struct kv_json_walk w;
    struct kv_slice properties, key, value;
    kv_json_get(r->schema, "properties", &properties);
    size_t n = kv_json_count(properties), i = 0;
    struct kv_slice *names = kv_array(NULL, n + 1, sizeof *names);
    kv_buf_reserve(texts, properties.n + n + 1); /* names point into it: it may not move */
    kv_json_begin(&w, properties);
    while (kv_json_member(&w, &key, &value)) {
        size_t start = texts->n;
        kv_json_unescape(key, texts);
        names[i++] = (struct kv_slice){texts->p + start, texts->n - start};
    }
    return (struct kv_wanted){.names = names, .n = n};
}

/* A row holds truth values and numbers: what is neither is lost. */
static int take_member(struct kv_rubric_eval *t, struct kv_slice key, struct kv_slice said)
{
    struct kv_slice property = {0}, type = {0};
    struct kv_buf name = {0}, text = {0};
    bool truth, read = true;
    double x;
    kv_buf_add_slice(&name, t->trait->name);
    kv_buf_add_char(&name, '.');
    kv_json_unescape(key, &name);
    kv_json_unescape(key, &text);
    kv_json_path(t->trait->schema, &property, "properties", text.p, NULL);
    kv_json_get(property, "type", &type);
    bool whole = type.n && kv_json_string_is(type, "integer");
    if (type.n && kv_json_string_is(type, "boolean") && kv_field_value_truth(said, &truth))
        add_bool(&t->llm, kv_slice_of(&name), truth);
    else if (whole && kv_field_value_whole(said, &x) && fabs(x) < 0x1p53)
        add_int(&t->llm, kv_slice_of(&name), (int64_t)x);
    else if (!whole && kv_num_double(said, &x) && isfinite(x))
        add_json(&t->llm, kv_slice_of(&name), said);
    else if (!type.n && (kv_json_type(said) == KV_JSON_TRUE || kv_json_type(said) == KV_JSON_FALSE))
        add_json(&t->llm, kv_slice_of(&name), said);
    else
        read = false;
    if (!read)
        note_lost(t, &(struct kv_trait){.name = kv_slice_of(&name)},
            "must be a truth value or a number of its type", said);
    kv_buf_release(&name);
    kv_buf_release(&text);
    return read;
}

static int take_shaped(struct kv_rubric_eval *t, struct kv_slice reply, struct kv_err *err)
{
    struct kv_buf texts = {0}, object = {0};
    struct kv_wanted wanted = members_of(t->trait, &texts);
    struct kv_json_walk w;
    struct kv_slice key, said;
    int taken = -1;
    if (kv_reply_object(reply, &wanted, &object, err) == 0) {
        taken = 0;
        kv_json_begin(&w, kv_slice_of(&object));
        while (kv_json_member(&w, &key, &said))
            taken += take_member(t, key, said);
    }
    kv_buf_release(&texts);
    kv_buf_release(&object);
    free((void *)(uintptr_t)wanted.names);
    return taken;
}

/* ---- what came back ---- */

static int take_text(struct kv_rubric_eval *t, struct kv_slice reply, struct kv_err *err)
{
    if (!t->trait)
        return take_batch(t, reply, err);
    if (t->pass == KV_RUBRIC_METRIC)
        return take_metric(t, reply, err);
    return t->pass == KV_RUBRIC_SHAPED ? take_shaped(t, reply, err) : take_single(t, reply, err);
}

/* What a call leaves that came to nothing: a failed batch loses what has no value yet, a failed single
 * call its trait; a literal trait says so in its label, a metric one in empty lists. */
static void note_failure(struct kv_rubric_eval *t, struct kv_slice error)
{
    if (!t->trait) {
        t->lost = true;
        kv_buf_printf(&t->notes,
            "Rubric evaluation failed: Failed to evaluate %s traits using batch strategy: %.*s%c",
            t->pass == KV_RUBRIC_LITERAL ? "literal" : "rubric", (int)error.n, error.p, 0);
        return;
    }
    if (t->pass == KV_RUBRIC_LITERAL) {
        struct kv_buf label = {0}, quoted = {0};
        kv_buf_printf(&label, "[EVALUATION_ERROR: %.*s]", (int)error.n, error.p);
        kv_json_quote(&quoted, kv_slice_of(&label), KV_JSON_RAW);
        add_int(&t->llm, t->trait->name, -1);
        add_json(&t->labels, t->trait->name, kv_slice_of(&quoted));
        kv_buf_release(&label);
        kv_buf_release(&quoted);
        return;
    }
    kv_buf_printf(&t->notes, "Rubric trait '%s' has no value: %.*s%c", t->trait->name.p,
        (int)error.n, error.p, 0);
    if (t->pass == KV_RUBRIC_METRIC) {
        add_json(&t->lists, t->trait->name, KV_SLICE("{\"tp\":[],\"tn\":[],\"fp\":[],\"fn\":[]}"));
        add_json(&t->metric, t->trait->name, KV_SLICE("{}"));
    }
}

void kv_rubric_eval_take(struct kv_rubric_eval *t, const struct kv_answer *response)
{
    struct kv_err err;
    struct kv_slice why = response->error;
    int taken = -1;
    kv_buf_clear(&t->trouble);
    if (response->kind == KV_ANSWER_TEXT) {
        taken = kv_reask_whole(response, &err) == 0 ? take_text(t, response->text, &err) : -1;
        if (taken == 0) /* the first of what is wrong */
            kv_err_set(&err, KV_INPUT, "%s", t->trouble.p);
        if (taken < 1 && kv_reask_again(&t->again, t->ask.shared, response, err.text))
            return;
        why = kv_slice(taken < 1 ? err.text : "");
    }
    if (taken < 0)
        note_failure(t, why);
    kv_buf_add_slice(&t->notes, kv_slice_of(&t->trouble));
    kv_reask_begin(&t->again);
    t->step++;
}

void kv_rubric_eval_pass_over(struct kv_rubric_eval *t)
{
    kv_reask_begin(&t->again);
    t->step++;
}

/* ---- the end ---- */

static struct kv_slice braced(struct kv_buf *members)
{
    if (members->n == 0)
        return (struct kv_slice){"", 0};
    struct kv_buf whole = {0};
    kv_buf_add_char(&whole, '{');
    kv_buf_add_slice(&whole, kv_slice_of(members));
    kv_buf_add_char(&whole, '}');
    kv_buf_release(members);
    *members = whole;
    return kv_slice_of(members);
}

const struct kv_result_builder_rubric *kv_rubric_eval_end(struct kv_rubric_eval *t)
{
    static const char *const strategy[] = {"batch", "sequential", NULL};
    const char *name = strategy[t->ask.shared->config->rubric_strategy];
    if (t->lost && !t->regex.n && !t->llm.n)
        return NULL;
    t->block = (struct kv_result_builder_rubric){
        .strategy = name ? kv_slice(name) : (struct kv_slice){0},
        .llm_scores_json = braced(&t->llm),
        .llm_labels_json = braced(&t->labels),
        .regex_scores_json = braced(&t->regex),
        .metric_scores_json = braced(&t->metric),
        .metric_lists_json = braced(&t->lists),
        .provenance_json = braced(&t->provenance),
    };
    return &t->block;
}

void kv_rubric_eval_release(struct kv_rubric_eval *t)
{
    struct kv_buf *all[] = {&t->notes, &t->trouble, &t->llm, &t->labels, &t->regex, &t->metric,
        &t->lists, &t->provenance};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        kv_buf_release(all[i]);
    kv_rubric_ask_release(&t->ask);
    kv_reask_release(&t->again);
}
