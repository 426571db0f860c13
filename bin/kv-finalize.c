/* kv-finalize - one file remains: writes the export of a run and takes the pair away. */
#include "cli.h"
#include "finalize.h"
#include "num.h"

#include "help/kv-finalize.h"

#include <time.h>

static void say(void *closure, const char *text)
{
    (void)closure;
    kv_cli_say("%s", text);
}

/* The end of the run: now, or what a reproducible build says now is. */
static double end_time(void)
{
    const char *given = kv_cli_env("SOURCE_DATE_EPOCH");
    struct timespec now;
    double seconds;
    if (given && kv_num_double(kv_slice(given), &seconds))
        return seconds;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct kv_cli cli;
    struct kv_finalize how = {0};
    bool verbose = false;
    const struct kv_option options[] = {
        {0, "partial", KV_OPT_FLAG, &how.partial},
        {0, "csv", KV_OPT_FLAG, &how.csv},
        {0, "keep", KV_OPT_FLAG, &how.keep},
        {'v', "verbose", KV_OPT_FLAG, &verbose},
        {0},
    };

    int first = kv_cli_begin(&cli, argc, argv, options, KV_HELP);
    if (argc - first != 1)
        kv_cli_usage(argc == first ? "no STATE given" : "one STATE at a time");

    struct kv_finalized done;
    struct kv_err err;
    how.now = end_time();
    how.say = verbose ? say : NULL;
    if (kv_finalize(argv[first], &how, &done, &err) != 0)
        kv_cli_fail(&err);

    struct kv_buf out = {0};
    kv_finalized_add_json(&out, &done);
    kv_buf_add_char(&out, '\n');
    if (kv_cli_put(kv_slice_of(&out), &err) != 0)
        kv_cli_fail(&err);
    kv_buf_release(&out);
    kv_finalized_release(&done);
    return kv_cli_end(KV_OK);
}
