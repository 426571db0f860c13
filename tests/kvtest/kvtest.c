/* kvtest - calls the command that its first argument names. */
#include "kvtest.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*main)(int argc, char **argv);
} commands[] = {
    {"benchmark", kvtest_benchmark},
    {"call", kvtest_call},
    {"cli", kvtest_cli},
    {"config", kvtest_config},
    {"facts", kvtest_facts},
    {"http", kvtest_http},
    {"json", kvtest_json},
    {"judge", kvtest_judge},
    {"model", kvtest_model},
    {"pipeline", kvtest_pipeline},
    {"price", kvtest_price},
    {"python", kvtest_python},
    {"report", kvtest_report},
    {"result", kvtest_result},
    {"rows", kvtest_rows},
    {"sched", kvtest_sched},
    {"state", kvtest_state},
    {"stream", kvtest_stream},
    {"template", kvtest_template},
    {"workers", kvtest_workers},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].main(argc - 1, argv + 1);
    fputs("usage: kvtest ROOM [ARGUMENT...]\n", stderr);
    return 2;
}
