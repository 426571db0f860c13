/* extract - fuzz target: the object in a judge's text. What is found must be JSON, but for NaN
 * and the infinities, which Python reads too, and hold one of the names asked for. */
#include "extract.h"

#include "json.h"
#include "reply_object.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const struct kv_slice names[] = {{"a", 1}, {"n", 1}, {"b c", 3}};
    struct kv_slice text = {(const char *)bytes, n}, value, v;
    struct kv_buf out = {0};
    struct kv_err err;
    for (size_t wanted = 0; wanted <= 3; wanted += 3) {
        kv_buf_clear(&out);
        if (kv_reply_object(text, &(struct kv_wanted){.names = names, .n = wanted}, &out, &err) !=
            0)
            continue;
        assert(kv_json_check(kv_slice_of(&out), KV_JSON_NONFINITE, &value, &err) == 0);
        assert(kv_json_type(value) == KV_JSON_OBJECT);
        assert(!wanted || kv_json_get(value, "a", &v) || kv_json_get(value, "n", &v) ||
               kv_json_get(value, "b c", &v));
    }
    kv_extract_message(text, &value, &err);
    kv_buf_release(&out);
    return 0;
}
