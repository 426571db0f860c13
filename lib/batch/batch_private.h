/* batch_private - what the files of this room share: a session over one ledger. */
#ifndef KV_BATCH_PRIVATE_H
#define KV_BATCH_PRIVATE_H

#include "batch.h"
#include "batch_wire.h"

/* A service, opened with its key once for all parts of an endpoint. */
struct kv_batch_service {
    char *endpoint, *dialect, *base_url;
    struct kv_exchange_line line;
    int64_t listed_ms;
    bool stopped;  /* it has refused the key, cannot be reached or wants a pause: not asked again */
    bool searched; /* for batches that the ledger has forgotten */
    bool closed;   /* what was ordered there is not known: nothing is ordered now */
    bool slowed;   /* it is said that no more is created in this hour */
};

struct kv_batch {
    struct kv_batch_options options;
    struct kv_paths paths;
    int lock; /* -1: not ours */
    struct kv_ledger *ledger;
    struct kv_http *http;
    struct kv_secrets *ring;
    bool own_ring;
    struct kv_batch_service **services;
    size_t service_count;
    struct kv_batch_tally tally;
    struct kv_exchange x; /* the one under way */
    struct kv_batch_seen seen;
};

/* The service of a part. NULL with *err: there is no key, or it cannot be spoken to. */
struct kv_batch_service *kv_batch_service_of(
    struct kv_batch *b, const struct kv_batch_part *p, struct kv_err *err);
const struct kv_batch_wire *kv_batch_wire_for(const struct kv_batch_part *p);

/* Time since then, as it passes here. */
int64_t kv_batch_since_ms(const struct kv_batch *b, int64_t then_ms);
/* The moment from which on so much time has passed here. */
int64_t kv_batch_in_ms(const struct kv_batch *b, int64_t ms);

/* "NAME.batches: part 3: TEXT"; no part is named where p is NULL or has no number. */
void kv_batch_say(struct kv_batch *b, const struct kv_batch_part *p, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Writes an event of this part; `more` are further members, "\"a\":1", or NULL. */
int kv_batch_note(struct kv_batch *b, const struct kv_batch_part *p, const char *event,
    const char *more, struct kv_err *err);

/* "MARK/PART", a name that fits a header, and that of its file of requests at the service. */
void kv_batch_add_label(
    const struct kv_batch *b, const struct kv_batch_part *p, struct kv_buf *out);
void kv_batch_add_name(const struct kv_batch *b, const struct kv_batch_part *p, struct kv_buf *out);
void kv_batch_add_file_name(
    const struct kv_batch *b, const struct kv_batch_part *p, struct kv_buf *out);

/* GET or POST of a path below the API of the part's service; the reply is b->x. A GET that is told to
 * come again (Retry-After) in two minutes at most does so. A refusal that concerns the whole service (a
 * key, its host) is said, once, and stops the service. */
void kv_batch_ask(struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *p,
    const char *path, const struct kv_exchange_request *how);

/* What a service says when it says no: said, and taken into the tally. */
void kv_batch_take_refusal(
    struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *p);
/* The same of a look at a part, or for its results: when it wants to be asked again is written down. */
int kv_batch_note_refusal(struct kv_batch *b, struct kv_batch_service *s,
    const struct kv_batch_part *p, struct kv_err *err);

/* Notes that the part has ended, with nothing but the failure of one of its requests, which collecting
 * makes a reply. `id` is its custom_id as JSON; `code` may be NULL. */
struct kv_batch_culprit {
    struct kv_slice id;
    int status; /* of HTTP, as which it failed */
    const char *type, *code, *message;
};
int kv_batch_note_culprit(struct kv_batch *b, const struct kv_batch_part *p,
    const struct kv_batch_culprit *culprit, struct kv_err *err);

/* Notes that its file of requests is there, or its batch. */
int kv_batch_note_uploaded(struct kv_batch *b, const struct kv_batch_part *p, const char *file,
    int64_t expires_ms, struct kv_err *err);
int kv_batch_note_created(struct kv_batch *b, const struct kv_batch_part *p,
    const struct kv_batch_seen *seen, bool adopted, struct kv_err *err);

/* Walks the list of batches, newest first, until one was created before `until_ms`, or `look` says
 * false. False: the list could not be read so far; b->x says why. */
bool kv_batch_list(struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *p,
    int64_t until_ms, bool (*look)(void *closure, const struct kv_batch_seen *seen), void *closure);

/* Asks for the batch of this part: b->seen, or b->x says what came instead. */
bool kv_batch_get(
    struct kv_batch *b, struct kv_batch_service *s, const struct kv_batch_part *p, const char *id);

#endif
