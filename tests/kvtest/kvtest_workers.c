/* kvtest_workers - work spread over processes.
 *
 *     kvtest workers MOST     of each line "IN OUT" a piece of IN bytes, to which a worker answers with OUT
 *                             bytes made of it, compared with what they must be; a worker given "die" does
 */
#include "kvtest.h"

#include "filter.h"
#include "workers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A piece: how many bytes of answer are wanted, and bytes that no other has. */
struct head {
    size_t want, number;
};

static void add_piece(struct kv_buf *out, size_t n, struct head head)
{
    kv_buf_add(out, &head, sizeof head);
    for (size_t i = 0; i < n; i++)
        kv_buf_add_char(out, (char)('a' + (i * 7 + i / 26 + head.number) % 26));
}

static void add_answer(struct kv_slice piece, struct kv_buf *out)
{
    struct head head;
    memcpy(&head, piece.p, sizeof head);
    for (size_t left = head.want, n; left; left -= n) {
        n = left < piece.n ? left : piece.n;
        kv_buf_add(out, piece.p, n);
    }
}

static void work(void *closure, struct kv_slice piece, struct kv_buf *answer)
{
    struct head head;
    (void)closure;
    memcpy(&head, piece.p, sizeof head);
    if (head.want == SIZE_MAX)
        kill(getpid(), SIGKILL);
    add_answer(piece, answer);
}

/* The pieces that were given, of which `taken` are answered. */
struct given {
    struct kv_buf *pieces;
    size_t n, taken, wrong;
};

static void compare(struct given *g, struct kv_slice answer)
{
    struct kv_buf want = {0};
    struct kv_buf *piece = &g->pieces[g->taken++];
    add_answer(kv_slice_of(piece), &want);
    g->wrong += !kv_slice_eq(kv_slice_of(&want), answer);
    kv_buf_release(&want);
    kv_buf_release(piece);
}

static void take(struct given *g, struct kv_workers *w, bool all)
{
    struct kv_slice answer;
    struct kv_err err;
    int got;
    while ((got = kv_workers_take(w, all || !kv_workers_free(w), &answer, &err)) == 1)
        compare(g, answer);
    if (got < 0)
        kv_cli_fail(&err);
}

int kvtest_workers(int argc, char **argv)
{
    struct given g = {0};
    struct kv_err err;
    char line[80];
    if (argc != 2)
        return 2;
    struct kv_workers *w = kv_workers_open(strtoul(argv[1], NULL, 10), work, NULL);
    while (fgets(line, sizeof line, stdin)) {
        char *out = NULL;
        size_t n = strtoul(line, &out, 10);
        struct head head = {out == line ? SIZE_MAX : strtoul(out, NULL, 10), g.n};
        g.pieces = kv_grow(g.pieces, g.n, sizeof *g.pieces);
        g.pieces[g.n] = (struct kv_buf){0};
        add_piece(&g.pieces[g.n], n, head);
        take(&g, w, false);
        if (kv_workers_give(w, kv_slice_of(&g.pieces[g.n++]), &err) != 0)
            kv_cli_fail(&err);
    }
    take(&g, w, true);
    kv_workers_close(w);
    free(g.pieces);
    printf("%zu of %zu\n", g.taken - g.wrong, g.n);
    return g.wrong ? 1 : 0;
}
