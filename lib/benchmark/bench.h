/* bench - a benchmark: its questions listed in order, each read again when it is wanted.
 *
 * Reads karenina checkpoints (JSON-LD, checkpoint.h) and JSON Lines with a question a line
 * (question_jsonl.h). Opening reads all of the file and refuses what it does not understand with
 * the path to it; what is kept of a question is where it stands, its id, and a digest of its
 * content. So memory does not follow the length of texts, and a file that changes under a run is
 * noticed. A template is kept as the text it is: what it says is known to the module template.
 *
 *     struct kv_bench *b = kv_bench_open("questions.jsonl", &problems, &err);
 *     for (size_t i = 0; i < b->n; i++) … kv_bench_id(b, i) …
 *     struct kv_question q;
 *     if (kv_bench_read(b, i, &q, &err) == 0) …
 *     kv_question_release(&q);
 *     kv_bench_close(b);
 */
#ifndef KV_BENCH_H
#define KV_BENCH_H

#include "buf.h"
#include "digest.h"
#include "err.h"
#include "json_reader.h"
#include "problem.h"
#include "question.h"

#include <stdbool.h>
#include <stdint.h>

/* A question as it is listed. */
struct kv_listed {
    struct kv_span id;           /* in kv_bench_ids */
    struct kv_digest128 content; /* kv_question_digest */
    uint64_t finished : 1;
    uint64_t has_rubric : 1; /* of its own */
    uint64_t bad : 1;        /* private: something is wrong with it */
    uint64_t length : 31;    /* private: bytes in the file; no value has 2^31 (json_reader.h) */
    uint64_t line : 30;      /* of JSON Lines, from 1 */
    uint64_t offset;         /* private: where it stands in the file, … */
    uint64_t bytes;          /* … and what (kv_digest_quick) */
};

struct kv_bench {
    struct kv_listed *questions; /* distinct ids, in order */
    size_t n;
    struct kv_rubric rubric; /* global */

    bool lines;  /* JSON Lines, else JSON-LD */
    bool partly; /* private from here: see kv_bench_open_partly */
    struct kv_json_reader file;
    struct kv_buf text;  /* of a file that cannot be read twice */
    struct kv_buf ids;   /* less than 4 GB, or there is no memory */
    struct kv_buf place; /* of the line that is read */
};

/* Opens a file ("-": stdin). NULL on failure, *err in one sentence that names the file, *problems
 * in full. */
struct kv_bench *kv_bench_open(const char *path, struct kv_problems *problems, struct kv_err *err);
/* The same, but what is wrong with some questions leaves the others: NULL only if the file cannot be
 * read as a benchmark at all. */
struct kv_bench *kv_bench_open_partly(
    const char *path, struct kv_problems *problems, struct kv_err *err);
/* The same as kv_bench_open from memory; the text is copied, and *err names nothing. */
struct kv_bench *kv_bench_parse(
    struct kv_slice text, struct kv_problems *problems, struct kv_err *err);
/* Gives back what is held of its questions, for whoever needs of it only the rubric and the text of
 * the ids from now on. */
void kv_bench_forget(struct kv_bench *b);
void kv_bench_close(struct kv_bench *b); /* NULL is fine */

/* The id of question i: unescaped, followed by a NUL, owned by the benchmark. */
struct kv_slice kv_bench_id(const struct kv_bench *b, size_t i);
/* The text in which they all lie, less than 4 GB, for whoever keeps places in it. */
const char *kv_bench_ids(const struct kv_bench *b);

/* Reads question i. KV_INPUT if the file no longer says what it said when it was opened; *q is then
 * empty. */
int kv_bench_read(const struct kv_bench *b, size_t i, struct kv_question *q, struct kv_err *err);

/* Appends where question i stands: "line 3", or in a checkpoint its id. */
void kv_bench_add_place(const struct kv_bench *b, size_t i, struct kv_buf *out);

/* SHA-256 over the content of the chosen questions, in their order, and the global rubric. chosen
 * NULL: all. */
void kv_bench_digest(const struct kv_bench *b, const bool *chosen, char hex[KV_SHA256_HEX + 1]);

#endif
