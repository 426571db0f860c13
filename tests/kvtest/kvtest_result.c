/* kvtest result - the modules result, export and csv, for the tests.
 *
 *   kvtest result read [nonfinite]   rows on stdin, one a line: {"error","path"} or {"task_key",
 *                                   "preview","failed","settles","outcome","tmp_line","jsonl_line"}
 *   kvtest result id                 lines of ids.jsonl: the result_id of each
 *   kvtest result export DIR         DIR/job.json and DIR/rows.jsonl as an export document
 *   kvtest result csv DIR            the same as CSV
 *   kvtest result record             a record with every field set, and one with none
 */
#include "kvtest.h"

#include "config.h"
#include "csv.h"
#include "export.h"
#include "io.h"
#include "json.h"
#include "num.h"
#include "problem.h"
#include "result.h"
#include "result_builder.h"
#include "task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kv_buf out;

static void put(void)
{
    fwrite(out.p, 1, out.n, stdout);
    kv_buf_clear(&out);
}

static _Noreturn void die(const struct kv_err *err)
{
    fprintf(stderr, "kvtest result: %s\n", err->text);
    exit((int)err->kind);
}

/* Keeps the bytes of a buffer until the end. */
static struct kv_slice keep(struct kv_buf *text)
{
    static char **kept;
    static size_t n;
    struct kv_slice whole = kv_slice_of(text);
    kv_buf_add_str(text, "");
    whole.p = text->p;
    kept = kv_array(kept, n + 1, sizeof *kept);
    kept[n++] = text->p;
    return whole;
}

static struct kv_slice text_of(struct kv_slice object, const char *name)
{
    struct kv_buf text = {0};
    struct kv_slice v = kv_json_find(object, name);
    if (kv_json_is_null(v))
        return (struct kv_slice){0};
    kv_json_unescape(v, &text);
    return keep(&text);
}

static int64_t int_of(struct kv_slice object, const char *name)
{
    int64_t n = 0;
    kv_num_int64(kv_json_find(object, name), &n);
    return n;
}

static struct kv_slice load(const char *dir, const char *name)
{
    char path[4096];
    struct kv_buf text = {0};
    struct kv_err err;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (kv_io_read(path, 0, &text, &err) != 0)
        die(&err);
    return keep(&text);
}

static struct kv_slice load_json(const char *dir, const char *name)
{
    struct kv_slice value;
    struct kv_err err;
    if (kv_json_check(load(dir, name), KV_JSON_STRICT, &value, &err) != 0)
        die(&err);
    return value;
}

/* ---- read ---- */

static void add_row(const struct kv_result *r)
{
    struct kv_buf text = {0};
    kv_result_key(r, &text);
    kv_buf_add_str(&out, "{\"error\":null,\"task_key\":");
    kv_json_quote(&out, kv_slice_of(&text), KV_JSON_RAW);
    kv_buf_printf(&out, ",\"preview\":%d,\"failed\":%d,\"settles\":%d", r->preview,
        kv_result_failed(r), kv_result_settles(r));
    kv_buf_printf(&out, ",\"outcome\":\"%s\"", kv_result_outcome_name(kv_result_outcome(r)));
    kv_buf_add_str(&out, ",\"tmp_line\":");
    kv_buf_clear(&text);
    if (!r->generic)
        kv_result_dump(&text, r, KV_REFORMAT_SPACED);
    kv_json_quote(&out, kv_slice_of(&text), KV_JSON_RAW);
    kv_buf_add_str(&out, ",\"jsonl_line\":");
    kv_buf_clear(&text);
    if (!r->generic)
        kv_result_dump(&text, r, KV_REFORMAT_COMPACT);
    kv_json_quote(&out, kv_slice_of(&text), KV_JSON_RAW);
    kv_buf_add_str(&out, "}\n");
    kv_buf_release(&text);
}

static void read_rows(unsigned flags)
{
    struct kv_lines lines;
    struct kv_slice line;
    struct kv_result row;
    struct kv_err err;
    kv_lines_init(&lines, 0, (size_t)1 << 30);
    while (kv_lines_next(&lines, &line, &err) == 1) {
        if (kv_result_read(line, flags, &row, &err) == 0) {
            add_row(&row);
        } else {
            kv_buf_add_str(&out, "{\"error\":");
            kv_json_quote_str(&out, err.text);
            kv_buf_add_str(&out, "}\n");
        }
        put();
    }
    kv_lines_release(&lines);
}

/* ---- ids ---- */

static struct kv_slice key_of(struct kv_slice identity)
{
    struct kv_buf key = {0};
    struct kv_err err;
    if (kv_identity_key_of_json(identity, &key, &err) != 0)
        die(&err);
    return keep(&key);
}

static void read_ids(void)
{
    struct kv_lines lines;
    struct kv_slice line, x;
    struct kv_err err;
    char hex[KV_RESULT_ID_HEX + 1];
    kv_lines_init(&lines, 0, 0);
    while (kv_lines_next(&lines, &line, &err) == 1) {
        if (kv_json_check(line, KV_JSON_STRICT, &x, &err) != 0)
            die(&err);
        struct kv_result_name name = {
            .question_id = text_of(x, "question_id"),
            .answering_key = key_of(kv_json_find(x, "answering")),
            .parsing_key = key_of(kv_json_find(x, "parsing")),
            .timestamp = text_of(x, "timestamp"),
            .has_replicate = !kv_json_is_null(kv_json_find(x, "replicate")),
            .replicate = int_of(x, "replicate"),
            .scenario_id = text_of(x, "scenario_id"),
            .scenario_node = text_of(x, "scenario_node"),
            .has_turn = !kv_json_is_null(kv_json_find(x, "scenario_turn")),
            .scenario_turn = int_of(x, "scenario_turn"),
        };
        kv_result_id(&name, hex);
        printf("%s\n", hex);
    }
    kv_lines_release(&lines);
}

/* ---- exports ---- */

static void read_head(struct kv_slice job, struct kv_export_head *head)
{
    static struct kv_buf config;
    struct kv_problems problems = {0};
    struct kv_config_source from = {.traces_given = true};
    struct kv_slice summary = kv_json_find(job, "job");
    struct kv_err err;
    struct kv_config *c = kv_config_open(kv_json_find(job, "config"), &from, &problems, &err);
    if (!c)
        die(&err);
    kv_config_add_state_text(&config, c);
    kv_config_close(c);
    *head = (struct kv_export_head){
        .version = text_of(job, "karenina_version"),
        .job_id = text_of(summary, "job_id"),
        .config = kv_slice_of(&config),
        .total = int_of(summary, "total_questions"),
        .successful = int_of(summary, "successful_count"),
        .failed = int_of(summary, "failed_count"),
        .start_time = kv_json_find(summary, "start_time"),
        .is_complete = kv_json_is_true(kv_json_find(job, "is_complete")),
        .rubric_definition = kv_json_find(job, "rubric_definition"),
    };
    kv_num_double(kv_json_find(job, "now"), &head->export_time);
    head->has_end = kv_num_double(kv_json_find(summary, "end_time"), &head->end_time);
    if (kv_json_is_null(head->rubric_definition))
        head->rubric_definition = (struct kv_slice){0};
}

static struct kv_slice scenarios_of(struct kv_slice job)
{
    static struct kv_buf text;
    struct kv_json_walk w;
    struct kv_slice item;
    kv_json_begin(&w, kv_json_find(job, "scenario_results"));
    while (kv_json_item(&w, &item)) {
        if (text.n)
            kv_buf_add_str(&text, ",\n");
        kv_reformat(&text, item, KV_REFORMAT_SPACED);
    }
    return kv_slice_of(&text);
}

static bool next_line(struct kv_slice *rest, struct kv_slice *line)
{
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    if (!end)
        return false;
    *line = (struct kv_slice){rest->p, (size_t)(end - rest->p)};
    rest->n -= line->n + 1;
    rest->p = end + 1;
    return true;
}

static void export_json(const char *dir)
{
    struct kv_slice job = load_json(dir, "job.json"), rows = load(dir, "rows.jsonl"), line;
    struct kv_export_head head;
    struct kv_export e;
    struct kv_err err;
    read_head(job, &head);
    kv_export_begin(&e, 1, &head);
    while (next_line(&rows, &line)) {
        kv_reformat_export(&out, line);
        kv_export_row(&e, kv_slice_of(&out));
        kv_buf_clear(&out);
    }
    if (kv_export_end(&e, scenarios_of(job), &err) != 0)
        die(&err);
}

static void export_csv(const char *dir)
{
    struct kv_slice job = load_json(dir, "job.json"), rows = load(dir, "rows.jsonl"), line;
    struct kv_export_head head;
    struct kv_buf stamp = {0};
    struct kv_result row;
    struct kv_err err;
    read_head(job, &head);
    kv_export_stamp_add(&stamp, head.export_time);
    struct kv_csv_meta meta = {
        kv_slice_of(&stamp), head.version, head.job_id, head.rubric_definition};
    struct kv_csv *csv = kv_csv_open(&meta);
    struct kv_slice again = rows;
    while (next_line(&again, &line))
        if (kv_result_read(line, 0, &row, &err) == 0)
            kv_csv_survey(csv, &row);
    kv_csv_head(csv, &out);
    while (next_line(&rows, &line))
        if (kv_result_read(line, 0, &row, &err) == 0)
            kv_csv_row(csv, &row, &out);
    put();
    kv_csv_close(csv);
    kv_buf_release(&stamp);
}

/* ---- records ---- */

static void use(
    struct kv_result_builder *r, const char *stage, const char *model, int64_t in, int64_t said)
{
    struct kv_stage_usage u = {.stage = stage, .model = kv_slice(model), .used = KV_USAGE_UNKNOWN};
    u.used.in_total = in;
    u.used.out_total = said;
    kv_result_builder_use(r, &u);
}

static void fill(struct kv_result_builder *r)
{
    static const struct kv_result_builder_message said[] = {
        {"system", {"Be brief.", 9}}, {"user", {"What is \"it\"?", 13}}};
    static const struct kv_result_builder_rubric rubric = {
        .strategy = {"batch", 5}, .llm_scores_json = {"{\"Clarity\":true}", 16}};
    kv_result_builder_init(r, 1772355600);
    r->question_id = KV_SLICE("q1");
    r->template_id = KV_SLICE("no_template");
    r->question_json = KV_SLICE("\"What is \\\"it\\\"?\"");
    r->keywords_json = KV_SLICE("[\"a\",\"\\u00e9\"]");
    r->answering_json = KV_SLICE(
        "{\"interface\":\"langchain\",\"model_name\":\"m1\",\"tools\":[],\"config_id\":\"ans\"}");
    r->parsing_json = KV_SLICE("{\"interface\":\"openai_endpoint\",\"model_name\":\"m2\",\"tools\":"
                               "[],\"config_id\":null}");
    r->answering_key = KV_SLICE("langchain:m1:ans:");
    r->parsing_key = KV_SLICE("openai_endpoint:m2:");
    r->replicate = 2;
    r->execution_time = 1e-6;
    r->retries[KV_RETRY_TIMEOUT] = (struct kv_retry_count){3, 3};
    r->caveats = KV_CAVEAT_PARTIAL_CONTENT;
    for (int i = 0; i < 53; i++)
        kv_result_builder_warn(r, KV_SLICE("careful"));
    r->trace = said;
    r->trace_count = 1;
    r->context = said;
    r->context_count = 2;
    r->raw_llm_response = KV_SLICE("\xff it");
    r->verify_result = kv_tri(false);
    r->granular_json = KV_SLICE("1.0");
    use(r, "answer_generation", "langchain:m1 (ans)", 10, 2);
    use(r, "answer_generation", "langchain:m1 (ans)", 1, 1);
    use(r, "parsing", "openai_endpoint:m2", 5, 5);
    r->rubric = &rubric;
}

static void write_records(void)
{
    struct kv_buf reason = {0};
    struct kv_result_builder r;
    fill(&r);
    for (int i = 0; i < 300; i++)
        kv_buf_add_str(&reason, "é ");
    kv_result_builder_fail(&r, KV_FAIL_TIMEOUT, "ParseTemplate", kv_slice_of(&reason));
    r.error_message = kv_slice_of(&reason);
    r.details_retry_counts = true;
    kv_result_builder_write(&r, &out);
    kv_result_builder_init(&r, 1772355600);
    r.question_id = r.template_id = KV_SLICE("");
    r.question_json = KV_SLICE("\"\"");
    r.answering_json = r.parsing_json =
        KV_SLICE("{\"interface\":\"i\",\"model_name\":\"m\",\"tools\":[],\"config_id\":null}");
    r.answering_key = r.parsing_key = KV_SLICE("i:m:");
    kv_result_builder_write(&r, &out);
    put();
    kv_buf_release(&reason);
}

int kvtest_result(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "", *more = argc > 2 ? argv[2] : "";
    if (strcmp(what, "read") == 0)
        read_rows(*more ? KV_JSON_NONFINITE : KV_JSON_STRICT);
    else if (strcmp(what, "id") == 0)
        read_ids();
    else if (strcmp(what, "export") == 0)
        export_json(more);
    else if (strcmp(what, "csv") == 0)
        export_csv(more);
    else if (strcmp(what, "record") == 0)
        write_records();
    else
        return 2;
    kv_buf_release(&out);
    return 0;
}
