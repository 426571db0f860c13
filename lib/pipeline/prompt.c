/* prompt - the messages for each step, made from the texts in share/prompts. */
#include "prompt.h"

#include "io.h"

#include <stdlib.h>
#include <string.h>

static const char *const file_name[KV_PROMPT_COUNT] = {
    [KV_PROMPT_ANSWERING_DEFAULT] = "answering.default",
    [KV_PROMPT_PARSE_SYSTEM] = "parse.system",
    [KV_PROMPT_PARSE_USER] = "parse.user",
    [KV_PROMPT_PARSE_FEEDBACK] = "parse.feedback",
    [KV_PROMPT_ABSTENTION_SYSTEM] = "abstention.system",
    [KV_PROMPT_ABSTENTION_USER] = "abstention.user",
    [KV_PROMPT_SUFFICIENCY_SYSTEM] = "sufficiency.system",
    [KV_PROMPT_SUFFICIENCY_USER] = "sufficiency.user",
    [KV_PROMPT_RUBRIC_BATCH_SYSTEM] = "rubric-batch.system",
    [KV_PROMPT_RUBRIC_BATCH_USER] = "rubric-batch.user",
    [KV_PROMPT_RUBRIC_BOOLEAN_SYSTEM] = "rubric-boolean.system",
    [KV_PROMPT_RUBRIC_SCORE_SYSTEM] = "rubric-score.system",
    [KV_PROMPT_RUBRIC_LITERAL_SYSTEM] = "rubric-literal.system",
    [KV_PROMPT_RUBRIC_LITERAL_BATCH_SYSTEM] = "rubric-literal-batch.system",
    [KV_PROMPT_RUBRIC_SHAPED_SYSTEM] = "rubric-shaped.system",
    [KV_PROMPT_RUBRIC_SINGLE_USER] = "rubric-single.user",
    [KV_PROMPT_RUBRIC_METRIC_SYSTEM] = "rubric-metric.system",
    [KV_PROMPT_RUBRIC_METRIC_USER] = "rubric-metric.user",
};

enum { TEXT_MAX = 1 << 20 };

struct kv_prompts {
    struct kv_buf text[KV_PROMPT_COUNT];
};

struct kv_prompts *kv_prompts_open(const char *share, struct kv_err *err)
{
    struct kv_prompts *p = kv_calloc(1, sizeof *p);
    struct kv_buf path = {0};
    int failed = 0;
    for (int i = 0; i < KV_PROMPT_COUNT && !failed; i++) {
        kv_buf_clear(&path);
        kv_buf_printf(&path, "%s/prompts/%s", share, file_name[i]);
        failed = kv_io_read(path.p, TEXT_MAX, &p->text[i], err);
    }
    kv_buf_release(&path);
    if (failed) {
        kv_prompts_close(p);
        return NULL;
    }
    return p;
}

void kv_prompts_close(struct kv_prompts *p)
{
    if (!p)
        return;
    for (int i = 0; i < KV_PROMPT_COUNT; i++)
        kv_buf_release(&p->text[i]);
    free(p);
}

static struct kv_slice value_of(const struct kv_prompt_value *values, struct kv_slice name)
{
    for (; values && values->name; values++)
        if (kv_slice_is(name, values->name))
            return values->text;
    return (struct kv_slice){"", 0};
}

/* Fills in one paragraph; false if it names an empty value. */
static bool add_paragraph(
    struct kv_slice text, const struct kv_prompt_value *values, struct kv_buf *out)
{
    const char *at = text.p, *end = text.p + text.n;
    while (at < end) {
        const char *open = memmem(at, (size_t)(end - at), "{{", 2);
        const char *close = open ? memmem(open, (size_t)(end - open), "}}", 2) : NULL;
        if (!close)
            break;
        struct kv_slice value =
            value_of(values, (struct kv_slice){open + 2, (size_t)(close - open - 2)});
        if (value.n == 0)
            return false;
        kv_buf_add(out, at, (size_t)(open - at));
        kv_buf_add_slice(out, value);
        at = close + 2;
    }
    kv_buf_add(out, at, (size_t)(end - at));
    return true;
}

void kv_prompt_add(const struct kv_prompts *p, enum kv_prompt which,
    const struct kv_prompt_value *values, struct kv_buf *out)
{
    struct kv_slice rest = kv_slice_strip(kv_slice_of(&p->text[which]));
    bool first = true;
    while (rest.n) {
        const char *blank = memmem(rest.p, rest.n, "\n\n", 2);
        size_t n = blank ? (size_t)(blank - rest.p) : rest.n;
        size_t before = out->n;
        if (!first)
            kv_buf_add_str(out, "\n\n");
        if (add_paragraph((struct kv_slice){rest.p, n}, values, out))
            first = false;
        else
            kv_buf_cut(out, before, out->n - before);
        rest.p += n;
        rest.n -= n;
        while (rest.n && *rest.p == '\n')
            rest.p++, rest.n--;
    }
}
