/* layout2_state - the .state of layout 2.0 as text, whole: as json.dumps(indent=2) has it, ASCII
 * only, no LF at the end, karenina's members in its order and any others behind them
 * (kv-state(5)).
 */
#ifndef KV_LAYOUT2_STATE_H
#define KV_LAYOUT2_STATE_H

#include "header.h"
#include "key_index.h"
#include "keys.h"
#include "state.h"

struct kv_layout2_state {
    const struct kv_state *state;   /* as it was: what is not below is taken from there */
    struct kv_key_index *index;     /* knows which failed keys are completed by now */
    const struct kv_header *counts; /* total and completed */
    const struct kv_key_list *completed, *failed; /* the sets, in any order */
    const struct kv_key_list *more;               /* new keys of the manifest */
    struct kv_slice config, hash;                 /* JSON; n == 0: the state's */
};

int kv_layout2_state_write(int fd, const struct kv_layout2_state *t, struct kv_err *err);

#endif
