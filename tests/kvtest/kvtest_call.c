/* kvtest call - names of calls: {"nonce","purpose","question","answering","judging","replicate",
 * "number","answer","settings"} a line -> the id.
 */
#include "kvtest.h"

#include "call_id.h"
#include "cli.h"
#include "io.h"
#include "json.h"
#include "num.h"

#include <stdio.h>
#include <unistd.h>

static struct kv_slice text_at(struct kv_slice line, const char *name, struct kv_buf *text)
{
    struct kv_slice value;
    if (kv_json_get(line, name, &value))
        kv_json_unescape(value, text);
    return kv_slice_of(text);
}

static void print_id(struct kv_slice line)
{
    struct kv_buf text[8] = {{0}};
    struct kv_slice value;
    int64_t number = 0;
    char id[KV_CALL_ID + 1];
    if (kv_json_get(line, "number", &value))
        kv_num_int64(value, &number);
    const struct kv_call_name name = {.nonce = text_at(line, "nonce", &text[0]),
        .purpose = text_at(line, "purpose", &text[1]),
        .question = text_at(line, "question", &text[2]),
        .answering = text_at(line, "answering", &text[3]),
        .judging = text_at(line, "judging", &text[4]),
        .replicate = text_at(line, "replicate", &text[5]),
        .number = (int)number,
        .answer = text_at(line, "answer", &text[6]),
        .settings = text_at(line, "settings", &text[7])};
    kv_call_id(&name, id);
    puts(id);
    for (size_t i = 0; i < 8; i++)
        kv_buf_release(&text[i]);
}

int kvtest_call(int argc, char **argv)
{
    struct kv_lines lines;
    struct kv_slice line, value;
    struct kv_err err;
    int got;
    (void)argc;
    (void)argv;
    kv_lines_init(&lines, STDIN_FILENO, 1 << 20);
    while ((got = kv_lines_next(&lines, &line, &err)) > 0) {
        if (kv_json_check(line, KV_JSON_STRICT, &value, &err) < 0)
            kv_cli_fail(&err);
        print_id(value);
    }
    kv_lines_release(&lines);
    return got < 0 ? 4 : 0;
}
