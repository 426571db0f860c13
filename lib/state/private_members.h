/* private_members - the top-level members of a .state that are ours: their names, in one place.
 *
 * They begin with "kv_", stand behind the first block (header.h), are texts, and are passed over by
 * karenina's readers. kv_state_member reads them; kv_store_create is given them.
 */
#ifndef KV_PRIVATE_MEMBERS_H
#define KV_PRIVATE_MEMBERS_H

#define KV_MEMBER_RUN       "kv_run_id"    /* a random name of this run */
#define KV_MEMBER_QUESTIONS "kv_questions" /* what they said: question_digests.h */
/* of all of them together, in older states */
#define KV_MEMBER_BENCHMARK_DIGEST "kv_benchmark_digest"
#define KV_MEMBER_MANUAL_TRACES    "kv_manual_traces" /* path of recorded answers */
#define KV_MEMBER_REPLAY           "kv_replay"        /* path of an export to answer from */
#define KV_MEMBER_TASKS            "kv_tasks"         /* path of the list of jobs */
#define KV_MEMBER_REQUESTS         "kv_requests"      /* path of requests, which are the jobs */
#define KV_MEMBER_REQUESTS_DIGEST  "kv_requests_digest"
#define KV_MEMBER_SHARD            "kv_shard" /* "I/N", of a part of a manifest */
#define KV_MEMBER_KNOWN            "kv_known" /* see finished_export.h; an object */

#endif
