/* scenario - conversations of several turns, put together from the rows of their turns.
 *
 * A scenario run has one task and several rows for it, one a turn. An export lists such runs under
 * scenario_results besides the rows; this module collects them. It keeps what that list shows, so
 * its memory grows with the number of turns (runs without scenarios cost nothing).
 *
 *     struct kv_scenarios *s = kv_scenarios_open();
 *     kv_scenarios_add(s, key, &row);            // rows with a scenario_id, in file order
 *     kv_scenarios_write(s, &text);              // for kv_export_end
 *     kv_scenarios_close(s);
 *
 * Source: kv-state(5).
 */
#ifndef KV_SCENARIO_H
#define KV_SCENARIO_H

#include "buf.h"
#include "result.h"

#include <stdbool.h>
#include <stdint.h>

struct kv_scenarios;
struct kv_scenarios *kv_scenarios_open(void);
void kv_scenarios_close(struct kv_scenarios *s); /* NULL is fine */

/* Copies what it needs. A later row of the same turn takes the place of the earlier one. */
void kv_scenarios_add(struct kv_scenarios *s, struct kv_slice key, const struct kv_result *row);

size_t kv_scenarios_count(const struct kv_scenarios *s);
/* Tasks whose row added last is a failure. */
size_t kv_scenarios_failed(const struct kv_scenarios *s);

/* Appends the items of scenario_results, spelled as in an export, separated by ",\n". */
void kv_scenarios_write(struct kv_scenarios *s, struct kv_buf *out);

#endif
