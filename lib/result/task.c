/* task - what a unit of work is called. */
#include "task.h"

#include "config.h"

#include "json.h"
#include "json_out.h"
#include "num.h"
#include "pydantic.h"

#include <stdlib.h>
#include <string.h>

/* ---- identities ---- */

void kv_identity_of(const struct kv_model *model, enum kv_role role, struct kv_identity *out)
{
    struct kv_slice name = model->model_name.n ? model->model_name : KV_SLICE("unknown");
    bool own = model->id.n && !kv_slice_eq(model->id, name);
    *out = (struct kv_identity){
        .interface = model->interface,
        .model_name = name,
        .config_id = own ? model->id : (struct kv_slice){0},
        .tools = role == KV_ANSWERING ? model->tools : NULL,
        .tool_count = role == KV_ANSWERING ? model->tool_count : 0,
    };
}

static int by_bytes(const void *a, const void *b)
{
    return kv_slice_cmp(*(const struct kv_slice *)a, *(const struct kv_slice *)b);
}

void kv_identity_add_key(struct kv_buf *out, const struct kv_identity *who)
{
    kv_buf_add_slice(out, who->interface);
    kv_buf_add_char(out, ':');
    kv_buf_add_slice(out, who->model_name);
    kv_buf_add_char(out, ':');
    if (who->config_id.n) {
        kv_buf_add_slice(out, who->config_id);
        kv_buf_add_char(out, ':');
    }
    if (!who->tool_count)
        return;
    struct kv_slice *sorted = kv_array(NULL, who->tool_count, sizeof *sorted);
    memcpy(sorted, who->tools, who->tool_count * sizeof *sorted);
    qsort(sorted, who->tool_count, sizeof *sorted, by_bytes);
    for (size_t i = 0; i < who->tool_count; i++) {
        if (i)
            kv_buf_add_char(out, '|');
        kv_buf_add_slice(out, sorted[i]);
    }
    free(sorted);
}

void kv_identity_add_display(struct kv_buf *out, const struct kv_identity *who)
{
    kv_buf_add_slice(out, who->interface);
    kv_buf_add_char(out, ':');
    kv_buf_add_slice(out, who->model_name);
    if (who->config_id.n) {
        kv_buf_add_str(out, " (");
        kv_buf_add_slice(out, who->config_id);
        kv_buf_add_char(out, ')');
    }
    for (size_t i = 0; i < who->tool_count; i++) {
        kv_buf_add_str(out, i ? ", " : " +[");
        kv_buf_add_slice(out, who->tools[i]);
    }
    if (who->tool_count)
        kv_buf_add_char(out, ']');
}

void kv_identity_add_json(struct kv_buf *out, const struct kv_identity *who)
{
    kv_json_out_object(out, NULL);
    kv_json_out_text(out, "interface", who->interface);
    kv_json_out_text(out, "model_name", who->model_name);
    kv_json_out_list(out, "tools");
    for (size_t i = 0; i < who->tool_count; i++)
        kv_json_out_text(out, NULL, who->tools[i]);
    kv_buf_add_char(out, ']');
    kv_json_out_text_or_null(out, "config_id", who->config_id);
    kv_buf_add_char(out, '}');
}

/* ---- identities in results ---- */

/* An identity read from JSON: the texts are kept here. */
struct identity_text {
    struct kv_buf interface, model_name, config_id, *tools;
    struct kv_slice *tool_slices;
    size_t tool_count;
};

static void release_text(struct identity_text *t)
{
    kv_buf_release(&t->interface);
    kv_buf_release(&t->model_name);
    kv_buf_release(&t->config_id);
    for (size_t i = 0; i < t->tool_count; i++)
        kv_buf_release(&t->tools[i]);
    free(t->tools);
    free(t->tool_slices);
}

static int read_text(
    struct kv_slice v, const char *name, bool required, struct kv_buf *to, struct kv_err *err)
{
    if (!v.n || (!required && kv_json_is_null(v)))
        return required ? kv_err_set(err, KV_INPUT, "%s: missing", name) : 0;
    if (kv_json_type(v) != KV_JSON_STRING)
        return kv_err_set(
            err, KV_INPUT, "%s: expected a string, got %s", name, kv_json_type_name(v));
    kv_buf_add_str(to, "");
    kv_json_unescape(v, to);
    return 0;
}

static int read_tools(struct kv_slice tools, struct identity_text *t, struct kv_err *err)
{
    struct kv_slice tool;
    struct kv_json_walk w;
    if (!tools.n)
        return 0;
    if (kv_json_type(tools) != KV_JSON_ARRAY)
        return kv_err_set(
            err, KV_INPUT, "tools: expected an array, got %s", kv_json_type_name(tools));
    size_t n = kv_json_count(tools);
    t->tools = kv_calloc(n + 1, sizeof *t->tools);
    t->tool_slices = kv_calloc(n + 1, sizeof *t->tool_slices);
    kv_json_begin(&w, tools);
    while (t->tool_count < n && kv_json_item(&w, &tool)) {
        if (kv_json_type(tool) != KV_JSON_STRING)
            return kv_err_set(err, KV_INPUT, "tools: expected strings");
        kv_json_unescape(tool, &t->tools[t->tool_count]);
        t->tool_slices[t->tool_count] = kv_slice_of(&t->tools[t->tool_count]);
        t->tool_count++;
    }
    return 0;
}

static int add_identity(struct kv_slice object, struct kv_buf *out,
    void (*add)(struct kv_buf *out, const struct kv_identity *who), struct kv_err *err)
{
    enum { INTERFACE, MODEL_NAME, CONFIG_ID, TOOLS, N };
    static const char *const names[N] = {"interface", "model_name", "config_id", "tools"};
    struct kv_slice v[N];
    struct identity_text t = {.tool_count = 0};
    int rc = -1;
    kv_json_pick(object, names, v, N);
    if (kv_json_type(object) != KV_JSON_OBJECT) {
        kv_err_set(err, KV_INPUT, "expected an object, got %s", kv_json_type_name(object));
    } else if (read_text(v[INTERFACE], names[INTERFACE], true, &t.interface, err) == 0 &&
               read_text(v[MODEL_NAME], names[MODEL_NAME], true, &t.model_name, err) == 0 &&
               read_text(v[CONFIG_ID], names[CONFIG_ID], false, &t.config_id, err) == 0 &&
               read_tools(v[TOOLS], &t, err) == 0) {
        const struct kv_identity who = {.interface = kv_slice_of(&t.interface),
            .model_name = kv_slice_of(&t.model_name),
            .config_id = kv_slice_of(&t.config_id),
            .tools = t.tool_slices,
            .tool_count = t.tool_count};
        add(out, &who);
        rc = 0;
    }
    release_text(&t);
    return rc;
}

int kv_identity_key_of_json(struct kv_slice object, struct kv_buf *out, struct kv_err *err)
{
    return add_identity(object, out, kv_identity_add_key, err);
}

int kv_identity_display_of_json(struct kv_slice object, struct kv_buf *out, struct kv_err *err)
{
    return add_identity(object, out, kv_identity_add_display, err);
}

/* ---- keys ---- */

void kv_task_add_key(struct kv_buf *out, struct kv_slice question_id, struct kv_slice answering,
    struct kv_slice parsing, int64_t replicate)
{
    kv_buf_add_slice(out, question_id);
    kv_buf_add_char(out, '\t');
    kv_buf_add_slice(out, answering);
    kv_buf_add_char(out, '\t');
    kv_buf_add_slice(out, parsing);
    if (replicate != KV_NO_REPLICATE)
        kv_buf_printf(out, "\trep%lld", (long long)replicate);
}

static struct kv_slice last_part(struct kv_slice *rest)
{
    const char *tab = memrchr(rest->p, '\t', rest->n);
    const char *from = tab ? tab + 1 : rest->p;
    struct kv_slice part = {from, (size_t)(rest->p + rest->n - from)};
    rest->n = tab ? (size_t)(tab - rest->p) : 0;
    return part;
}

static size_t count_tabs(struct kv_slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\t';
    return n;
}

int kv_task_parse_key(struct kv_slice key, struct kv_task_parts *out, struct kv_err *err)
{
    struct kv_task_parts parts = {.replicate = KV_NO_REPLICATE};
    struct kv_slice rest = key, last = last_part(&rest);
    size_t tabs = count_tabs(key);
    if (kv_slice_starts(last, "rep")) {
        struct kv_slice number = {last.p + 3, last.n - 3};
        if (!kv_pydantic_python_int(number, &parts.replicate) || parts.replicate == KV_NO_REPLICATE)
            return kv_err_set(err, KV_INPUT, "Invalid task key format: %.*s: no replicate number",
                (int)key.n, key.p);
        tabs--; /* of a key that is only "rep1" this is none less than none */
    } else {
        rest = key;
    }
    if (tabs != 2)
        return kv_err_set(err, KV_INPUT, "Invalid task key format: %.*s", (int)key.n, key.p);
    parts.parsing = last_part(&rest);
    parts.answering = last_part(&rest);
    parts.question_id = rest;
    *out = parts;
    return 0;
}
