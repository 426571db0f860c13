/* json_schema - the JSON Schemas of a template. */
#include "json_schema.h"

#include "json.h"
#include "json_out.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

typedef uint8_t *convert(const uint8_t *, size_t, const char *, uninorm_t, uint8_t *, size_t *);

/* One character as its full mapping, which may be longer (ß is Ss). */
static void add_mapped(struct kv_buf *out, const uint8_t *at, size_t n, convert *mapping)
{
    size_t length = 0;
    uint8_t *mapped = mapping(at, n, "", NULL, NULL, &length);
    kv_buf_add(out, mapped ? mapped : at, mapped ? length : n);
    free(mapped);
}

/* Python's str.title() of a name: a capital behind everything that is no letter, small letters
 * behind letters; underscores become spaces, of which none stand at the ends. */
static void add_title(struct kv_buf *out, struct kv_slice name)
{
    struct kv_buf titled = {0};
    const uint8_t *at = (const uint8_t *)name.p, *stop = at + name.n;
    bool inside = false;
    while (at < stop) {
        ucs4_t c;
        int n = u8_mbtouc(&c, at, (size_t)(stop - at));
        if (c == '_')
            kv_buf_add_char(&titled, ' ');
        else
            add_mapped(&titled, at, (size_t)n, inside ? u8_tolower : u8_totitle);
        inside = uc_is_property_cased(c);
        at += n;
    }
    kv_json_quote(out, kv_slice_strip(kv_slice_of(&titled)), KV_JSON_RAW);
    kv_buf_release(&titled);
}

/* ---- what may be said of a value, in the alphabetical order that karenina's schemas have ---- */

enum word {
    ADDITIONAL,
    ANY_OF,
    CONST,
    DEFAULT,
    DESCRIPTION,
    ENUM,
    ITEMS,
    MAX_ITEMS,
    MIN_ITEMS,
    PREFIX_ITEMS,
    TITLE,
    TYPE,
    UNIQUE_ITEMS,
    WORDS
};

struct saying {
    struct kv_buf json[WORDS]; /* n == 0: nothing said */
};

static void add_saying(struct kv_buf *out, struct saying *s)
{
    static const char *const names[WORDS] = {"additionalProperties", "anyOf", "const", "default",
        "description", "enum", "items", "maxItems", "minItems", "prefixItems", "title", "type",
        "uniqueItems"};
    bool first = true;
    kv_buf_add_char(out, '{');
    for (int i = 0; i < WORDS; i++) {
        if (s->json[i].n) {
            kv_buf_add_str(out, first ? "\"" : ",\"");
            kv_buf_add_str(out, names[i]);
            kv_buf_add_str(out, "\":");
            kv_buf_add_slice(out, kv_slice_of(&s->json[i]));
            first = false;
        }
        kv_buf_release(&s->json[i]);
    }
    kv_buf_add_char(out, '}');
}

static void say_type(struct saying *s, const char *type)
{
    kv_json_quote_str(&s->json[TYPE], type);
}

static void say_shape(struct saying *s, struct kv_slice shape);

static void add_shape(struct kv_buf *out, struct kv_slice shape)
{
    struct saying s = {0};
    say_shape(&s, shape);
    add_saying(out, &s);
}

static void add_shapes(struct kv_buf *out, struct kv_slice shapes)
{
    struct kv_json_walk w;
    struct kv_slice shape;
    kv_buf_add_char(out, '[');
    kv_json_begin(&w, shapes);
    for (bool first = true; kv_json_item(&w, &shape); first = false) {
        kv_buf_add_str(out, first ? "" : ",");
        add_shape(out, shape);
    }
    kv_buf_add_char(out, ']');
}

/* A type is said where all have the same; the only one is a constant. */
static void say_literals(struct saying *s, struct kv_slice literals)
{
    static const struct {
        enum kv_json_type json;
        const char *type;
    } types[] = {{KV_JSON_STRING, "string"}, {KV_JSON_NUMBER, "integer"}, {KV_JSON_TRUE, "boolean"},
        {KV_JSON_FALSE, "boolean"}, {KV_JSON_NULL, "null"}};
    struct kv_json_walk w;
    struct kv_slice item;
    const char *type = NULL;
    bool same = true;
    kv_json_begin(&w, literals);
    while (kv_json_item(&w, &item))
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (kv_json_type(item) == types[i].json) {
                same &= !type || strcmp(type, types[i].type) == 0;
                type = types[i].type;
            }
    if (kv_json_count(literals) == 1)
        kv_buf_add(&s->json[CONST], literals.p + 1, literals.n - 2);
    else
        kv_buf_add_slice(&s->json[ENUM], literals);
    if (same && type)
        say_type(s, type);
}

static void say_tuple(struct saying *s, struct kv_slice shapes)
{
    size_t n = kv_json_count(shapes);
    kv_buf_printf(&s->json[MAX_ITEMS], "%zu", n);
    kv_buf_printf(&s->json[MIN_ITEMS], "%zu", n);
    if (n)
        add_shapes(&s->json[PREFIX_ITEMS], shapes);
    say_type(s, "array");
}

static void say_dict(struct saying *s, struct kv_slice shapes)
{
    struct kv_json_walk w;
    struct kv_slice value;
    kv_json_begin(&w, shapes);
    kv_json_item(&w, &value);
    kv_json_item(&w, &value);
    if (kv_json_string_is(value, "any"))
        kv_buf_add_str(&s->json[ADDITIONAL], "true");
    else
        add_shape(&s->json[ADDITIONAL], value);
    say_type(s, "object");
}

static void say_shape(struct saying *s, struct kv_slice shape)
{
    static const char *const scalars[][2] = {{"bool", "boolean"}, {"str", "string"},
        {"int", "integer"}, {"float", "number"}, {"none", "null"}};
    struct kv_slice inner;
    if (kv_json_type(shape) == KV_JSON_STRING) {
        for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++)
            if (kv_json_string_is(shape, scalars[i][0]))
                say_type(s, scalars[i][1]);
    } else if (kv_json_get(shape, "literal", &inner)) {
        say_literals(s, inner);
    } else if (kv_json_get(shape, "union", &inner)) {
        add_shapes(&s->json[ANY_OF], inner);
    } else if (kv_json_get(shape, "dict", &inner)) {
        say_dict(s, inner);
    } else if (kv_json_get(shape, "tuple", &inner)) {
        say_tuple(s, inner);
    } else {
        if (kv_json_get(shape, "set", &inner))
            kv_buf_add_str(&s->json[UNIQUE_ITEMS], "true");
        else if (!kv_json_get(shape, "list", &inner))
            kv_json_get(shape, "items", &inner);
        add_shape(&s->json[ITEMS], inner);
        say_type(s, "array");
    }
}

/* The shape or null, as a choice. */
static void say_nullable(struct saying *s, struct kv_slice shape)
{
    struct kv_buf *out = &s->json[ANY_OF];
    struct kv_slice members;
    if (kv_json_type(shape) == KV_JSON_OBJECT && kv_json_get(shape, "union", &members)) {
        add_shapes(out, members);
        out->n--; /* the closing bracket */
    } else {
        kv_buf_add_char(out, '[');
        add_shape(out, shape);
    }
    kv_buf_add_str(out, ",{\"type\":\"null\"}]");
}

/* ---- the properties ---- */

static void property(struct kv_buf *out, struct kv_slice name, struct saying *s)
{
    kv_json_out_text(out, NULL, name);
    kv_buf_add_char(out, ':');
    add_saying(out, s);
}

/* Every answer has one, unless a field takes its place. */
static void id_property(struct kv_buf *out, const struct kv_template *t)
{
    struct saying s = {0};
    if (kv_class_field(t, KV_SLICE("id")))
        return;
    say_nullable(&s, KV_SLICE("\"str\""));
    kv_buf_add_str(&s.json[DEFAULT], "null");
    kv_buf_add_str(&s.json[TITLE], "\"Id\"");
    property(out, KV_SLICE("id"), &s);
}

/* A field as its class declares it. */
static void declared(struct kv_buf *out, const struct kv_answer_field *f)
{
    struct saying s = {0};
    if (f->nullable)
        say_nullable(&s, f->shape);
    else
        say_shape(&s, f->shape);
    kv_buf_add_slice(&s.json[DEFAULT], f->default_json);
    if (f->description.p)
        kv_json_quote(&s.json[DESCRIPTION], f->description, KV_JSON_RAW);
    if (f->title.p)
        kv_json_quote(&s.json[TITLE], f->title, KV_JSON_RAW);
    else
        add_title(&s.json[TITLE], f->name);
    property(out, f->name, &s);
}

/* What is of one type is nullable by a second one, and a constant a choice of itself and null. */
static void allow_null(struct saying *s, struct kv_slice shape)
{
    struct kv_buf type = {0}, *values = &s->json[ENUM];
    if (values->n) {
        values->n--; /* the closing bracket */
        kv_buf_add_str(values, ",null]");
    }
    if (s->json[TYPE].n) {
        kv_buf_printf(&type, "[%s,\"null\"]", s->json[TYPE].p);
        kv_buf_release(&s->json[TYPE]);
        s->json[TYPE] = type;
    } else if (s->json[ANY_OF].n) {
        kv_buf_clear(&s->json[ANY_OF]);
        say_nullable(s, shape);
    }
}

/* A verified field may be left unanswered, by null; of the others null is only what their class
 * takes. */
static void strict(struct kv_buf *out, const struct kv_answer_field *f)
{
    struct saying s = {0};
    say_shape(&s, f->shape);
    struct kv_buf *constant = &s.json[CONST], *values = &s.json[ENUM];
    if (constant->n) {
        kv_buf_printf(values, "[%s]", constant->p);
        kv_buf_clear(constant);
    }
    kv_buf_clear(&s.json[UNIQUE_ITEMS]); /* not taken everywhere */
    if (!s.json[TYPE].n && !s.json[ANY_OF].n && !values->n)
        kv_buf_add_str(&s.json[TYPE], "[\"string\",\"number\",\"boolean\",\"null\"]");
    else if (!f->plain || f->nullable)
        allow_null(&s, f->shape);
    if (f->description.n)
        kv_json_quote(&s.json[DESCRIPTION], f->description, KV_JSON_RAW);
    property(out, f->name, &s);
}

typedef bool choose(const struct kv_answer_field *f);

static bool is_anything(const struct kv_answer_field *f)
{
    (void)f;
    return true;
}

static bool is_asked(const struct kv_answer_field *f)
{
    return !f->is_trace;
}

static bool is_declared_required(const struct kv_answer_field *f)
{
    return !f->is_trace && !f->default_json.n;
}

static bool is_required(const struct kv_answer_field *f)
{
    return !f->default_json.n;
}

/* "required" stands there, perhaps empty, if the class has any field without a default. */
static void required(struct kv_buf *out, const struct kv_template *t, choose *chosen, bool always)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        n += chosen(&t->fields[i]);
    if (!n && !always)
        return;
    kv_json_out_list(out, "required");
    for (size_t i = 0; i < t->n; i++)
        if (chosen(&t->fields[i]))
            kv_json_out_text(out, NULL, t->fields[i].name);
    kv_buf_add_char(out, ']');
}

static void begin(struct kv_buf *out, bool additional)
{
    kv_buf_add_char(out, '{');
    kv_json_out_flag(out, "additionalProperties", additional);
    kv_json_out_object(out, "properties");
}

static void finish(struct kv_buf *out, const struct kv_template *t)
{
    kv_json_out_text(out, "title", t->class_name);
    kv_json_out_str(out, "type", "object");
    kv_buf_add_char(out, '}');
}

static void break_line(struct kv_buf *out, int spaces)
{
    size_t n = spaces > 0 ? (size_t)spaces : 0;
    kv_buf_add_char(out, '\n');
    if (!kv_buf_reserve(out, n))
        return;
    memset(out->p + out->n, ' ', n);
    out->n += n;
    out->p[out->n] = '\0';
}

/* Copies compact JSON with line ends and indentation, as json.dumps(indent=N) sets it. */
static void indented(struct kv_buf *out, struct kv_slice json, int indent)
{
    const char *p = json.p, *end = p + json.n;
    int depth = 0;
    while (p < end) {
        const char *start = p++;
        if (*start == '"') {
            while (*p != '"')
                p += 1 + (*p == '\\');
            kv_buf_add(out, start, (size_t)(++p - start));
            continue;
        }
        bool opens = *start == '{' || *start == '[', closes = *start == '}' || *start == ']';
        depth += opens - closes;
        if (closes && start[-1] != '{' && start[-1] != '[')
            break_line(out, depth * indent);
        kv_buf_add_char(out, *start);
        if (*start == ':')
            kv_buf_add_char(out, ' ');
        else if (*start == ',' || (opens && *p != '}' && *p != ']'))
            break_line(out, depth * indent);
    }
}

void kv_json_schema_prompt(struct kv_buf *out, const struct kv_template *t, bool trace, int indent)
{
    struct kv_buf compact = {0};
    choose *chosen = trace ? is_anything : is_asked;
    bool any = false;
    begin(&compact, true);
    id_property(&compact, t);
    for (size_t i = 0; i < t->n; i++)
        if (chosen(&t->fields[i]))
            declared(&compact, &t->fields[i]);
    kv_buf_add_char(&compact, '}');
    for (size_t i = 0; i < t->n; i++)
        any |= is_required(&t->fields[i]);
    required(&compact, t, trace ? is_required : is_declared_required, any);
    finish(&compact, t);
    if (indent)
        indented(out, kv_slice_of(&compact), indent);
    else
        kv_buf_add_slice(out, kv_slice_of(&compact));
    kv_buf_release(&compact);
}

void kv_json_schema_strict(struct kv_buf *out, const struct kv_template *t)
{
    begin(out, false);
    for (size_t i = 0; i < t->n; i++)
        if (is_asked(&t->fields[i]))
            strict(out, &t->fields[i]);
    kv_buf_add_char(out, '}');
    required(out, t, is_asked, true);
    finish(out, t);
}
