/* kvtest json - lets the JSON scanner and the number writer loose on files of cases.
 *
 *     kvtest json cases FILE      lines "WHAT<TAB>name<TAB>text", see below
 *     kvtest json floats FILE     {"bits","compact","python"}: spellings of doubles
 *     kvtest json strings FILE    {"codepoints","compact","state","tmp"}: spellings of strings
 *     kvtest json check           one document on stdin: its compact form, or what is wrong
 *     kvtest json same            one document on stdin: every string unescaped and quoted again
 *     kvtest json pick            one document on stdin: members a and b, and members x and y of them
 *
 * WHAT is accept, reject, either-accept or either-reject: RFC 8259 leaves the last two open, and
 * the second word is what we decided. In text, \xHH \n \r \t \\ are bytes and \(N:TEXT) is TEXT N
 * times. Names each case that disagrees, then prints "agreed/total"; status 0 if all agree.
 */
#include "kvtest.h"

#include "err.h"
#include "io.h"
#include "json.h"
#include "num.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long agreed, total;

static void tell(bool ok, struct kv_slice name, const char *what)
{
    total++;
    agreed += ok;
    if (!ok)
        printf("disagrees: %.*s: %s\n", (int)(name.n < 100 ? name.n : 100), name.p, what);
}

/* ---- cases ---- */

static const char *expand(struct kv_buf *out, const char *p, const char *end, char stop);

static const char *expand_repeat(struct kv_buf *out, const char *p, const char *end)
{
    char *text;
    unsigned long times = strtoul(p, &text, 10);
    struct kv_buf piece = {0};
    p = expand(&piece, text + 1, end, ')');
    while (times-- > 0)
        kv_buf_add(out, piece.p, piece.n);
    kv_buf_release(&piece);
    return p + 1;
}

static const char *expand(struct kv_buf *out, const char *p, const char *end, char stop)
{
    static const char from[] = "nrt\\", to[] = "\n\r\t\\";
    while (p < end && *p != stop) {
        if (*p != '\\') {
            kv_buf_add_char(out, *p++);
        } else if (p[1] == 'x') {
            char hex[] = {p[2], p[3], '\0'};
            kv_buf_add_char(out, (char)strtoul(hex, NULL, 16));
            p += 4;
        } else if (p[1] == '(') {
            p = expand_repeat(out, p + 2, end);
        } else {
            kv_buf_add_char(out, to[strchr(from, p[1]) - from]);
            p += 2;
        }
    }
    return p;
}

static void check_case(struct kv_slice line)
{
    const char *end = line.p + line.n;
    const char *name = memchr(line.p, '\t', line.n);
    const char *text = memchr(name + 1, '\t', (size_t)(end - name - 1));
    bool wanted = memmem(line.p, (size_t)(name - line.p), "accept", 6) != NULL;
    struct kv_buf document = {0};
    struct kv_slice value;
    struct kv_err err = {0};
    expand(&document, text + 1, end, '\0');
    bool accepted = kv_json_check(kv_slice_of(&document), KV_JSON_STRICT, &value, &err) == 0;
    tell(accepted == wanted, (struct kv_slice){name + 1, (size_t)(text - name - 1)},
        accepted ? "accepted" : err.text);
    kv_buf_release(&document);
}

/* ---- spellings ---- */

static void expect(struct kv_slice line, const char *key, const struct kv_buf *got)
{
    struct kv_slice value;
    struct kv_buf text = {0};
    kv_json_get(line, key, &value);
    kv_json_unescape(value, &text);
    tell(kv_slice_eq(kv_slice_of(&text), kv_slice_of(got)), line, key);
    kv_buf_release(&text);
}

static void check_float(struct kv_slice line)
{
    struct kv_slice bits;
    struct kv_buf got = {0};
    double x, back;
    kv_json_get(line, "bits", &bits);
    uint64_t word = strtoull(bits.p + 1, NULL, 16);
    memcpy(&x, &word, sizeof x);
    kv_num_add_double(&got, x, KV_NUM_COMPACT);
    expect(line, "compact", &got);
    kv_buf_clear(&got);
    kv_num_add_double(&got, x, KV_NUM_PYTHON);
    expect(line, "python", &got);
    if (!kv_slice_is(kv_slice_of(&got), "null"))
        tell(kv_num_double(kv_slice_of(&got), &back) && memcmp(&back, &x, sizeof x) == 0, line,
            "read back");
    kv_buf_release(&got);
}

static void add_utf8(struct kv_buf *out, unsigned long c)
{
    if (c < 0x80) {
        kv_buf_add_char(out, (char)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    kv_buf_add_char(out, (char)((0xFF00u >> (more + 1) & 0xFF) | c >> 6 * more));
    while (more-- > 0)
        kv_buf_add_char(out, (char)(0x80 | (c >> 6 * more & 0x3F)));
}

static void check_string(struct kv_slice line)
{
    struct kv_json_walk w;
    struct kv_slice points, point;
    struct kv_buf text = {0}, got = {0};
    kv_json_get(line, "codepoints", &points);
    kv_json_begin(&w, points);
    while (kv_json_item(&w, &point))
        add_utf8(&text, strtoul(point.p, NULL, 10));
    kv_json_quote(&got, kv_slice_of(&text), KV_JSON_RAW);
    expect(line, "compact", &got);
    expect(line, "tmp", &got);
    kv_buf_clear(&got);
    kv_json_quote(&got, kv_slice_of(&text), KV_JSON_ASCII);
    expect(line, "state", &got);
    kv_buf_release(&text);
    kv_buf_release(&got);
}

/* ---- one document ---- */

static void requote(struct kv_buf *out, struct kv_slice value);

static void requote_inside(struct kv_buf *out, struct kv_slice value)
{
    struct kv_json_walk w;
    struct kv_slice key, item;
    bool object = kv_json_type(value) == KV_JSON_OBJECT, first = true;
    kv_buf_add_char(out, object ? '{' : '[');
    kv_json_begin(&w, value);
    while (object ? kv_json_member(&w, &key, &item) : kv_json_item(&w, &item)) {
        kv_buf_add_str(out, first ? "" : ",");
        first = false;
        if (object) {
            requote(out, key);
            kv_buf_add_char(out, ':');
        }
        requote(out, item);
    }
    kv_buf_add_char(out, object ? '}' : ']');
}

static void requote(struct kv_buf *out, struct kv_slice value)
{
    struct kv_buf text = {0};
    switch (kv_json_type(value)) {
    case KV_JSON_OBJECT:
    case KV_JSON_ARRAY:
        requote_inside(out, value);
        return;
    case KV_JSON_STRING:
        kv_json_unescape(value, &text);
        kv_json_quote(out, kv_slice_of(&text), KV_JSON_RAW);
        kv_buf_release(&text);
        return;
    default:
        kv_buf_add_slice(out, value);
    }
}

/* The members a and b of it, and of them the members x and y: "A x=X y=Y; B y=Y". */
static void pick(struct kv_buf *out, struct kv_slice value)
{
    static const char *const names[] = {"x", "y"};
    struct kv_slice of_a[2], of_b[1];
    struct kv_json_branch b[] = {{"a", names, of_a, 2, {0}}, {"b", names + 1, of_b, 1, {0}}};
    kv_json_pick_branches(value, b, 2);
    kv_buf_add_slice(out, b[0].value);
    kv_buf_printf(out, " x=%.*s y=%.*s; ", (int)of_a[0].n, of_a[0].p, (int)of_a[1].n, of_a[1].p);
    kv_buf_add_slice(out, b[1].value);
    kv_buf_printf(out, " y=%.*s", (int)of_b[0].n, of_b[0].p);
}

static int answer_document(void (*answer)(struct kv_buf *out, struct kv_slice value))
{
    struct kv_buf document = {0}, out = {0};
    struct kv_slice value;
    struct kv_err err;
    int failed = kv_io_read("-", 0, &document, &err) != 0 ||
                 kv_json_check(kv_slice_of(&document), KV_JSON_STRICT, &value, &err) != 0;
    if (failed) {
        printf("%s\n", err.text);
    } else {
        answer(&out, value);
        fwrite(out.p, 1, out.n, stdout);
        putchar('\n');
    }
    kv_buf_release(&document);
    kv_buf_release(&out);
    return failed ? 3 : 0;
}

static int walk(const char *path, void (*check)(struct kv_slice line))
{
    struct kv_buf file = {0};
    struct kv_err err;
    if (kv_io_read(path, 0, &file, &err) != 0) {
        fprintf(stderr, "kvtest json: %s\n", err.text);
        return 4;
    }
    for (char *at = file.p, *end = file.p + file.n, *lf; at < end; at = lf + 1) {
        lf = memchr(at, '\n', (size_t)(end - at));
        check((struct kv_slice){at, (size_t)(lf - at)});
    }
    kv_buf_release(&file);
    printf("%lu/%lu\n", agreed, total);
    return agreed == total && total > 0 ? 0 : 1;
}

int kvtest_json(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (argc == 2 && strcmp(what, "check") == 0)
        return answer_document(kv_json_compact);
    if (argc == 2 && strcmp(what, "same") == 0)
        return answer_document(requote);
    if (argc == 2 && strcmp(what, "pick") == 0)
        return answer_document(pick);
    if (argc == 3 && strcmp(what, "cases") == 0)
        return walk(argv[2], check_case);
    if (argc == 3 && strcmp(what, "floats") == 0)
        return walk(argv[2], check_float);
    if (argc == 3 && strcmp(what, "strings") == 0)
        return walk(argv[2], check_string);
    fputs("usage: kvtest json cases|floats|strings FILE; kvtest json check|same|pick\n", stderr);
    return 2;
}
