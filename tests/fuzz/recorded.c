/* recorded - fuzz target: answers recorded before, as a file of traces and as a replay store. */
#include "recorded.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void look_up(const struct kv_recorded *r)
{
    static const char *const ids[] = {"", "q1", "q2", "x"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        const struct kv_recorded_entry *e =
            kv_recorded_find(r, kv_slice(ids[i]), KV_SLICE("langchain:m"), (int64_t)i);
        assert(!e || (!e->scenario && !e->visit && kv_slice_is(e->question_id, ids[i])));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_slice text = {(const char *)bytes, n}, answer;
    struct kv_err err;
    struct kv_traces *t = kv_traces_open(text, &err);
    if (t)
        kv_traces_find(t, KV_SLICE(""), &answer);
    kv_traces_close(t);
    struct kv_recorded *r = kv_recorded_open(text, "replay.json", &err);
    if (r)
        look_up(r);
    kv_recorded_close(r);
    return 0;
}
