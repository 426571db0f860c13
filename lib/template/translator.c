/* translator - templates that would have to be executed, handed to a command of the user's. */
#include "translator.h"

#include "child.h"
#include "digest.h"
#include "json.h"

#include <search.h>
#include <stdlib.h>

enum { PATIENCE_MS = 60000, LONGEST = 1 << 24 };

struct translation {
    struct kv_digest128 source;
    struct kv_buf spec;
};

struct kv_translator {
    const char *command;
    void *done; /* tree of struct translation (tsearch) */
};

static int by_source(const void *a, const void *b)
{
    const struct kv_digest128 *x = a, *y = b; /* a translation begins with it */
    return x->hi != y->hi ? (x->hi < y->hi ? -1 : 1) : (x->lo > y->lo) - (x->lo < y->lo);
}

static void free_translation(void *p)
{
    struct translation *t = p;
    kv_buf_release(&t->spec);
    free(t);
}

struct kv_translator *kv_translator_open(const char *command)
{
    struct kv_translator *t = kv_calloc(1, sizeof *t);
    t->command = command;
    return t;
}

void kv_translator_close(struct kv_translator *t)
{
    if (t)
        tdestroy(t->done, free_translation);
    free(t);
}

static int run_command(
    const char *command, struct kv_slice source, struct kv_buf *spec, struct kv_err *err)
{
    const struct kv_child_options options = {.timeout_ms = PATIENCE_MS, .output_max = LONGEST};
    struct kv_slice value;
    if (kv_child_run(command, source, &options, spec, err) != 0)
        return -1;
    if (kv_json_check(kv_slice_of(spec), KV_JSON_DIGITS, &value, err) != 0)
        return kv_err_context(err, "what %s printed", command);
    return 0;
}

int kv_translator_translate(
    struct kv_translator *t, struct kv_slice source, struct kv_slice *spec, struct kv_err *err)
{
    const struct kv_digest128 wanted = kv_digest_128(source);
    struct translation *const *found = tfind(&wanted, &t->done, by_source);
    struct translation *made = found ? *found : NULL;
    if (!made) {
        made = kv_calloc(1, sizeof *made);
        made->source = wanted;
        if (run_command(t->command, source, &made->spec, err) != 0) {
            free_translation(made);
            return -1;
        }
        if (!tsearch(made, &t->done, by_source))
            kv_no_memory();
    }
    *spec = kv_slice_of(&made->spec);
    return 0;
}

enum kv_template_outcome kv_translator_template(struct kv_translator *t, struct kv_slice source,
    struct kv_template **template, struct kv_err *err)
{
    struct kv_slice spec;
    enum kv_template_outcome outcome = kv_template_open(source, template, err);
    if (outcome != KV_TEMPLATE_CODE || !t)
        return outcome;
    if (kv_translator_translate(t, source, &spec, err) != 0)
        return KV_TEMPLATE_CODE;
    outcome = kv_template_open(spec, template, err);
    if (outcome == KV_TEMPLATE_OK)
        return outcome;
    kv_err_context(err, "what %s printed", t->command);
    return KV_TEMPLATE_CODE;
}
