/* finished_export - a finished export, told as the .state of the run it came from.
 *
 * The members of a .state may stand in any order, so the manifest is written while the rows go by,
 * and the models, which only the rows know in full, behind it. The completed tasks are the same
 * list: its bytes are copied.
 */
#include "finished_export.h"

#include "export.h"
#include "header.h"
#include "io.h"
#include "json.h"
#include "json_out.h"
#include "key_index.h"
#include "num.h"
#include "private_members.h"
#include "result.h"
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 16, MODELS_MAX = 1000 };

/* Distinct identities of one role, as the rows have them. */
struct models {
    struct kv_buf text; /* items of a list, each as in a configuration */
    struct {
        char *identity, *prompt; /* JSON */
    } seen[MODELS_MAX];
    size_t count;
};

struct telling {
    const char *path;
    int fd;
    struct kv_buf out;
    off_t written;
    struct kv_key_index *keys;
    int64_t tasks, replicates;
    struct models models[2];
};

/* ---- is it one ---- */

int kv_finished_export_read(
    const char *path, struct kv_buf *metadata, struct kv_slice *summary, struct kv_err *err)
{
    struct kv_slice complete;
    if (kv_export_read(path, metadata, err) != 0)
        return -1;
    kv_json_get(kv_slice_of(metadata), "job_summary", summary);
    kv_json_get(*summary, "is_complete", &complete);
    if (kv_json_is_true(complete))
        return 0;
    return kv_err_set(err, KV_INPUT, "%s: not a finished export", path);
}

int kv_finished_export_is(const char *path, struct kv_err *err)
{
    struct kv_buf metadata = {0};
    struct kv_slice summary;
    int is = kv_io_exists(path, err);
    if (is == 1 && kv_finished_export_read(path, &metadata, &summary, err) != 0)
        is = err->kind == KV_INPUT ? 0 : -1;
    kv_buf_release(&metadata);
    return is;
}

/* ---- writing ---- */

static int pass(struct telling *t, size_t above, struct kv_err *err)
{
    if (t->out.n <= above)
        return 0;
    t->written += (off_t)t->out.n;
    int failed = kv_io_write(t->fd, kv_slice_of(&t->out), err);
    kv_buf_clear(&t->out);
    return failed;
}

/* ---- the models ---- */

static void add_member(struct kv_buf *out, const char *name, struct kv_slice value)
{
    kv_json_out_spaced(out, name);
    kv_buf_add_slice(out, value.n ? value : KV_SLICE("null"));
}

static void open_model(struct kv_buf *out)
{
    kv_json_out_spaced(out, NULL);
    kv_buf_add_char(out, '{');
}

static void add_tools(struct kv_buf *out, struct kv_slice tools)
{
    struct kv_json_walk w;
    struct kv_slice tool;
    size_t n = 0;
    if (kv_json_type(tools) != KV_JSON_ARRAY)
        return;
    kv_json_begin(&w, tools);
    while (kv_json_item(&w, &tool))
        kv_buf_printf(
            out, "%s%.*s: \"\"", n++ ? ", " : ", \"mcp_urls_dict\": {", (int)tool.n, tool.p);
    kv_buf_add_str(out, n ? "}" : "");
}

/* Turns the identity of a row into the model of a configuration, if it is a new one. */
static void note_model(struct models *m, struct kv_slice identity, struct kv_slice prompt)
{
    struct kv_slice id, name, interface, tools;
    for (size_t i = m->count; i-- > 0;)
        if (kv_slice_is(identity, m->seen[i].identity))
            return;
    if (m->count == MODELS_MAX || !identity.n)
        return;
    m->seen[m->count].identity = kv_slice_dup(identity);
    m->seen[m->count++].prompt = kv_slice_dup(prompt.n ? prompt : KV_SLICE("null"));
    kv_json_get(identity, "config_id", &id);
    kv_json_get(identity, "model_name", &name);
    kv_json_get(identity, "interface", &interface);
    kv_json_get(identity, "tools", &tools);
    open_model(&m->text);
    add_member(&m->text, "id", kv_json_is_null(id) ? name : id);
    add_member(&m->text, "model_name", name);
    add_member(&m->text, "interface", interface);
    add_tools(&m->text, tools);
    kv_buf_add_char(&m->text, '}');
}

static void add_config(struct telling *t)
{
    kv_buf_add_str(&t->out, ",\n \"config\": {\"answering_models\": [");
    kv_buf_add_slice(&t->out, kv_slice_of(&t->models[0].text));
    kv_buf_add_str(&t->out, "], \"parsing_models\": [");
    kv_buf_add_slice(&t->out, kv_slice_of(&t->models[1].text));
    kv_buf_printf(&t->out, "], \"replicate_count\": %lld}", (long long)t->replicates);
}

/* ---- what is known of the configuration ---- */

static bool is_of(struct kv_slice identity, struct kv_slice model)
{
    static const char *const members[][2] = {{"interface", "interface"}, {"model_name", "name"}};
    struct kv_slice mine, its;
    bool same = true;
    for (size_t i = 0; same && i < sizeof members / sizeof *members; i++) {
        kv_json_get(identity, members[i][0], &mine);
        kv_json_get(model, members[i][1], &its);
        same = kv_json_type(its) == KV_JSON_STRING;
        char *text = same ? kv_json_strdup(its) : NULL;
        same = same && kv_json_string_is(mine, text);
        free(text);
    }
    return same;
}

/* The id and the prompt stand in the rows alone. Where these have two models of one name, it is not
 * known which is which. */
static void add_from_rows(struct kv_buf *out, const struct models *m, struct kv_slice model)
{
    size_t found = m->count, matches = 0;
    struct kv_slice id;
    for (size_t i = 0; i < m->count; i++)
        if (is_of(kv_slice(m->seen[i].identity), model)) {
            found = i;
            matches++;
        }
    if (matches != 1)
        return;
    kv_json_get(kv_slice(m->seen[found].identity), "config_id", &id);
    if (kv_json_is_null(id))
        kv_json_get(kv_slice(m->seen[found].identity), "model_name", &id);
    add_member(out, "id", id);
    add_member(out, "system_prompt", kv_slice(m->seen[found].prompt));
}

static void add_known_models(struct telling *t, int role, struct kv_slice list)
{
    static const char *const members[][2] = {
        {"model_name", "name"}, {"model_provider", "provider"}, {"temperature", "temperature"}};
    struct kv_json_walk w;
    struct kv_slice model, value;
    kv_json_begin(&w, list);
    while (kv_json_item(&w, &model)) {
        kv_json_get(model, "interface", &value);
        open_model(&t->out);
        add_member(&t->out, "interface", value);
        for (size_t i = 0; i < sizeof members / sizeof *members; i++)
            if (kv_json_get(model, members[i][1], &value))
                add_member(&t->out, members[i][0], value);
        add_from_rows(&t->out, &t->models[role], model);
        kv_buf_add_char(&t->out, '}');
    }
}

static void add_known(struct telling *t, struct kv_slice metadata)
{
    static const char *const lists[] = {"answering_models", "parsing_models"};
    struct kv_slice header, list;
    kv_json_get(metadata, "verification_config", &header);
    kv_buf_add_str(&t->out, ",\n \"" KV_MEMBER_KNOWN "\": {");
    for (int role = 0; role < 2; role++) {
        if (!kv_json_get(header, lists[role], &list) || kv_json_type(list) != KV_JSON_ARRAY)
            continue;
        kv_json_out_spaced(&t->out, lists[role]);
        kv_buf_add_char(&t->out, '[');
        add_known_models(t, role, list);
        kv_buf_add_char(&t->out, ']');
    }
    if (t->tasks) {
        kv_json_out_spaced(&t->out, "replicate_count");
        kv_buf_printf(&t->out, "%lld", (long long)t->replicates);
    }
    kv_buf_add_char(&t->out, '}');
}

/* ---- the tasks ---- */

static void note_row(struct telling *t, const struct kv_result *row, struct kv_slice key)
{
    struct kv_key_index_entry e;
    struct kv_slice prompts[2];
    int64_t replicate;
    if (kv_key_index_find(t->keys, kv_digest_128(key), &e, NULL) == 1)
        return;
    e.flags = KV_KEY_INDEX_SEEN;
    kv_key_index_put(t->keys, &e, NULL);
    kv_buf_add_str(&t->out, t->tasks++ ? ",\n" : "");
    kv_json_quote(&t->out, key, KV_JSON_ASCII);
    kv_json_get(row->metadata, "answering_system_prompt", &prompts[0]);
    kv_json_get(row->metadata, "parsing_system_prompt", &prompts[1]);
    note_model(&t->models[0], row->answering, prompts[0]);
    note_model(&t->models[1], row->parsing, prompts[1]);
    if (kv_num_int64(row->replicate, &replicate) && replicate > t->replicates)
        t->replicates = replicate;
}

static int tell_tasks(struct telling *t, struct kv_err *err)
{
    struct kv_rows rows;
    struct kv_row row;
    struct kv_result result;
    struct kv_buf key = {0};
    int got;
    if (kv_rows_begin(&rows, t->path, KV_LAYOUT_1, err) != 0)
        return -1;
    while ((got = kv_rows_next(&rows, &row, err)) == 1) {
        if (kv_result_read(row.text, KV_JSON_FOREIGN | KV_RESULT_CHECKED, &result, err) != 0) {
            got = kv_err_context(err, "%s:%zu", t->path, row.line);
            break;
        }
        kv_buf_clear(&key);
        kv_result_key(&result, &key);
        if (!result.preview)
            note_row(t, &result, kv_slice_of(&key));
        if (pass(t, PIECE, err) != 0) {
            got = -1;
            break;
        }
    }
    kv_rows_end(&rows);
    kv_buf_release(&key);
    return got;
}

/* Writes what stands between two places of our own file once more. */
static int repeat(struct telling *t, off_t from, off_t to, struct kv_err *err)
{
    if (pass(t, 0, err) != 0)
        return -1;
    while (from < to) {
        size_t want = to - from < PIECE ? (size_t)(to - from) : PIECE;
        kv_buf_reserve(&t->out, want);
        ssize_t got = pread(t->fd, t->out.p, want, from);
        if (got <= 0)
            return kv_err_sys(err, "%s: read back", t->path);
        t->out.n = (size_t)got;
        from += got;
        if (pass(t, 0, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- all of it ---- */

static void add_time(struct kv_buf *out, const char *name, struct kv_slice seconds)
{
    double when;
    kv_buf_printf(out, ",\n \"%s\": \"", name);
    if (kv_num_double(seconds, &when) && when >= 0 && when < 253402300800.0)
        kv_header_add_time(out, (int64_t)when, KV_HEADER_STATE);
    kv_buf_add_char(out, '"');
}

static int tell(
    struct telling *t, struct kv_slice metadata, struct kv_slice summary, struct kv_err *err)
{
    struct kv_slice start, end;
    kv_json_get(summary, "start_time", &start);
    kv_json_get(summary, "end_time", &end);
    kv_buf_add_str(&t->out, "{\"format_version\": \"1.0\",\n \"task_manifest\": [");
    off_t from = (off_t)t->out.n;
    if (tell_tasks(t, err) != 0)
        return -1;
    off_t to = t->written + (off_t)t->out.n;
    kv_buf_add_str(&t->out, "],\n \"completed_task_ids\": [");
    if (repeat(t, from, to, err) != 0)
        return -1;
    kv_buf_add_char(&t->out, ']');
    add_time(&t->out, "created_at", start);
    add_time(&t->out, "last_updated_at", end);
    add_member(&t->out, "start_time", start);
    add_member(&t->out, "end_time", end);
    add_config(t);
    add_known(t, metadata);
    kv_buf_add_str(&t->out, "}\n");
    return pass(t, 0, err);
}

static int unnamed_file(struct kv_err *err)
{
    FILE *file = tmpfile();
    int fd = file ? dup(fileno(file)) : -1;
    if (file)
        fclose(file);
    return fd < 0 ? kv_err_sys(err, "temporary file") : fd;
}

int kv_finished_export_open(const char *path, struct kv_err *err)
{
    struct telling t = {.path = path, .fd = -1, .replicates = 1};
    struct kv_buf metadata = {0};
    struct kv_slice summary;
    int failed = kv_finished_export_read(path, &metadata, &summary, err);
    if (!failed) {
        t.keys = kv_key_index_memory(0);
        t.fd = unnamed_file(err);
        failed = t.fd < 0 || tell(&t, kv_slice_of(&metadata), summary, err) != 0;
    }
    for (int role = 0; role < 2; role++) {
        for (size_t i = 0; i < t.models[role].count; i++) {
            free(t.models[role].seen[i].identity);
            free(t.models[role].seen[i].prompt);
        }
        kv_buf_release(&t.models[role].text);
    }
    kv_key_index_close(t.keys);
    kv_buf_release(&t.out);
    kv_buf_release(&metadata);
    if (failed && t.fd >= 0)
        close(t.fd);
    return failed ? -1 : t.fd;
}
