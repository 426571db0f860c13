/* rubric_eval - rubric evaluation of one answer: which calls it takes, and the scores that come of
 * them.
 */
#include "rubric_eval.h"

#include "extract.h"
#include "json.h"
#include "num.h"
#include "trait_score.h"

#include <math.h>
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

/* ---- beginning: what needs no judge ---- */

static void evaluate_regexes(struct kv_rubric_eval *t)
{
    struct kv_err ignored; /* a pattern that cannot be used: its trait is left out */
    bool value;
    for (size_t i = 0; i < t->subject->rubric.n; i++) {
        const struct kv_trait *r = &t->subject->rubric.traits[i];
        add_json(&t->provenance, r->name,
            r->global ? KV_SLICE("\"global\"") : KV_SLICE("\"question_specific\""));
        if (r->list == KV_TRAIT_REGEX &&
            kv_trait_score_regex(t->desk->scorer, r->pattern, r->case_sensitive, r->invert, t->text,
                &value, &ignored) == 0)
            add_bool(&t->regex, r->name, value);
    }
}

void kv_rubric_eval_begin(struct kv_rubric_eval *t, const struct kv_desk *desk,
    const struct kv_prepared_question *subject, struct kv_slice text)
{
    *t = (struct kv_rubric_eval){.desk = desk, .subject = subject, .text = text};
    evaluate_regexes(t);
}

/* ---- which call a trait belongs to ---- */

static bool sequential(const struct kv_rubric_eval *t)
{
    return t->desk->config->rubric_strategy != KV_RUBRIC_BATCH;
}

static bool scored(const struct kv_trait *r)
{
    return r->list == KV_TRAIT_LLM && (r->kind == KV_TRAIT_BOOLEAN || r->kind == KV_TRAIT_SCORE);
}

static bool literal(const struct kv_trait *r)
{
    return r->list == KV_TRAIT_LLM && r->kind == KV_TRAIT_LITERAL;
}

static bool shaped(const struct kv_trait *r)
{
    return r->list == KV_TRAIT_LLM && r->kind == KV_TRAIT_TEMPLATE;
}

static bool metric(const struct kv_trait *r)
{
    return r->list == KV_TRAIT_METRIC;
}

static bool any(const struct kv_rubric *r, bool (*is)(const struct kv_trait *))
{
    for (size_t i = 0; i < r->n; i++)
        if (is(&r->traits[i]))
            return true;
    return false;
}

/* ---- what is asked ---- */

static void describe_classes(struct kv_buf *out, struct kv_slice classes)
{
    struct kv_json_walk w;
    struct kv_slice name, meaning;
    kv_json_begin(&w, classes);
    while (kv_json_member(&w, &name, &meaning)) {
        kv_buf_add_str(out, "\n    - ");
        kv_json_unescape(name, out);
        kv_buf_add_str(out, ": ");
        kv_json_unescape(meaning, out);
    }
}

static void describe(struct kv_buf *out, const struct kv_trait *r)
{
    if (out->n)
        kv_buf_add_char(out, '\n');
    kv_buf_add_str(out, "- ");
    kv_buf_add_slice(out, r->name);
    if (r->list == KV_TRAIT_LLM && r->kind == KV_TRAIT_BOOLEAN)
        kv_buf_add_str(out, " (true or false)");
    if (r->list == KV_TRAIT_LLM && r->kind == KV_TRAIT_SCORE)
        kv_buf_printf(out, " (%lld to %lld)", (long long)r->min_score, (long long)r->max_score);
    struct kv_slice words = r->description.n ? r->description : r->summary;
    if (words.n) {
        kv_buf_add_str(out, ": ");
        kv_buf_add_slice(out, words);
    }
    if (literal(r))
        describe_classes(out, r->classes);
}

static void list_instructions(struct kv_buf *out, struct kv_slice array)
{
    struct kv_json_walk w;
    struct kv_slice item;
    kv_json_begin(&w, array);
    while (kv_json_item(&w, &item)) {
        kv_buf_add_str(out, out->n ? "\n- " : "- ");
        kv_json_unescape(item, out);
    }
}

static void begin_query(struct kv_rubric_eval *t, struct kv_query *query, const char *schema_name)
{
    kv_buf_clear(&t->system);
    kv_buf_clear(&t->user);
    kv_buf_clear(&t->schema);
    *query =
        (struct kv_query){.judge = true, .stage = "rubric_evaluation", .schema_name = schema_name};
}

static void end_query(struct kv_rubric_eval *t, struct kv_query *query)
{
    query->schema = kv_slice_of(&t->schema);
    query->messages[0] = (struct kv_message){KV_SPEAKER_SYSTEM, kv_slice_of(&t->system)};
    query->messages[1] = (struct kv_message){KV_SPEAKER_USER, kv_slice_of(&t->user)};
    query->count = 2;
}

static void write_texts(struct kv_rubric_eval *t, enum kv_prompt system, enum kv_prompt user,
    const struct kv_buf *traits, const struct kv_buf *tp, const struct kv_buf *tn)
{
    const struct kv_prompt_value values[] = {
        {"traits", kv_slice_of(traits)},
        {"question", t->subject->question->text},
        {"response", t->text},
        {"extra", t->desk->config->prompts.rubric_evaluation},
        {"tp", tp ? kv_slice_of(tp) : KV_SLICE("")},
        {"tn", tn ? kv_slice_of(tn) : KV_SLICE("")},
        {NULL, KV_SLICE("")},
    };
    kv_prompt_add(t->desk->prompts, system, values, &t->system);
    kv_prompt_add(t->desk->prompts, user, values, &t->user);
}

static void object_schema(struct kv_buf *out, const char *name, const char *of)
{
    kv_buf_printf(out,
        "{\"type\":\"object\",\"properties\":{\"%s\":%s},\"required\":[\"%s\"],"
        "\"additionalProperties\":false}",
        name, of, name);
}

/* An object with one member a trait, each of its own type: strict modes want them named. */
static void scores_schema(struct kv_rubric_eval *t)
{
    struct kv_buf names = {0}, properties = {0}, of = {0};
    for (size_t i = 0; i < t->subject->rubric.n; i++) {
        const struct kv_trait *r = &t->subject->rubric.traits[i];
        if (!scored(r))
            continue;
        add_json(&properties, r->name,
            r->kind == KV_TRAIT_BOOLEAN ? KV_SLICE("{\"type\":\"boolean\"}")
                                        : KV_SLICE("{\"type\":\"integer\"}"));
        if (names.n)
            kv_buf_add_char(&names, ',');
        kv_json_quote(&names, r->name, KV_JSON_RAW);
    }
    kv_buf_printf(&of,
        "{\"type\":\"object\",\"properties\":{%s},\"required\":[%s],\"additionalProperties\":"
        "false}",
        properties.p, names.p);
    object_schema(&t->schema, "scores", of.p);
    kv_buf_release(&names);
    kv_buf_release(&properties);
    kv_buf_release(&of);
}

static void ask_batch(struct kv_rubric_eval *t, struct kv_query *query,
    bool (*is)(const struct kv_trait *), const char *schema_name)
{
    struct kv_buf traits = {0};
    begin_query(t, query, schema_name);
    for (size_t i = 0; i < t->subject->rubric.n; i++)
        if (is(&t->subject->rubric.traits[i]))
            describe(&traits, &t->subject->rubric.traits[i]);
    if (is == scored) {
        scores_schema(t);
        write_texts(
            t, KV_PROMPT_RUBRIC_BATCH_SYSTEM, KV_PROMPT_RUBRIC_BATCH_USER, &traits, NULL, NULL);
    } else {
        object_schema(&t->schema, "classifications",
            "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
            "\"trait_name\":{\"type\":\"string\"},\"class_name\":{\"type\":\"string\"}},"
            "\"required\":[\"trait_name\",\"class_name\"],\"additionalProperties\":false}}");
        write_texts(t, KV_PROMPT_RUBRIC_LITERAL_BATCH_SYSTEM, KV_PROMPT_RUBRIC_BATCH_USER, &traits,
            NULL, NULL);
    }
    kv_buf_release(&traits);
    end_query(t, query);
}

static void ask_single(struct kv_rubric_eval *t, struct kv_query *query)
{
    const struct kv_trait *r = t->trait;
    struct kv_buf traits = {0}, tp = {0}, tn = {0};
    describe(&traits, r);
    if (metric(r)) {
        static const char list[] = "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}";
        begin_query(t, query, "ConfusionMatrixOutput");
        list_instructions(&tp, r->tp_instructions);
        list_instructions(&tn, r->tn_instructions);
        kv_buf_printf(&t->schema,
            "{\"type\":\"object\",\"properties\":{\"tp\":%s,\"fn\":%s,\"fp\":%s,\"tn\":%s},"
            "\"required\":[\"tp\",\"fn\",\"fp\",\"tn\"],\"additionalProperties\":false}",
            list, list, list, list);
        write_texts(
            t, KV_PROMPT_RUBRIC_METRIC_SYSTEM, KV_PROMPT_RUBRIC_METRIC_USER, &traits, &tp, &tn);
    } else if (shaped(r)) {
        begin_query(t, query, "TemplateTraitOutput");
        kv_buf_add_slice(&t->schema, r->schema);
        write_texts(
            t, KV_PROMPT_RUBRIC_SHAPED_SYSTEM, KV_PROMPT_RUBRIC_SINGLE_USER, &traits, NULL, NULL);
    } else if (r->kind == KV_TRAIT_LITERAL) {
        begin_query(t, query, "SingleLiteralClassification");
        object_schema(&t->schema, "classification", "{\"type\":\"string\"}");
        write_texts(
            t, KV_PROMPT_RUBRIC_LITERAL_SYSTEM, KV_PROMPT_RUBRIC_SINGLE_USER, &traits, NULL, NULL);
    } else if (r->kind == KV_TRAIT_SCORE) {
        begin_query(t, query, "SingleNumericScore");
        object_schema(&t->schema, "score", "{\"type\":\"integer\"}");
        write_texts(
            t, KV_PROMPT_RUBRIC_SCORE_SYSTEM, KV_PROMPT_RUBRIC_SINGLE_USER, &traits, NULL, NULL);
    } else {
        begin_query(t, query, "SingleBooleanScore");
        object_schema(&t->schema, "result", "{\"type\":\"boolean\"}");
        write_texts(
            t, KV_PROMPT_RUBRIC_BOOLEAN_SYSTEM, KV_PROMPT_RUBRIC_SINGLE_USER, &traits, NULL, NULL);
    }
    kv_buf_release(&traits);
    kv_buf_release(&tp);
    kv_buf_release(&tn);
    end_query(t, query);
}

/* The order of calls: template-kind traits, the scored ones, literals, metrics; within each as they
 * stand in the rubric. Step k is trait k % n of pass k / n. */
static bool (*const passes[])(const struct kv_trait *) = {shaped, scored, literal, metric};
enum { PASSES = sizeof passes / sizeof *passes };

bool kv_rubric_eval_query(struct kv_rubric_eval *t, struct kv_query *query)
{
    const struct kv_rubric *r = &t->subject->rubric;
    for (; !t->warning.n && r->n && t->step < PASSES * r->n; t->step++) {
        bool (*is)(const struct kv_trait *) = passes[t->step / r->n];
        bool batch = (is == scored || is == literal) && !sequential(t);
        if (batch && (t->step % r->n != 0 || !any(r, is)))
            continue;
        t->trait = batch ? NULL : &r->traits[t->step % r->n];
        if (!batch && !is(t->trait))
            continue;
        if (batch)
            ask_batch(
                t, query, is, is == scored ? "BatchRubricScores" : "BatchLiteralClassifications");
        else
            ask_single(t, query);
        return true;
    }
    return false;
}

/* ---- what came back ---- */

static int score_one(
    struct kv_rubric_eval *t, const struct kv_trait *r, struct kv_slice reply, struct kv_err *err)
{
    bool truth;
    int64_t number;
    if (r->kind == KV_TRAIT_BOOLEAN) {
        if (kv_trait_score_boolean(t->desk->scorer, reply, &truth, err) != 0)
            return -1;
        add_bool(&t->llm, r->name, truth);
    } else {
        if (kv_trait_score_number(
                t->desk->scorer, reply, r->min_score, r->max_score, &number, err) != 0)
            return -1;
        add_int(&t->llm, r->name, number);
    }
    return 0;
}

static int label_one(
    struct kv_rubric_eval *t, const struct kv_trait *r, struct kv_slice reply, struct kv_err *err)
{
    struct kv_buf label = {0};
    int64_t index;
    int failed = kv_trait_score_literal(t->desk->scorer, r->classes, reply, &index, &label, err);
    if (!failed) {
        add_int(&t->llm, r->name, index);
        add_json(&t->labels, r->name, kv_slice_of(&label));
    }
    kv_buf_release(&label);
    return failed;
}

/* A score with a fraction was not asked for, and spoils the reply it stands in. */
static int check_whole(struct kv_slice scores, struct kv_err *err)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    double x;
    kv_json_begin(&w, scores);
    while (kv_json_member(&w, &key, &value))
        if (kv_num_double(value, &x) && x != floor(x))
            return kv_err_set(err, KV_INPUT, "%.*s: expected a whole number, not %.*s", (int)key.n,
                key.p, (int)value.n, value.p);
    return 0;
}

static int take_scores(struct kv_rubric_eval *t, struct kv_slice object, struct kv_err *err)
{
    struct kv_slice scores, reply;
    if (!kv_json_get(object, "scores", &scores) || kv_json_type(scores) != KV_JSON_OBJECT)
        return kv_err_set(err, KV_INPUT, "the reply has no object \"scores\"");
    if (check_whole(scores, err) != 0)
        return -1;
    for (size_t i = 0; i < t->subject->rubric.n; i++) {
        const struct kv_trait *r = &t->subject->rubric.traits[i];
        if (!scored(r) || !kv_json_get(scores, r->name.p, &reply))
            continue;
        if (score_one(t, r, reply, err) != 0)
            return kv_err_context(err, "%s", r->name.p);
    }
    return 0;
}

static bool find_class(struct kv_slice list, struct kv_slice trait, struct kv_slice *reply)
{
    struct kv_json_walk w;
    struct kv_slice item, name;
    bool found = false;
    kv_json_begin(&w, list);
    while (kv_json_item(&w, &item)) {
        if (kv_json_get(item, "trait_name", &name) && kv_json_string_is(name, trait.p))
            found = kv_json_get(item, "class_name", reply);
    }
    return found;
}

static int take_classes(struct kv_rubric_eval *t, struct kv_slice object, struct kv_err *err)
{
    struct kv_slice list, reply;
    if (!kv_json_get(object, "classifications", &list) || kv_json_type(list) != KV_JSON_ARRAY)
        return kv_err_set(err, KV_INPUT, "the reply has no array \"classifications\"");
    for (size_t i = 0; i < t->subject->rubric.n; i++) {
        const struct kv_trait *r = &t->subject->rubric.traits[i];
        if (!literal(r))
            continue;
        reply = (struct kv_slice){"", 0};
        find_class(list, r->name, &reply);
        if (label_one(t, r, reply, err) != 0)
            return kv_err_context(err, "%s", r->name.p);
    }
    return 0;
}

/* A trait of template kind: one entry a member, "trait.member". */
static int take_shaped(struct kv_rubric_eval *t, struct kv_slice object)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    struct kv_buf name = {0};
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value)) {
        kv_buf_clear(&name);
        kv_buf_add_slice(&name, t->trait->name);
        kv_buf_add_char(&name, '.');
        kv_json_unescape(key, &name);
        add_json(&t->llm, kv_slice_of(&name), value);
    }
    kv_buf_release(&name);
    return 0;
}

static int take_metric(struct kv_rubric_eval *t, struct kv_slice object, struct kv_err *err)
{
    const struct kv_trait *r = t->trait;
    struct kv_buf lists = {0}, values = {0};
    int failed = kv_trait_score_metric(
        t->desk->scorer, object, r->metrics, r->repeated_extraction, &lists, &values, err);
    if (!failed) {
        add_json(&t->lists, r->name, kv_slice_of(&lists));
        add_json(&t->metric, r->name, kv_slice_of(&values));
    }
    kv_buf_release(&lists);
    kv_buf_release(&values);
    return failed;
}

static int take_object(struct kv_rubric_eval *t, struct kv_slice object, struct kv_err *err)
{
    bool (*is)(const struct kv_trait *) = passes[t->step / t->subject->rubric.n];
    struct kv_slice reply;
    if (!t->trait)
        return is == scored ? take_scores(t, object, err) : take_classes(t, object, err);
    if (is == metric)
        return take_metric(t, object, err);
    if (is == shaped)
        return take_shaped(t, object);
    const char *key = is == literal                        ? "classification"
                      : t->trait->kind == KV_TRAIT_BOOLEAN ? "result"
                                                           : "score";
    if (!kv_json_get(object, key, &reply))
        return kv_err_set(err, KV_INPUT, "the reply has no member \"%s\"", key);
    return is == scored ? score_one(t, t->trait, reply, err) : label_one(t, t->trait, reply, err);
}

/* A single literal call that failed still leaves its mark; so does a metric one. */
static void note_failure(struct kv_rubric_eval *t, struct kv_slice error)
{
    bool (*is)(const struct kv_trait *) = passes[t->step / t->subject->rubric.n];
    if (!t->trait) {
        kv_buf_printf(&t->warning,
            "Rubric evaluation failed: Failed to evaluate %s traits using batch strategy: ",
            is == literal ? "literal" : "rubric");
        kv_buf_add_slice(&t->warning, error);
    } else if (is == literal) {
        struct kv_buf label = {0}, quoted = {0};
        kv_buf_add_str(&label, "[EVALUATION_ERROR: ");
        kv_buf_add_slice(&label, error);
        kv_buf_add_char(&label, ']');
        kv_json_quote(&quoted, kv_slice_of(&label), KV_JSON_RAW);
        add_int(&t->llm, t->trait->name, -1);
        add_json(&t->labels, t->trait->name, kv_slice_of(&quoted));
        kv_buf_release(&label);
        kv_buf_release(&quoted);
    } else if (is == metric) {
        add_json(&t->lists, t->trait->name, KV_SLICE("{\"tp\":[],\"tn\":[],\"fp\":[],\"fn\":[]}"));
        add_json(&t->metric, t->trait->name, KV_SLICE("{}"));
    }
}

void kv_rubric_eval_take(struct kv_rubric_eval *t, const struct kv_answer *response)
{
    struct kv_err err;
    struct kv_buf object = {0};
    if (response->kind != KV_ANSWER_TEXT)
        note_failure(t, response->error);
    else if (kv_extract_reply(response->text, &object, &err) != 0 ||
             take_object(t, kv_slice_of(&object), &err) != 0)
        note_failure(t, kv_slice(err.text));
    kv_buf_release(&object);
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
    const char *name = strategy[t->desk->config->rubric_strategy];
    if (t->warning.n)
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
    struct kv_buf *all[] = {&t->warning, &t->llm, &t->labels, &t->regex, &t->metric, &t->lists,
        &t->provenance, &t->system, &t->user, &t->schema};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        kv_buf_release(all[i]);
}
