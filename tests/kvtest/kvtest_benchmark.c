/* kvtest benchmark - the modules bench, rubric, choose and plan, a case a line.
 *
 * Reads JSON objects from stdin, writes one object a line. The first argument says what to do:
 *   load   {"text"}: what the benchmark holds, or its errors
 *   choose {"text","positions":[…]}: the indices each option selects, or the reason
 *   plan   {"text","config","questions","question_ids"}: manifest and execution orders
 */
#include "kvtest.h"

#include "bench.h"
#include "config.h"
#include "io.h"
#include "json.h"
#include "plan.h"
#include "question_id.h"
#include "select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kv_buf out;

static char *text_of(struct kv_slice object, const char *name)
{
    struct kv_slice v = kv_json_find(object, name);
    return kv_json_is_null(v) ? NULL : kv_json_strdup(v);
}

static void begin(const char *name)
{
    char last = out.p[out.n - 1];
    kv_buf_add_str(&out, last == '{' ? "" : ",");
    kv_json_quote_str(&out, name);
    kv_buf_add_char(&out, ':');
}

static void add_text(struct kv_slice text)
{
    char last = out.p[out.n - 1];
    if (last != '[' && last != ':' && last != '{')
        kv_buf_add_char(&out, ',');
    if (text.p)
        kv_json_quote(&out, text, KV_JSON_RAW);
    else
        kv_buf_add_str(&out, "null");
}

static void add_errors(const struct kv_problems *problems, const struct kv_err *err)
{
    begin("error");
    add_text(kv_slice(err->text));
    begin("errors");
    kv_buf_add_char(&out, '[');
    for (size_t i = 0; i < problems->n; i++) {
        struct kv_buf line = {0};
        kv_problem_add_text(&line, &problems->items[i]);
        add_text(kv_slice_of(&line));
        kv_buf_release(&line);
    }
    kv_buf_add_char(&out, ']');
}

static struct kv_bench *open_bench(struct kv_slice line, char **text)
{
    struct kv_problems problems = {0};
    struct kv_err err;
    *text = text_of(line, "text");
    struct kv_bench *b = kv_bench_parse(kv_slice(*text), &problems, &err);
    if (!b)
        add_errors(&problems, &err);
    kv_problems_release(&problems);
    return b;
}

static void add_template_id(struct kv_slice source)
{
    char id[KV_MD5_HEX + 1];
    kv_question_id_template(source, id);
    add_text(kv_slice(id));
}

/* One list over the questions, all but the ids over the finished ones. */
static void add_list(const struct kv_bench *b, const char *name)
{
    begin(name);
    kv_buf_add_char(&out, '[');
    for (size_t i = 0; i < b->n; i++) {
        struct kv_question q;
        struct kv_err err;
        if (strcmp(name, "question_ids") == 0)
            add_text(kv_bench_id(b, i));
        if (strcmp(name, "question_ids") == 0 || !b->questions[i].finished)
            continue;
        if (kv_bench_read(b, i, &q, &err) != 0)
            add_text(kv_slice(err.text));
        if (strcmp(name, "finished_ids") == 0)
            add_text(q.id);
        else if (strcmp(name, "question_texts") == 0)
            add_text(q.text);
        else if (strcmp(name, "raw_answers") == 0)
            add_text(q.answer);
        else if (strcmp(name, "template_ids") == 0)
            add_template_id(q.template);
        else if (strcmp(name, "keywords") == 0) {
            kv_buf_add_str(&out, out.p[out.n - 1] == '[' ? "" : ",");
            kv_buf_add_slice(&out, q.keywords.n ? q.keywords : KV_SLICE("null"));
        }
        kv_question_release(&q);
    }
    kv_buf_add_char(&out, ']');
}

static void do_load(struct kv_slice line)
{
    static const char *const lists[] = {"question_ids", "finished_ids", "question_texts",
        "raw_answers", "template_ids", "keywords"};
    char *text, digest[KV_SHA256_HEX + 1];
    struct kv_bench *b = open_bench(line, &text);
    for (size_t i = 0; b && i < sizeof lists / sizeof *lists; i++)
        add_list(b, lists[i]);
    if (b) {
        begin("global_rubric");
        if (b->rubric.n)
            kv_rubric_add_json(&out, &b->rubric);
        else
            kv_buf_add_str(&out, "null");
        begin("question_rubrics");
        kv_buf_add_char(&out, '{');
        for (size_t i = 0; i < b->n; i++) {
            struct kv_question q;
            struct kv_err err;
            if (!b->questions[i].has_rubric || kv_bench_read(b, i, &q, &err) != 0)
                continue;
            begin(q.id.p);
            kv_rubric_add_json(&out, &q.rubric);
            kv_question_release(&q);
        }
        kv_buf_add_char(&out, '}');
        kv_bench_digest(b, NULL, digest);
        begin("digest");
        add_text(kv_slice(digest));
    }
    kv_bench_close(b);
    free(text);
}

static void do_choose(struct kv_slice line)
{
    struct kv_json_walk w;
    struct kv_slice item;
    struct kv_err err;
    char *text;
    struct kv_bench *b = open_bench(line, &text);
    begin("selections");
    kv_buf_add_char(&out, '[');
    kv_json_begin(&w, kv_json_find(line, "positions"));
    while (b && kv_json_item(&w, &item)) {
        char *positions = kv_json_strdup(item);
        bool *chosen = kv_calloc(b->n + 1, sizeof *chosen);
        long n = kv_select(b, NULL, NULL, chosen, &err);
        kv_buf_add_str(&out, out.p[out.n - 1] == '[' ? "{" : ",{");
        begin("indices");
        if (kv_select_positions(positions, (size_t)n, chosen, &err) != 0) {
            kv_buf_add_str(&out, "null");
            begin("error");
            add_text(kv_slice(err.text));
        } else {
            kv_buf_add_char(&out, '[');
            for (long i = 0; i < n; i++)
                if (chosen[i])
                    kv_buf_printf(&out, "%s%ld", out.p[out.n - 1] == '[' ? "" : ",", i);
            kv_buf_add_str(&out, "],\"error\":null");
        }
        kv_buf_add_char(&out, '}');
        free(chosen);
        free(positions);
    }
    kv_buf_add_char(&out, ']');
    kv_bench_close(b);
    free(text);
}

static void add_order(const struct kv_plan *p, enum kv_ordering ordering)
{
    size_t n = 0;
    kv_plan_count(p, &n);
    uint64_t *tasks = kv_array(NULL, n + 1, sizeof *tasks);
    for (size_t i = 0; i < n; i++)
        tasks[i] = i;
    kv_plan_order(p, ordering, 1, tasks, n);
    kv_buf_add_char(&out, '[');
    for (size_t i = 0; i < n; i++) {
        struct kv_buf key = {0};
        struct kv_task task = kv_plan_task(p, tasks[i]), found;
        kv_plan_add_key(p, &task, &key);
        add_text(kv_slice_of(&key));
        if (!kv_plan_find(p, kv_slice_of(&key), &found) || kv_plan_number(p, &found) != tasks[i])
            add_text(KV_SLICE("not found again"));
        kv_buf_release(&key);
    }
    kv_buf_add_char(&out, ']');
    free(tasks);
}

static void add_orders(const struct kv_plan *p)
{
    static const char *const names[] = {
        "auto", "prefix_cache", "distribute_answerers", "generation_order"};
    begin("manifest");
    add_order(p, KV_ORDER_GENERATION);
    begin("auto_resolves_to");
    add_text(kv_slice(names[kv_plan_ordering(p, KV_ORDER_AUTO)]));
    begin("execution_order");
    kv_buf_add_char(&out, '{');
    for (int i = KV_ORDER_AUTO; i <= KV_ORDER_GENERATION; i++) {
        begin(names[i]);
        add_order(p, (enum kv_ordering)i);
    }
    kv_buf_add_char(&out, '}');
}

static void do_plan(struct kv_slice line)
{
    struct kv_problems problems = {0};
    struct kv_config_source from = {.answering_prompt = KV_SLICE("x"), .traces_given = true};
    struct kv_err err;
    char *text, *ids = text_of(line, "question_ids"), *positions = text_of(line, "questions");
    struct kv_bench *b = open_bench(line, &text);
    struct kv_config *c = kv_config_open(kv_json_find(line, "config"), &from, &problems, &err);
    bool *chosen = kv_calloc(b ? b->n + 1 : 1, sizeof *chosen);
    long n = -1;
    if (!b || !c || (n = kv_select(b, ids, positions, chosen, &err)) < 0) {
        add_errors(&problems, &err);
    } else {
        struct kv_plan plan;
        kv_plan_init(&plan, c, kv_bench_ids(b));
        for (size_t i = 0; i < b->n; i++)
            if (chosen[i])
                kv_plan_add_question(&plan, kv_bench_id(b, i));
        kv_plan_ready(&plan);
        add_orders(&plan);
        kv_plan_release(&plan);
    }
    free(chosen);
    free(ids);
    free(positions);
    free(text);
    kv_config_close(c);
    kv_bench_close(b);
    kv_problems_release(&problems);
}

int kvtest_benchmark(int argc, char **argv)
{
    struct kv_lines lines;
    struct kv_slice line, value;
    struct kv_err err;
    kv_lines_init(&lines, 0, 0);
    while (argc == 2 && kv_lines_next(&lines, &line, &err) == 1) {
        if (kv_json_check(line, KV_JSON_STRICT, &value, &err) != 0)
            return 3;
        kv_buf_clear(&out);
        kv_buf_add_char(&out, '{');
        if (strcmp(argv[1], "load") == 0)
            do_load(value);
        else if (strcmp(argv[1], "choose") == 0)
            do_choose(value);
        else
            do_plan(value);
        kv_buf_add_char(&out, '}');
        puts(out.p);
    }
    kv_lines_release(&lines);
    kv_buf_release(&out);
    return 0;
}
