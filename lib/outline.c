/* outline - the JSON Schemas of a template. */
#include "outline.h"

#include "json.h"

#include <stdlib.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

struct writer {
    struct kv_buf out; /* compact; indented at the end if wanted */
    bool first;        /* no member yet in the object being written */
};

/* A key, with the comma before it where one is due. */
static void key(struct writer *w, const char *name)
{
    if (!w->first)
        kv_buf_add_char(&w->out, ',');
    w->first = false;
    kv_json_quote_str(&w->out, name);
    kv_buf_add_char(&w->out, ':');
}

static void text(struct writer *w, const char *name, struct kv_slice value)
{
    key(w, name);
    kv_json_quote(&w->out, value, KV_JSON_RAW);
}

static void raw(struct writer *w, const char *name, const char *json)
{
    key(w, name);
    kv_buf_add_str(&w->out, json);
}

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
static void title(struct writer *w, struct kv_slice name)
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
    text(w, "title", kv_slice_strip(kv_slice_of(&titled)));
    kv_buf_release(&titled);
}

static const char *json_type(enum kv_answer_type type)
{
    static const char *const types[] = {
        "boolean", "string", "integer", "number", "array", "string", NULL};
    return types[type];
}

/* The only literal of its type is a constant. */
static bool is_constant(const struct kv_answer_field *f)
{
    return f->type == KV_ANSWER_LITERAL && kv_json_count(f->literals) == 1;
}

static void constant(struct writer *w, const struct kv_answer_field *f)
{
    if (!is_constant(f))
        return;
    key(w, "const");
    kv_buf_add(&w->out, f->literals.p + 1, f->literals.n - 2);
}

static void literals(struct writer *w, const struct kv_answer_field *f)
{
    if (f->type != KV_ANSWER_LITERAL || is_constant(f))
        return;
    key(w, "enum");
    kv_buf_add_slice(&w->out, f->literals);
}

/* "type" with what belongs to it, in the alphabetical place the keys of karenina's schemas have. */
static void scalar(struct writer *w, const struct kv_answer_field *f)
{
    constant(w, f);
    literals(w, f);
    if (f->type == KV_ANSWER_LIST)
        raw(w, "items", "{\"type\":\"string\"}");
    if (json_type(f->type))
        text(w, "type", kv_slice(json_type(f->type)));
}

static void nullable(struct writer *w, const struct kv_answer_field *f)
{
    raw(w, "anyOf", "[{");
    w->first = true;
    scalar(w, f);
    kv_buf_add_str(&w->out, "},{\"type\":\"null\"}]");
    w->first = false;
}

static void property(struct writer *w, struct kv_slice name)
{
    if (!w->first)
        kv_buf_add_char(&w->out, ',');
    kv_json_quote(&w->out, name, KV_JSON_RAW);
    kv_buf_add_str(&w->out, ":{");
    w->first = true;
}

static void end(struct writer *w)
{
    kv_buf_add_char(&w->out, '}');
    w->first = false;
}

/* Every answer has one, unless a field takes its place. */
static void id_property(struct writer *w, const struct kv_template *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (kv_slice_is(t->fields[i].name, "id"))
            return;
    property(w, KV_SLICE("id"));
    kv_buf_add_str(&w->out, "\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}],"
                            "\"default\":null,\"title\":\"Id\"");
    end(w);
}

/* A field as its class declares it. */
static void declared(struct writer *w, const struct kv_answer_field *f)
{
    property(w, f->name);
    if (f->nullable)
        nullable(w, f);
    else
        constant(w, f);
    if (f->otherwise.n) {
        key(w, "default");
        kv_buf_add_slice(&w->out, f->otherwise);
    }
    if (f->description.p)
        text(w, "description", f->description);
    if (!f->nullable)
        literals(w, f);
    if (!f->nullable && f->type == KV_ANSWER_LIST)
        raw(w, "items", "{\"type\":\"string\"}");
    if (f->title.p)
        text(w, "title", f->title);
    else
        title(w, f->name);
    if (!f->nullable && json_type(f->type))
        text(w, "type", kv_slice(json_type(f->type)));
    end(w);
}

static void relaxed(struct writer *w, const struct kv_answer_field *f)
{
    property(w, f->name);
    nullable(w, f);
    raw(w, "default", "null");
    title(w, f->name);
    end(w);
}

static void strict(struct writer *w, const struct kv_answer_field *f)
{
    property(w, f->name);
    if (f->description.n)
        text(w, "description", f->description);
    if (f->type == KV_ANSWER_LITERAL) {
        key(w, "enum");
        kv_buf_add_slice(&w->out, f->literals);
        w->out.n--; /* the closing bracket */
        kv_buf_add_str(&w->out, ",null]");
    }
    if (f->type == KV_ANSWER_LIST)
        raw(w, "items", "{\"type\":\"string\"}");
    key(w, "type");
    if (json_type(f->type))
        kv_buf_printf(&w->out, "[\"%s\",\"null\"]", json_type(f->type));
    else
        kv_buf_add_str(&w->out, "[\"string\",\"number\",\"boolean\",\"null\"]");
    end(w);
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
    return !f->is_trace && !f->otherwise.n;
}

static bool is_required(const struct kv_answer_field *f)
{
    return !f->otherwise.n;
}

static bool is_plain_required(const struct kv_answer_field *f)
{
    return f->plain && !f->otherwise.n;
}

/* "required" stands there, perhaps empty, if the class has any field without a default. */
static void required(struct writer *w, const struct kv_template *t, choose *chosen, bool always)
{
    size_t n = 0;
    if (always)
        raw(w, "required", "[");
    for (size_t i = 0; i < t->n; i++) {
        if (!chosen(&t->fields[i]))
            continue;
        if (n++)
            kv_buf_add_char(&w->out, ',');
        else if (!always)
            raw(w, "required", "[");
        kv_json_quote(&w->out, t->fields[i].name, KV_JSON_RAW);
    }
    if (n || always)
        kv_buf_add_char(&w->out, ']');
}

static void begin(struct writer *w, const char *additional)
{
    kv_buf_add_char(&w->out, '{');
    w->first = true;
    raw(w, "additionalProperties", additional);
    raw(w, "properties", "{");
    w->first = true;
}

static void finish(struct writer *w, const struct kv_template *t, const char *suffix)
{
    struct kv_buf name = {0};
    kv_buf_add_slice(&name, t->class_name);
    kv_buf_add_str(&name, suffix);
    text(w, "title", kv_slice_of(&name));
    raw(w, "type", "\"object\"}");
    kv_buf_release(&name);
}

/* Copies compact JSON with line ends and indentation, as json.dumps(indent=N) sets it. */
static void indented(struct kv_buf *out, struct kv_slice json, int indent)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < json.n; i++) {
        char c = json.p[i], next = i + 1 < json.n ? json.p[i + 1] : '\0';
        bool closes = !quoted && (c == '}' || c == ']'), opens = !quoted && (c == '{' || c == '[');
        if (closes && json.p[i - 1] != '{' && json.p[i - 1] != '[')
            kv_buf_printf(out, "\n%*s", --depth * indent, "");
        else
            depth -= closes;
        kv_buf_add_char(out, c);
        depth += opens;
        if (quoted && c == '\\')
            kv_buf_add_char(out, json.p[++i]);
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && c == ':')
            kv_buf_add_char(out, ' ');
        else if ((opens && next != '}' && next != ']') || (!quoted && c == ','))
            kv_buf_printf(out, "\n%*s", depth * indent, "");
    }
}

void kv_outline_prompt(struct kv_buf *out, const struct kv_template *t, bool trace, int indent)
{
    struct writer w = {{0}, true};
    choose *chosen = trace ? is_anything : is_asked;
    begin(&w, "true");
    id_property(&w, t);
    for (size_t i = 0; i < t->n; i++)
        if (chosen(&t->fields[i]))
            declared(&w, &t->fields[i]);
    end(&w);
    bool any = false;
    for (size_t i = 0; i < t->n; i++)
        any |= is_required(&t->fields[i]);
    required(&w, t, trace ? is_required : is_declared_required, any);
    finish(&w, t, "");
    if (indent)
        indented(out, kv_slice_of(&w.out), indent);
    else
        kv_buf_add_slice(out, kv_slice_of(&w.out));
    kv_buf_release(&w.out);
}

void kv_outline_relaxed(struct kv_buf *out, const struct kv_template *t)
{
    struct writer w = {{0}, true};
    begin(&w, "true");
    id_property(&w, t);
    for (size_t i = 0; i < t->n; i++)
        if (t->fields[i].plain)
            declared(&w, &t->fields[i]);
        else
            relaxed(&w, &t->fields[i]);
    end(&w);
    required(&w, t, is_plain_required, false);
    finish(&w, t, "__Relaxed");
    kv_buf_add_slice(out, kv_slice_of(&w.out));
    kv_buf_release(&w.out);
}

void kv_outline_strict(struct kv_buf *out, const struct kv_template *t)
{
    struct writer w = {{0}, true};
    begin(&w, "false");
    for (size_t i = 0; i < t->n; i++)
        if (is_asked(&t->fields[i]))
            strict(&w, &t->fields[i]);
    end(&w);
    required(&w, t, is_asked, true);
    finish(&w, t, "");
    kv_buf_add_slice(out, kv_slice_of(&w.out));
    kv_buf_release(&w.out);
}
