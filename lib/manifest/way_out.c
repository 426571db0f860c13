/* way_out - what to type when a run that is there is not the one that is given. */
#include "way_out.h"

#include "json.h"
#include "paths.h"

#include <string.h>

/* ---- differences ---- */

static bool is_model(struct kv_slice path)
{
    return path.n > 3 && path.p[path.n - 2] == ']';
}

static void add_value(struct kv_buf *out, const char *what, struct kv_slice value)
{
    struct kv_slice id;
    if (kv_json_type(value) == KV_JSON_OBJECT && kv_json_get(value, "id", &id))
        value = id;
    kv_buf_printf(out, "%s%.*s", what, (int)value.n, value.p);
}

void kv_way_out_add_differences(struct kv_buf *out, const struct kv_buf *items)
{
    struct kv_buf array = {0};
    struct kv_slice item, path, old, new;
    struct kv_json_walk w;
    kv_buf_printf(&array, "[%s]", items->n ? items->p : "");
    kv_json_begin(&w, kv_slice_of(&array));
    while (kv_json_item(&w, &item)) {
        kv_json_get(item, "path", &path);
        kv_buf_add_str(out, "; ");
        kv_json_unescape(path, out);
        bool had = kv_json_get(item, "state", &old), has = kv_json_get(item, "given", &new);
        if (is_model(path) && had != has) {
            add_value(out, had ? " is gone: " : " is new: ", had ? old : new);
            continue;
        }
        if (had)
            add_value(out, ": ", old);
        if (has)
            add_value(out, ", given ", new);
    }
    kv_buf_release(&array);
}

bool kv_way_out_only_more(const struct kv_buf *differences)
{
    struct kv_buf array = {0};
    struct kv_slice item, path, ignored;
    struct kv_json_walk w;
    bool only = true;
    kv_buf_printf(&array, "[%s]", differences->n ? differences->p : "");
    kv_json_begin(&w, kv_slice_of(&array));
    while (only && kv_json_item(&w, &item))
        only = kv_json_get(item, "path", &path) && is_model(path) &&
               !kv_json_get(item, "state", &ignored);
    kv_buf_release(&array);
    return only;
}

/* ---- commands ---- */

static void add_option(struct kv_buf *out, const char *option, const char *value)
{
    if (!value)
        return;
    kv_buf_printf(out, " %s ", option);
    kv_paths_add_word(out, value);
}

const char *kv_way_out_new_output(const struct kv_manifest_options *o)
{
    return strcmp(o->output, "NEW.json") == 0 ? "NEWER.json" : "NEW.json";
}

/* `rows`: what is extended, or NULL. */
static void add_command(
    struct kv_buf *out, const struct kv_manifest_options *o, const char *output, const char *rows)
{
    kv_buf_add_str(out, "kv-manifest");
    add_option(out, "-b", o->benchmark);
    add_option(out, "--tasks", o->tasks);
    add_option(out, "--requests", o->requests);
    add_option(out, "-c", o->config);
    for (size_t i = 0; i < o->inputs.setting_count; i++)
        add_option(out, "--set", o->inputs.settings[i]);
    add_option(out, "--questions", o->questions);
    add_option(out, "--question-ids", o->question_ids);
    add_option(out, "--shard", o->shard);
    add_option(out, "--manual-traces", o->manual_traces);
    add_option(out, "--replay", o->replay);
    add_option(out, "--template-cmd", o->inputs.template_command);
    if (o->layout2)
        kv_buf_add_str(out, " --layout 2");
    add_option(out, "-o", output);
    add_option(out, "--extend-from", rows);
}

void kv_way_out_add_command(
    struct kv_buf *out, const struct kv_manifest_options *o, const char *output)
{
    add_command(out, o, output, o->extend_from);
}

void kv_way_out_add_extend(struct kv_buf *out, const struct kv_manifest_options *o, const char *why,
    const char *output, const char *rows)
{
    kv_buf_printf(out, "; %s: ", why);
    if (o->benchmark) {
        add_command(out, o, output, rows);
        return;
    }
    const char *new_output = kv_way_out_new_output(o);
    kv_way_out_add_command(out, o, new_output);
    kv_buf_printf(out, " && kv-append -q %s.state ", new_output);
    kv_paths_add_word(out, rows);
}

void kv_way_out_add_other(struct kv_buf *out, const struct kv_manifest_options *o)
{
    kv_buf_add_str(out, "; for a run of its own: ");
    kv_way_out_add_command(out, o, kv_way_out_new_output(o));
    kv_buf_add_str(out, "; to replace this one: ");
    kv_way_out_add_command(out, o, o->output);
    kv_buf_add_str(out, " --force");
}
