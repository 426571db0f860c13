/* class - the declarative Python form of a template. */
#include "class.h"

#include "class_field.h"
#include "json.h"
#include "json_out.h"
#include "num.h"
#include "parser.h"
#include "spec.h"

#include <stdio.h>
#include <string.h>

enum { MAX_CLASSES = 64, MAX_STRATEGY_DEPTH = 64 };

/* ---- strategy ---- */

static int no_list(struct kv_template_reader *r, struct kv_slice statement, struct kv_slice e)
{
    struct kv_slice dict;
    return kv_json_type(e) != KV_JSON_OBJECT || kv_template_is(e, "dict", &dict)
               ? kv_template_invalid(r, "conditions: must be a list")
               : kv_template_no_value(r, statement, e);
}

static int add_strategy(struct kv_template_reader *r, struct kv_slice statement, struct kv_slice e,
    int depth, struct kv_buf *out)
{
    struct kv_slice call, name = kv_template_call(e, &call), value;
    struct kv_json_walk w;
    bool at_least = kv_slice_is(name, "AtLeastN"), check = kv_slice_is(name, "FieldCheck");
    const char *type = kv_slice_is(name, "AllOf")   ? "all_of"
                       : kv_slice_is(name, "AnyOf") ? "any_of"
                       : at_least                   ? "at_least_n"
                       : check                      ? "field_check"
                                                    : NULL;
    if (!type || depth > MAX_STRATEGY_DEPTH)
        return kv_template_no_value(r, statement, e);
    if (kv_template_keywords_only(r, statement, call) != 0)
        return -1;
    if (kv_template_argument(call, "type", -1, &value) && !kv_json_string_is(value, type))
        return kv_template_invalid(r, "a strategy's type is not for choice");
    kv_json_out_object(out, NULL);
    kv_json_out_str(out, "type", type);
    bool has = kv_template_argument(call, "n", -1, &value);
    kv_json_out_json(out, "n", at_least && has ? value : KV_SLICE("null"));
    has = kv_template_argument(call, "field", -1, &value);
    kv_json_out_json(out, "field_name", check && has ? value : KV_SLICE("null"));
    kv_json_out_list(out, "conditions");
    if (!check) {
        if (!kv_template_argument(call, "conditions", -1, &value))
            return kv_template_invalid(r, "conditions: a list is required");
        if (kv_json_type(value) != KV_JSON_ARRAY)
            return no_list(r, statement, value);
        kv_json_begin(&w, value);
        while (kv_json_item(&w, &e))
            if (add_strategy(r, statement, e, depth + 1, out) != 0)
                return -1;
    }
    kv_buf_add_str(out, "]}");
    return 0;
}

static int read_strategy(struct kv_template_reader *r, struct kv_slice statement, struct kv_slice e)
{
    struct kv_buf written = {0}, full = {0};
    struct kv_err why;
    int rc = add_strategy(r, statement, e, 0, &written);
    if (rc == 0 && kv_spec_strategy(kv_slice_of(&written), &full, &why) != 0)
        rc = kv_template_invalid(r, "verify_strategy: %s", why.text);
    if (rc == 0)
        r->t->strategy = kv_fields_keep(r->t, kv_slice_of(&full));
    kv_buf_release(&written);
    kv_buf_release(&full);
    return rc;
}

/* class VerificationStrategy: only its verify_strategy counts. It hides one that was inherited. */
static int read_strategy_class(struct kv_template_reader *r, struct kv_slice class)
{
    struct kv_slice body, item, field, value;
    struct kv_json_walk w;
    r->t->strategy = (struct kv_slice){0};
    kv_json_get(class, "args", &body);
    if (kv_json_count(body) && !kv_slice_is(body, "[{\"name\":\"object\"}]"))
        return kv_template_executable(r, class, "a strategy with a base");
    kv_json_get(class, "body", &body);
    kv_json_begin(&w, body);
    while (kv_json_item(&w, &item)) {
        if (!kv_json_get(item, "field", &field)) {
            if (kv_json_get(item, "code", &value))
                return kv_template_executable(r, item, "code in VerificationStrategy");
        } else if (kv_json_string_is(field, "verify_strategy")) {
            kv_json_get(item, "value", &value);
            r->t->strategy = (struct kv_slice){0};
            if (!kv_json_is_null(value) && !kv_template_is_nothing(value) &&
                read_strategy(r, item, value) != 0)
                return -1;
        }
    }
    return 0;
}

/* ---- classes ---- */

/* The line of the source at *at, stripped, and how far it is indented. 1, or 0 at the end. */
static int next_line(struct kv_slice *rest, struct kv_slice *line, size_t *indent)
{
    if (rest->n == 0)
        return 0;
    const char *lf = memchr(rest->p, '\n', rest->n);
    size_t n = lf ? (size_t)(lf - rest->p) : rest->n;
    struct kv_slice whole = {rest->p, n};
    *line = kv_slice_strip(whole);
    *indent = line->n ? (size_t)(line->p - whole.p) : 0;
    *rest = (struct kv_slice){rest->p + n + (lf != NULL), rest->n - n - (lf != NULL)};
    return 1;
}

/* True if the method at this line is the one that karenina gives a question without a template,
 *
 *     def verify(self) -> bool:
 *         return False
 *
 * and nothing more. It needs no running to know what it says. */
static bool is_always_false(struct kv_slice source, int64_t number)
{
    static const char *const heads[] = {"def verify(self) -> bool:", "def verify(self):"};
    struct kv_slice rest = source, line = {0};
    size_t margin = 0, indent;
    for (int64_t i = 0; i < number; i++)
        if (!next_line(&rest, &line, &margin))
            return false;
    if (!kv_slice_is(line, heads[0]) && !kv_slice_is(line, heads[1]))
        return false;
    for (bool body = false; next_line(&rest, &line, &indent);) {
        if (line.n == 0)
            continue;
        if (body)
            return indent <= margin;
        if (indent <= margin || !kv_slice_is(line, "return False"))
            return false;
        body = true;
    }
    return kv_slice_is(line, "return False") || line.n == 0;
}

static int read_code(struct kv_template_reader *r, struct kv_slice item)
{
    struct kv_slice name, number;
    int64_t line;
    char what[120];
    if (!kv_json_get(item, "name", &name))
        return kv_template_executable(r, item, "a statement");
    if (kv_json_string_is(name, "verify") && kv_json_get(item, "line", &number) &&
        kv_num_int64(number, &line) && is_always_false(r->source, line)) {
        r->t->always_false = true;
        return 0;
    }
    snprintf(
        what, sizeof what, "method '%.*s'", (int)(name.n - 2 < 60 ? name.n - 2 : 60), name.p + 1);
    return kv_template_executable(r, item, what);
}

static int read_body(struct kv_template_reader *r, struct kv_slice class)
{
    struct kv_slice body, item, v;
    struct kv_json_walk w;
    kv_json_get(class, "body", &body);
    r->body = body;
    kv_json_begin(&w, body);
    while (kv_json_item(&w, &item)) {
        if (kv_json_get(item, "field", &v)) {
            if (kv_template_read_field(r, item) != 0)
                return -1;
        } else if (kv_json_get(item, "class", &v)) {
            if (!kv_json_string_is(v, "VerificationStrategy"))
                return kv_template_executable(r, item, "an inner class");
            if (read_strategy_class(r, item) != 0)
                return -1;
        } else if (kv_json_get(item, "code", &v)) {
            if (read_code(r, item) != 0)
                return -1;
        } else if (kv_json_get(item, "import", &v)) {
            return kv_template_executable(r, item, "an import in a class");
        }
    }
    return 0;
}

struct class
{
    struct kv_slice name, json;
    int base;     /* -1: none of these */
    bool answer;  /* derives from BaseAnswer */
    bool foreign; /* derives from something imported */
    bool parent;  /* another derives from it */
    bool hidden;  /* a later one has its name */
};

struct module {
    struct kv_slice json;
    struct class classes[MAX_CLASSES];
    int n;
};

static int find_class(const struct module *m, struct kv_slice name)
{
    for (int i = m->n; i-- > 0;)
        if (kv_slice_eq(m->classes[i].name, name))
            return i;
    return -1;
}

static bool is_imported(const struct module *m, struct kv_slice name)
{
    struct kv_json_walk w, names;
    struct kv_slice item, list, imported;
    kv_json_begin(&w, m->json);
    while (kv_json_item(&w, &item)) {
        if (!kv_json_get(item, "import", &list))
            continue;
        kv_json_begin(&names, list);
        while (kv_json_item(&names, &imported))
            if (imported.n == name.n + 2 && memcmp(imported.p + 1, name.p, name.n) == 0)
                return true;
    }
    return false;
}

/* One base of a class: known here, BaseAnswer, of no concern, or a mistake. */
static int read_base(
    struct kv_template_reader *r, struct module *m, struct class *c, struct kv_slice base)
{
    struct kv_slice name = kv_template_name(base), last = name;
    const char *dot = memrchr(name.p, '.', name.n);
    int known = find_class(m, name);
    if (known >= 0) {
        c->base = known;
        c->answer |= m->classes[known].answer;
        m->classes[known].parent = true;
        return 0;
    }
    if (dot)
        last = (struct kv_slice){dot + 1, (size_t)(name.p + name.n - dot) - 1};
    struct kv_slice first = {
        name.p, dot ? (size_t)((char *)memchr(name.p, '.', name.n) - name.p) : name.n};
    bool imported = is_imported(m, first);
    if (kv_slice_is(last, "BaseAnswer") && (imported || !dot))
        c->answer = true;
    else
        c->foreign |= imported || !name.n;
    return imported || !name.n || kv_template_knows(name) ? 0 : kv_template_unknown(r, name);
}

static int add_class(struct kv_template_reader *r, struct module *m, struct kv_slice item)
{
    struct kv_slice name, bases, base, keywords;
    struct kv_json_walk b;
    kv_json_get(item, "class", &name);
    kv_json_get(item, "args", &bases);
    kv_json_get(item, "keywords", &keywords);
    if (m->n == MAX_CLASSES)
        return kv_template_executable(r, item, "a class too many");
    struct class *c = &m->classes[m->n];
    *c = (struct class){.name = {name.p + 1, name.n - 2}, .json = item, .base = -1};
    kv_json_begin(&b, bases);
    while (kv_json_item(&b, &base))
        if (read_base(r, m, c, base) != 0)
            return -1;
    if (c->answer && kv_json_count(bases) > 1)
        return kv_template_executable(r, item, "a class with several bases");
    if (c->answer && kv_json_count(keywords))
        return kv_template_executable(r, item, "a setting of the class");
    int before = find_class(m, c->name);
    if (before >= 0)
        m->classes[before].hidden = true;
    m->n++;
    return 0;
}

/* Classes in order of definition. */
static int collect(struct kv_template_reader *r, struct module *m)
{
    struct kv_slice item, name;
    struct kv_json_walk w;
    kv_json_begin(&w, m->json);
    while (kv_json_item(&w, &item))
        if (kv_json_get(item, "class", &name) && add_class(r, m, item) != 0)
            return -1;
    return 0;
}

/* Functions and constants beside the classes are no concern of a template: their names are unknown
 * in the body of a class (kv-benchmark(5)). What a statement does may be. */
static int check_statements(struct kv_template_reader *r, const struct module *m, bool blocks_only)
{
    struct kv_slice item, v;
    struct kv_json_walk w;
    kv_json_begin(&w, m->json);
    while (kv_json_item(&w, &item)) {
        bool names_class =
            kv_json_get(item, "field", &v) &&
            (find_class(m, (struct kv_slice){v.p + 1, v.n - 2}) >= 0 ||
                (kv_json_get(item, "value", &v) && find_class(m, kv_template_name(v)) >= 0));
        bool code = kv_json_get(item, "code", &v) && !kv_json_string_is(v, "def") &&
                    (!blocks_only || kv_json_string_is(v, "block"));
        if (code || (names_class && !blocks_only))
            return kv_template_executable(r, item, "a statement beside the class");
    }
    return 0;
}

static int no_leaf(struct kv_template_reader *r, const struct module *m)
{
    for (int i = 0; i < m->n; i++)
        if (m->classes[i].foreign)
            return kv_template_executable(r, m->classes[i].json, "a base from elsewhere");
    return check_statements(r, m, true) != 0
               ? -1
               : kv_err_set(r->err, KV_INPUT, "No BaseAnswer subclass found in template namespace");
}

static int find_leaf(struct kv_template_reader *r, const struct module *m, int *leaf)
{
    struct kv_buf names = {0};
    int leaves = 0;
    for (int i = 0; i < m->n; i++) {
        const struct class *c = &m->classes[i];
        if (!c->answer || c->parent || c->hidden)
            continue;
        *leaf = i;
        kv_buf_printf(&names, "%s'%.*s'", leaves++ ? ", " : "", (int)c->name.n, c->name.p);
    }
    if (leaves > 1)
        kv_err_set(r->err, KV_INPUT,
            "Multiple BaseAnswer subclasses found at leaf level: [%s]. Templates must contain "
            "exactly one leaf BaseAnswer subclass.",
            names.p);
    kv_buf_release(&names);
    if (leaves == 0)
        return no_leaf(r, m);
    return leaves == 1 ? check_statements(r, m, false) : -1;
}

static int read_class(struct kv_template_reader *r, const struct module *m, int i)
{
    if (m->classes[i].base >= 0 && read_class(r, m, m->classes[i].base) != 0)
        return -1;
    return read_body(r, m->classes[i].json);
}

static int read_module(struct kv_template_reader *r, struct kv_slice json)
{
    struct module m = {.json = json};
    int leaf = -1;
    if (collect(r, &m) != 0 || find_leaf(r, &m, &leaf) != 0 || read_class(r, &m, leaf) != 0)
        return -1;
    r->t->class_name = kv_fields_keep(r->t, m.classes[leaf].name);
    size_t verified = 0;
    for (size_t i = 0; i < r->t->n; i++)
        verified += !r->t->fields[i].plain;
    if (verified &&
        r->t->always_false) /* a method of the author's in place of the fields' checks */
        return kv_template_executable(r, KV_SLICE("{}"), "method 'verify'");
    return verified || r->t->always_false
               ? 0
               : kv_err_set(r->err, KV_INPUT, "does not have a 'verify' method");
}

int kv_class_read(struct kv_slice source, struct kv_template *t, bool *code, struct kv_err *err)
{
    struct kv_template_reader r = {.t = t, .code = code, .err = err, .source = source};
    struct kv_buf module = {0};
    struct kv_err why;
    *code = false;
    int rc = kv_parser_read(source, &module, &why);
    rc = rc == 0 ? read_module(&r, kv_slice_of(&module)) : kv_template_invalid(&r, "%s", why.text);
    kv_buf_release(&module);
    return rc;
}
