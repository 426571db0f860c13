/* jq_rules - the jq programs of share/verify. */
#include "jq_rules.h"

#include "io.h"
#include "jq.h"
#include "json_text.h"
#include "num.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct kv_jq_rules {
    struct kv_jq *program; /* NULL until it is compiled */
    struct kv_buf name, text;
    struct kv_buf facts, answer;
};

static int read_files(
    const char *share, const char *const files[], struct kv_buf *text, struct kv_err *err)
{
    int rc = 0;
    for (size_t i = 0; files[i] && rc == 0; i++) {
        struct kv_buf path = {0};
        kv_buf_printf(&path, "%s/verify/%s", share, files[i]);
        rc = kv_io_read(path.p, 1 << 20, text, err);
        kv_buf_add_char(text, '\n');
        kv_buf_release(&path);
    }
    return rc;
}

struct kv_jq_rules *kv_jq_rules_read(
    const char *share, const char *const files[], struct kv_err *err)
{
    struct kv_jq_rules *r = kv_calloc(1, sizeof *r);
    kv_buf_printf(&r->name, "%s/verify%s%s", share, files[1] ? "" : "/", files[1] ? "" : files[0]);
    if (read_files(share, files, &r->text, err) == 0)
        return r;
    kv_jq_rules_close(r);
    return NULL;
}

struct kv_slice kv_jq_rules_text(const struct kv_jq_rules *r)
{
    return kv_slice_of(&r->text);
}

int kv_jq_rules_compile(struct kv_jq_rules *r, struct kv_err *err)
{
    if (!r->program)
        r->program = kv_jq_open(r->name.p, kv_slice_of(&r->text), KV_SLICE(""), err);
    return r->program ? 0 : -1;
}

struct kv_jq_rules *kv_jq_rules_open(
    const char *share, const char *const files[], struct kv_err *err)
{
    struct kv_jq_rules *r = kv_jq_rules_read(share, files, err);
    if (!r || kv_jq_rules_compile(r, err) == 0)
        return r;
    kv_jq_rules_close(r);
    return NULL;
}

void kv_jq_rules_close(struct kv_jq_rules *r)
{
    if (!r)
        return;
    kv_jq_close(r->program);
    kv_buf_release(&r->name);
    kv_buf_release(&r->text);
    kv_buf_release(&r->facts);
    kv_buf_release(&r->answer);
    free(r);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* libjq refuses lone surrogates. It is told a private character instead, another for each of them,
 * so that texts that differ still do. */
static void hide_surrogates(struct kv_buf *json)
{
    for (size_t i = 0; (i = kv_json_lone_surrogate(kv_slice_of(json), i)) < json->n; i += 6) {
        char *digits = json->p + i + 2; /* d800 to dfff become f000 to f7ff */
        digits[0] = 'f';
        digits[1] = (char)('0' + hex_digit(digits[1]) - 8);
    }
}

struct kv_buf *kv_jq_rules_begin(struct kv_jq_rules *r)
{
    kv_buf_clear(&r->facts);
    return &r->facts;
}

/* libjq reads nan, and a number beyond a double as an infinity. */
void kv_jq_rules_add_number(struct kv_buf *facts, double x)
{
    if (isnan(x))
        kv_buf_add_str(facts, "nan");
    else if (isinf(x))
        kv_buf_add_str(facts, x < 0 ? "-1e999" : "1e999");
    else
        kv_num_add_double(facts, x, KV_NUM_PYTHON);
}

int kv_jq_rules_ask(struct kv_jq_rules *r, struct kv_slice *answer, struct kv_err *err)
{
    hide_surrogates(&r->facts);
    kv_buf_clear(&r->answer);
    if (kv_jq_rules_compile(r, err) != 0 ||
        kv_jq_run(r->program, kv_slice_of(&r->facts), &r->answer, err) != 0)
        return -1;
    *answer = kv_slice_of(&r->answer);
    return 0;
}
