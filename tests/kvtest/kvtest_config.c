/* kvtest config - the modules config, compat, fewshot and task, a case a line.
 *
 * Reads JSON objects from stdin, writes one object a line. The first argument says what to do:
 *   config   {"input_text"}: {"dumped","state_config","md5","errors":[{"loc","sort","text"}]}
 *   fewshot  {"few_shot_config","question_id","pool"}: the examples
 *   ids      one line of ids.jsonl: what the fields of the same names should be
 */
#include "kvtest.h"

#include "config.h"
#include "fewshot.h"
#include "io.h"
#include "json.h"
#include "num.h"
#include "pydantic.h"
#include "question.h"
#include "question_id.h"
#include "task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kv_buf out;

static struct kv_question kept; /* the texts of one line */

/* A member's text, kept until the next line. */
static struct kv_slice text_of(struct kv_slice object, const char *name)
{
    return kv_question_keep_text(&kept, kv_json_find(object, name));
}

static void member(const char *name, struct kv_slice text)
{
    kv_buf_printf(&out, "%s\"%s\":", out.p[out.n - 1] == '{' ? "" : ",", name);
    if (text.p)
        kv_json_quote(&out, text, KV_JSON_RAW);
    else
        kv_buf_add_str(&out, "null");
}

static void add_errors(const struct kv_problems *problems)
{
    kv_buf_add_str(&out, ",\"errors\":[");
    for (size_t i = 0; i < problems->n; i++) {
        const struct kv_problem *p = &problems->items[i];
        kv_buf_printf(&out, "%s{\"loc\":%s", i ? "," : "", p->loc);
        member("sort", kv_slice(p->error_type));
        member("text", kv_slice(p->text));
        kv_buf_add_char(&out, '}');
    }
    kv_buf_add_char(&out, ']');
}

static void do_config(struct kv_slice line)
{
    struct kv_config_source from = {.answering_prompt = KV_SLICE("{{DEFAULT_ANSWERING_PROMPT}}")};
    struct kv_problems problems = {0};
    struct kv_err err;
    struct kv_config *c = kv_config_open(text_of(line, "input_text"), &from, &problems, &err);
    kv_buf_add_char(&out, '{');
    if (c) {
        member("dumped", c->text);
        member("md5", kv_slice(c->hash));
        kv_buf_add_str(&out, ",\"state_config\":");
        kv_config_add_state_text(&out, c);
    } else {
        member("error", kv_slice(err.text));
    }
    add_errors(&problems);
    kv_buf_add_char(&out, '}');
    kv_problems_release(&problems);
    kv_config_close(c);
}

static void do_fewshot(struct kv_slice line)
{
    struct kv_buf config = {0};
    struct kv_problems problems = {0};
    struct kv_config_source from = {0};
    struct kv_err err;
    kv_buf_add_str(&config, "{\"answering_models\":[{\"id\":\"a\",\"model_name\":\"a\","
                            "\"interface\":\"openrouter\"}],\"parsing_models\":[{\"id\":\"a\","
                            "\"model_name\":\"a\",\"interface\":\"openrouter\"}],"
                            "\"few_shot_config\":");
    kv_buf_add_slice(&config, kv_json_find(line, "few_shot_config"));
    kv_buf_add_char(&config, '}');
    struct kv_config *c = kv_config_open(kv_slice_of(&config), &from, &problems, &err);
    if (!c) {
        fprintf(stderr, "%s\n", err.text);
        exit(3);
    }
    kv_problems_release(&problems);
    kv_fewshot_resolve(c->few_shot, text_of(line, "question_id"), kv_json_find(line, "pool"), &out);
    kv_config_close(c);
    kv_buf_release(&config);
}

static void add_identity(const struct kv_identity *who)
{
    struct kv_buf text = {0};
    kv_identity_add_key(&text, who);
    kv_buf_add_str(&out, "{\"identity\":");
    kv_identity_add_json(&out, who);
    member("canonical_key", kv_slice_of(&text));
    kv_buf_clear(&text);
    kv_identity_add_display(&text, who);
    member("display_string", kv_slice_of(&text));
    kv_buf_add_char(&out, '}');
    kv_buf_release(&text);
}

static void do_model(struct kv_slice line)
{
    struct kv_buf config = {0};
    struct kv_problems problems = {0};
    struct kv_config_source from = {.traces_given = true};
    struct kv_err err;
    bool answering = kv_json_string_is(kv_json_find(line, "role"), "answering");
    kv_buf_printf(&config, "{\"answering_models\":[%.*s],\"parsing_models\":[%.*s]}",
        (int)kv_json_find(line, "config").n, kv_json_find(line, "config").p,
        (int)kv_json_find(line, "config").n, kv_json_find(line, "config").p);
    struct kv_config *c = kv_config_open(kv_slice_of(&config), &from, &problems, &err);
    struct kv_identity who;
    /* A configuration refuses an empty name; the rule for its key is there all the same. */
    const struct kv_model bare = {.id = text_of(kv_json_find(line, "config"), "id"),
        .interface = text_of(kv_json_find(line, "config"), "interface")};
    kv_identity_of(c ? &c->answering[0] : &bare, answering ? KV_ANSWERING : KV_PARSING, &who);
    add_identity(&who);
    kv_problems_release(&problems);
    kv_config_close(c);
    kv_buf_release(&config);
}

static void do_identity(struct kv_slice line)
{
    struct kv_buf key = {0}, shown = {0};
    struct kv_err err;
    if (kv_identity_key_of_json(kv_json_find(line, "identity"), &key, &err) != 0 ||
        kv_identity_display_of_json(kv_json_find(line, "identity"), &shown, &err) != 0)
        kv_buf_printf(&out, "\"%s\"", err.text);
    kv_buf_add_char(&out, '{');
    member("canonical_key", kv_slice_of(&key));
    member("display_string", kv_slice_of(&shown));
    kv_buf_add_char(&out, '}');
    kv_buf_release(&key);
    kv_buf_release(&shown);
}

static void do_key_parse(struct kv_slice line)
{
    struct kv_task_parts parts;
    struct kv_err err;
    struct kv_buf again = {0};
    kv_buf_add_char(&out, '{');
    if (kv_task_parse_key(text_of(line, "key"), &parts, &err) != 0) {
        member("message", kv_slice(err.text));
    } else {
        member("question_id", parts.question_id);
        member("answering_key", parts.answering);
        member("parsing_key", parts.parsing);
        kv_task_add_key(&again, parts.question_id, parts.answering, parts.parsing, parts.replicate);
        member("re_emitted", kv_slice_of(&again));
        if (parts.replicate != KV_NO_REPLICATE)
            kv_buf_printf(&out, ",\"replicate\":%lld", (long long)parts.replicate);
        kv_buf_release(&again);
    }
    kv_buf_add_char(&out, '}');
}

static void do_id(struct kv_slice line)
{
    struct kv_slice kind = kv_json_find(line, "kind");
    struct kv_buf text = {0};
    char id[KV_MD5_HEX + 1];
    int64_t replicate = KV_NO_REPLICATE;
    if (kv_json_string_is(kind, "model_config")) {
        do_model(line);
    } else if (kv_json_string_is(kind, "model_identity")) {
        do_identity(line);
    } else if (kv_json_string_is(kind, "task_key_parse")) {
        do_key_parse(line);
    } else if (kv_json_string_is(kind, "task_key_build")) {
        kv_num_int64(kv_json_find(line, "replicate"), &replicate);
        kv_task_add_key(&text, text_of(line, "question_id"), text_of(line, "answering_key"),
            text_of(line, "parsing_key"), replicate);
        kv_buf_add_char(&out, '{');
        member("key", kv_slice_of(&text));
        kv_buf_add_char(&out, '}');
    } else if (kv_json_string_is(kind, "template_id")) {
        kv_question_id_template(text_of(line, "source"), id);
        kv_buf_printf(&out, "{\"template_id\":\"%s\"}", id);
    } else if (kv_json_string_is(kind, "question_id")) {
        kv_question_id_add_question(&text, text_of(line, "text"));
        kv_buf_add_char(&out, '{');
        member("scheme_a", kv_slice_of(&text));
        kv_buf_add_char(&out, '}');
    } else {
        kv_buf_add_str(&out, "null");
    }
    kv_buf_release(&text);
}

int kvtest_config(int argc, char **argv)
{
    struct kv_lines lines;
    struct kv_slice line, value;
    struct kv_err err;
    kv_lines_init(&lines, 0, 0);
    while (argc == 2 && kv_lines_next(&lines, &line, &err) == 1) {
        if (kv_json_check(line, KV_JSON_STRICT, &value, &err) != 0)
            return 3;
        kv_buf_clear(&out);
        if (strcmp(argv[1], "config") == 0)
            do_config(value);
        else if (strcmp(argv[1], "fewshot") == 0)
            do_fewshot(value);
        else
            do_id(value);
        puts(out.p);
        kv_question_release(&kept);
    }
    kv_lines_release(&lines);
    kv_buf_release(&out);
    return 0;
}
