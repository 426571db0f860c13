/* http_setting - options of a transfer: the first that libcurl did not take is kept. */
#include "http_setting.h"

void kv_http_setting_keep(struct kv_http_setting *s, CURLcode code, const char *option)
{
    if (code == CURLE_OK || s->code != CURLE_OK)
        return;
    s->code = code;
    s->option = option;
}

int kv_http_settled(const struct kv_http_setting *s, struct kv_err *err)
{
    if (s->code == CURLE_OK)
        return 0;
    return kv_err_set(err, KV_SYSTEM, "libcurl %s does not take %s: %s",
        curl_version_info(CURLVERSION_NOW)->version, s->option, curl_easy_strerror(s->code));
}
