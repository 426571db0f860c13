/* envelope - whether a JSON value speaks of what is wanted, itself or in what it wraps. */
#include "envelope.h"

#include "builtins.h"
#include "json.h"
#include "pystr.h"
#include "repair.h"

#include <string.h>

enum { MAX_DEPTH = 4, NAMES_SHOWN = 200, MEMBERS_MAX = 1000 };

/* What is looked into, folded: words that models and interfaces put around an answer. */
static const char *const wrappers[] = {"answer", "answers", "args", "arguments", "content", "data",
    "extracted", "extracteddata", "extraction", "fields", "final", "finalanswer", "function",
    "functioncall", "input", "json", "object", "output", "parameters", "params", "parsed",
    "properties", "reply", "response", "result", "results", "toolcall", "toolcalls", "toolinput",
    "value", "values", NULL};
/* What such an envelope says of itself: a field of that name is not meant by it. */
static const char *const of_envelopes[] = {
    "id", "index", "name", "role", "status", "tool", "toolname", "type", NULL};

/* ---- names ---- */

static bool among(struct kv_slice text, const char *const *words)
{
    for (; *words; words++)
        if (kv_slice_is(text, *words))
            return true;
    return false;
}

/* Without case, spaces, hyphens and underscores: isCorrect is is_correct. */
static void fold(struct kv_slice text, struct kv_buf *out)
{
    struct kv_buf lower = {0};
    struct kv_err impossible;
    kv_buf_add_slice(&lower, text);
    kv_builtins_normalize(KV_SLICE("[\"lowercase\"]"), &lower, &impossible);
    kv_buf_clear(out);
    for (size_t i = 0; i < lower.n; i++)
        if (!strchr(" _-", lower.p[i]))
            kv_buf_add_char(out, lower.p[i]);
    kv_buf_release(&lower);
}

static bool folds_alike(struct kv_slice a, struct kv_slice b)
{
    struct kv_buf x = {0}, y = {0};
    fold(a, &x);
    fold(b, &y);
    bool alike = kv_slice_eq(kv_slice_of(&x), kv_slice_of(&y));
    kv_buf_release(&x);
    kv_buf_release(&y);
    return alike;
}

static bool is_wanted(const struct kv_wanted *w, struct kv_slice name)
{
    for (size_t i = 0; i < w->n; i++)
        if (kv_slice_eq(w->names[i], name))
            return true;
    return false;
}

/* The number of members that have exactly this name. */
static size_t count_named(struct kv_slice object, struct kv_slice name)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    size_t n = 0;
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value)) {
        struct kv_buf text = {0};
        kv_json_unescape(key, &text);
        n += kv_slice_eq(kv_slice_of(&text), name);
        kv_buf_release(&text);
    }
    return n;
}

/* The wanted name that a key stands for: its own, or, if it is spelled in another way, that of the
 * only wanted member that is missing. n == 0: it stands for none. */
static struct kv_slice meant_by(
    struct kv_slice object, struct kv_slice key, const struct kv_wanted *w)
{
    struct kv_slice found = {0}, other, v;
    struct kv_json_walk walk;
    if (is_wanted(w, key))
        return key;
    for (size_t i = 0; i < w->n; i++) {
        if (!folds_alike(w->names[i], key) || count_named(object, w->names[i]))
            continue;
        if (found.n)
            return (struct kv_slice){0};
        found = w->names[i];
    }
    kv_json_begin(&walk, object);
    for (size_t n = 0; found.n && kv_json_member(&walk, &other, &v);) {
        struct kv_buf text = {0};
        kv_json_unescape(other, &text);
        n += folds_alike(kv_slice_of(&text), key);
        kv_buf_release(&text);
        if (n > 1)
            return (struct kv_slice){0};
    }
    return found;
}

/* ---- an object that speaks ---- */

/* Appends the object with its members under the names wanted. *own: how many are wanted; *plain:
 * how many of those an envelope would have too. */
static void rename_members(struct kv_slice object, const struct kv_wanted *w, struct kv_buf *out,
    size_t *own, size_t *plain)
{
    struct kv_json_walk walk;
    struct kv_slice key, value;
    bool many = kv_json_count(object) > MEMBERS_MAX; /* no object that a model writes for us */
    *own = *plain = 0;
    kv_buf_add_char(out, '{');
    kv_json_begin(&walk, object);
    for (bool first = true; kv_json_member(&walk, &key, &value); first = false) {
        struct kv_buf text = {0};
        kv_json_unescape(key, &text);
        struct kv_slice key_text = kv_slice_of(&text), none = {0};
        struct kv_slice name = !many                    ? meant_by(object, key_text, w)
                               : is_wanted(w, key_text) ? key_text
                                                        : none;
        *own += name.n > 0;
        kv_buf_add_str(out, first ? "" : ",");
        kv_json_quote(out, name.n ? name : kv_slice_of(&text), KV_JSON_RAW);
        kv_buf_add_char(out, ':');
        kv_json_compact(out, value);
        fold(kv_slice_of(&text), &text);
        *plain += name.n > 0 && among(kv_slice_of(&text), of_envelopes);
        kv_buf_release(&text);
    }
    kv_buf_add_char(out, '}');
}

/* Two values under one name that is wanted. */
static bool contradicts(struct kv_slice object, const struct kv_wanted *w, struct kv_err *err)
{
    for (size_t i = 0; i < w->n; i++) {
        struct kv_json_walk walk;
        struct kv_slice key, value, first = {0};
        if (count_named(object, w->names[i]) < 2)
            continue;
        kv_json_begin(&walk, object);
        while (kv_json_member(&walk, &key, &value)) {
            struct kv_buf text = {0};
            kv_json_unescape(key, &text);
            bool same = kv_slice_eq(kv_slice_of(&text), w->names[i]);
            kv_buf_release(&text);
            if (same && first.n && !kv_slice_eq(first, value)) {
                kv_err_set(err, KV_INPUT, "two different values are given for \"%.*s\"",
                    (int)w->names[i].n, w->names[i].p);
                return true;
            }
            if (same)
                first = value;
        }
    }
    return false;
}

/* ---- envelopes ---- */

static enum kv_speaks open_value(struct kv_slice value, const struct kv_wanted *w, int depth,
    struct kv_buf *out, struct kv_err *err);

/* A JSON Schema of an object, unless a field is called "properties". */
static bool is_schema(struct kv_slice object, const struct kv_wanted *w)
{
    struct kv_slice properties, type;
    return !is_wanted(w, KV_SLICE("properties")) &&
           kv_json_get(object, "properties", &properties) &&
           kv_json_type(properties) == KV_JSON_OBJECT && kv_json_get(object, "type", &type) &&
           kv_json_string_is(type, "object");
}

/* True if everything wanted in there is described rather than said. */
static bool only_describes(struct kv_slice properties, const struct kv_wanted *w)
{
    static const char *const words[] = {
        "type", "anyOf", "oneOf", "allOf", "enum", "const", "$ref", "description", "title"};
    struct kv_json_walk walk;
    struct kv_slice key, value, v;
    kv_json_begin(&walk, properties);
    while (kv_json_member(&walk, &key, &value)) {
        struct kv_buf text = {0};
        kv_json_unescape(key, &text);
        bool wanted = is_wanted(w, kv_slice_of(&text)), described = false;
        kv_buf_release(&text);
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            described |= kv_json_get(value, words[i], &v);
        if (wanted && !described)
            return false;
    }
    return true;
}

static bool is_wrapper(struct kv_slice name, const struct kv_wanted *w)
{
    struct kv_buf folded = {0};
    fold(name, &folded);
    bool is = among(kv_slice_of(&folded), wrappers) || (w->title.n && folds_alike(w->title, name));
    kv_buf_release(&folded);
    return is && !is_wanted(w, name);
}

/* The one member that wraps something that speaks. */
static enum kv_speaks look_inside(struct kv_slice object, const struct kv_wanted *w, int depth,
    struct kv_buf *out, struct kv_err *err)
{
    struct kv_json_walk walk;
    struct kv_slice key, value, error;
    size_t before = out->n;
    enum kv_speaks found = KV_SILENT;
    if (kv_json_get(object, "error", &error) && !kv_json_is_null(error))
        return KV_SILENT;
    kv_json_begin(&walk, object);
    while (found != KV_DOUBTFUL && kv_json_member(&walk, &key, &value)) {
        struct kv_buf name = {0}, inner = {0};
        kv_json_unescape(key, &name);
        bool filled = !kv_slice_is(kv_slice_of(&name), "properties") || !only_describes(value, w);
        enum kv_speaks this = is_wrapper(kv_slice_of(&name), w) && filled
                                  ? open_value(value, w, depth + 1, &inner, err)
                                  : KV_SILENT;
        struct kv_slice said = {out->p + before, out->n - before};
        if (this == KV_SPEAKS && found == KV_SPEAKS && !kv_slice_eq(said, kv_slice_of(&inner))) {
            kv_err_set(err, KV_INPUT, "the object wraps several that say different things");
            this = KV_DOUBTFUL;
        } else if (this == KV_SPEAKS && found == KV_SILENT) {
            kv_buf_add_slice(out, kv_slice_of(&inner));
        }
        found = this == KV_SILENT ? found : this;
        kv_buf_release(&name);
        kv_buf_release(&inner);
    }
    return found;
}

static enum kv_speaks open_object(struct kv_slice object, const struct kv_wanted *w, int depth,
    struct kv_buf *out, struct kv_err *err)
{
    struct kv_buf self = {0}, inner = {0};
    size_t own, plain;
    enum kv_speaks speaks = KV_SILENT;
    rename_members(object, w, &self, &own, &plain);
    if (is_schema(object, w))
        own = 0;
    if (w->n && own == plain) /* none, or none but what an envelope has */
        speaks = look_inside(object, w, depth, &inner, err);
    if (speaks == KV_SPEAKS)
        kv_buf_add_slice(out, kv_slice_of(&inner));
    else if (speaks == KV_SILENT && (own || !w->n)) {
        kv_buf_add_slice(out, kv_slice_of(&self));
        speaks = contradicts(object, w, err) ? KV_DOUBTFUL : KV_SPEAKS;
    }
    kv_buf_release(&self);
    kv_buf_release(&inner);
    return speaks;
}

/* A string that is JSON, or nearly. */
static enum kv_speaks open_string(struct kv_slice string, const struct kv_wanted *w, int depth,
    struct kv_buf *out, struct kv_err *err)
{
    struct kv_buf text = {0}, repaired = {0};
    struct kv_repaired r;
    struct kv_slice value;
    enum kv_speaks speaks = KV_SILENT;
    kv_json_unescape(string, &text);
    struct kv_slice inner = kv_pystr_strip(kv_slice_of(&text));
    if (kv_json_check(inner, KV_JSON_NONFINITE | KV_JSON_DIGITS, &value, NULL) == 0)
        speaks = open_value(value, w, depth + 1, out, err);
    else if (kv_repair_opening(inner) && kv_repair_object(inner, &repaired, &r, NULL) == 0 &&
             r.closed)
        speaks = open_value(kv_slice_of(&repaired), w, depth + 1, out, err);
    kv_buf_release(&text);
    kv_buf_release(&repaired);
    return speaks;
}

static enum kv_speaks open_value(struct kv_slice value, const struct kv_wanted *w, int depth,
    struct kv_buf *out, struct kv_err *err)
{
    struct kv_json_walk walk;
    struct kv_slice item;
    if (depth > MAX_DEPTH)
        return KV_SILENT;
    switch (kv_json_type(value)) {
    case KV_JSON_OBJECT:
        return open_object(value, w, depth, out, err);
    case KV_JSON_STRING:
        return open_string(value, w, depth, out, err);
    case KV_JSON_ARRAY:
        kv_json_begin(&walk, value);
        return kv_json_count(value) == 1 && kv_json_item(&walk, &item)
                   ? open_value(item, w, depth + 1, out, err)
                   : KV_SILENT;
    default:
        return KV_SILENT;
    }
}

enum kv_speaks kv_envelope_open(
    struct kv_slice value, const struct kv_wanted *wanted, struct kv_buf *out, struct kv_err *err)
{
    return open_value(value, wanted, 0, out, err);
}

/* ---- the names ---- */

void kv_envelope_add_names(const struct kv_wanted *wanted, struct kv_buf *out)
{
    size_t start = out->n;
    for (size_t i = 0; i < wanted->n; i++) {
        if (out->n - start > NAMES_SHOWN) {
            kv_buf_add_str(out, ", ...");
            return;
        }
        kv_buf_add_str(out, i ? ", " : "");
        kv_buf_add_slice(out, wanted->names[i]);
    }
}

bool kv_envelope_has_all(struct kv_slice object, const struct kv_wanted *wanted)
{
    for (size_t i = 0; i < wanted->n; i++)
        if (!count_named(object, wanted->names[i]))
            return false;
    return true;
}
