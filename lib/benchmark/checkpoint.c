/* checkpoint - a benchmark as karenina saves it. */
#include "checkpoint.h"

#include "json.h"
#include "pydantic.h"
#include "question_id.h"

#include <string.h>

/* A place in the document: what stands there, and where problems are noted. */
struct place {
    struct kv_slice value;
    const struct kv_path *at;
    struct kv_problems *problems;
};

/* ---- structure ---- */

enum need { REQUIRED, OPTIONAL };

/* A member of a type; an optional one may be null or absent. Empty if it is not there. */
static struct kv_slice member(
    const struct place *p, const char *name, enum kv_json_type type, enum need need)
{
    static const char *const names[] = {[KV_JSON_STRING] = "a string",
        [KV_JSON_ARRAY] = "an array",
        [KV_JSON_OBJECT] = "an object"};
    struct kv_path here = {.up = p->at, .name = kv_slice(name)};
    struct kv_slice v = kv_json_find(p->value, name);
    if (need == OPTIONAL && kv_json_is_null(v))
        return (struct kv_slice){0};
    if (!v.n)
        kv_problems_add(p->problems, &here, "missing", "missing");
    else if (kv_json_type(v) == type)
        return v;
    else
        kv_problems_add(
            p->problems, &here, "type", "expected %s, got %s", names[type], kv_json_type_name(v));
    return (struct kv_slice){0};
}

/* A member that, if present, must be this very string. */
static void constant(const struct place *p, const char *name, const char *text)
{
    struct kv_path here = {.up = p->at, .name = kv_slice(name)};
    struct kv_slice v = kv_json_find(p->value, name);
    if (v.n && !kv_json_string_is(v, text))
        kv_problems_add(p->problems, &here, "literal_error", "must be '%s'", text);
}

static void check_texts(const struct place *p, const char *name)
{
    struct kv_path list = {.up = p->at, .name = kv_slice(name)}, here = {.up = &list};
    struct kv_slice item;
    struct kv_json_walk w;
    for (kv_json_begin(&w, member(p, name, KV_JSON_ARRAY, OPTIONAL)); kv_json_item(&w, &item);
         here.index++)
        if (kv_json_type(item) != KV_JSON_STRING)
            kv_problems_add(p->problems, &here, "string_type", "expected a string, got %s",
                kv_json_type_name(item));
}

static void check_properties(const struct place *p)
{
    struct kv_path list = {.up = p->at, .name = KV_SLICE("additionalProperty")};
    struct kv_path here = {.up = &list};
    struct kv_slice item;
    struct kv_json_walk w;
    for (kv_json_begin(&w, member(p, "additionalProperty", KV_JSON_ARRAY, OPTIONAL));
         kv_json_item(&w, &item); here.index++) {
        struct place property = {item, &here, p->problems};
        if (kv_json_type(item) != KV_JSON_OBJECT)
            kv_problems_add(p->problems, &here, "model_type", "expected an object, got %s",
                kv_json_type_name(item));
        else
            member(&property, "name", KV_JSON_STRING, REQUIRED);
        constant(&property, "@type", "PropertyValue");
    }
}

/* What every rating has in common; what it stands for is rubric's. */
static struct kv_slice check_ratings(const struct place *p)
{
    struct kv_path list = {.up = p->at, .name = KV_SLICE("rating")}, here = {.up = &list};
    struct kv_slice item, ratings = member(p, "rating", KV_JSON_ARRAY, OPTIONAL);
    struct kv_json_walk w;
    for (kv_json_begin(&w, ratings); kv_json_item(&w, &item); here.index++) {
        struct place rating = {item, &here, p->problems};
        if (kv_json_type(item) != KV_JSON_OBJECT)
            continue;
        constant(&rating, "@type", "Rating");
        member(&rating, "@id", KV_JSON_STRING, OPTIONAL);
        member(&rating, "description", KV_JSON_STRING, OPTIONAL);
        member(&rating, "ratingExplanation", KV_JSON_STRING, OPTIONAL);
        check_properties(&rating);
    }
    return ratings;
}

/* The value of the last property of a name; present tells null from absent. */
static struct kv_slice property(struct kv_slice object, const char *name, bool *present)
{
    struct kv_json_walk w;
    struct kv_slice item, value = {0};
    *present = false;
    kv_json_begin(&w, kv_json_find(object, "additionalProperty"));
    while (kv_json_item(&w, &item))
        if (kv_json_string_is(kv_json_find(item, "name"), name)) {
            value = kv_json_find(item, "value");
            *present = true;
        }
    return value;
}

/* ---- one question ---- */

static void read_template(struct kv_question *q, const struct place *item)
{
    struct kv_path at = {.up = item->at, .name = KV_SLICE("hasPart")};
    struct place code = {member(item, "hasPart", KV_JSON_OBJECT, REQUIRED), &at, item->problems};
    if (!code.value.n)
        return;
    member(&code, "name", KV_JSON_STRING, REQUIRED);
    constant(&code, "@type", "SoftwareSourceCode");
    constant(&code, "programmingLanguage", "Python");
    member(&code, "@id", KV_JSON_STRING, OPTIONAL);
    member(&code, "codeRepository", KV_JSON_STRING, OPTIONAL);
    q->template = kv_question_keep_text(q, member(&code, "text", KV_JSON_STRING, REQUIRED));
}

static void read_answer(struct kv_question *q, const struct place *item)
{
    struct kv_path at = {.up = item->at, .name = KV_SLICE("acceptedAnswer")};
    struct place answer = {
        member(item, "acceptedAnswer", KV_JSON_OBJECT, REQUIRED), &at, item->problems};
    if (!answer.value.n)
        return;
    constant(&answer, "@type", "Answer");
    member(&answer, "@id", KV_JSON_STRING, OPTIONAL);
    q->answer = kv_question_keep_text(q, member(&answer, "text", KV_JSON_STRING, REQUIRED));
    q->has_answer = true;
}

/* A property that holds JSON text: the array in it, which is then in *text, or the value as it is.
 */
static struct kv_slice unwrap_text(struct kv_buf *text, struct kv_slice value)
{
    struct kv_slice inner;
    if (kv_json_type(value) != KV_JSON_STRING)
        return value;
    kv_json_unescape(value, text);
    return kv_json_check(kv_slice_of(text), KV_JSON_DIGITS, &inner, NULL) == 0 ? inner : value;
}

int kv_checkpoint_check_examples(
    struct kv_slice examples, const struct kv_path *at, struct kv_problems *problems)
{
    struct kv_json_walk w, members;
    struct kv_slice item, key, value;
    struct kv_path here = {.up = at};
    size_t before = problems->n;
    if (kv_json_type(examples) != KV_JSON_ARRAY)
        return kv_problems_add(
            problems, at, "list_type", "expected an array, got %s", kv_json_type_name(examples));
    for (kv_json_begin(&w, examples); kv_json_item(&w, &item); here.index++) {
        if (kv_json_type(item) != KV_JSON_OBJECT)
            kv_problems_add(problems, &here, "dict_type", "expected an object, got %s",
                kv_json_type_name(item));
        kv_json_begin(&members, item);
        while (kv_json_member(&members, &key, &value))
            if (kv_json_type(value) != KV_JSON_STRING)
                kv_problems_add(problems, &here, "string_type", "%.*s: expected a string, got %s",
                    (int)key.n, key.p, kv_json_type_name(value));
    }
    return problems->n == before ? 0 : -1;
}

static void read_properties(struct kv_question *q, const struct place *item)
{
    struct kv_buf text = {0};
    const char *error_type;
    bool present;
    struct kv_path list = {.up = item->at, .name = KV_SLICE("additionalProperty")};
    struct kv_path finished_at = {.up = &list, .name = KV_SLICE("finished")};
    struct kv_path few_shot_at = {.up = &list, .name = KV_SLICE("few_shot_examples")};
    check_properties(item);
    struct kv_slice value = property(item->value, "finished", &present);
    if (present &&
        kv_pydantic_bool(value.n ? value : KV_SLICE("null"), &q->finished, &error_type) != 0)
        kv_problems_add(item->problems, &finished_at, error_type, "not a boolean");
    value = unwrap_text(&text, property(item->value, "few_shot_examples", &present));
    if (!kv_json_is_null(value)) {
        if (q->finished)
            kv_checkpoint_check_examples(value, &few_shot_at, item->problems);
        q->few_shot = kv_question_keep_json(q, value);
    }
    q->workspace_path = kv_question_keep_text(q, property(item->value, "workspace_path", &present));
    kv_buf_release(&text);
}

static void read_keywords(
    struct kv_question *q, const struct place *element, const struct place *item)
{
    check_texts(element, "keywords");
    check_texts(item, "keywords");
    q->keywords = kv_json_find(item->value, "keywords");
    if (kv_json_count(q->keywords) == 0)
        q->keywords = kv_json_find(element->value, "keywords");
    q->keywords =
        kv_json_count(q->keywords) ? kv_question_keep_json(q, q->keywords) : (struct kv_slice){0};
}

static void read_item(struct kv_question *q, const struct place *item)
{
    struct kv_path rating_at = {.up = item->at, .name = KV_SLICE("rating")};
    struct kv_path text_at = {.up = item->at, .name = KV_SLICE("text")};
    constant(item, "@type", "Question");
    member(item, "@id", KV_JSON_STRING, OPTIONAL);
    struct kv_slice text = member(item, "text", KV_JSON_STRING, REQUIRED);
    q->text = kv_question_keep_text(q, text);
    if (text.n && !q->text.n)
        kv_problems_add(item->problems, &text_at, "value_error", "must not be empty");
    read_answer(q, item);
    read_template(q, item);
    read_properties(q, item);
    struct kv_slice ratings = check_ratings(item);
    if (ratings.n)
        kv_rubric_read_ratings(&q->rubric, ratings, false, &rating_at, item->problems);
}

static void read_element(struct kv_question *q, const struct place *element)
{
    struct kv_path item_at = {.up = element->at, .name = KV_SLICE("item")};
    if (kv_json_type(element->value) != KV_JSON_OBJECT) {
        kv_problems_add(element->problems, element->at, "model_type", "expected an object, got %s",
            kv_json_type_name(element->value));
        return;
    }
    struct place item = {
        member(element, "item", KV_JSON_OBJECT, REQUIRED), &item_at, element->problems};
    struct kv_slice id = member(element, "@id", KV_JSON_STRING, OPTIONAL);
    constant(element, "@type", "DataFeedItem");
    member(element, "dateCreated", KV_JSON_STRING, REQUIRED);
    member(element, "dateModified", KV_JSON_STRING, REQUIRED);
    if (!item.value.n)
        return;
    kv_question_begin(q, element->value.n);
    read_item(q, &item);
    read_keywords(q, element, &item);
    q->id = kv_question_keep_text(q, id);
    if (!q->id.n && q->text.n) {
        struct kv_buf made = {0};
        kv_question_id_add_question(&made, q->text);
        q->id = kv_question_keep(q, &made);
    }
}

/* ---- the whole ---- */

static void check_creator(const struct place *top)
{
    struct kv_path at = {.up = top->at, .name = KV_SLICE("creator")};
    struct place creator = {kv_json_find(top->value, "creator"), &at, top->problems};
    enum kv_json_type type = kv_json_type(creator.value);
    if (kv_json_is_null(creator.value) || type == KV_JSON_STRING)
        return;
    if (type == KV_JSON_OBJECT) {
        constant(&creator, "@type", "Person");
        member(&creator, "name", KV_JSON_STRING, REQUIRED);
        member(&creator, "url", KV_JSON_STRING, OPTIONAL);
        member(&creator, "email", KV_JSON_STRING, OPTIONAL);
    } else {
        kv_problems_add(top->problems, &at, "type", "expected a string or an object, got %s",
            kv_json_type_name(creator.value));
    }
}

static void check_head(const struct place *top)
{
    struct kv_path name_at = {.name = KV_SLICE("name")};
    member(top, "@context", KV_JSON_OBJECT, REQUIRED);
    constant(top, "@type", "DataFeed");
    member(top, "@id", KV_JSON_STRING, OPTIONAL);
    struct kv_slice name = member(top, "name", KV_JSON_STRING, REQUIRED);
    if (kv_json_string_is(name, ""))
        kv_problems_add(top->problems, &name_at, "value_error", "Benchmark must have a name");
    member(top, "description", KV_JSON_STRING, OPTIONAL);
    member(top, "version", KV_JSON_STRING, OPTIONAL);
    check_creator(top);
    member(top, "dateCreated", KV_JSON_STRING, REQUIRED);
    member(top, "dateModified", KV_JSON_STRING, REQUIRED);
    check_properties(top);
}

/* Lists of traits from before they were ratings (6.7): what does not parse is passed over. */
static void read_old_lists(struct kv_rubric *global, const struct place *top)
{
    struct kv_buf text = {0};
    static const struct {
        const char *name;
        enum kv_trait_list list;
    } old[] = {
        {"global_regex_rubric_traits", KV_TRAIT_REGEX},
        {"global_callable_rubric_traits", KV_TRAIT_CALLABLE},
        {"global_metric_rubric_traits", KV_TRAIT_METRIC},
    };
    for (size_t i = 0; i < sizeof old / sizeof *old; i++) {
        bool present;
        struct kv_path list = {.name = KV_SLICE("additionalProperty")};
        struct kv_path here = {.up = &list, .name = kv_slice(old[i].name)};
        kv_buf_clear(&text);
        struct kv_slice value = unwrap_text(&text, property(top->value, old[i].name, &present));
        if (kv_json_type(value) == KV_JSON_ARRAY)
            kv_rubric_read_list(global, old[i].list, value, true, &here, top->problems);
    }
    kv_buf_release(&text);
}

static void read_rubric(struct kv_rubric *global, const struct place *top)
{
    struct kv_path at = {.name = KV_SLICE("rating")};
    size_t before = top->problems->n;
    struct kv_slice ratings = check_ratings(top);
    if (ratings.n)
        kv_rubric_read_ratings(global, ratings, true, &at, top->problems);
    read_old_lists(global, top);
    if (top->problems->n == before)
        kv_rubric_check(global, &at, top->problems);
}

int kv_checkpoint_check(struct kv_slice top, struct kv_problems *problems)
{
    struct place at = {top, NULL, problems};
    size_t before = problems->n;
    if (kv_json_type(top) != KV_JSON_OBJECT)
        return kv_problems_add(
            problems, NULL, "model_type", "expected an object, got %s", kv_json_type_name(top));
    check_head(&at);
    member(&at, KV_CHECKPOINT_QUESTIONS, KV_JSON_ARRAY, REQUIRED);
    return problems->n == before ? 0 : -1;
}

int kv_checkpoint_read_question(
    struct kv_question *q, struct kv_slice element, size_t index, struct kv_problems *problems)
{
    struct kv_path list = {.name = KV_SLICE(KV_CHECKPOINT_QUESTIONS)};
    struct kv_path here = {.up = &list, .index = index};
    struct place at = {element, &here, problems};
    size_t before = problems->n;
    read_element(q, &at);
    return problems->n == before ? 0 : -1;
}

int kv_checkpoint_read_rubric(
    struct kv_rubric *global, struct kv_slice top, struct kv_problems *problems)
{
    struct place at = {top, NULL, problems};
    struct kv_path scenarios_at = {.name = KV_SLICE("hasPart")};
    size_t before = problems->n;
    read_rubric(global, &at);
    if (kv_json_count(member(&at, "hasPart", KV_JSON_ARRAY, OPTIONAL)))
        kv_problems_add(problems, &scenarios_at, "unsupported", "scenarios are not supported");
    return problems->n == before ? 0 : -1;
}
