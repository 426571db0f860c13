/* mind - what the test provider's models know and say. */
#include "mind.h"

#include "digest.h"
#include "io.h"
#include "json.h"
#include "num.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 20, HASH_SHOWN = 8 };

struct version {
    char *model; /* NULL: everybody else */
    char *answer;
    struct kv_slice parsed; /* in the text of the mind */
};

struct entry {
    char *question;
    struct version *versions; /* the first is everybody's */
    size_t count;
};

struct mind {
    struct kv_buf text;
    struct entry *entries;
    size_t count;
};

/* ---- learning ---- */

static char *text_of(struct kv_slice object, const char *name)
{
    struct kv_slice value;
    if (!kv_json_get(object, name, &value) || kv_json_type(value) != KV_JSON_STRING)
        return kv_strdup("");
    return kv_json_strdup(value);
}

static void add_version(struct entry *e, char *model, struct kv_slice said)
{
    struct version v = {.model = model, .answer = text_of(said, "answer")};
    kv_json_get(said, "parsed", &v.parsed);
    e->versions = kv_array(e->versions, e->count + 1, sizeof *e->versions);
    e->versions[e->count++] = v;
}

static void learn(struct mind *m, struct kv_slice line)
{
    struct entry e = {.question = text_of(line, "question")};
    struct kv_json_walk w;
    struct kv_slice but, key, value;
    add_version(&e, NULL, line);
    if (kv_json_get(line, "but", &but)) {
        kv_json_begin(&w, but);
        while (kv_json_member(&w, &key, &value))
            add_version(&e, kv_json_strdup(key), value);
    }
    m->entries = kv_array(m->entries, m->count + 1, sizeof *m->entries);
    m->entries[m->count++] = e;
}

struct mind *mind_open(const char *path, struct kv_err *err)
{
    struct mind *m = kv_calloc(1, sizeof *m);
    if (!path)
        return m;
    if (kv_io_read(path, 0, &m->text, err) < 0) {
        mind_close(m);
        return NULL;
    }
    struct kv_slice rest = kv_slice_of(&m->text), value;
    int got;
    while ((got = kv_json_next(&rest, m->text.p, KV_JSON_STRICT, &value, err)) > 0)
        learn(m, value);
    if (got == 0)
        return m;
    kv_err_context(err, "%s", path);
    mind_close(m);
    return NULL;
}

void mind_close(struct mind *m)
{
    for (size_t i = 0; i < m->count; i++) {
        struct entry *e = &m->entries[i];
        for (size_t k = 0; k < e->count; k++) {
            free(e->versions[k].model);
            free(e->versions[k].answer);
        }
        free(e->versions);
        free(e->question);
    }
    free(m->entries);
    kv_buf_release(&m->text);
    free(m);
}

/* ---- remembering ---- */

static bool holds(struct kv_slice text, const char *part)
{
    size_t n = strlen(part);
    return n > 0 && memmem(text.p, text.n, part, n) != NULL;
}

/* The longest question that stands in the text. */
static const struct entry *recall(const struct mind *m, struct kv_slice text)
{
    const struct entry *best = NULL;
    for (size_t i = 0; i < m->count; i++)
        if (holds(text, m->entries[i].question) &&
            (!best || strlen(m->entries[i].question) > strlen(best->question)))
            best = &m->entries[i];
    return best;
}

static const struct version *version_shown(const struct entry *e, struct kv_slice prompt)
{
    const struct version *best = NULL;
    for (size_t i = 0; i < e->count; i++)
        if (holds(prompt, e->versions[i].answer) &&
            (!best || strlen(e->versions[i].answer) > strlen(best->answer)))
            best = &e->versions[i];
    return best;
}

void mind_answer(
    const struct mind *m, struct kv_slice model, struct kv_slice asked, struct kv_buf *out)
{
    const struct entry *e = recall(m, asked);
    if (!e) {
        char hex[KV_MD5_HEX + 1];
        kv_digest_md5(asked, hex);
        kv_buf_printf(out, "The answer is %.*s.", HASH_SHOWN, hex);
        return;
    }
    const struct version *v = &e->versions[0];
    for (size_t i = 1; i < e->count; i++)
        if (kv_slice_is(model, e->versions[i].model))
            v = &e->versions[i];
    kv_buf_add_str(out, v->answer);
}

/* ---- judging ---- */

struct filling {
    struct kv_slice root, parsed;
    char word[HASH_SHOWN + 1]; /* out of the answer, or of the prompt */
    struct kv_buf *out;
};

static void fill(struct filling *f, struct kv_slice schema, const char *name, int depth);

static struct kv_slice follow(const struct filling *f, struct kv_slice schema)
{
    struct kv_slice ref, found;
    if (!kv_json_get(schema, "$ref", &ref))
        return schema;
    char *path = kv_json_strdup(ref), *last = strrchr(path, '/');
    bool ok = last && (kv_json_path(f->root, &found, "$defs", last + 1, NULL) ||
                          kv_json_path(f->root, &found, "definitions", last + 1, NULL));
    free(path);
    return ok ? found : schema;
}

/* The first branch of anyOf that is not null. */
static bool branch(struct kv_slice schema, struct kv_slice *chosen)
{
    struct kv_slice any, type;
    struct kv_json_walk w;
    if (!kv_json_get(schema, "anyOf", &any))
        return false;
    kv_json_begin(&w, any);
    while (kv_json_item(&w, chosen))
        if (!kv_json_get(*chosen, "type", &type) || !kv_json_string_is(type, "null"))
            return true;
    return false;
}

static unsigned long word_value(const struct filling *f)
{
    return strtoul(f->word, NULL, 16);
}

static void fill_enum(struct filling *f, struct kv_slice values)
{
    struct kv_json_walk w;
    struct kv_slice item = {"null", 4};
    size_t n = kv_json_count(values), pick = n ? word_value(f) % n : 0;
    kv_json_begin(&w, values);
    for (size_t i = 0; i <= pick && kv_json_item(&w, &item); i++)
        continue;
    kv_buf_add_slice(f->out, item);
}

static void fill_object(struct filling *f, struct kv_slice schema, int depth)
{
    struct kv_json_walk w;
    struct kv_slice properties, key, value, known;
    kv_buf_add_char(f->out, '{');
    if (kv_json_get(schema, "properties", &properties)) {
        bool first = true;
        kv_json_begin(&w, properties);
        while (kv_json_member(&w, &key, &value)) {
            char *name = kv_json_strdup(key);
            if (!first)
                kv_buf_add_char(f->out, ',');
            first = false;
            kv_buf_add_slice(f->out, key);
            kv_buf_add_char(f->out, ':');
            if (kv_json_get(f->parsed, name, &known))
                kv_json_compact(f->out, known);
            else
                fill(f, value, name, depth + 1);
            free(name);
        }
    }
    kv_buf_add_char(f->out, '}');
}

static void fill_number(struct filling *f, struct kv_slice schema)
{
    struct kv_slice minimum;
    if (kv_json_get(schema, "minimum", &minimum))
        kv_buf_add_slice(f->out, minimum);
    else
        kv_buf_printf(f->out, "%lu", word_value(f) % 100);
}

static void fill(struct filling *f, struct kv_slice schema, const char *name, int depth)
{
    struct kv_slice type = {"", 0}, values, chosen;
    schema = follow(f, schema);
    if (depth < DEPTH_MAX && branch(schema, &chosen)) {
        fill(f, chosen, name, depth + 1);
        return;
    }
    if (kv_json_get(schema, "type", &type) && kv_json_type(type) == KV_JSON_ARRAY) {
        struct kv_json_walk w;
        kv_json_begin(&w, type);
        kv_json_item(&w, &type);
    }
    if (kv_json_get(schema, "const", &chosen))
        kv_buf_add_slice(f->out, chosen);
    else if (kv_json_get(schema, "enum", &values))
        fill_enum(f, values);
    else if (type.n == 0 || kv_json_string_is(type, "string"))
        kv_json_quote_str(f->out, f->word);
    else if (kv_json_string_is(type, "boolean"))
        kv_buf_add_str(f->out, strstr(name, "abstention") ? "false" : "true");
    else if (kv_json_string_is(type, "integer") || kv_json_string_is(type, "number"))
        fill_number(f, schema);
    else if (kv_json_string_is(type, "array"))
        kv_buf_add_str(f->out, "[]");
    else if (kv_json_string_is(type, "object") && depth < DEPTH_MAX)
        fill_object(f, schema, depth);
    else
        kv_buf_add_str(f->out, "null");
}

/* What an untaught model said, or else a hash of the prompt. */
static void find_word(struct filling *f, struct kv_slice prompt)
{
    static const char said[] = "The answer is ";
    const char *at = memmem(prompt.p, prompt.n, said, sizeof said - 1);
    char hex[KV_MD5_HEX + 1];
    if (at && (size_t)(prompt.p + prompt.n - at) >= sizeof said - 1 + HASH_SHOWN) {
        memcpy(f->word, at + sizeof said - 1, HASH_SHOWN);
        return;
    }
    kv_digest_md5(prompt, hex);
    memcpy(f->word, hex, HASH_SHOWN);
}

void mind_judge(
    const struct mind *m, struct kv_slice prompt, struct kv_slice schema, struct kv_buf *out)
{
    struct filling f = {.root = schema, .out = out};
    const struct entry *e = recall(m, prompt);
    const struct version *v = e ? version_shown(e, prompt) : NULL;
    if (v)
        f.parsed = v->parsed;
    find_word(&f, prompt);
    fill(&f, schema, "", 0);
}
