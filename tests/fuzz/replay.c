/* replay - gives a fuzz target the files named on its command line, without a fuzzer. */
#include "err.h"
#include "io.h"

#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct kv_buf file = {0};
        struct kv_err err;
        if (kv_io_read(argv[i], 0, &file, &err) != 0) {
            fprintf(stderr, "replay: %s\n", err.text);
            return 4;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)file.p, file.n);
        kv_buf_release(&file);
    }
    printf("%d files\n", argc - 1);
    return 0;
}
