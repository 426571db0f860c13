/* reply - fuzz target: what a provider sends back.
 *
 * Byte 0 chooses the wire, byte 1 the status; header lines follow up to an empty line, then the
 * body, which is read as a list of models as well.
 */
#include "response.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct kv_slice headers(struct kv_response *r, struct kv_slice rest)
{
    const char *lf;
    while ((lf = rest.n ? memchr(rest.p, '\n', rest.n) : NULL) != NULL) {
        struct kv_slice line = {rest.p, (size_t)(lf - rest.p)};
        rest = (struct kv_slice){lf + 1, rest.n - line.n - 1};
        if (line.n == 0)
            break;
        const char *colon = memchr(line.p, ':', line.n);
        if (colon)
            kv_response_header(r, (struct kv_slice){line.p, (size_t)(colon - line.p)},
                (struct kv_slice){colon + 1, line.n - (size_t)(colon - line.p) - 1});
    }
    return rest;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const int statuses[] = {200, 400, 401, 404, 408, 413, 422, 429, 500, 503, 529};
    if (n < 2)
        return 0;
    struct kv_response r = {0};
    struct kv_response_to to = {
        .dialect = kv_service_find(bytes[0] & 1 ? "anthropic" : "openai"),
        .wire = bytes[0] & 16  ? KV_PROTOCOL_RESPONSES
                : bytes[0] & 1 ? KV_PROTOCOL_ANTHROPIC
                               : KV_PROTOCOL_OPENAI,
        .schema_name = bytes[0] & 2 ? "answer" : NULL,
        .step = (enum kv_step)(bytes[0] >> 2 & 3),
    };
    kv_response_begin(&r);
    struct kv_slice body = headers(&r, (struct kv_slice){(const char *)bytes + 2, n - 2});
    kv_response_decode(&r, &to, statuses[bytes[1] % 11], body, INT64_C(1790000000000));
    kv_response_release(&r);
    return 0;
}
