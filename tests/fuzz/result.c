/* result - fuzz target: one result row; its key, its verdicts, its forms in the files. Several lines are also
 * read one after the other. */
#include "result.h"

#include "csv.h"
#include "json.h"
#include "result_before.h"
#include "scenario.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

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

/* Whatever the row before was, each is read as if it stood alone. */
static void one_after_another(struct kv_slice text)
{
    struct kv_result_before *before = NULL;
    struct kv_result alone, after;
    while (text.n) {
        const char *lf = memchr(text.p, '\n', text.n);
        struct kv_slice line = {text.p, lf ? (size_t)(lf - text.p) : text.n};
        bool taken = kv_result_read(line, 0, &alone, NULL) == 0;
        assert((kv_result_read_after(line, 0, &before, &after, NULL) == 0) == taken);
        assert(!taken || (kv_slice_eq(alone.text, after.text) && alone.failure == after.failure &&
                             kv_slice_eq(alone.question_id, after.question_id) &&
                             kv_slice_eq(alone.template, after.template) &&
                             kv_slice_eq(alone.usage, after.usage)));
        text = (struct kv_slice){line.p + line.n, text.n - line.n};
        if (lf)
            text = (struct kv_slice){lf + 1, text.n - 1};
    }
    kv_result_before_free(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_result row;
    struct kv_buf text = {0};
    struct kv_err err;
    one_after_another((struct kv_slice){(const char *)bytes, n});
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
