/* settings - the tables of a verification configuration: data, read by schema, used by config.
 *
 * One table an object of config.md, fields in the order in which they are written, with the checks
 * that concern one object alone. Checks across objects are config's.
 */
#ifndef KV_SETTINGS_H
#define KV_SETTINGS_H

#include "schema.h"

extern const struct kv_table kv_settings_table; /* the whole configuration */

/* Interface names, sorted, up to NULL. */
extern const char *const kv_settings_interfaces[];

#endif
