/* kv-finalize - one file remains: writes the export of a run and takes the pair away. */
#include "batch_beside.h"
#include "cli.h"
#include "finalize.h"
#include "paths.h"
#include "report.h"

#include "help/kv-finalize.h"

static void add_counts(struct kv_buf *out, const struct kv_finalized *done)
{
    kv_buf_add_plain(out, kv_slice(done->output_path));
    kv_buf_printf(
        out, ": %lld of %lld tasks\n\n", (long long)done->completed, (long long)done->total);
}

/* The command to type next, of words for a shell. */
static void add_next(struct kv_buf *out, const struct kv_finalized *done, const char *operand)
{
    struct kv_paths paths;
    struct kv_err ignored;
    if (done->pending > 0 && kv_paths_find(&paths, operand, &ignored) == 0) {
        kv_buf_printf(out, "\nto go on: %s\n", paths.resume);
        kv_paths_release(&paths);
        return;
    }
    kv_buf_add_str(out, "\nto look closer: kv-report -o report.html ");
    kv_paths_add_word(out, done->output_path);
    kv_buf_add_char(out, '\n');
}

/* For people: what the export says, as kv-report has it. False if it cannot be read again. */
static bool add_table(struct kv_buf *out, const struct kv_finalized *done, const char *operand)
{
    const struct kv_report_options how = {0};
    const char *path = done->output_path;
    struct kv_err ignored;
    struct kv_report *r = path ? kv_report_open(&how, &path, 1, &ignored) : NULL;
    if (!r)
        return false;
    add_counts(out, done);
    kv_report_table_add(out, r, kv_cli_columns());
    add_next(out, done, operand);
    kv_report_close(r);
    return true;
}

/* The export is there: what is left of batches is said, and is no failure. It is removed later, where it
 * was ordered still when the run was finalized. */
static void remove_batches(const char *operand)
{
    struct kv_paths paths;
    struct kv_err err;
    if (kv_paths_find(&paths, operand, &err) != 0)
        return;
    if (kv_batch_beside_remove(&paths, &err) != 0)
        kv_cli_warn(&err);
    kv_paths_release(&paths);
}

int main(int argc, char **argv)
{
    struct kv_cli cli;
    struct kv_finalize how = {0};
    bool verbose = false;
    const struct kv_option options[] = {
        {0, "partial", KV_OPT_FLAG, &how.partial},
        {0, "csv", KV_OPT_FLAG, &how.csv},
        {0, "jsonl", KV_OPT_FLAG, &how.jsonl},
        {0, "keep", KV_OPT_FLAG, &how.keep},
        {'v', "verbose", KV_OPT_FLAG, &verbose},
        {0},
    };

    int first = kv_cli_begin(&cli, argc, argv, options, KV_HELP);
    if (argc - first != 1)
        kv_cli_usage(argc == first ? "no STATE given" : "one STATE at a time");

    struct kv_finalized done;
    struct kv_err err;
    how.now = kv_cli_time();
    how.notes = verbose ? &kv_cli_notes : NULL;
    if (kv_finalize(argv[first], &how, &done, &err) != 0)
        kv_cli_fail(&err);

    if (done.removed || done.already)
        remove_batches(argv[first]);
    struct kv_buf out = {0};
    if (!kv_cli_columns() || !add_table(&out, &done, argv[first])) {
        kv_finalized_add_json(&out, &done);
        kv_buf_add_char(&out, '\n');
    }
    if (kv_cli_put(kv_slice_of(&out), &err) != 0)
        kv_cli_fail(&err);
    kv_buf_release(&out);
    kv_finalized_release(&done);
    return kv_cli_end(KV_OK);
}
