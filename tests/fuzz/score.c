/* score - fuzz target: what a judge says of a trait: the trait's classes or metrics, a NUL byte,
 * the reply.
 */
#include "json.h"
#include "scratch.h"
#include "trait_score.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct kv_scorer *scorer;

static void close_scorer(void)
{
    kv_trait_score_close(scorer);
}

static void check(const struct kv_buf *json)
{
    struct kv_slice value;
    struct kv_err err;
    assert(kv_json_check(kv_slice_of(json), KV_JSON_STRICT, &value, &err) == 0);
}

static void score(struct kv_slice trait, struct kv_slice reply)
{
    struct kv_buf a = {0}, b = {0};
    struct kv_err err;
    bool truth;
    int64_t number;
    kv_trait_score_boolean(scorer, reply, &truth, &err);
    if (kv_trait_score_number(scorer, reply, 1, 5, &number, &err) == 0)
        assert(number >= 1 && number <= 5);
    if (kv_json_type(trait) == KV_JSON_OBJECT &&
        kv_trait_score_literal(scorer, trait, reply, &number, &a, &err) == 0)
        check(&a);
    kv_buf_clear(&a);
    if (kv_json_type(trait) == KV_JSON_ARRAY &&
        kv_trait_score_metric(scorer, reply, trait, true, &a, &b, &err) == 0) {
        check(&a);
        check(&b);
    }
    kv_buf_release(&a);
    kv_buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static bool begun;
    struct kv_slice rest = {(const char *)bytes, n}, trait, reply;
    struct kv_slice first = scratch_part(&rest);
    struct kv_err err;
    if (!begun && atexit(close_scorer) == 0)
        scorer = kv_trait_score_open(getenv("KV_SHARE") ? getenv("KV_SHARE") : "share", &err);
    begun = true;
    if (scorer && kv_json_check(first, KV_JSON_STRICT, &trait, &err) == 0 &&
        kv_json_check(rest, KV_JSON_STRICT, &reply, &err) == 0)
        score(trait, reply);
    return 0;
}
