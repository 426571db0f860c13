/* override - single settings that a command line puts in place of those of a preset. */
#include "override.h"

#include "config_fields.h"
#include "json.h"
#include "json_out.h"

#include <string.h>

enum role { ANSWERING, PARSING, ROLES };

static const struct {
    const char *list, *prefix, *id;
} roles[ROLES] = {
    {"answering_models", "answering_", "answering-1"},
    {"parsing_models", "parsing_", "parsing-1"},
};

/* What is said of a role's model: "answering_model" sets "model_name". */
enum part { NAME, PROVIDER, INTERFACE, ID, PARTS };
static const struct {
    const char *name, *member;
} parts[PARTS] = {
    {"model", "model_name"},
    {"provider", "model_provider"},
    {"interface", "interface"},
    {"id", "id"},
};

struct override {
    const char *const *settings;
    size_t n;
    const char *given[ROLES][PARTS]; /* values; NULL: not given */
    const char *temperature;
};

static struct kv_slice name_of(const char *setting)
{
    return (struct kv_slice){setting, strcspn(setting, "=")};
}

static const char *value_of(const char *setting)
{
    const char *equals = strchr(setting, '=');
    return equals ? equals + 1 : "";
}

/* ---- what the settings say ---- */

static const struct kv_shape_member *member_of(struct kv_slice name)
{
    for (const struct kv_shape_member *m = kv_config_fields_table.members; m->name; m++)
        if (kv_slice_is(name, m->name))
            return m;
    return NULL;
}

/* Where the value of "answering_model" and its like is kept; NULL: `name` is not of this form. */
static const char **part_of(struct override *o, struct kv_slice name)
{
    for (size_t r = 0; r < ROLES; r++) {
        size_t n = strlen(roles[r].prefix);
        for (size_t p = 0; p < PARTS && kv_slice_starts(name, roles[r].prefix); p++)
            if (kv_slice_is((struct kv_slice){name.p + n, name.n - n}, parts[p].name))
                return &o->given[r][p];
    }
    return kv_slice_is(name, "temperature") ? &o->temperature : NULL;
}

static int read_settings(struct override *o, struct kv_problems *problems)
{
    size_t before = problems->n;
    for (size_t i = 0; i < o->n; i++) {
        struct kv_slice name = name_of(o->settings[i]);
        const char **part = part_of(o, name);
        struct kv_path here = {.name = name};
        if (!o->settings[i][name.n])
            kv_problems_add(
                problems, NULL, "value_error", "a setting is NAME=VALUE, not '%s'", o->settings[i]);
        else if (part)
            *part = value_of(o->settings[i]);
        else if (kv_slice_is(name, roles[ANSWERING].list) || kv_slice_is(name, roles[PARSING].list))
            kv_problems_add(
                problems, &here, "value_error", "lists of models are written into the preset");
        else if (!member_of(name))
            kv_problems_add(problems, &here, "extra_forbidden",
                "is no setting: members of kv-config(5) are, and answering_model, "
                "answering_provider, answering_interface, answering_id, the same with parsing_, "
                "and temperature");
    }
    return problems->n == before ? 0 : -1;
}

static bool is_replaced(const struct override *o, enum role r)
{
    for (size_t p = 0; p < PARTS; p++)
        if (o->given[r][p])
            return true;
    return false;
}

/* ---- writing ---- */

/* JSON as it is; anything else as a string, of which the reader of the configuration complains. */
static void add_json(struct kv_buf *out, const char *name, const char *text)
{
    struct kv_slice value;
    if (kv_json_check(kv_slice(text), KV_JSON_PORTABLE, &value, NULL) == 0)
        kv_json_out_json(out, name, value);
    else
        kv_json_out_str(out, name, text);
}

static void add_setting(struct kv_buf *out, const struct kv_shape_member *m, const char *text)
{
    enum kv_shape_kind kind = m->shape->kind;
    bool is_text = kind == KV_SHAPE_TEXT || kind == KV_SHAPE_CHOICE || kind == KV_SHAPE_PATH ||
                   kind == KV_SHAPE_SECRET;
    if (is_text && !(m->shape->nullable && strcmp(text, "null") == 0))
        kv_json_out_str(out, m->name, text);
    else
        add_json(out, m->name, text);
}

/* True if an option gives this member of a model anew. */
static bool is_given(const struct override *o, enum role r, struct kv_slice key)
{
    for (size_t p = 0; p < PARTS; p++)
        if (kv_json_string_is(key, parts[p].member))
            return o->given[r][p] || p == ID;
    return o->temperature && kv_json_string_is(key, "temperature");
}

/* The one model of a role, made from `base` (n == 0: from nothing). */
static void add_replaced(
    struct kv_buf *out, const struct override *o, enum role r, struct kv_slice base)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    const char *interface = o->given[r][INTERFACE], *id = o->given[r][ID];
    if (interface && strcmp(interface, "manual") == 0) {
        kv_buf_add_str(out, "[{\"interface\":\"manual\"}]");
        return;
    }
    kv_buf_add_str(out, "[{");
    kv_json_begin(&w, base);
    while (kv_json_member(&w, &key, &value))
        if (!is_given(o, r, key))
            kv_json_out_member(out, key, value);
    for (size_t p = 0; p < ID; p++)
        if (o->given[r][p])
            kv_json_out_str(out, parts[p].member, o->given[r][p]);
    if (!base.n && !o->given[r][PROVIDER]) /* as karenina records it of a model without a preset */
        kv_json_out_str(out, "model_provider", "openai");
    kv_json_out_str(out, "id", id ? id : roles[r].id);
    if (o->temperature)
        add_json(out, "temperature", o->temperature);
    kv_buf_add_str(out, "}]");
}

static void add_with_temperature(
    struct kv_buf *out, const struct override *o, struct kv_slice model)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    kv_json_out_object(out, NULL);
    kv_json_begin(&w, model);
    while (kv_json_member(&w, &key, &value))
        if (!kv_json_string_is(key, "temperature"))
            kv_json_out_member(out, key, value);
    add_json(out, "temperature", o->temperature);
    kv_buf_add_char(out, '}');
}

static void add_models(
    struct kv_buf *out, const struct override *o, enum role r, struct kv_slice models)
{
    struct kv_json_walk w;
    struct kv_slice model = {0};
    bool any = is_replaced(o, ANSWERING) || is_replaced(o, PARSING);
    kv_json_begin(&w, models);
    if (is_replaced(o, r)) {
        kv_json_item(&w, &model);
        add_replaced(out, o, r, kv_json_type(model) == KV_JSON_OBJECT ? model : KV_SLICE(""));
        return;
    }
    if (any || !o->temperature || kv_json_type(models) != KV_JSON_ARRAY) {
        kv_buf_add_slice(out, models);
        return;
    }
    kv_buf_add_char(out, '[');
    while (kv_json_item(&w, &model))
        if (kv_json_type(model) == KV_JSON_OBJECT)
            add_with_temperature(out, o, model);
        else
            kv_json_out_json(out, NULL, model);
    kv_buf_add_char(out, ']');
}

/* ---- the whole ---- */

static bool is_set(const struct override *o, struct kv_slice key)
{
    for (size_t r = 0; r < ROLES; r++)
        if (kv_json_string_is(key, roles[r].list))
            return true; /* written at the end */
    for (size_t i = 0; i < o->n; i++) {
        const struct kv_shape_member *m = member_of(name_of(o->settings[i]));
        if (m && kv_json_string_is(key, m->name))
            return true;
    }
    return false;
}

static void write_config(const struct override *o, struct kv_slice config, struct kv_buf *out)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    kv_buf_add_char(out, '{');
    kv_json_begin(&w, config);
    while (kv_json_member(&w, &key, &value))
        if (!is_set(o, key))
            kv_json_out_member(out, key, value);
    for (size_t i = 0; i < o->n; i++) {
        const struct kv_shape_member *m = member_of(name_of(o->settings[i]));
        if (m) /* of several the last, as everywhere */
            add_setting(out, m, value_of(o->settings[i]));
    }
    for (size_t r = 0; r < ROLES; r++) {
        bool given = kv_json_get(config, roles[r].list, &value);
        if (!given && !is_replaced(o, (enum role)r))
            continue;
        kv_json_out_key(out, roles[r].list);
        add_models(out, o, (enum role)r, value);
    }
    kv_buf_add_char(out, '}');
}

int kv_override_apply(struct kv_slice preset, const char *const *settings, size_t n,
    struct kv_buf *out, struct kv_problems *problems)
{
    struct override o = {.settings = settings, .n = n};
    struct kv_slice inner, config = preset;
    if (read_settings(&o, problems) != 0)
        return -1;
    if (kv_json_get(preset, "config", &inner))
        config = inner;
    if (kv_json_type(config) == KV_JSON_OBJECT)
        write_config(&o, config, out);
    else
        kv_buf_add_slice(out, preset);
    return 0;
}
