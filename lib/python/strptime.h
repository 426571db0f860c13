/* strptime - points in time read by a format, as Python's strptime reads them.
 *
 * Directives: a A b B c d f H I j m M p S w x X y Y z Z and %%. Weeks of the year (G u U V W) are
 * unsupported by name.
 */
#ifndef KV_STRPTIME_H
#define KV_STRPTIME_H

#include "dateutil.h"

/* The whole text must match. KV_DATE_UNSUPPORTED: the format has a directive we do not read, or one
 * twice, on which Python raises. */
enum kv_date_outcome kv_strptime_read(
    struct kv_slice text, struct kv_slice format, struct kv_date *d);

#endif
