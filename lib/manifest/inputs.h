/* inputs - the files a run is made from, opened and looked through before anything is spent.
 *
 * A configuration and a benchmark may each be well-formed and still not run: a template that would
 * have to be executed, a pattern that does not compile, a trait only an agent can judge. That is
 * said here, all of it, before a run is begun; what karenina would record as a failed task is only
 * remarked on.
 */
#ifndef KV_INPUTS_H
#define KV_INPUTS_H

#include "bench.h"
#include "config.h"
#include "err.h"
#include "problem.h"

#include <stdbool.h>

struct kv_inputs {
    const char *share;                    /* the directory of the data files */
    const char *(*env)(const char *name); /* fallbacks for the configuration; NULL: none */
    const char *template_command;         /* for templates that are code; NULL: refuse them */
    const char *const *settings;          /* NAME=VALUE, in place of the preset's (override.h) */
    size_t setting_count;
};

/* Reads a configuration from a file ("-": stdin; NULL: only the settings make it). `prompt`, an
 * answering prompt in place of our own default, may be NULL. NULL with *err (with the file's name)
 * and *problems, as kv_config_open. */
struct kv_config *kv_inputs_config(const struct kv_inputs *in, const char *path, const char *prompt,
    struct kv_problems *problems, struct kv_err *err);

/* What messages call the configuration of a path, which may be NULL. */
const char *kv_inputs_name(const char *path);

/* Reads a benchmark from a file and compiles the patterns of its rubrics. NULL as above. */
struct kv_bench *kv_inputs_bench(
    const char *path, struct kv_problems *problems, struct kv_err *err);

/* The same for what is only to be looked through: see kv_bench_open_partly. */
struct kv_bench *kv_inputs_bench_partly(
    const char *path, struct kv_problems *problems, struct kv_err *err);

/* Looks the chosen questions through: templates (unless the mode is rubric_only) and merged rubrics
 * (if the mode has them). Returns 0, or -1 with *problems; *remarks gets what is legal but will
 * fail its tasks. */
int kv_inputs_check(const struct kv_inputs *in, const struct kv_config *config,
    const struct kv_bench *bench, const bool *chosen, struct kv_problems *problems,
    struct kv_problems *remarks);

#endif
