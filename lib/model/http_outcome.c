/* http_outcome - how a transfer ended, in words other than libcurl's. */
#include "http_outcome.h"

#include <curl/curl.h>
#include <string.h>

static const struct {
    CURLcode code;
    enum kv_http_outcome end;
} outcomes[] = {
    {CURLE_OK, KV_HTTP_ANSWERED},
    {CURLE_FAILED_INIT, KV_HTTP_REFUSED},
    {CURLE_URL_MALFORMAT, KV_HTTP_REFUSED},
    {CURLE_NOT_BUILT_IN, KV_HTTP_REFUSED},
    {CURLE_BAD_FUNCTION_ARGUMENT, KV_HTTP_REFUSED},
    {CURLE_UNKNOWN_OPTION, KV_HTTP_REFUSED},
    {CURLE_WEIRD_SERVER_REPLY, KV_HTTP_GARBAGE},
    {CURLE_BAD_CONTENT_ENCODING, KV_HTTP_GARBAGE},
    {CURLE_FILESIZE_EXCEEDED, KV_HTTP_TOO_LARGE},
    {CURLE_SSL_ENGINE_NOTFOUND, KV_HTTP_TLS},
    {CURLE_SSL_ENGINE_SETFAILED, KV_HTTP_TLS},
    {CURLE_SSL_ENGINE_INITFAILED, KV_HTTP_TLS},
    {CURLE_SSL_CERTPROBLEM, KV_HTTP_TLS},
    {CURLE_SSL_CIPHER, KV_HTTP_TLS},
    {CURLE_PEER_FAILED_VERIFICATION, KV_HTTP_TLS},
    {CURLE_SSL_CACERT_BADFILE, KV_HTTP_TLS},
    {CURLE_SSL_CRL_BADFILE, KV_HTTP_TLS},
    {CURLE_SSL_ISSUER_ERROR, KV_HTTP_TLS},
    {CURLE_SSL_PINNEDPUBKEYNOTMATCH, KV_HTTP_TLS},
    {CURLE_SSL_INVALIDCERTSTATUS, KV_HTTP_TLS},
    {CURLE_SSL_CLIENTCERT, KV_HTTP_TLS},
};

static bool mismatched(const char *why)
{
    return strstr(why, "wrong version number") || strstr(why, "alert") ||
           strstr(why, "unsupported protocol");
}

enum kv_http_outcome kv_http_outcome_of(int code, const struct kv_http_trace *t)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return t->sent ? KV_HTTP_TIMEOUT : KV_HTTP_CONNECTION;
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, that is garbage; or our own mistake */
        return t->sent ? KV_HTTP_GARBAGE : KV_HTTP_REFUSED;
    case CURLE_WRITE_ERROR:
        return t->capped ? KV_HTTP_TOO_LARGE : KV_HTTP_CONNECTION;
    case 100: /* CURLE_TOO_LARGE, since curl 8.6 */
        return KV_HTTP_TOO_LARGE;
    case CURLE_OUT_OF_MEMORY: /* said of a header line beyond 100 KB, too */
        return t->status ? KV_HTTP_TOO_LARGE : KV_HTTP_CONNECTION;
    case CURLE_SSL_CONNECT_ERROR:
        return mismatched(t->detail) ? KV_HTTP_TLS : KV_HTTP_CONNECTION;
    case CURLE_RECV_ERROR:
        return t->proxy_status == 407 || t->proxy_status == 403 ? KV_HTTP_PROXY_AUTH
                                                                : KV_HTTP_CONNECTION;
    default:
        break;
    }
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
        if ((int)outcomes[i].code == code)
            return outcomes[i].end;
    return KV_HTTP_CONNECTION;
}
