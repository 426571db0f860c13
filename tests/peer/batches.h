/* batches - the test provider's batch services: OpenAI's files and batches, Anthropic's batches.
 *
 * Whoever tests sets switches: POST /batch-control with an object of any of
 *
 *     "clock":S          the clock of the service moves on by so many seconds
 *     "looks":N          batches made from now on end at the look after N others
 *     "hold":true        no batch ends
 *     "list_lag":S       what is younger is in no list
 *     "missing":N        the next N looks at a batch, and fetches of results, find nothing (404)
 *     "missing_results":N  the next N fetches of results alone do
 *     "close_upload", "close_create":N  the next N bodies are read, nothing is done, no reply
 *     "drop_upload", "drop_create":N    … everything is done, no reply
 *     "fail_upload", "fail_create":N    … everything is done, the reply is a 500
 *     "blank_upload", "blank_create":N  … everything is done, the reply is {}
 *     "refuse_create":N  the next N are refused with "refuse_status" and "refuse_message"
 *     "busy_looks":N     the next N looks and lists are a 429
 *     "retry_after":S    with that header, as have refused creations; 0: without
 *     "batch_fails":{"code","message","line"}   the batches made from now on; null: they do not
 *     "expire":N         they expire with N requests done; -1: they do not
 *     "forget_metadata":true
 *     "iso_dates", "capitals", "reorder", "duplicate":true
 *     "omit":N           so many lines are left out of results
 *     "cut":N            the next N transfers of results break off half-way
 *     "null_files":N     the next N looks at a batch that ended name no files
 *     "projects":true    each key sees only what was made with it
 *     "results_url":"…"  in place of the right one
 *     "keep_uploads":true  files that were uploaded are not handed out (400)
 *     "fail_list":N      the next N lists of batches are a 500
 *     "foreign":N        somebody else makes a batch of N requests now
 *     "kill":"upload-before", "upload-middle", "upload-after", "create-before", "create-after" or
 *                "results-before"   SIGKILL to the process whose number is in the file "pid_file"
 *
 * Switches stay until they are set again. Every request that is ordered is a line of the journal,
 * {"ordered":ID,"batch":ID}, where "ordered" is its custom_id.
 */
#ifndef TEST_BATCHES_H
#define TEST_BATCHES_H

#include "call.h"

#include <stdio.h>

struct batches {
    FILE *journal; /* or NULL */
    /* What a model replies to the body of a request for this path; its status. */
    int (*answer)(const char *path, struct kv_slice body, struct kv_buf *reply);
};

/* True if a path is of these services; the reply is then in c. */
bool batches_decide(
    const struct batches *how, struct call *c, const char *method, const char *path);
/* A piece of a body has come. */
void batches_reading(const char *path);

#endif
