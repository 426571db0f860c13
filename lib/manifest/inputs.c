/* inputs - the files a run is made from, opened and looked through. */
#include "inputs.h"

#include "builtins.h"
#include "io.h"
#include "json.h"
#include "nearest.h"
#include "num.h"
#include "override.h"
#include "prompt.h"
#include "re.h"
#include "translator.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- the configuration ---- */

static int own_prompt(const char *share, struct kv_buf *out, struct kv_err *err)
{
    const struct kv_prompt_value none[] = {{0}};
    struct kv_prompts *prompts = kv_prompts_open(share, err);
    if (!prompts)
        return -1;
    kv_prompt_add(prompts, KV_PROMPT_ANSWERING_DEFAULT, none, out);
    kv_prompts_close(prompts);
    return 0;
}

/* The text of the preset with the settings in place of its own. */
static int read_preset(const struct kv_inputs *in, const char *path, struct kv_buf *text,
    struct kv_problems *problems, struct kv_err *err)
{
    struct kv_buf changed = {0};
    struct kv_slice value;
    int rc = 0;
    if (path && kv_io_read(path, 0, text, err) != 0)
        return -1;
    if (!path)
        kv_buf_add_str(text, "{}");
    if (!in->setting_count || kv_json_check(kv_slice_of(text), KV_JSON_PORTABLE, &value, err) != 0)
        return 0; /* what is no JSON is refused by its reader, with the place */
    if (kv_override_apply(value, in->settings, in->setting_count, &changed, problems) == 0) {
        kv_buf_clear(text);
        kv_buf_add_slice(text, kv_slice_of(&changed));
    } else {
        rc = kv_problems_err(problems, err);
    }
    kv_buf_release(&changed);
    return rc;
}

struct kv_config *kv_inputs_config(const struct kv_inputs *in, const char *path, const char *prompt,
    struct kv_problems *problems, struct kv_err *err)
{
    struct kv_buf text = {0}, own = {0};
    struct kv_config *c = NULL;
    if (read_preset(in, path, &text, problems, err) == 0 &&
        (prompt || own_prompt(in->share, &own, err) == 0)) {
        const struct kv_config_source from = {
            .env = in->env,
            .answering_prompt = prompt ? kv_slice(prompt) : kv_slice_of(&own),
            .traces_given = true, /* whether they are is the caller's to check */
        };
        c = kv_config_open(kv_slice_of(&text), &from, problems, err);
        if (!c)
            kv_err_context(err, "%s", kv_inputs_name(path));
    }
    kv_buf_release(&text);
    kv_buf_release(&own);
    return c;
}

const char *kv_inputs_name(const char *path)
{
    return path ? kv_io_name(path) : "configuration";
}

/* ---- the benchmark ---- */

static void check_patterns(
    const struct kv_rubric *r, const struct kv_path *at, struct kv_problems *problems)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct kv_trait *t = &r->traits[i];
        struct kv_path list = {.up = at, .name = KV_SLICE("regex_traits")};
        struct kv_path trait = {.up = &list, .name = t->name};
        struct kv_path here = {.up = &trait, .name = KV_SLICE("pattern")};
        struct kv_err err;
        if (t->list != KV_TRAIT_REGEX)
            continue;
        struct kv_re *p = kv_re_open(t->pattern, 0, &err);
        if (!p)
            kv_problems_add(problems, &here, "value_error", "%s", err.text);
        kv_re_close(p);
    }
}

static int check_all_patterns(
    const struct kv_bench *b, struct kv_problems *problems, struct kv_err *err)
{
    struct kv_question q;
    size_t before = problems->n;
    check_patterns(&b->rubric, NULL, problems);
    for (size_t i = 0; i < b->n; i++) {
        struct kv_buf place = {0};
        if (!b->questions[i].has_rubric)
            continue;
        if (kv_bench_read(b, i, &q, err) != 0)
            return -1;
        kv_bench_add_place(b, i, &place);
        const struct kv_path here = {.name = kv_slice_of(&place)};
        check_patterns(&q.rubric, &here, problems);
        kv_question_release(&q);
        kv_buf_release(&place);
    }
    return problems->n == before ? 0 : kv_problems_err(problems, err);
}

struct kv_bench *kv_inputs_bench(const char *path, struct kv_problems *problems, struct kv_err *err)
{
    struct kv_bench *b = kv_bench_open(path, problems, err);
    if (!b || check_all_patterns(b, problems, err) == 0)
        return b;
    kv_bench_close(b);
    kv_err_context(err, "%s", path);
    return NULL;
}

struct kv_bench *kv_inputs_bench_partly(
    const char *path, struct kv_problems *problems, struct kv_err *err)
{
    struct kv_bench *b = kv_bench_open_partly(path, problems, err);
    struct kv_err ignored;
    if (b)
        check_all_patterns(b, problems, &ignored);
    return b;
}

/* ---- templates ---- */

/* What a primitive needs of the ground truth, if this one has nothing of it: every answer would be
 * wrong. Only what is certain: a text may be a number or a date. */
static const char *lacks(const struct kv_answer_field *f)
{
    unsigned facts = f->primitive ? f->primitive->facts : 0;
    enum kv_json_type type = kv_json_type(f->ground_truth);
    double number;
    struct kv_buf text = {0};
    bool plain = type == KV_JSON_STRING;
    if (plain)
        kv_json_unescape(f->ground_truth, &text);
    bool is_number = type == KV_JSON_NUMBER || type == KV_JSON_TRUE || type == KV_JSON_FALSE ||
                     (plain && kv_builtins_parse_float(kv_slice_of(&text), &number));
    kv_buf_release(&text);
    if ((facts & KV_FACT_NUMBER) && !is_number && (plain || type == KV_JSON_ARRAY))
        return "numbers";
    if ((facts & (KV_FACT_NUMBER | KV_FACT_EXTRACTED | KV_FACT_DATE)) && f->type == KV_ANSWER_LIST)
        return "single values";
    if ((facts & KV_FACT_DATE) && type == KV_JSON_ARRAY)
        return "dates";
    return NULL;
}

static void check_fields(
    const struct kv_template *t, const struct kv_path *at, struct kv_problems *problems)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct kv_answer_field *f = &t->fields[i];
        const char *what = f->plain || f->is_trace ? NULL : lacks(f);
        if (what)
            kv_problems_add(problems, at, "value_error",
                "field '%s': %s compares %s, and its ground truth is %.60s: no answer could pass",
                f->name.p, f->primitive->name, what, f->ground_truth.p);
    }
}

/* "name 'NumericExakt' is not defined", with the primitive that was meant. */
static void add_invalid(
    const struct kv_err *err, const struct kv_path *at, struct kv_problems *problems)
{
    static const char before[] = "name '";
    struct kv_buf text = {0};
    const char *name = strstr(err->text, before);
    if (name && isupper((unsigned char)name[sizeof before - 1])) {
        name += sizeof before - 1;
        kv_nearest_add_hint(
            &text, err->text, (struct kv_slice){name, strcspn(name, "'")}, kv_primitive_names());
    }
    kv_problems_add(problems, at, "value_error", "%s", text.n ? text.p : err->text);
    kv_buf_release(&text);
}

static void check_template(struct kv_translator *translator, const struct kv_question *q,
    const struct kv_path *at, struct kv_problems *problems, struct kv_problems *remarks)
{
    struct kv_path here = {.up = at, .name = KV_SLICE("template")};
    struct kv_template *t = NULL;
    struct kv_err err;
    size_t before = problems->n;
    if (kv_template_check_spec(q->template, &here, problems) && problems->n > before)
        return;
    if (!q->template.p) { /* of JSON Lines; a checkpoint has at least an empty text */
        kv_problems_add(
            problems, &here, "missing", "is required, unless evaluation_mode is rubric_only");
        return;
    }
    enum kv_template_outcome outcome = kv_translator_template(translator, q->template, &t, &err);
    if (outcome == KV_TEMPLATE_CODE)
        kv_problems_add(problems, &here, "unsupported", "%s", err.text);
    else if (outcome == KV_TEMPLATE_INVALID && kv_slice_strip(q->template).n)
        add_invalid(&err, &here, problems);
    else if (outcome == KV_TEMPLATE_INVALID) /* karenina takes it, and fails its tasks */
        kv_problems_add(remarks, &here, "value_error", "%s", err.text);
    if (outcome != KV_TEMPLATE_OK)
        return;
    check_fields(t, &here, problems);
    kv_template_close(t);
}

/* ---- rubrics ---- */

/* karenina drops agentic traits of questions, and so do we; others that cannot be judged here would
 * leave holes in every result. */
static void check_rubric(const struct kv_bench *bench, const struct kv_question *q,
    const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_path here = {.up = at, .name = KV_SLICE("rubric")};
    struct kv_rubric merged;
    kv_rubric_merge(&bench->rubric, &q->rubric, &merged, &here, problems);
    kv_rubric_release(&merged);
    for (size_t i = 0; i < q->rubric.n; i++)
        if (q->rubric.traits[i].list == KV_TRAIT_CALLABLE)
            kv_problems_add(problems, &here, "unsupported",
                "trait '%s' is a pickled Python function", q->rubric.traits[i].name.p);
}

static void check_global_rubric(const struct kv_rubric *r, struct kv_problems *problems)
{
    struct kv_path here = {.name = KV_SLICE("rating")};
    for (size_t i = 0; i < r->n; i++) {
        const struct kv_trait *t = &r->traits[i];
        if (t->list == KV_TRAIT_CALLABLE)
            kv_problems_add(problems, &here, "unsupported",
                "trait '%s' is a pickled Python function", t->name.p);
        if (t->list == KV_TRAIT_AGENTIC)
            kv_problems_add(problems, &here, "unsupported", "trait '%s' needs an agent", t->name.p);
    }
}

/* Needs the question only where there is something of its own to look at. */
static int check_question(struct kv_translator *translator, const struct kv_config *config,
    const struct kv_bench *bench, size_t i, struct kv_problems *problems,
    struct kv_problems *remarks)
{
    struct kv_question q;
    struct kv_err err;
    struct kv_buf place = {0};
    bool template = config->evaluation_mode != KV_RUBRIC_ONLY;
    bool rubric = config->rubric_enabled && bench->questions[i].has_rubric;
    if (!template && !rubric)
        return 0;
    if (kv_bench_read(bench, i, &q, &err) != 0)
        return kv_problems_add(problems, NULL, "value_error", "%s", err.text);
    kv_bench_add_place(bench, i, &place);
    const struct kv_path here = {.name = kv_slice_of(&place)};
    if (template)
        check_template(translator, &q, &here, problems, remarks);
    if (rubric)
        check_rubric(bench, &q, &here, problems);
    kv_question_release(&q);
    kv_buf_release(&place);
    return 0;
}

int kv_inputs_check(const struct kv_inputs *in, const struct kv_config *config,
    const struct kv_bench *bench, const bool *chosen, struct kv_problems *problems,
    struct kv_problems *remarks)
{
    size_t before = problems->n;
    struct kv_translator *translator =
        in->template_command ? kv_translator_open(in->template_command) : NULL;
    if (config->rubric_enabled)
        check_global_rubric(&bench->rubric, problems);
    for (size_t i = 0; i < bench->n; i++)
        if (chosen[i] && check_question(translator, config, bench, i, problems, remarks) != 0)
            break;
    kv_translator_close(translator);
    return problems->n == before ? 0 : -1;
}
