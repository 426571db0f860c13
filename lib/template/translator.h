/* translator - templates that would have to be executed, handed to a command of the user's.
 *
 * The command (run by sh) gets the Python source on its standard input and prints a TemplateSpec.
 * A source is translated once, however many tasks use it; what the command printed is kept as long
 * as the translator. Waits for the command: translate before calls are in flight.
 *
 *     struct kv_translator *t = kv_translator_open("./to-spec");
 *     if (kv_translator_translate(t, source, &spec, &err) == 0) …
 *     kv_translator_close(t);
 */
#ifndef KV_TRANSLATOR_H
#define KV_TRANSLATOR_H

#include "buf.h"
#include "err.h"
#include "template.h"

struct kv_translator;
struct kv_translator *kv_translator_open(const char *command);
void kv_translator_close(struct kv_translator *t); /* NULL is fine */

/* *spec is the translator's. Fails with KV_INPUT, and the command's name, if the command fails or
 * prints no JSON; a failure is not remembered. */
int kv_translator_translate(
    struct kv_translator *t, struct kv_slice source, struct kv_slice *spec, struct kv_err *err);

/* kv_template_open, but what has to be executed is translated first, if there is a translator.
 * KV_TEMPLATE_CODE is then a translation that failed or is code again. */
enum kv_template_outcome kv_translator_template(struct kv_translator *t, struct kv_slice source,
    struct kv_template **template, struct kv_err *err);

#endif
