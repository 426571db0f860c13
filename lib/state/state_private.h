/* state_private - what an opened state holds, for the files of this room that make up state.h. */
#ifndef KV_STATE_PRIVATE_H
#define KV_STATE_PRIVATE_H

#include "json_reader.h"
#include "key_index.h"
#include "keys.h"
#include "members.h"
#include "paths.h"
#include "state.h"

struct kv_state {
    struct kv_state_info info;
    struct kv_paths paths;
    struct kv_json_reader file;      /* holds the descriptor that all walks share */
    struct kv_members members;       /* but for the two arrays of keys and the next one */
    uint64_t questions, questions_n; /* place of KV_MEMBER_QUESTIONS, with its quotes; n 0: none */
    bool has_manifest, has_completed;
    int64_t manifest_length, completed_length; /* as counted; -1: not counted */
    int64_t distinct_manifest, distinct_completed;
    char *strings[4];
    struct kv_key_index *index; /* NULL until loaded */
    unsigned loaded;
    struct kv_scenario scenario;
};

#endif
