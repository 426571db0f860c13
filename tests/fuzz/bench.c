/* bench - fuzz target: checkpoints and JSON Lines of questions. */
#include "bench.h"

#include "fewshot.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void choose_examples(const struct kv_question *q)
{
    struct kv_buf out = {0};
    kv_fewshot_resolve(
        KV_SLICE("{\"pool_mode\":\"k-shot\",\"pool_k\":2}"), q->id, q->few_shot, &out);
    kv_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_problems problems = {0};
    struct kv_err err;
    struct kv_bench *b = kv_bench_parse((struct kv_slice){(const char *)bytes, n}, &problems, &err);
    if (b) {
        char hex[KV_SHA256_HEX + 1];
        kv_bench_digest(b, NULL, hex);
        for (size_t i = 0; i < b->n; i++) {
            struct kv_question q;
            if (kv_bench_read(b, i, &q, &err) != 0)
                abort(); /* what was read once is read again */
            choose_examples(&q);
            kv_question_release(&q);
        }
        kv_bench_close(b);
    }
    kv_problems_release(&problems);
    return 0;
}
