/* template - fuzz target: answer templates, as TemplateSpec and as Python text.
 *
 * A template that was read can be written as a TemplateSpec, and that can be read again.
 */
#include "template.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_template *t, *again;
    struct kv_buf spec = {0};
    struct kv_err err;
    if (kv_template_open((struct kv_slice){(const char *)bytes, n}, &t, &err) == KV_TEMPLATE_OK) {
        kv_template_add_spec(&spec, t);
        if (kv_template_open(kv_slice_of(&spec), &again, &err) == KV_TEMPLATE_OK)
            kv_template_close(again);
        kv_template_close(t);
    }
    kv_buf_release(&spec);
    return 0;
}
