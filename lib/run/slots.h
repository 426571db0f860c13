/* slots - the places of a lane of commands, each of which rests when its command says "not now".
 *
 * Commands are often sent to other hosts, and a host that is down says so faster than any other does
 * its work: all tasks would go there. So the place in which a command was not done stays empty for
 * 1 s, and after each further one for twice as long, up to a minute. A command that is done ends
 * that.
 */
#ifndef KV_SLOTS_H
#define KV_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

struct kv_slots;

struct kv_slots *kv_slots_open(int n); /* at least 1 */
void kv_slots_close(struct kv_slots *s);

/* When the next slot can be taken: 0: at once, INT64_MAX: not before one comes back. */
int64_t kv_slots_free_at(const struct kv_slots *s);
/* Takes the one that has been free longest. Its number, for kv_slots_give. */
int kv_slots_take(struct kv_slots *s);
void kv_slots_give(struct kv_slots *s, int slot, bool done, int64_t now_ms);
/* A call that was taken back has told nothing. */
void kv_slots_give_unused(struct kv_slots *s, int slot);

#endif
