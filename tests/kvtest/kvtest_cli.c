/* kvtest_cli - the line that tells how a run is going, at any time and width.
 *
 *     kvtest cli line COLUMNS TOTAL BEFORE TODO PASSED WRONG ERRORS SECONDS TOKENS   the line then
 *     kvtest cli due bar|line SECONDS...                                             when one is due
 */
#include "kvtest.h"

#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int line(char **argv)
{
    int64_t n[9];
    for (int i = 0; i < 9; i++)
        n[i] = strtoll(argv[i], NULL, 10);
    struct kv_progress p = {.total = n[1], .done_before = n[2], .todo = n[3]};
    struct kv_run_tally t = {.outcomes = {.passed = n[4], .wrong = n[5], .errors = n[6]},
        .tokens = (double)n[8],
        .in_flight = 3};
    struct kv_buf out = {0};
    kv_progress_line(&p, &t, n[7] * 1000, (size_t)n[0], &out);
    puts(out.p);
    kv_buf_release(&out);
    return 0;
}

static int due(int argc, char **argv)
{
    struct kv_progress p;
    kv_progress_start(&p, strcmp(argv[0], "bar") == 0 ? KV_PROGRESS_BAR : KV_PROGRESS_LINES, 0);
    for (int i = 1; i < argc; i++)
        if (kv_progress_due(&p, (int64_t)(strtod(argv[i], NULL) * 1000)))
            puts(argv[i]);
    return 0;
}

int kvtest_cli(int argc, char **argv)
{
    if (argc == 11 && strcmp(argv[1], "line") == 0)
        return line(argv + 2);
    if (argc > 3 && strcmp(argv[1], "due") == 0)
        return due(argc - 2, argv + 2);
    fputs("usage: kvtest cli line COLUMNS TOTAL BEFORE TODO PASSED WRONG ERRORS SECONDS TOKENS\n"
          "       kvtest cli due bar|line SECONDS...\n",
        stderr);
    return 2;
}
