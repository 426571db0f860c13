/* config - fuzz target: presets and configurations.
 *
 * The canonical text of a configuration is a configuration with the same hash.
 */
#include "config.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_config_source from = {.traces_given = true};
    struct kv_problems problems = {0};
    struct kv_err err;
    struct kv_config *c =
        kv_config_open((struct kv_slice){(const char *)bytes, n}, &from, &problems, &err);
    if (c) {
        from.stored = true;
        struct kv_config *again = kv_config_open(c->text, &from, &problems, &err);
        assert(again && strcmp(c->hash, again->hash) == 0);
        kv_config_close(again);
        kv_config_close(c);
    }
    kv_problems_release(&problems);
    return 0;
}
