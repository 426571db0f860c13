/* result - fuzz target: one result row; its key, its verdicts, its two forms. */
#include "result.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_result row;
    struct kv_buf text = {0};
    struct kv_err err;
    if (kv_result_read((struct kv_slice){(const char *)bytes, n}, 0, &row, &err) == 0) {
        kv_result_failed(&row);
        kv_result_settles(&row);
        kv_result_tokens(&row);
        kv_result_key(&row, &text);
        if (!row.generic)
            kv_result_dump(&text, &row, KV_SPELL_COMPACT);
    }
    kv_buf_release(&text);
    return 0;
}
