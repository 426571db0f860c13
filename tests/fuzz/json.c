/* json - fuzz target: the scanner, and what is promised of checked text.
 *
 * Text that was accepted must be walked without a fault; its compact form must be accepted again
 * and be its own compact form; a string that is unescaped and quoted must mean the same.
 */
#include "json.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_string(struct kv_slice string)
{
    struct kv_buf text = {0}, quoted = {0}, again = {0};
    struct kv_slice value;
    struct kv_err err;
    kv_json_unescape(string, &text);
    kv_json_quote(&quoted, kv_slice_of(&text), KV_JSON_ASCII);
    assert(kv_json_check(kv_slice_of(&quoted), KV_JSON_STRICT, &value, &err) == 0);
    kv_json_unescape(kv_slice_of(&quoted), &again);
    assert(kv_slice_eq(kv_slice_of(&text), kv_slice_of(&again)));
    kv_buf_release(&text);
    kv_buf_release(&quoted);
    kv_buf_release(&again);
}

static void walk(struct kv_slice value)
{
    struct kv_json_walk w;
    struct kv_slice key, item;
    kv_json_begin(&w, value);
    switch (kv_json_type(value)) {
    case KV_JSON_OBJECT:
        while (kv_json_member(&w, &key, &item)) {
            check_string(key);
            walk(item);
        }
        break;
    case KV_JSON_ARRAY:
        while (kv_json_item(&w, &item))
            walk(item);
        break;
    case KV_JSON_STRING:
        check_string(value);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_slice text = {(const char *)bytes, n}, value, same;
    struct kv_buf compact = {0}, again = {0};
    struct kv_err err;
    if (kv_json_check(text, KV_JSON_STRICT, &value, &err) == 0) {
        walk(value);
        kv_json_compact(&compact, value);
        assert(kv_json_check(kv_slice_of(&compact), KV_JSON_STRICT, &same, &err) == 0);
        kv_json_compact(&again, same);
        assert(kv_slice_eq(kv_slice_of(&compact), kv_slice_of(&again)));
    }
    kv_buf_release(&compact);
    kv_buf_release(&again);
    return 0;
}
