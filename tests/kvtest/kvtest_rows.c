/* kvtest rows - results read one after the other, and the same each by itself, must be the same.
 *
 *   kvtest rows COUNT SEED    rows on stdin, one a line: so many of them, changed at random, are read by
 *                             kv_result_read_after and by kv_result_read. {"rows","accepted","alike"}, the
 *                             last of them those that kv_result_begins knew; at the first difference the row
 *                             and what is different of it, and exit status 1
 */
#include "kvtest.h"

#include "io.h"
#include "json.h"
#include "result_before.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rows {
    char **text;
    size_t n;
};

static uint64_t state;

/* xorshift: below n. */
static size_t draw(size_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state % n);
}

/* ---- changes ---- */

static void replace(struct kv_buf *row, size_t at, size_t n, struct kv_slice with)
{
    struct kv_buf text = {0};
    kv_buf_add(&text, row->p, at);
    kv_buf_add_slice(&text, with);
    kv_buf_add(&text, row->p + at + n, row->n - at - n);
    kv_buf_release(row);
    *row = text;
}

/* A member of the row, or of one of its members, and so on. */
static bool draw_value(const struct kv_buf *row, struct kv_slice *value)
{
    struct kv_slice key, inside;
    struct kv_json_walk w;
    if (kv_json_check(kv_slice_of(row), KV_JSON_FOREIGN, &inside, NULL) != 0)
        return false;
    size_t n;
    do {
        *value = inside;
        n = kv_json_count(inside);
        kv_json_begin(&w, *value);
        for (size_t i = 0, which = n ? draw(n) : 0; n && i <= which; i++)
            if (!kv_json_member(&w, &key, &inside))
                kv_json_item(&w, &inside);
    } while (n && draw(4));
    return true;
}

static void change_value(struct kv_buf *row, const struct rows *all)
{
    static const char *const odd[] = {"null", "true", "0", "-1", "1.5e3", "12345678901234567890",
        "\"\"", "\"a\"", "\"\\ud800\"", "\"\xff\"", "\"\\u0041\\\\\"", "[]", "[1,\"a\"]", "{}",
        "{\"a\":1}", "NaN", "nul", "1,\"x\":2", "\"no\",\"failure\":null", "[[[[[[]]]]]]", " 7 ",
        "", "\"content\"", "{\"category\":\"timeout\",\"stage\":\"a\",\"reason\":\"b\"}"};
    struct kv_slice value, other;
    struct kv_buf from = {0};
    if (!draw_value(row, &value))
        return;
    size_t at = (size_t)(value.p - row->p), which = draw(4 * sizeof odd / sizeof *odd);
    kv_buf_add_str(&from, all->text[draw(all->n)]);
    if (which < sizeof odd / sizeof *odd)
        replace(row, at, value.n, kv_slice(odd[which]));
    else
        for (size_t i = 0; i < 8 && draw_value(&from, &other); i++)
            if (kv_json_type(other) == kv_json_type(value) || i == 7) {
                replace(row, at, value.n, other);
                break;
            }
    kv_buf_release(&from);
}

static void change_bytes(struct kv_buf *row)
{
    static const char bytes[] = "\"\\{}[]:, \n0a-.e\x80\xc3\x01";
    size_t at = draw(row->n), n = draw(row->n - at);
    n = draw(2) && n > 9 ? 9 : n;
    struct kv_slice some = {bytes + draw(sizeof bytes - 1), 1}, part = {row->p + at, n};
    switch (draw(4)) {
    case 0:
        row->p[at] = *some.p;
        break;
    case 1:
        replace(row, at, 0, some);
        break;
    case 2:
        replace(row, at, n, KV_SLICE(""));
        break;
    default:
        replace(row, at, 0, part);
    }
}

static void change(struct kv_buf *row, const struct rows *all)
{
    for (size_t i = draw(4); i > 0 && row->n; i--)
        if (draw(8))
            change_value(row, all);
        else
            change_bytes(row);
}

/* ---- comparing ---- */

/* clang-format off */
#define SLICE(name) {#name, offsetof(struct kv_result, name)}
static const struct {
    const char *name;
    size_t at;
} slices[] = {
    SLICE(text), SLICE(task_id), SLICE(response), SLICE(metadata), SLICE(template), SLICE(rubric),
    SLICE(question_id), SLICE(scenario_id), SLICE(scenario_turn), SLICE(replicate),
    SLICE(timestamp), SLICE(result_id), SLICE(answering), SLICE(parsing), SLICE(failure_stage),
    SLICE(failure_reason), SLICE(verify_result), SLICE(raw_llm_response), SLICE(usage),
    SLICE(usage_answer), SLICE(finish), SLICE(dropped), SLICE(total[0]), SLICE(total[1]),
    SLICE(total[2]), SLICE(warnings),
};
/* clang-format on */

static struct kv_slice slice_at(const struct kv_result *row, size_t at)
{
    struct kv_slice slice;
    memcpy(&slice, (const char *)row + at, sizeof slice);
    return slice;
}

/* The name of what is not the same, or NULL. */
static const char *difference(const struct kv_result *a, const struct kv_result *b)
{
    for (size_t i = 0; i < sizeof slices / sizeof *slices; i++) {
        struct kv_slice x = slice_at(a, slices[i].at), y = slice_at(b, slices[i].at);
        if (x.n != y.n || (x.n && x.p != y.p))
            return slices[i].name;
    }
    return a->generic != b->generic   ? "generic"
           : a->preview != b->preview ? "preview"
           : a->failure != b->failure ? "failure"
           : a->partial != b->partial ? "partial"
                                      : NULL;
}

static void refuse(struct kv_slice row, const char *what)
{
    printf("%.*s\n%s\n", (int)row.n, row.p, what);
    exit(1);
}

/* ---- reading ---- */

static unsigned long accepted, alike;

static void space_twice(struct kv_slice row, struct kv_result_before *before)
{
    struct kv_buf whole = {0}, after = {0};
    kv_reformat_space(&whole, row);
    kv_result_add_spaced(before, &after);
    if (!kv_slice_eq(kv_slice_of(&whole), kv_slice_of(&after)))
        refuse(row, after.p);
    kv_buf_release(&whole);
    kv_buf_release(&after);
}

static void read_twice(struct kv_slice row, struct kv_result_before **before)
{
    struct kv_result whole, after;
    struct kv_err why, other;
    const unsigned flags = KV_JSON_PORTABLE;
    bool refused = kv_result_read(row, flags, &whole, &why) != 0;
    if (kv_result_begins(*before, row, flags, &after) && after.text.n == row.n) {
        alike++;
        if (refused || difference(&whole, &after))
            refuse(row, refused ? why.text : difference(&whole, &after));
        space_twice(row, *before);
    }
    if ((kv_result_read_after(row, flags, before, &after, &other) != 0) != refused)
        refuse(row, refused ? why.text : other.text);
    if (refused && strcmp(why.text, other.text) != 0)
        refuse(row, other.text);
    if (!refused && difference(&whole, &after))
        refuse(row, difference(&whole, &after));
    accepted += !refused;
}

static void read_changed(const struct rows *all, unsigned long count)
{
    struct kv_result_before *before = NULL;
    struct kv_buf row = {0};
    size_t which = 0;
    for (unsigned long i = 0; i < count; i++) {
        which = draw(8) ? which : draw(all->n);
        kv_buf_clear(&row);
        kv_buf_add_str(&row, all->text[which]);
        change(&row, all);
        read_twice(kv_slice_of(&row), &before);
    }
    kv_buf_release(&row);
    kv_result_before_free(before);
}

int kvtest_rows(int argc, char **argv)
{
    struct rows all = {0};
    struct kv_lines lines;
    struct kv_slice line;
    struct kv_err err;
    if (argc < 3)
        return 2;
    unsigned long count = strtoul(argv[1], NULL, 10);
    state = strtoull(argv[2], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
    kv_lines_init(&lines, 0, (size_t)1 << 30);
    while (kv_lines_next(&lines, &line, &err) == 1) {
        all.text = kv_grow(all.text, all.n, sizeof *all.text);
        all.text[all.n++] = kv_slice_dup(line);
    }
    kv_lines_release(&lines);
    if (all.n)
        read_changed(&all, count);
    printf("{\"rows\":%lu,\"accepted\":%lu,\"alike\":%lu}\n", count, accepted, alike);
    for (size_t i = 0; i < all.n; i++)
        free(all.text[i]);
    free(all.text);
    return 0;
}
