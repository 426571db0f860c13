/* template - fuzz target: answer templates, as TemplateSpec and as Python text.
 *
 * A template that was read can be written as a TemplateSpec, and that can be read again; its
 * schemas are JSON.
 */
#include "json_schema.h"

#include "json.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check(struct kv_buf *schema)
{
    struct kv_slice value;
    struct kv_err err;
    assert(kv_json_check(kv_slice_of(schema), KV_JSON_STRICT, &value, &err) == 0);
    kv_buf_clear(schema);
}

static void outline(const struct kv_template *t)
{
    struct kv_buf schema = {0};
    kv_json_schema_prompt(&schema, t, true, 2);
    check(&schema);
    kv_json_schema_strict(&schema, t);
    check(&schema);
    kv_template_add_composition(&schema, t);
    check(&schema);
    kv_buf_release(&schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_template *t, *again;
    struct kv_buf spec = {0};
    struct kv_err err;
    if (kv_template_open((struct kv_slice){(const char *)bytes, n}, &t, &err) == KV_TEMPLATE_OK) {
        outline(t);
        kv_template_add_spec(&spec, t);
        if (kv_template_open(kv_slice_of(&spec), &again, &err) == KV_TEMPLATE_OK)
            kv_template_close(again);
        kv_template_close(t);
    }
    kv_buf_release(&spec);
    return 0;
}
