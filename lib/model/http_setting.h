/* http_setting - options of a transfer: the first that libcurl did not take is kept, as an odd build must
 * be noticed, not half obeyed.
 *
 *     struct kv_http_setting s = {.easy = easy};
 *     SET(&s, CURLOPT_URL, url);
 *     SET(&s, CURLOPT_NOSIGNAL, 1L);
 *     return kv_http_settled(&s, err);
 *
 * A part of http: who sets an option sees libcurl.
 */
#ifndef KV_HTTP_SETTING_H
#define KV_HTTP_SETTING_H

#include "err.h"

#include <curl/curl.h>

struct kv_http_setting {
    CURL *easy;
    CURLcode code; /* CURLE_OK: all were taken */
    const char *option;
};

#define SET(s, option, value)                                                                      \
    kv_http_setting_keep((s), curl_easy_setopt((s)->easy, option, (value)), #option)

void kv_http_setting_keep(struct kv_http_setting *s, CURLcode code, const char *option);
/* KV_SYSTEM with the name of an option that was not taken. */
int kv_http_settled(const struct kv_http_setting *s, struct kv_err *err);

#endif
