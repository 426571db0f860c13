/* kvtest judge - what kv makes of an answer: one question a line in, one answer out.
 *
 * {"source":TEMPLATE,"judge_output":…,"raw_llm_response":…}   a template and what a judge said
 * {"primitive":…,"extracted":…,"expected":…}                  one primitive; null is a value here
 * {"primitive":…,"trace":…,"expected":…}                      one on a trace
 * {"regex":…,"case_sensitive":…,"invert":…,"text":…} {"boolean":…} {"score":…,"min":…,"max":…}
 * {"literal":…,"classes":…} {"metric":…,"metrics":…,"distinct":…}   rubric values
 * {"checked":"abstention","reply":…}                          the reply of a check, as text
 *
 * --jq has every verdict decided by jq; --count says on stderr how many were decided in C and by jq.
 */
#include "kvtest.h"

#include "cli.h"
#include "filter.h"
#include "json.h"
#include "judge_prompts.h"
#include "trait_score.h"
#include "verdict.h"

#include <stdlib.h>

static struct kv_verifier *verifier;
static struct kv_scorer *scorer;

static struct kv_slice member(struct kv_slice question, const char *key)
{
    struct kv_slice v;
    kv_json_get(question, key, &v);
    return v;
}

static void add(struct kv_buf *out, const char *key, struct kv_slice json)
{
    kv_buf_printf(out, "%s\"%s\":", out->p[out->n - 1] == '{' ? "" : ",", key);
    kv_buf_add_slice(out, json.n ? json : KV_SLICE("null"));
}

static void add_text(struct kv_buf *out, const char *key, const char *text)
{
    struct kv_buf quoted = {0};
    kv_json_quote_str(&quoted, text);
    add(out, key, kv_slice_of(&quoted));
    kv_buf_release(&quoted);
}

static void add_verdict(const struct kv_template *t, const struct kv_parsed *parsed,
    struct kv_slice trace, struct kv_buf *out)
{
    struct kv_verdict verdict = {0};
    struct kv_err err;
    struct kv_buf composition = {0};
    if (kv_verdict_run(verifier, t, parsed, trace, &verdict, &err) != 0)
        kv_cli_fail(&err);
    kv_template_add_composition(&composition, t);
    add(out, "verify_result", verdict.passed ? KV_SLICE("true") : KV_SLICE("false"));
    add(out, "verify_granular_result", kv_slice_of(&verdict.granular));
    add(out, "field_results", kv_slice_of(&verdict.field_results));
    add(out, "field_scores", kv_slice_of(&verdict.field_scores));
    add(out, "field_verification_error", kv_slice_of(&verdict.error));
    add(out, "composition_strategy", kv_slice_of(&composition));
    kv_buf_release(&composition);
    kv_verdict_release(&verdict);
}

static struct kv_slice text_of(struct kv_slice string, struct kv_buf *to)
{
    kv_buf_reserve(to, 1);
    if (string.n && kv_json_type(string) == KV_JSON_STRING)
        kv_json_unescape(string, to);
    else
        kv_buf_add_slice(to, string);
    return kv_slice_of(to);
}

static void ask_run(struct kv_slice question, struct kv_buf *out)
{
    struct kv_buf source = {0}, trace = {0}, reply = {0};
    struct kv_template *t = NULL;
    struct kv_parsed parsed = {0};
    struct kv_err err;
    struct kv_slice raw = text_of(member(question, "raw_llm_response"), &trace);
    if (kv_template_open(text_of(member(question, "source"), &source), &t, &err) !=
        KV_TEMPLATE_OK) {
        add_text(out, "error", err.text);
    } else {
        int rc = 0;
        if (t->needs_judge)
            rc = kv_verdict_parse(
                t, text_of(member(question, "judge_output"), &reply), &parsed, &err);
        else
            kv_verdict_unasked(t, &parsed);
        if (rc != 0)
            add_text(out, "parse_error", err.text);
        add(out, "parsed", rc == 0 ? kv_slice_of(&parsed.json) : KV_SLICE("null"));
        add(out, "parsed_gt", t->ground_truth);
        if (rc == 0)
            add_verdict(t, &parsed, raw, out);
    }
    kv_template_close(t);
    kv_parsed_release(&parsed);
    kv_buf_release(&source);
    kv_buf_release(&trace);
    kv_buf_release(&reply);
}

static void ask_primitive(struct kv_slice question, struct kv_buf *out)
{
    struct kv_buf spec = {0}, trace = {0};
    struct kv_template *t = NULL;
    struct kv_err err;
    struct kv_slice value = member(question, "extracted");
    kv_buf_printf(&spec, "{\"fields\":[{\"name\":\"x\",\"type\":\"%s\",\"description\":\"x\",",
        value.n ? "str" : "bool");
    kv_buf_add_str(&spec, "\"ground_truth\":");
    kv_buf_add_slice(&spec, member(question, "expected"));
    kv_buf_add_str(&spec, ",\"verify_with\":");
    kv_buf_add_slice(&spec, member(question, "primitive"));
    kv_buf_add_str(&spec, "}]}");
    if (kv_template_open(kv_slice_of(&spec), &t, &err) == KV_TEMPLATE_OK) {
        struct kv_parsed parsed = {.values = &value, .n = 1};
        add_verdict(t, &parsed, text_of(member(question, "trace"), &trace), out);
    } else {
        add_text(out, "error", err.text);
    }
    kv_template_close(t);
    kv_buf_release(&spec);
    kv_buf_release(&trace);
}

static void ask_rubric(struct kv_slice question, struct kv_buf *out)
{
    struct kv_buf a = {0}, b = {0};
    struct kv_slice v;
    struct kv_err err;
    bool yes = false;
    int64_t score = 0;
    int rc = -1;
    if (kv_json_get(question, "regex", &v)) {
        rc = kv_trait_score_regex(scorer, text_of(v, &a),
            kv_json_is_true(member(question, "case_sensitive")),
            kv_json_is_true(member(question, "invert")), text_of(member(question, "text"), &b),
            &yes, &err);
        add(out, "value", yes ? KV_SLICE("true") : KV_SLICE("false"));
    } else if (kv_json_get(question, "boolean", &v)) {
        rc = kv_trait_score_boolean(scorer, v, &yes, &err);
        add(out, "value", yes ? KV_SLICE("true") : KV_SLICE("false"));
    } else if (kv_json_get(question, "score", &v)) {
        rc = kv_trait_score_number(scorer, v, strtol(member(question, "min").p, NULL, 10),
            strtol(member(question, "max").p, NULL, 10), &score, &err);
        kv_buf_printf(out, "\"value\":%lld", (long long)score);
    } else if (kv_json_get(question, "classes", &v)) {
        rc = kv_trait_score_literal(scorer, v, member(question, "literal"), &score, &a, &err);
        kv_buf_printf(out, "\"value\":%lld", (long long)score);
        add(out, "label", kv_slice_of(&a));
    } else if (kv_json_get(question, "metric", &v)) {
        rc = kv_trait_score_metric(scorer, v, member(question, "metrics"),
            kv_json_is_true(member(question, "distinct")), &a, &b, &err);
        add(out, "lists", rc == 0 ? kv_slice_of(&a) : KV_SLICE("null"));
        add(out, "metrics", rc == 0 ? kv_slice_of(&b) : KV_SLICE("null"));
    }
    if (rc != 0)
        add_text(out, "error", err.text);
    kv_buf_release(&a);
    kv_buf_release(&b);
}

static void ask_check(struct kv_slice question, struct kv_buf *out)
{
    struct kv_buf reply = {0}, reasoning = {0};
    struct kv_err err;
    bool flag;
    enum kv_check check = kv_json_string_is(member(question, "checked"), "abstention")
                              ? KV_CHECK_ABSTENTION
                              : KV_CHECK_SUFFICIENCY;
    int rc = kv_judge_prompts_read_check(
        check, text_of(member(question, "reply"), &reply), &flag, &reasoning, &err);
    add(out, "value", flag ? KV_SLICE("true") : KV_SLICE("false"));
    if (rc == 0)
        add_text(out, "reasoning", reasoning.p);
    else
        add_text(out, "error", err.text);
    kv_buf_release(&reply);
    kv_buf_release(&reasoning);
}

static void ask(struct kv_slice question, struct kv_buf *out)
{
    kv_buf_add_char(out, '{');
    if (member(question, "source").n)
        ask_run(question, out);
    else if (member(question, "checked").n)
        ask_check(question, out);
    else if (member(question, "primitive").n)
        ask_primitive(question, out);
    else
        ask_rubric(question, out);
    kv_buf_add_char(out, '}');
}

int kvtest_judge(int argc, char **argv)
{
    struct kv_cli cli;
    const char *share = NULL;
    bool jq = false, count = false;
    const struct kv_option options[] = {{0, "share", KV_OPT_TEXT, &share},
        {0, "jq", KV_OPT_FLAG, &jq}, {0, "count", KV_OPT_FLAG, &count}, {0}};
    kv_cli_begin(&cli, argc, argv, options,
        "usage: kvtest judge [--jq] [--count] --share DIR < QUESTIONS\n");
    struct kv_err err;
    verifier = kv_verdict_open(share ? share : "share", &err);
    scorer = verifier ? kv_trait_score_open(share ? share : "share", &err) : NULL;
    if (!scorer)
        kv_cli_fail(&err);
    if (jq)
        kv_verdict_ask_jq(verifier);
    filter(KV_JSON_NONFINITE, ask);
    size_t decided, asked;
    kv_verdict_count(verifier, &decided, &asked);
    if (count)
        fprintf(stderr, "%zu decided in C, %zu by jq\n", decided, asked);
    kv_trait_score_close(scorer);
    kv_verdict_close(verifier);
    return kv_cli_end(KV_OK);
}
