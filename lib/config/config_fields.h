/* config_fields - the tables of a verification configuration: data, read by shape, used by config.
 *
 * One table an object of kv-config(5), fields in the order in which they are written, with the
 * checks that concern one object alone. Checks across objects are config's.
 */
#ifndef KV_CONFIG_FIELDS_H
#define KV_CONFIG_FIELDS_H

#include "shape.h"

extern const struct kv_shape kv_config_fields_table; /* the whole configuration */

/* Interface names, sorted, up to NULL. */
extern const char *const kv_config_fields_interfaces[];

#endif
