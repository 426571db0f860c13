/* extract - fuzz target: the JSON in a judge's text. What is found must be JSON, but for NaN
 * and the infinities, which Python reads too. */
#include "extract.h"

#include "json.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_slice text = {(const char *)bytes, n}, value;
    struct kv_buf out = {0};
    struct kv_err err;
    if (kv_extract_reply(text, &out, &err) == 0)
        assert(kv_json_check(kv_slice_of(&out), KV_JSON_NONFINITE, &value, &err) == 0);
    kv_extract_message(text, &value, &err);
    kv_extract_check(text);
    kv_buf_release(&out);
    return 0;
}
