/* batches_private - what the files of the test provider's batch services share. */
#ifndef TEST_BATCHES_PRIVATE_H
#define TEST_BATCHES_PRIVATE_H

#include "batches.h"

struct file {
    char id[32], *name, *owner;
    struct kv_buf bytes;
    int64_t created_ms;
    bool deleted;
};

struct request {
    struct kv_slice id, body; /* in the text of the batch */
};

enum state { WORKING, DONE, EXPIRED, CANCELLED, FAILED };

struct batch {
    char id[32], *owner;
    bool anthropic, foreign, deleted, results_deleted;
    enum state state;
    struct file *input;
    char *endpoint;
    struct kv_buf text, metadata, results, errors; /* lines */
    struct request *requests;
    size_t n, done, failed, undone;
    struct kv_buf fails; /* the JSON of why it fails; empty: it does not */
    long looks, expire;
    int64_t created_ms, ended_ms;
    char output_id[32], errors_id[32];
};

/* As batches.h explains them. */
struct batches_switches {
    double clock, list_lag;
    long looks, missing, missing_results, close_upload, close_create, drop_upload, drop_create,
        fail_upload;
    long fail_create, blank_upload, blank_create, refuse_create, refuse_status, expire, omit, cut,
        null_files, foreign, fail_list, busy_looks, retry_after;
    bool hold, forget_metadata, iso_dates, capitals, reorder, duplicate, projects, keep_uploads;
    char *refuse_message, *results_url, *kill, *pid_file;
    struct kv_buf batch_fails;
};
extern struct batches_switches sw;

/* ---- switches ---- */

int64_t service_ms(void); /* the clock of the service */
void switch_control(struct call *c);
/* True once for each that the switch has left. */
bool switch_take(long *left);
/* True if somebody was killed at this point: it is not done. */
bool switch_kills(const char *point);

/* ---- batches ---- */

extern struct batch **batches_made;
extern size_t batches_made_count;
extern long batches_serial;
extern const struct deed batches_closing; /* the connection, without a reply */

const char *batch_owner(const struct call *c);
bool batch_may_see(const struct call *c, const char *owner);
void batch_refuse(struct call *c, bool anthropic, int status, const char *type, const char *text);
/* 429, with what the switch says of the time to wait. */
void batch_refuse_busy(struct call *c, bool anthropic, const char *text);
void batch_refuse_missing(struct call *c, bool anthropic);
/* What a POST comes to when it was done: lost, answered by a 500 or by an empty object, or told. */
void batch_end_post(struct call *c, const char *point, long *drop, long *fail, long *blank);
struct batch *batch_new(const struct call *c, const char *prefix);
void batch_add_request(struct batch *b, struct kv_slice line, const char *body);
void batch_note_orders(const struct batches *how, const struct batch *b);
struct batch *batch_find(const struct call *c, const char *id, size_t n);
void batch_work(const struct batches *how, struct batch *b, enum state state);
void batch_look(const struct batches *how, struct batch *b);
void batch_send_lines(struct call *c, const struct kv_buf *text);
void batch_add_time(struct kv_buf *out, const char *name, int64_t ms, bool iso);
bool batch_is_listed(int64_t created_ms);
long batch_page(const struct call *c);
bool batch_is_after(const struct call *c, const char *name, const char *id, bool *passed);

/* ---- of files ---- */

void files_add_batch(const struct batch *b, bool files_named, struct kv_buf *out);
void files_create(const struct batches *how, struct call *c);
void files_decide(struct call *c, const char *method, const char *rest);

#endif
