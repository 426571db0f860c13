/* rubric_ask - what a judge is asked about the traits of a rubric. */
#include "rubric_ask.h"

#include "json.h"

bool kv_rubric_takes(enum kv_rubric_pass pass, const struct kv_trait *r)
{
    if (pass == KV_RUBRIC_METRIC)
        return r->list == KV_TRAIT_METRIC;
    if (r->list != KV_TRAIT_LLM)
        return false;
    switch (r->kind) {
    case KV_TRAIT_BOOLEAN:
    case KV_TRAIT_SCORE:
        return pass == KV_RUBRIC_SCORED;
    case KV_TRAIT_LITERAL:
        return pass == KV_RUBRIC_LITERAL;
    case KV_TRAIT_TEMPLATE:
        return pass == KV_RUBRIC_SHAPED;
    }
    return false;
}

static void add_json(struct kv_buf *out, struct kv_slice name, struct kv_slice json)
{
    if (out->n)
        kv_buf_add_char(out, ',');
    kv_json_quote(out, name, KV_JSON_RAW);
    kv_buf_add_char(out, ':');
    kv_buf_add_slice(out, json);
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
    if (kv_rubric_takes(KV_RUBRIC_LITERAL, r))
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

static void begin_query(struct kv_rubric_ask *t, struct kv_query *query, const char *schema_name)
{
    kv_buf_clear(&t->system);
    kv_buf_clear(&t->user);
    kv_buf_clear(&t->schema);
    *query =
        (struct kv_query){.judge = true, .stage = "rubric_evaluation", .schema_name = schema_name};
}

static void end_query(struct kv_rubric_ask *t, struct kv_query *query)
{
    query->schema = kv_slice_of(&t->schema);
    query->messages[0] = (struct kv_message){KV_SPEAKER_SYSTEM, kv_slice_of(&t->system)};
    query->messages[1] = (struct kv_message){KV_SPEAKER_USER, kv_slice_of(&t->user)};
    query->count = 2;
}

static void write_texts(struct kv_rubric_ask *t, enum kv_prompt system, enum kv_prompt user,
    const struct kv_buf *traits, const struct kv_buf *tp, const struct kv_buf *tn)
{
    const struct kv_prompt_value values[] = {
        {"traits", kv_slice_of(traits)},
        {"question", t->prepared->question->text},
        {"response", t->text},
        {"extra", t->shared->config->prompts.rubric_evaluation},
        {"tp", tp ? kv_slice_of(tp) : KV_SLICE("")},
        {"tn", tn ? kv_slice_of(tn) : KV_SLICE("")},
        {NULL, KV_SLICE("")},
    };
    kv_prompt_add(t->shared->prompts, system, values, &t->system);
    kv_prompt_add(t->shared->prompts, user, values, &t->user);
}

static void object_schema(struct kv_buf *out, const char *name, const char *of)
{
    kv_buf_printf(out,
        "{\"type\":\"object\",\"properties\":{\"%s\":%s},\"required\":[\"%s\"],"
        "\"additionalProperties\":false}",
        name, of, name);
}

/* An object with one member a trait, each of its own type: strict modes want them named. */
static void scores_schema(struct kv_rubric_ask *t)
{
    struct kv_buf names = {0}, properties = {0}, of = {0};
    for (size_t i = 0; i < t->prepared->rubric.n; i++) {
        const struct kv_trait *r = &t->prepared->rubric.traits[i];
        if (!kv_rubric_takes(KV_RUBRIC_SCORED, r))
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

void kv_rubric_ask_all(struct kv_rubric_ask *t, enum kv_rubric_pass pass, struct kv_query *query)
{
    struct kv_buf traits = {0};
    begin_query(
        t, query, pass == KV_RUBRIC_SCORED ? "BatchRubricScores" : "BatchLiteralClassifications");
    for (size_t i = 0; i < t->prepared->rubric.n; i++)
        if (kv_rubric_takes(pass, &t->prepared->rubric.traits[i]))
            describe(&traits, &t->prepared->rubric.traits[i]);
    if (pass == KV_RUBRIC_SCORED) {
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

/* {"tp":[…],"fn":[…],"fp":[…],"tn":[…]} */
static void ask_metric(struct kv_rubric_ask *t, const struct kv_trait *r, struct kv_query *query,
    const struct kv_buf *traits)
{
    static const char list[] = "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}";
    struct kv_buf tp = {0}, tn = {0};
    begin_query(t, query, "ConfusionMatrixOutput");
    list_instructions(&tp, r->tp_instructions);
    list_instructions(&tn, r->tn_instructions);
    kv_buf_printf(&t->schema,
        "{\"type\":\"object\",\"properties\":{\"tp\":%s,\"fn\":%s,\"fp\":%s,\"tn\":%s},"
        "\"required\":[\"tp\",\"fn\",\"fp\",\"tn\"],\"additionalProperties\":false}",
        list, list, list, list);
    write_texts(t, KV_PROMPT_RUBRIC_METRIC_SYSTEM, KV_PROMPT_RUBRIC_METRIC_USER, traits, &tp, &tn);
    kv_buf_release(&tp);
    kv_buf_release(&tn);
}

/* One member of a type: what the schema is called, the member, the type, and the rules. */
static const struct single {
    const char *schema_name, *member, *type;
    enum kv_prompt system;
} singles[] = {
    [KV_TRAIT_BOOLEAN] = {"SingleBooleanScore", "result", "{\"type\":\"boolean\"}",
        KV_PROMPT_RUBRIC_BOOLEAN_SYSTEM},
    [KV_TRAIT_SCORE] = {"SingleNumericScore", "score", "{\"type\":\"integer\"}",
        KV_PROMPT_RUBRIC_SCORE_SYSTEM},
    [KV_TRAIT_LITERAL] = {"SingleLiteralClassification", "classification", "{\"type\":\"string\"}",
        KV_PROMPT_RUBRIC_LITERAL_SYSTEM},
};

const char *kv_rubric_ask_member(const struct kv_trait *trait)
{
    return singles[trait->kind].member;
}

void kv_rubric_ask_one(
    struct kv_rubric_ask *t, const struct kv_trait *trait, struct kv_query *query)
{
    struct kv_buf traits = {0};
    describe(&traits, trait);
    if (kv_rubric_takes(KV_RUBRIC_METRIC, trait)) {
        ask_metric(t, trait, query, &traits);
    } else if (kv_rubric_takes(KV_RUBRIC_SHAPED, trait)) {
        begin_query(t, query, "TemplateTraitOutput");
        kv_buf_add_slice(&t->schema, trait->schema);
        write_texts(
            t, KV_PROMPT_RUBRIC_SHAPED_SYSTEM, KV_PROMPT_RUBRIC_SINGLE_USER, &traits, NULL, NULL);
    } else {
        const struct single *s = &singles[trait->kind];
        begin_query(t, query, s->schema_name);
        object_schema(&t->schema, s->member, s->type);
        write_texts(t, s->system, KV_PROMPT_RUBRIC_SINGLE_USER, &traits, NULL, NULL);
    }
    kv_buf_release(&traits);
    end_query(t, query);
}

void kv_rubric_ask_release(struct kv_rubric_ask *t)
{
    kv_buf_release(&t->system);
    kv_buf_release(&t->user);
    kv_buf_release(&t->schema);
}
