/* paths - where the files of a run lie: all derived from the one name a user gives.
 *
 * The operand is the .state file, or the output path in its place. No path inside a file is ever
 * used: a pair that was moved works where it lies, and a hostile state cannot point elsewhere.
 * Source: kv-state(5).
 */
#ifndef KV_PATHS_H
#define KV_PATHS_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>

struct kv_paths {
    char *state;  /* results.json.state, or the odd name that was given */
    char *output; /* results.json: the part before the last ".state" of the file name */
    char *tmp;    /* results.json.tmp */
    char *jsonl;  /* results.json.results.jsonl */
    char *index;  /* .results.json.index */
    char *resume; /* "kv-run results.json.state | kv-append -q results.json.state", for a shell */
    bool odd;     /* the name does not end in ".state": good for reading only */
};

/* Components are normalised as Python's pathlib does: "./a//b" is "a/b". Looks at the file system
 * only where the name alone does not decide. KV_INPUT for an empty operand or a directory. */
int kv_paths_find(struct kv_paths *p, const char *operand, struct kv_err *err);
int kv_paths_of_output(struct kv_paths *p, const char *output, struct kv_err *err); /* to create */
void kv_paths_release(struct kv_paths *p);

/* The path of a private file: "index" -> "out/.results.json.index". The caller frees it. */
char *kv_paths_private(const struct kv_paths *p, const char *what);

/* 1 if the pair has given way to the file at the output path: there is no .state, and other files of
 * a pair are left-overs, older than that file (newer ones are those of a run that lost its state). 0
 * if not; -1 where the system could not tell. */
int kv_paths_settled(const struct kv_paths *p, struct kv_err *err);

/* Appends a word for a shell, in quotes only if it needs them. */
void kv_paths_add_word(struct kv_buf *out, const char *word);

/* ---- the run lock: one kv-run a state ---- */

/* Takes ".results.json.run" until *fd is closed or the process ends, or fails with KV_BUSY. */
int kv_paths_run_lock(const struct kv_paths *p, int *fd, struct kv_err *err);
/* Gives it back, of one who is no run: nothing is left of it. fd -1 is fine. */
void kv_paths_run_unlock(const struct kv_paths *p, int fd);
bool kv_paths_run_active(const struct kv_paths *p); /* somebody holds it now; nothing is created */

#endif
