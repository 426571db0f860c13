/* script - how the test provider misbehaves, and when. */
#include "script.h"

#include "io.h"
#include "json.h"
#include "num.h"

#include <stdlib.h>
#include <string.h>

struct rule {
    char *model, *path, *contains; /* NULL: any */
    int judge;                     /* -1: either */
    long first, after, every, each;
    long seen;
    struct deed deed;
};

struct script {
    struct kv_buf text;
    struct rule *rules;
    size_t count;
};

static char *string_at(struct kv_slice object, const char *name)
{
    struct kv_slice value;
    if (!kv_json_get(object, name, &value) || kv_json_type(value) != KV_JSON_STRING)
        return NULL;
    return kv_json_strdup(value);
}

static long number_at(struct kv_slice object, const char *name, long fallback)
{
    struct kv_slice value;
    int64_t n;
    if (!kv_json_get(object, name, &value) || !kv_num_int64(value, &n))
        return fallback;
    return (long)n;
}

static void add_rule(struct script *s, struct kv_slice rule)
{
    struct kv_slice when = {"", 0}, what = {"", 0}, judge;
    kv_json_get(rule, "when", &when);
    kv_json_get(rule, "do", &what);
    struct rule r = {.model = string_at(when, "model"),
        .path = string_at(when, "path"),
        .contains = string_at(when, "contains"),
        .judge = kv_json_get(when, "judge", &judge) ? kv_json_is_true(judge) : -1,
        .first = number_at(when, "first", -1),
        .after = number_at(when, "after", 0),
        .every = number_at(when, "every", 1),
        .each = number_at(when, "each", -1),
        .deed = {.status = (int)number_at(what, "status", 0),
            .finish = string_at(what, "finish"),
            .peer = string_at(what, "peer"),
            .latency_ms = number_at(what, "latency_ms", -1)}};
    kv_json_get(what, "headers", &r.deed.headers);
    kv_json_get(what, "body", &r.deed.body);
    kv_json_get(what, "reply", &r.deed.reply);
    kv_json_get(what, "raw", &r.deed.raw);
    kv_json_get(what, "stream", &r.deed.stream);
    s->rules = kv_array(s->rules, s->count + 1, sizeof *s->rules);
    s->rules[s->count++] = r;
}

struct script *script_open(const char *path, struct kv_err *err)
{
    struct script *s = kv_calloc(1, sizeof *s);
    struct kv_slice root, rules, rule;
    struct kv_json_walk w;
    if (!path)
        return s;
    if (kv_io_read(path, 0, &s->text, err) < 0)
        goto fail;
    if (kv_json_check(kv_slice_of(&s->text), KV_JSON_STRICT, &root, err) < 0) {
        kv_err_context(err, "%s", path);
        goto fail;
    }
    if (!kv_json_get(root, "rules", &rules)) {
        kv_err_set(err, KV_INPUT, "%s: no \"rules\"", path);
        goto fail;
    }
    kv_json_begin(&w, rules);
    while (kv_json_item(&w, &rule))
        add_rule(s, rule);
    return s;
fail:
    script_close(s);
    return NULL;
}

void script_close(struct script *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->rules[i].model);
        free(s->rules[i].path);
        free(s->rules[i].contains);
        free(s->rules[i].deed.finish);
        free(s->rules[i].deed.peer);
    }
    free(s->rules);
    kv_buf_release(&s->text);
    free(s);
}

static bool has(struct kv_slice text, const char *part)
{
    return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static bool fits(const struct rule *r, const struct asked *a)
{
    return (!r->model || kv_slice_is(a->model, r->model)) && (!r->path || has(a->path, r->path)) &&
           (!r->contains || has(a->user, r->contains)) && (r->judge < 0 || r->judge == a->judge) &&
           (r->each < 0 || a->times <= r->each);
}

static bool due(struct rule *r)
{
    long n = ++r->seen;
    if (n <= r->after)
        return false;
    n -= r->after;
    return (r->first < 0 || n <= r->first) && (r->every <= 1 || n % r->every == 0);
}

const struct deed *script_match(struct script *s, const struct asked *a)
{
    for (size_t i = 0; i < s->count; i++)
        if (fits(&s->rules[i], a) && due(&s->rules[i]))
            return &s->rules[i].deed;
    return NULL;
}
