/* verify - fuzz target: a judge's reply fitted to a template, and judged: the template, a NUL byte,
 * the reply, a NUL byte, the trace.
 *
 * Users' filters are not run: each would be a process.
 */
#include "json.h"
#include "scratch.h"
#include "verdict.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct kv_verifier *verifier;

static void close_verifier(void)
{
    kv_verdict_close(verifier);
}

static void check(const struct kv_buf *json)
{
    struct kv_slice value;
    struct kv_err err;
    assert(kv_json_check(kv_slice_of(json), KV_JSON_NONFINITE, &value, &err) == 0);
}

static void judge(const struct kv_template *t, struct kv_slice reply, struct kv_slice trace)
{
    static struct kv_parsed parsed;
    static struct kv_verdict verdict;
    struct kv_slice object;
    struct kv_err err;
    if (kv_json_check(reply, KV_JSON_NONFINITE, &object, &err) == 0)
        kv_verdict_recall(t, object, &parsed, &err);
    if (kv_verdict_parse(t, reply, &parsed, &err) != 0)
        return;
    check(&parsed.json);
    if (!verifier || kv_verdict_run(verifier, t, &parsed, trace, &verdict, &err) != 0)
        return;
    check(&verdict.granular);
    check(&verdict.field_results);
    check(&verdict.field_scores);
    check(&verdict.error);
}

static bool has_filter(const struct kv_template *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (!t->fields[i].plain && (t->fields[i].primitive->facts & KV_FACT_FILTER))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static bool begun;
    struct kv_slice rest = {(const char *)bytes, n};
    struct kv_slice template = scratch_part(&rest), reply = scratch_part(&rest);
    struct kv_template *t;
    struct kv_err err;
    if (!begun && atexit(close_verifier) == 0)
        verifier = kv_verdict_open(getenv("KV_SHARE") ? getenv("KV_SHARE") : "share", &err);
    begun = true;
    if (kv_template_open(template, &t, &err) != KV_TEMPLATE_OK)
        return 0;
    if (!has_filter(t))
        judge(t, reply, rest);
    kv_template_close(t);
    return 0;
}
