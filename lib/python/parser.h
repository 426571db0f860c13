/* parser - reads declarative Python, the part of the language that only states values.
 *
 * Source in, JSON out; nothing is executed. Answer templates are stored as Python source; what can
 * be read without running it is classes whose bodies assign literals, calls with keywords, names,
 * lists, dictionaries. The result is an array of what stands at module level:
 *
 *     {"class":NAME,"args":[…],"keywords":[…],"body":[…],"line":N}   args: its bases
 *     {"field":NAME,"annotation":EXPR,"value":EXPR,"line":N}   none: null, {"name":""}
 *     {"import":[NAME,…],"line":N}
 *     {"code":"def","name":NAME,"line":N}      anything that would have to be executed:
 *                                              a "statement", or a "block" of them
 *
 * An EXPR is a JSON scalar for a literal, an array for a list, tuple or set, and an object with one
 * member for the rest: {"dict":[[EXPR,EXPR],…]}, {"name":"A.b"}, {"call":{"of":EXPR,"args":[…],
 * "keywords":[["k",EXPR],…]}}, {"index":{"of":EXPR,"args":[…]}}, {"or":[EXPR,EXPR]},
 * {"code":"what it is"} for an expression that is not a value. A nonempty bare list is an array of
 * EXPR; integers keep all digits, floats are spelled as Python would.
 */
#ifndef KV_PARSER_H
#define KV_PARSER_H

#include "buf.h"
#include "err.h"

/* Appends the module as JSON. -1 on a syntax error, worded as Python words the common ones. */
int kv_parser_read(struct kv_slice source, struct kv_buf *out, struct kv_err *err);

#endif
