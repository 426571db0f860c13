/* http_haste - how soon what comes of a transfer is taken: many that may wait are moved together. */
#ifndef KV_HTTP_HASTE_H
#define KV_HTTP_HASTE_H

enum kv_http_haste {
    KV_HTTP_AT_ONCE,
    KV_HTTP_SOON,  /* within KV_HTTP_SOON_MS */
    KV_HTTP_LATER, /* within KV_HTTP_LATER_MS */
    KV_HTTP_HASTES,
};
enum { KV_HTTP_SOON_MS = 20, KV_HTTP_LATER_MS = 100 };

#endif
