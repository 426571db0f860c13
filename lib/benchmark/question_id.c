/* question_id - identifiers that karenina computes from text.
 *
 * The tidying of a template follows Python's textwrap.dedent, str.rstrip and str.strip to the
 * letter, because one byte of difference is another id.
 */
#include "question_id.h"

#include "pystr.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>

/* ---- questions ---- */

/* In lower case by the full Unicode mapping; text that is not quite UTF-8 (a lone surrogate) stays.
 */
static struct kv_slice lower(struct kv_slice text, uint8_t **memory)
{
    size_t n;
    *memory = u8_tolower((const uint8_t *)text.p, text.n, "", NULL, NULL, &n);
    return *memory ? (struct kv_slice){(const char *)*memory, n} : text;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

void kv_question_id_add_question(struct kv_buf *out, struct kv_slice text)
{
    enum { LONGEST = 50, DIGITS = 8 };
    char hex[KV_MD5_HEX + 1];
    uint8_t *memory;
    struct kv_slice s = lower(text.p ? text : KV_SLICE(""), &memory);
    size_t characters = 0;
    kv_buf_add_str(out, "urn:uuid:question-");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '?' || s.p[i] == '.' || s.p[i] == ',')
            continue;
        characters += !is_continuation(s.p[i]);
        if (characters > LONGEST)
            break;
        kv_buf_add_char(out, s.p[i] == ' ' ? '-' : s.p[i]);
    }
    kv_digest_md5(text, hex);
    kv_buf_add_char(out, '-');
    kv_buf_add(out, hex, DIGITS);
    free(memory);
}

/* ---- templates ---- */

/* One line of a text: without its LF. */
static bool next_line(struct kv_slice *rest, struct kv_slice *line)
{
    if (!rest->p)
        return false;
    const char *lf = memchr(rest->p, '\n', rest->n);
    size_t n = lf ? (size_t)(lf - rest->p) : rest->n;
    *line = (struct kv_slice){rest->p, n};
    *rest = lf ? (struct kv_slice){lf + 1, rest->n - n - 1} : (struct kv_slice){0};
    return true;
}

static size_t indent(struct kv_slice line)
{
    size_t n = 0;
    while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t'))
        n++;
    return n;
}

/* The white space that all lines with something else in them start with. */
static struct kv_slice find_margin(struct kv_slice text)
{
    struct kv_slice line, margin = {0};
    bool first = true;
    while (next_line(&text, &line)) {
        size_t n = indent(line), same = 0;
        if (n == line.n)
            continue;
        while (!first && same < n && same < margin.n && margin.p[same] == line.p[same])
            same++;
        margin = (struct kv_slice){line.p, first ? n : same};
        first = false;
    }
    return margin;
}

static void dedent(struct kv_slice text, struct kv_buf *out)
{
    struct kv_slice line, margin = find_margin(text);
    for (bool first = true; next_line(&text, &line); first = false) {
        if (!first)
            kv_buf_add_char(out, '\n');
        if (indent(line) == line.n)
            continue;
        kv_buf_add(out, line.p + margin.n, line.n - margin.n);
    }
}

static void unify_line_ends(struct kv_buf *text)
{
    size_t to = 0;
    for (size_t i = 0; i < text->n; i++) {
        if (text->p[i] == '\r' && i + 1 < text->n && text->p[i + 1] == '\n')
            continue;
        text->p[to++] = text->p[i];
        if (text->p[i] == '\r')
            text->p[to - 1] = '\n';
    }
    kv_buf_cut(text, to, text->n - to);
}

void kv_question_id_template(struct kv_slice source, char id[KV_MD5_HEX + 1])
{
    struct kv_buf text = {0}, tidy = {0};
    struct kv_slice rest, line;
    dedent(source, &text);
    unify_line_ends(&text);
    rest = kv_slice_of(&text);
    for (bool first = true; next_line(&rest, &line); first = false) {
        if (!first)
            kv_buf_add_char(&tidy, '\n');
        kv_buf_add_slice(&tidy, kv_pystr_strip_end(line));
    }
    struct kv_slice stripped = kv_pystr_strip(kv_slice_of(&tidy));
    if (stripped.n)
        kv_digest_md5(stripped, id);
    else
        memcpy(id, "no_template", sizeof "no_template");
    kv_buf_release(&text);
    kv_buf_release(&tidy);
}
