/* verdict - judges a parsed answer. */
#include "verdict.h"

#include "field_facts.h"
#include "jq_rules.h"
#include "json.h"
#include "json_out.h"
#include "num.h"
#include "parsed_answer.h"
#include "plain_rules.h"
#include "reply_object.h"

#include <stdlib.h>

struct kv_verifier {
    struct kv_jq_rules *rules;
    bool plain; /* the rules are those of plain_rules.h */
    struct kv_facts *facts;
    struct kv_field_facts field;
    struct kv_plain_check *checks;
    size_t room, decided, asked;
    size_t failed; /* the field whose facts could not be gathered, and why; t->n: none */
    struct kv_err why;
};

/* ---- the rules ---- */

struct kv_verifier *kv_verdict_open(const char *share, struct kv_err *err)
{
    static const char *const files[] = {"primitives.jq", "strategy.jq", "verdict.jq", NULL};
    struct kv_jq_rules *rules = kv_jq_rules_read(share, files, err);
    bool plain = rules && kv_plain_rules_are(kv_jq_rules_text(rules));
    if (!rules || (!plain && kv_jq_rules_compile(rules, err) != 0)) {
        kv_jq_rules_close(rules);
        return NULL;
    }
    struct kv_verifier *v = kv_calloc(1, sizeof *v);
    v->rules = rules;
    v->plain = plain;
    v->facts = kv_field_facts_open();
    return v;
}

void kv_verdict_ask_jq(struct kv_verifier *v)
{
    v->plain = false;
}

void kv_verdict_count(const struct kv_verifier *v, size_t *decided, size_t *asked)
{
    *decided = v->decided;
    *asked = v->asked;
}

void kv_verdict_close(struct kv_verifier *v)
{
    if (!v)
        return;
    kv_jq_rules_close(v->rules);
    kv_field_facts_close(v->facts);
    kv_field_facts_release(&v->field);
    free(v->checks);
    free(v);
}

/* ---- what the judge said ---- */

int kv_verdict_parse(const struct kv_template *t, struct kv_slice reply, struct kv_parsed *parsed,
    struct kv_err *err)
{
    struct kv_buf object = {0};
    struct kv_slice *names = kv_array(NULL, t->n + 1, sizeof *names);
    struct kv_wanted wanted = {.names = names, .title = t->class_name};
    for (size_t i = 0; i < t->n; i++)
        if (!t->fields[i].is_trace)
            names[wanted.n++] = t->fields[i].name;
    int rc = kv_reply_object(reply, &wanted, &object, err);
    free(names);
    if (rc == 0)
        rc = kv_parsed_answer_object(t, kv_slice_of(&object), parsed, err);
    kv_buf_release(&object);
    return rc;
}

int kv_verdict_coerce(const struct kv_template *t, struct kv_slice object, struct kv_parsed *parsed,
    struct kv_err *err)
{
    return kv_parsed_answer_object(t, object, parsed, err);
}

int kv_verdict_recall(const struct kv_template *t, struct kv_slice object, struct kv_parsed *parsed,
    struct kv_err *err)
{
    return kv_parsed_answer_recorded(t, object, parsed, err);
}

void kv_verdict_unasked(const struct kv_template *t, struct kv_parsed *parsed)
{
    kv_parsed_answer_unasked(t, parsed);
}

/* ---- the verdict ---- */

void kv_verdict_release(struct kv_verdict *v)
{
    kv_buf_release(&v->granular);
    kv_buf_release(&v->field_results);
    kv_buf_release(&v->field_scores);
    kv_buf_release(&v->error);
}

/* A number as the rules wrote it, as a float. */
static void add_float(struct kv_buf *out, struct kv_slice number)
{
    double x;
    if (kv_num_double(number, &x))
        kv_num_add_double(out, x, KV_NUM_COMPACT);
    else
        kv_buf_add_str(out, "null");
}

/* {name: value} from the array of values of the verified fields. */
static void add_map(
    struct kv_buf *out, const struct kv_template *t, struct kv_slice values, bool floats)
{
    struct kv_json_walk w;
    struct kv_slice value = KV_SLICE("null");
    kv_buf_clear(out);
    kv_json_begin(&w, values);
    for (size_t i = 0; i < t->n; i++) {
        if (t->fields[i].plain || !kv_json_item(&w, &value))
            continue;
        kv_buf_add_char(out, out->n ? ',' : '{');
        kv_json_quote(out, t->fields[i].name, KV_JSON_RAW);
        kv_buf_add_char(out, ':');
        if (floats)
            add_float(out, value);
        else
            kv_buf_add_slice(out, value);
    }
    kv_buf_add_str(out, out->n ? "}" : "{}");
}

static void set(struct kv_buf *out, const char *text)
{
    kv_buf_clear(out);
    kv_buf_add_str(out, text);
}

static void read_error(struct kv_slice error, struct kv_verdict *out)
{
    struct kv_buf text = {0};
    kv_buf_add_str(&text, "Field verification failed: ");
    if (kv_json_type(error) == KV_JSON_STRING)
        kv_json_unescape(error, &text);
    else
        kv_buf_add_slice(&text, error);
    kv_buf_clear(&out->error);
    kv_json_quote(&out->error, kv_slice_of(&text), KV_JSON_RAW);
    kv_buf_release(&text);
}

static void read_verdict(
    const struct kv_template *t, struct kv_slice answer, struct kv_verdict *out)
{
    struct kv_slice v;
    set(&out->field_results, "null");
    set(&out->field_scores, "null");
    set(&out->granular, "null");
    set(&out->error, "null");
    out->raised = kv_json_get(answer, "error", &v);
    if (out->raised)
        read_error(v, out);
    out->passed = kv_json_get(answer, "passed", &v) && kv_json_is_true(v);
    if (kv_json_get(answer, "results", &v))
        add_map(&out->field_results, t, v, false);
    if (kv_json_get(answer, "scores", &v))
        add_map(&out->field_scores, t, v, true);
    if (kv_json_get(answer, "granular", &v)) {
        kv_buf_clear(&out->granular);
        add_float(&out->granular, v);
    }
}

static void add_facts(struct kv_verifier *v, const struct kv_template *t,
    const struct kv_parsed *parsed, struct kv_slice trace)
{
    struct kv_buf *facts = kv_jq_rules_begin(v->rules);
    kv_json_out_object(facts, NULL);
    kv_json_out_list(facts, "fields");
    for (size_t i = 0; i < t->n; i++) {
        const struct kv_answer_field *f = &t->fields[i];
        if (f->plain)
            continue;
        int rc = i == v->failed ? -1
                                : kv_field_facts_gather(
                                      v->facts, f, parsed->values[i], trace, &v->field, &v->why);
        kv_field_facts_write(facts, f, &v->field, rc == 0 ? NULL : v->why.text);
    }
    kv_buf_add_char(facts, ']');
    kv_json_out_json(facts, "strategy", t->strategy);
    kv_buf_add_char(facts, '}');
}

/* ---- without jq ---- */

/* {name: value} of what the checks say. */
static void add_checks(struct kv_buf *out, const struct kv_template *t,
    const struct kv_plain_check *checks, bool floats)
{
    kv_buf_clear(out);
    for (size_t i = 0; i < t->n; i++) {
        if (t->fields[i].plain)
            continue;
        kv_buf_add_char(out, out->n ? ',' : '{');
        kv_json_quote(out, t->fields[i].name, KV_JSON_RAW);
        kv_buf_add_char(out, ':');
        if (!checks->made)
            kv_buf_add_str(out, "null");
        else if (floats)
            kv_num_add_double(out, checks->credit, KV_NUM_COMPACT);
        else
            kv_buf_add_str(out, checks->passed ? "true" : "false");
        checks++;
    }
    kv_buf_add_str(out, out->n ? "}" : "{}");
}

static bool check_fields(struct kv_verifier *v, const struct kv_template *t,
    const struct kv_parsed *parsed, struct kv_slice trace)
{
    struct kv_plain_check *check = v->checks;
    for (size_t i = 0; i < t->n; i++) {
        const struct kv_answer_field *f = &t->fields[i];
        if (f->plain)
            continue;
        if (kv_field_facts_gather(v->facts, f, parsed->values[i], trace, &v->field, &v->why) != 0) {
            v->failed = i;
            return false;
        }
        if (!kv_plain_rules_field(f, &v->field, check++))
            return false;
    }
    return true;
}

/* False if it takes jq to tell. */
static bool decide(struct kv_verifier *v, const struct kv_template *t,
    const struct kv_parsed *parsed, struct kv_slice trace, struct kv_verdict *out)
{
    double granular;
    if (t->verified > v->room) {
        v->room = t->verified;
        v->checks = kv_array(v->checks, v->room, sizeof *v->checks);
    }
    if (!check_fields(v, t, parsed, trace) ||
        !kv_plain_rules_whole(t, v->checks, &out->passed, &granular))
        return false;
    out->raised = false;
    set(&out->error, "null");
    add_checks(&out->field_results, t, v->checks, false);
    add_checks(&out->field_scores, t, v->checks, true);
    kv_buf_clear(&out->granular);
    kv_num_add_double(&out->granular, granular, KV_NUM_COMPACT);
    return true;
}

/* The verdict of a template that verifies nothing. */
static void say_false(struct kv_verdict *out)
{
    struct kv_buf *const all[] = {
        &out->granular, &out->field_results, &out->field_scores, &out->error};
    out->passed = out->raised = false;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        set(all[i], "null");
}

int kv_verdict_run(struct kv_verifier *v, const struct kv_template *t,
    const struct kv_parsed *parsed, struct kv_slice trace, struct kv_verdict *out,
    struct kv_err *err)
{
    struct kv_slice answer;
    if (t->always_false) {
        say_false(out);
        return 0;
    }
    v->failed = t->n;
    if (v->plain && decide(v, t, parsed, trace, out)) {
        v->decided++;
        return 0;
    }
    v->asked++;
    add_facts(v, t, parsed, trace);
    if (kv_jq_rules_ask(v->rules, &answer, err) != 0)
        return kv_err_context(err, "share/verify");
    read_verdict(t, answer, out);
    return 0;
}
