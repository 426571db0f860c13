/* result - fuzz target: one result row; its key, its verdicts, its forms in the files. */
#include "result.h"

#include "csv.h"
#include "json.h"
#include "scenario.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Every cell is quoted where it must be: the quotes of a line come in pairs. */
static void table(const struct kv_result *row)
{
    struct kv_csv_meta meta = {.rubric_definition = row->rubric};
    struct kv_csv *csv = kv_csv_open(&meta);
    struct kv_buf line = {0};
    size_t quotes = 0;
    kv_csv_survey(csv, row);
    kv_csv_head(csv, &line);
    kv_csv_row(csv, row, &line);
    for (size_t i = 0; i < line.n; i++)
        quotes += line.p[i] == '"';
    assert(quotes % 2 == 0);
    kv_buf_release(&line);
    kv_csv_close(csv);
}

static void converse(const struct kv_result *row, struct kv_slice key)
{
    struct kv_scenarios *s = kv_scenarios_open();
    struct kv_buf text = {0};
    struct kv_slice value;
    struct kv_err err;
    kv_buf_add_char(&text, '[');
    kv_scenarios_add(s, key, row);
    kv_scenarios_write(s, &text);
    kv_buf_add_char(&text, ']');
    assert(kv_json_check(kv_slice_of(&text), KV_JSON_STRICT, &value, &err) == 0);
    kv_buf_release(&text);
    kv_scenarios_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_result row;
    struct kv_buf text = {0};
    struct kv_err err;
    if (kv_result_read((struct kv_slice){(const char *)bytes, n}, 0, &row, &err) == 0) {
        kv_result_failed(&row);
        kv_result_settles(&row);
        struct kv_tokens tokens;
        kv_result_tokens(&row, &tokens);
        kv_result_key(&row, &text);
        if (row.scenario_id.n)
            converse(&row, kv_slice_of(&text));
        if (!row.generic) {
            kv_result_dump(&text, &row, KV_REFORMAT_COMPACT);
            table(&row);
        }
        kv_buf_clear(&text);
        kv_reformat_export(&text, row.text);
    }
    kv_buf_release(&text);
    return 0;
}
