/* task_json - the models of a run by their canonical keys, and tasks as the programs print them. */
#include "task_json.h"

#include "json.h"
#include "json_out.h"
#include "task.h"

#include <stdlib.h>
#include <string.h>

struct model {
    struct kv_buf key, identity; /* canonical key; JSON object */
};

struct kv_task_json {
    struct model *list[2]; /* by enum kv_role */
    size_t count[2];
};

static struct kv_slice member(struct kv_slice object, const char *name)
{
    struct kv_slice value;
    kv_json_get(object, name, &value);
    return kv_json_type(value) == KV_JSON_STRING && value.n > 2 ? value : (struct kv_slice){"", 0};
}

/* The names of MCP servers as an array. */
static void add_tools(struct kv_buf *out, struct kv_slice model)
{
    struct kv_json_walk w;
    struct kv_slice servers, key, value;
    kv_json_out_list(out, "tools");
    if (kv_json_get(model, "mcp_urls_dict", &servers)) {
        kv_json_begin(&w, servers);
        while (kv_json_type(servers) == KV_JSON_OBJECT && kv_json_member(&w, &key, &value))
            kv_json_out_json(out, NULL, key);
    }
    kv_buf_add_char(out, ']');
}

/* The identity that a result of this model carries. */
static void add_identity(struct kv_buf *out, struct kv_slice model, enum kv_role role)
{
    struct kv_slice interface = member(model, "interface"), id = member(model, "id");
    struct kv_slice name = member(model, "model_name");
    bool manual = kv_json_string_is(interface, "manual");
    if (!name.n)
        name = manual ? KV_SLICE("\"manual\"") : KV_SLICE("\"unknown\"");
    kv_json_out_object(out, NULL);
    kv_json_out_json(out, "interface", interface.n ? interface : KV_SLICE("\"langchain\""));
    kv_json_out_json(out, "model_name", name);
    if (role == KV_ANSWERING)
        add_tools(out, model);
    else
        kv_json_out_json(out, "tools", KV_SLICE("[]"));
    struct kv_buf a = {0}, b = {0};
    kv_json_unescape(id.n ? id : name, &a);
    kv_json_unescape(name, &b);
    if (kv_slice_eq(kv_slice_of(&a), kv_slice_of(&b)))
        kv_json_out_null(out, "config_id");
    else
        kv_json_out_json(out, "config_id", id);
    kv_buf_add_char(out, '}');
    kv_buf_release(&a);
    kv_buf_release(&b);
}

static void take_models(struct kv_task_json *r, struct kv_slice config, enum kv_role role)
{
    struct kv_json_walk w;
    struct kv_slice models, model;
    kv_json_get(config, role == KV_ANSWERING ? "answering_models" : "parsing_models", &models);
    if (!models.n || kv_json_type(models) != KV_JSON_ARRAY)
        return;
    kv_json_begin(&w, models);
    while (kv_json_item(&w, &model)) {
        if (kv_json_type(model) != KV_JSON_OBJECT)
            continue;
        struct model m = {{0}, {0}};
        add_identity(&m.identity, model, role);
        if (kv_identity_key_of_json(kv_slice_of(&m.identity), &m.key, NULL) != 0) {
            kv_buf_release(&m.identity);
            kv_buf_release(&m.key);
            continue;
        }
        r->list[role] = kv_array(r->list[role], r->count[role] + 1, sizeof m);
        r->list[role][r->count[role]++] = m;
    }
}

struct kv_task_json *kv_task_json_open(struct kv_slice config)
{
    struct kv_task_json *r = kv_calloc(1, sizeof *r);
    if (config.n) {
        take_models(r, config, KV_ANSWERING);
        take_models(r, config, KV_PARSING);
    }
    return r;
}

void kv_task_json_close(struct kv_task_json *r)
{
    for (int role = 0; role < 2; role++) {
        for (size_t i = 0; i < r->count[role]; i++) {
            kv_buf_release(&r->list[role][i].key);
            kv_buf_release(&r->list[role][i].identity);
        }
        free(r->list[role]);
    }
    free(r);
}

/* The identity of the model with this key, empty if it is none of the run's. */
static struct kv_slice identity_of(
    const struct kv_task_json *r, enum kv_role role, struct kv_slice key)
{
    for (size_t i = 0; i < r->count[role]; i++)
        if (kv_slice_eq(kv_slice_of(&r->list[role][i].key), key))
            return kv_slice_of(&r->list[role][i].identity);
    return (struct kv_slice){0};
}

void kv_task_json_add_task(struct kv_buf *out, const struct kv_task_json *r, struct kv_slice key)
{
    struct kv_task_parts parts;
    kv_json_out_object(out, NULL);
    kv_json_out_text(out, "task_id", key);
    if (kv_task_parse_key(key, &parts, NULL) == 0) {
        kv_json_out_text(out, "question_id", parts.question_id);
        kv_json_out_json(out, "answering", identity_of(r, KV_ANSWERING, parts.answering));
        kv_json_out_json(out, "parsing", identity_of(r, KV_PARSING, parts.parsing));
        if (parts.replicate == KV_NO_REPLICATE)
            kv_json_out_null(out, "replicate");
        else
            kv_json_out_int(out, "replicate", parts.replicate);
    }
    kv_buf_add_char(out, '}');
}

void kv_task_json_add_label(struct kv_buf *out, struct kv_slice model)
{
    struct kv_slice name, id = member(model, "id");
    bool given = kv_json_get(model, "model_name", &name);
    if (id.n) {
        kv_json_unescape(id, out);
        kv_buf_add_str(out, " (");
    }
    if (!given)
        kv_buf_add_str(out, "unknown");
    else if (kv_json_is_null(name))
        kv_buf_add_str(out, "None");
    else
        kv_json_unescape(name, out);
    if (id.n)
        kv_buf_add_char(out, ')');
}
