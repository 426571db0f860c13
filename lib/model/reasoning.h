/* reasoning - parts the reasoning of a model from its answer, where a server left it in the text.
 *
 * Only a text that begins with reasoning has some: a block between tags (<think>, <thinking>,
 * <thought>, <reasoning>, <seed:think>, [THINK]) or the channels of the harmony format. A tag in
 * the middle of a text, quoted or not, is answer.
 */
#ifndef KV_REASONING_H
#define KV_REASONING_H

#include "buf.h"

#include <stdbool.h>

/* Moves what is reasoning from the front of *text to the end of *reasoning. `unopened`: the server
 * is one that may leave out the first opening tag, because its prompt ends with it. A block that
 * never closes leaves no text. */
void kv_reasoning_split(struct kv_buf *text, bool unopened, struct kv_buf *reasoning);

#endif
