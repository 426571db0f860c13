/* url - fuzz target: URLs from configurations, and who would get a key.
 *
 * The host is looked for once more, in the plainest way, in the bytes of the URL: whatever libcurl
 * makes of them, a key only goes where this second reading agrees.
 */
#include "key_owner.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const char *env(const char *name)
{
    return strcmp(name, "KV_API_HOST") == 0 ? "llm.example, [2001:db8::1]:8000" : NULL;
}

/* Is this, and nothing else, what stands between "://" and the port or path? */
static bool stands_there(const char *url, const char *host)
{
    const char *at = strstr(url, "://");
    size_t n = strlen(host);
    return at && strncasecmp(at + 3, host, n) == 0 && strchr(":/?", at[3 + n]);
}

static bool allowed(const char *key, const char *service, const struct kv_http_place *at)
{
    const struct kv_key_journey j = {key, kv_service_find(service), at, true};
    return kv_key_owner_allows(&j, env);
}

static void check_again(const struct kv_http_place *at)
{
    struct kv_http_place again;
    struct kv_err err;
    assert(kv_http_place_read(&again, at->url, &err) == 0); /* what libcurl will be given */
    assert(strcmp(again.host, at->host) == 0 && again.encrypted == at->encrypted);
    kv_http_place_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_http_place at;
    struct kv_err err;
    char *url = kv_strndup((const char *)bytes, n);
    if (kv_http_place_read(&at, url, &err) == 0) {
        check_again(&at);
        if (!at.loopback) {
            bool openai = allowed("OPENAI_API_KEY", "openai", &at);
            assert(!openai || (at.encrypted && stands_there(url, "api.openai.com")));
            bool general = allowed("KV_API_KEY", "generic", &at);
            assert(!general || stands_there(url, "llm.example") || at.host[0] == '[');
        } else {
            assert(at.host[0] == '[' || strncmp(at.host, "127.", 4) == 0 ||
                   stands_there(url, at.host));
        }
        kv_http_place_release(&at);
    }
    free(url);
    return 0;
}
