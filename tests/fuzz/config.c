/* config - fuzz target: presets and configurations; behind a NUL byte the configuration of a state
 * that it is compared with.
 *
 * The canonical text of a configuration is a configuration with the same hash.
 */
#include "config.h"
#include "problem.h"

#include "config_diff.h"
#include "fewshot.h"
#include "json.h"
#include "scratch.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check(struct kv_buf *json)
{
    struct kv_slice value;
    struct kv_err err;
    assert(kv_json_check(kv_slice_of(json), KV_JSON_STRICT, &value, &err) == 0);
    kv_buf_clear(json);
}

static void use(const struct kv_config *c)
{
    static const char pool[] = "[{\"question\":\"a\",\"answer\":\"b\"},{\"question\":\"c\","
                               "\"answer\":\"d\"},{\"question\":\"e\",\"answer\":\"f\"}]";
    struct kv_problems problems = {0};
    struct kv_buf out = {0};
    kv_config_supported(c, &problems);
    kv_config_add_state_text(&out, c);
    check(&out);
    kv_fewshot_resolve(c->few_shot, KV_SLICE("q1"), KV_SLICE(pool), &out);
    check(&out);
    kv_buf_release(&out);
    kv_problems_release(&problems);
}

static void compare(struct kv_slice state, struct kv_slice given)
{
    struct kv_config_diff_side a = {.config = state, .config_hash = KV_SLICE("0")};
    struct kv_config_diff_side b = {.config = given, .config_hash = KV_SLICE("1")};
    struct kv_buf reason = {0}, different = {0}, harmless = {0};
    bool fits = kv_config_diff_decide(&a, &b, false, &reason, &different, &harmless);
    assert(fits == (reason.n == 0));
    free(kv_config_diff_builtin_prompt(state));
    kv_buf_release(&reason);
    kv_buf_release(&different);
    kv_buf_release(&harmless);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_config_source from = {.traces_given = true};
    struct kv_problems problems = {0};
    struct kv_err err;
    struct kv_slice state = {(const char *)bytes, n}, given = scratch_part(&state), other;
    struct kv_config *c = kv_config_open(given, &from, &problems, &err);
    if (c) {
        use(c);
        if (kv_json_check(state, KV_JSON_STRICT, &other, &err) == 0 &&
            kv_json_type(other) == KV_JSON_OBJECT)
            compare(other, c->text);
        from.stored = true;
        struct kv_config *again = kv_config_open(c->text, &from, &problems, &err);
        assert(again && strcmp(c->hash, again->hash) == 0);
        kv_config_close(again);
        kv_config_close(c);
    }
    kv_problems_release(&problems);
    return 0;
}
