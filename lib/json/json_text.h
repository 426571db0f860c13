/* json_text - the texts inside JSON: UTF-8, strings taken apart and put together.
 *
 * What json.h needs to look at strings, and what everybody needs to write them. It takes string
 * values that were checked, with their quotes, and text of any kind.
 */
#ifndef KV_JSON_TEXT_H
#define KV_JSON_TEXT_H

#include "buf.h"

#include <stdbool.h>

/* Length of the UTF-8 character at `text` (RFC 3629: no overlong forms, no surrogates), 0 if it is
 * none. Its first byte must be 0x80 or more. */
size_t kv_utf8_length(const char *text, size_t left);

/* The first byte that does not stand for itself inside a JSON string - a quote, a backslash, a
 * control character, one that is not ASCII - or `end`. */
const char *kv_json_plain(const char *p, const char *end);

/* The first quote or backslash, or `end`. */
const char *kv_json_mark(const char *p, const char *end);

/* Where in valid JSON text, from an offset on, the next escape of a lone surrogate begins (\ud800
 * with no \udc00 behind it): json.n if there is none. */
size_t kv_json_lone_surrogate(struct kv_slice json, size_t from);

/* From an offset on, such halves become \ufffd, which is as long. */
void kv_json_replace_surrogates(struct kv_buf *json, size_t from);

/* True if a text has a lone surrogate in the form that kv_json_unescape gives it. */
bool kv_utf8_has_lone_surrogate(struct kv_slice text);

/* Appends the characters a string value stands for, in UTF-8. A lone surrogate escape (\ud800) has
 * no UTF-8 form and becomes its three-byte generalised form, which kv_json_quote turns back into
 * the same escape: nothing is lost on a round trip. */
void kv_json_unescape(struct kv_slice string, struct kv_buf *out);
/* The same as a C string of the caller's, cut at a \u0000. */
char *kv_json_strdup(struct kv_slice string);

enum kv_json_style {
    KV_JSON_RAW,   /* UTF-8 as it is; only '"', '\\' and controls below U+0020 escaped */
    KV_JSON_ASCII, /* besides, U+007F and all above as \uXXXX, lower case, in surrogate pairs */
};
/* Appends text as a JSON string with quotes. Bytes that are no UTF-8 become U+FFFD. */
void kv_json_quote(struct kv_buf *out, struct kv_slice text, enum kv_json_style style);
void kv_json_quote_str(struct kv_buf *out, const char *text); /* KV_JSON_RAW; NULL gives null */

#endif
