/* export - the export document (format 2.2): a header, then one result a line. */
#include "export.h"

#include "io.h"
#include "io_at.h"
#include "json.h"
#include "json_out.h"
#include "json_reader.h"
#include "num.h"
#include "reformat.h"

#include <inttypes.h>
#include <math.h>
#include <time.h>

enum {
    FLUSH_AT = 256 * 1024,
};

/* ---- the header ---- */

void kv_export_stamp_add(struct kv_buf *out, double seconds)
{
    const double year_9999 = 253402300799.0;
    char text[40];
    struct tm utc;
    time_t when = seconds >= 0 && seconds <= year_9999 ? (time_t)seconds : 0;
    gmtime_r(&when, &utc);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &utc);
    kv_buf_add_str(out, text);
}

static void add_models(struct kv_buf *out, struct kv_slice config, const char *list)
{
    static const char *const members[][2] = {
        {"provider", "model_provider"},
        {"name", "model_name"},
        {"temperature", "temperature"},
        {"interface", "interface"},
    };
    struct kv_slice models, model, value;
    struct kv_json_walk w;
    kv_json_get(config, list, &models);
    kv_json_out_spaced(out, list);
    kv_buf_add_char(out, '[');
    kv_json_begin(&w, models);
    while (kv_json_item(&w, &model)) {
        kv_json_out_spaced(out, NULL);
        kv_buf_add_char(out, '{');
        for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
            kv_json_out_spaced(out, members[i][0]);
            if (kv_json_get(model, members[i][1], &value))
                kv_reformat(out, value, KV_REFORMAT_SPACED);
            else
                kv_buf_add_str(out, "null");
        }
        kv_buf_add_char(out, '}');
    }
    kv_buf_add_char(out, ']');
}

void kv_export_models_add(struct kv_buf *out, struct kv_slice config)
{
    kv_buf_add_char(out, '{');
    add_models(out, config, "answering_models");
    add_models(out, config, "parsing_models");
    kv_buf_add_char(out, '}');
}

static bool started(const struct kv_export_head *head, double *start)
{
    return head->start_time.n && kv_num_double(head->start_time, start);
}

void kv_export_job_add(struct kv_buf *out, const struct kv_export_head *head)
{
    double start = 0;
    if (head->job_id.n)
        kv_buf_add_slice(out, head->job_id);
    else
        kv_buf_printf(
            out, "progressive-%.0f", trunc(started(head, &start) ? start : head->export_time));
}

static void add_summary(struct kv_buf *out, const struct kv_export_head *head)
{
    double start = 0;
    bool has_start = started(head, &start);
    kv_buf_printf(out,
        "\"job_summary\": {\"total_questions\": %" PRId64 ", \"successful_count\": %" PRId64
        ", \"failed_count\": %" PRId64 ", \"start_time\": ",
        head->total, head->successful, head->failed);
    if (has_start)
        kv_reformat_number(out, head->start_time, KV_REFORMAT_SPACED);
    else
        kv_buf_add_str(out, "null");
    kv_buf_add_str(out, ", \"end_time\": ");
    kv_num_add_double(out, head->has_end ? head->end_time : NAN, KV_NUM_PYTHON);
    kv_buf_add_str(out, ", \"total_duration\": ");
    kv_num_add_double(
        out, head->has_end && has_start ? head->end_time - start : NAN, KV_NUM_PYTHON);
    kv_buf_printf(out, ", \"is_complete\": %s}", head->is_complete ? "true" : "false");
}

/* The header object, without its closing brace. */
static void add_head(struct kv_buf *out, const struct kv_export_head *head)
{
    struct kv_buf job = {0};
    kv_export_job_add(&job, head);
    kv_buf_add_str(out, "{\"format_version\": \"" KV_EXPORT_VERSION "\", \"metadata\": {"
                        "\"export_timestamp\": \"");
    kv_export_stamp_add(out, head->export_time);
    kv_buf_add_str(out, "\", \"karenina_version\": ");
    kv_json_quote(out, head->version.n ? head->version : KV_SLICE(KV_EXPORT_KARENINA), KV_JSON_RAW);
    kv_buf_add_str(out, ", \"job_id\": ");
    kv_json_quote(out, kv_slice_of(&job), KV_JSON_RAW);
    kv_buf_add_str(out, ", \"verification_config\": ");
    kv_export_models_add(out, head->config);
    kv_buf_add_str(out, ", ");
    add_summary(out, head);
    kv_buf_add_str(out, "}, \"shared_data\": {\"rubric_definition\": ");
    if (head->rubric_definition.n)
        kv_reformat(out, head->rubric_definition, KV_REFORMAT_SPACED);
    else
        kv_buf_add_str(out, "null");
    kv_buf_add_char(out, '}');
    kv_buf_release(&job);
}

int kv_export_read(const char *path, struct kv_buf *metadata, struct kv_err *err)
{
    struct kv_json_reader r;
    struct kv_slice key, value;
    bool found = false, wanted;
    if (kv_json_reader_open(&r, path, KV_JSON_FOREIGN, err) != 0)
        return -1;
    int got = kv_json_reader_enter(&r, '{', err);
    while (got >= 0 && !found && (got = kv_json_reader_member(&r, &key, err)) == 1) {
        wanted = kv_json_string_is(key, "metadata");
        if (kv_json_string_is(key, "results"))
            break;
        got = kv_json_reader_value(&r, &value, err);
        found = got >= 0 && wanted;
    }
    if (found)
        kv_buf_add_slice(metadata, value);
    kv_json_reader_close(&r);
    if (got >= 0 && !found)
        kv_err_set(err, KV_INPUT, "no metadata in front of the results");
    return found ? 0 : kv_err_context(err, "%s", path);
}

/* ---- streaming ---- */

static void flush(struct kv_export *e)
{
    if (!e->failed && kv_io_write(e->fd, kv_slice_of(&e->held), &e->err) != 0)
        e->failed = true;
    off_t from = e->written;
    e->written += (off_t)e->held.n;
    kv_io_sync_along(e->fd, from, e->written);
    kv_buf_clear(&e->held);
}

void kv_export_head_add(struct kv_buf *out, const struct kv_export_head *head)
{
    add_head(out, head);
    kv_buf_add_str(out, ",\"results\":[\n");
}

void kv_export_begin(struct kv_export *e, int fd, const struct kv_export_head *head)
{
    *e = (struct kv_export){.fd = fd};
    kv_export_head_add(&e->held, head);
}

void kv_export_row(struct kv_export *e, struct kv_slice row)
{
    if (e->rows++)
        kv_buf_add_str(&e->held, ",\n");
    kv_buf_add_slice(&e->held, row);
    if (e->held.n >= FLUSH_AT)
        flush(e);
}

void kv_export_give_way(struct kv_export *e)
{
    flush(e);
}

int kv_export_end(struct kv_export *e, struct kv_slice scenarios, struct kv_err *err)
{
    kv_buf_add_str(&e->held, "\n]");
    if (scenarios.n) {
        kv_buf_add_str(&e->held, ",\"scenario_results\":[\n");
        kv_buf_add_slice(&e->held, scenarios);
        kv_buf_add_str(&e->held, "\n]");
    }
    kv_buf_add_str(&e->held, "}\n");
    flush(e);
    kv_buf_release(&e->held);
    return e->failed ? kv_err_copy(err, &e->err) : 0;
}
