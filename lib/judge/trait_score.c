/* trait_score - what a rubric trait's value is. */
#include "trait_score.h"

#include "builtins.h"
#include "field_value.h"
#include "jq_rules.h"
#include "jq_sandbox.h"
#include "json.h"
#include "json_out.h"
#include "num.h"
#include "pystr.h"
#include "re.h"

#include <math.h>
#include <stdlib.h>

struct kv_scorer {
    struct kv_jq_rules *rules;
    struct kv_jq_sandbox *sandbox; /* for patterns */
    struct kv_buf *facts;          /* an object, open */
};

struct kv_scorer *kv_trait_score_open(const char *share, struct kv_err *err)
{
    static const char *const files[] = {"rubric.jq", NULL};
    struct kv_jq_rules *rules = kv_jq_rules_open(share, files, err);
    if (!rules)
        return NULL;
    struct kv_scorer *s = kv_calloc(1, sizeof *s);
    s->rules = rules;
    s->sandbox = kv_jq_sandbox_open(NULL);
    return s;
}

void kv_trait_score_close(struct kv_scorer *s)
{
    if (!s)
        return;
    kv_jq_rules_close(s->rules);
    kv_jq_sandbox_close(s->sandbox);
    free(s);
}

/* ---- the facts ---- */

static struct kv_buf *begin(struct kv_scorer *s, const char *rule)
{
    s->facts = kv_jq_rules_begin(s->rules);
    kv_json_out_object(s->facts, NULL);
    kv_json_out_str(s->facts, "rule", rule);
    return s->facts;
}

static void fold(struct kv_buf *text)
{
    struct kv_err impossible;
    kv_builtins_normalize(KV_SLICE("[\"lowercase\"]"), text, &impossible);
}

/* "text": …,"folded": …; *text itself is folded then. */
static void add_text(struct kv_buf *facts, struct kv_buf *text)
{
    kv_json_out_text(facts, "text", kv_slice_of(text));
    fold(text);
    kv_json_out_text(facts, "folded", kv_slice_of(text));
}

static void add_reply(struct kv_buf *facts, struct kv_slice reply)
{
    struct kv_buf text = {0};
    double x;
    bool truth;
    if (!reply.n) {
        kv_json_out_null(facts, "reply");
        return;
    }
    kv_builtins_text(&text, reply);
    kv_json_out_object(facts, "reply");
    kv_json_out_str(facts, "type", kv_json_type_name(reply));
    kv_json_out_key(facts, "number");
    if (kv_field_value_whole(reply, &x))
        kv_jq_rules_add_number(facts, x);
    else
        kv_buf_add_str(facts, "null");
    if (kv_field_value_truth(reply, &truth))
        kv_json_out_flag(facts, "truth", truth);
    else
        kv_json_out_null(facts, "truth");
    add_text(facts, &text);
    kv_buf_add_char(facts, '}');
    kv_buf_release(&text);
}

/* ---- what the rules answer ---- */

static int ask(struct kv_scorer *s, struct kv_slice *answer, struct kv_err *err)
{
    kv_buf_add_char(s->facts, '}');
    return kv_jq_rules_ask(s->rules, answer, err);
}

static int misfit(const char *rule, struct kv_slice answer, struct kv_err *err)
{
    return kv_err_set(err, KV_INPUT, "share/verify/rubric.jq: %s: not expected: %.*s", rule,
        (int)(answer.n < 80 ? answer.n : 80), answer.p);
}

static bool read_whole(struct kv_slice answer, int64_t *value)
{
    double x;
    if (!kv_num_double(answer, &x) || x != floor(x))
        return false;
    *value = kv_num_whole(x);
    return true;
}

static int ask_bool(struct kv_scorer *s, const char *rule, bool *value, struct kv_err *err)
{
    struct kv_slice answer;
    if (ask(s, &answer, err) != 0)
        return -1;
    enum kv_json_type type = kv_json_type(answer);
    *value = type == KV_JSON_TRUE;
    return type == KV_JSON_TRUE || type == KV_JSON_FALSE ? 0 : misfit(rule, answer, err);
}

/* ---- regex, boolean, score ---- */

int kv_trait_score_regex(struct kv_scorer *s, struct kv_slice pattern, bool case_sensitive,
    bool invert, struct kv_slice text, bool *value, struct kv_err *err)
{
    long n;
    unsigned flags = case_sensitive ? 0 : KV_RE_IGNORECASE;
    if (kv_jq_sandbox_count(s->sandbox, pattern, flags, text, 1, &n, err) != 0)
        return -1;
    struct kv_buf *facts = begin(s, "regex");
    kv_json_out_flag(facts, "found", n != 0);
    kv_json_out_flag(facts, "invert", invert);
    return ask_bool(s, "regex", value, err);
}

int kv_trait_score_boolean(
    struct kv_scorer *s, struct kv_slice reply, bool *value, struct kv_err *err)
{
    add_reply(begin(s, "boolean"), reply);
    return ask_bool(s, "boolean", value, err);
}

int kv_trait_score_number(struct kv_scorer *s, struct kv_slice reply, int64_t min, int64_t max,
    int64_t *value, struct kv_err *err)
{
    struct kv_slice answer;
    struct kv_buf *facts = begin(s, "score");
    add_reply(facts, reply);
    kv_json_out_int(facts, "min", min);
    kv_json_out_int(facts, "max", max);
    if (ask(s, &answer, err) != 0)
        return -1;
    return read_whole(answer, value) ? 0 : misfit("score", answer, err);
}

/* ---- literal ---- */

static void add_classes(struct kv_buf *facts, struct kv_slice classes)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    struct kv_buf text = {0};
    kv_json_out_list(facts, "classes");
    kv_json_begin(&w, classes);
    while (kv_json_member(&w, &key, &value)) {
        kv_buf_clear(&text);
        kv_json_unescape(key, &text);
        kv_json_out_object(facts, NULL);
        add_text(facts, &text);
        kv_buf_add_char(facts, '}');
    }
    kv_buf_add_char(facts, ']');
    kv_buf_release(&text);
}

/* The key of a class; n == 0 if there is none at this index. */
static struct kv_slice class_at(struct kv_slice classes, int64_t index)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    kv_json_begin(&w, classes);
    for (int64_t i = 0; kv_json_member(&w, &key, &value); i++)
        if (i == index)
            return key;
    return (struct kv_slice){"", 0};
}

static void add_said(struct kv_buf *label, struct kv_slice reply)
{
    struct kv_buf text = {0};
    kv_builtins_text(&text, reply);
    kv_json_quote(label, kv_slice_of(&text), KV_JSON_RAW);
    kv_buf_release(&text);
}

int kv_trait_score_literal(struct kv_scorer *s, struct kv_slice classes, struct kv_slice reply,
    int64_t *index, struct kv_buf *label, struct kv_err *err)
{
    struct kv_slice answer, v;
    struct kv_buf *facts = begin(s, "literal");
    add_classes(facts, classes);
    add_reply(facts, reply);
    if (ask(s, &answer, err) != 0)
        return -1;
    kv_json_get(answer, "class", &v);
    struct kv_slice found = {"", 0};
    bool valid = v.n && read_whole(v, index);
    if (valid && *index != -1)
        valid = (found = class_at(classes, *index)).n > 0;
    if (!valid)
        return misfit("literal", answer, err);
    if (kv_json_get(answer, "label", &v) && kv_json_type(v) == KV_JSON_STRING)
        found = v;
    if (found.n)
        kv_buf_add_slice(label, found);
    else
        add_said(label, reply);
    return 0;
}

/* ---- metric ---- */

static const char *const outcomes[] = {"tp", "fn", "fp", "tn"};
enum { OUTCOMES = sizeof outcomes / sizeof *outcomes };

/* The entries in lower case, without white space around them. -1 if it is no list of strings. */
static int add_entries(struct kv_buf *facts, struct kv_slice list)
{
    struct kv_json_walk w;
    struct kv_slice item;
    struct kv_buf text = {0};
    int rc = list.n && kv_json_type(list) != KV_JSON_ARRAY ? -1 : 0;
    kv_buf_add_char(facts, '[');
    kv_json_begin(&w, list);
    for (bool first = true; rc == 0 && kv_json_item(&w, &item); first = false) {
        kv_buf_clear(&text);
        if (kv_json_type(item) != KV_JSON_STRING)
            rc = -1;
        else
            kv_json_unescape(item, &text);
        fold(&text);
        kv_buf_add_str(facts, first ? "" : ",");
        kv_json_quote(facts, kv_pystr_strip(kv_slice_of(&text)), KV_JSON_RAW);
    }
    kv_buf_add_char(facts, ']');
    kv_buf_release(&text);
    return rc;
}

/* Appends the entries of `list` at the positions `kept`; -1 unless those are some, in order. */
static int add_kept(struct kv_buf *out, struct kv_slice list, struct kv_slice kept)
{
    struct kv_json_walk items, positions;
    struct kv_slice item, position;
    int64_t i = -1, at;
    kv_buf_add_char(out, '[');
    kv_json_begin(&items, list);
    kv_json_begin(&positions, kept);
    for (bool first = true; kv_json_item(&positions, &position); first = false) {
        if (!read_whole(position, &at) || at <= i)
            return -1;
        for (; i < at; i++)
            if (!kv_json_item(&items, &item))
                return -1;
        kv_buf_add_str(out, first ? "" : ",");
        kv_buf_add_slice(out, item);
    }
    kv_buf_add_char(out, ']');
    return 0;
}

/* {"name":1.0,…}; a name of no metric has the value null, and is left out. */
static void add_values(struct kv_buf *out, struct kv_slice names, struct kv_slice values)
{
    struct kv_json_walk w, v;
    struct kv_slice name, value;
    double x;
    kv_buf_add_char(out, '{');
    kv_json_begin(&w, names);
    kv_json_begin(&v, values);
    while (kv_json_item(&w, &name) && kv_json_item(&v, &value)) {
        if (!kv_num_double(value, &x))
            continue;
        kv_buf_add_str(out, out->p[out->n - 1] == '{' ? "" : ",");
        kv_buf_add_slice(out, name);
        kv_buf_add_char(out, ':');
        kv_num_add_double(out, x, KV_NUM_COMPACT);
    }
    kv_buf_add_char(out, '}');
}

static int add_lists(struct kv_buf *facts, struct kv_slice reply, struct kv_err *err)
{
    struct kv_slice list;
    if (kv_json_type(reply) != KV_JSON_OBJECT)
        return kv_err_set(err, KV_INPUT, "must be an object");
    kv_json_out_object(facts, "lists");
    for (size_t i = 0; i < OUTCOMES; i++) {
        kv_json_out_key(facts, outcomes[i]);
        kv_json_get(reply, outcomes[i], &list);
        if (add_entries(facts, list) != 0)
            return kv_err_set(err, KV_INPUT, "%s: must be an array of strings", outcomes[i]);
    }
    kv_buf_add_char(facts, '}');
    return 0;
}

int kv_trait_score_metric(struct kv_scorer *s, struct kv_slice reply, struct kv_slice metrics,
    bool distinct, struct kv_buf *lists, struct kv_buf *values, struct kv_err *err)
{
    struct kv_slice answer, kept, list, positions, measured;
    struct kv_buf *facts = begin(s, "metric");
    if (add_lists(facts, reply, err) != 0)
        return -1;
    kv_json_out_flag(facts, "distinct", distinct);
    kv_json_out_json(facts, "metrics", metrics);
    if (ask(s, &answer, err) != 0)
        return -1;
    kv_json_get(answer, "kept", &kept);
    for (size_t i = 0; i < OUTCOMES; i++) {
        kv_buf_printf(lists, "%s\"%s\":", i ? "," : "{", outcomes[i]);
        kv_json_get(reply, outcomes[i], &list);
        kv_json_get(kept, outcomes[i], &positions);
        if (add_kept(lists, list, positions) != 0)
            return misfit("metric", answer, err);
    }
    kv_buf_add_char(lists, '}');
    kv_json_get(answer, "values", &measured);
    add_values(values, metrics, measured);
    return 0;
}
