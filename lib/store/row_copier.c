/* row_copier - rows of a results file brought into an export while the rows behind them are read.
 *
 * Rows are gathered to runs, and runs to pieces of some megabytes; pieces wait in a short ring, so that
 * a survey that is faster than the medium does not run far ahead. Without a thread, because there is
 * little to do or the system gives none, a piece is written by the call that made it whole.
 */
#include "row_copier.h"

#include "io.h"
#include "io_at.h"
#include "reformat.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    RUNS = 256,      /* of a piece */
    PIECE = 1 << 21, /* bytes of one, more or less */
    PIECES = 4,      /* that wait */
    RANGE = 1 << 16, /* bytes of a run from which the system copies it */
    FLUSH_AT = 1 << 18,
};

/* Rows that follow one another. */
struct run {
    uint64_t from, to;
    size_t rows;
    enum kv_row_spelling spelling;
    bool by_range; /* the system copies it; else its bytes are kept, from here on in the piece */
    size_t text_at;
};

struct piece {
    struct run runs[RUNS];
    size_t n;
    uint64_t bytes;
    struct kv_buf text;
};

struct kv_row_copier {
    int source, target;
    struct piece made; /* not handed over yet */
    /* Of who writes: the thread where there is one. */
    struct kv_buf out;
    bool begun; /* a row is written */
    off_t written;
    int failed;
    struct kv_err err;
    /* Between the two. */
    struct piece ring[PIECES];
    size_t given, taken;
    bool no_more, given_up;
    bool threaded;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

void kv_row_spell(struct kv_buf *out, struct kv_slice row, enum kv_row_spelling spelling)
{
    if (spelling == KV_ROW_SPACED)
        kv_reformat_space(out, row);
    else if (spelling == KV_ROW_RESPELLED)
        kv_reformat_export(out, row);
    else
        kv_buf_add_slice(out, row);
}

/* ---- writing ---- */

static void told_written(struct kv_row_copier *c, size_t n)
{
    kv_io_sync_along(c->target, c->written, c->written + (off_t)n);
    c->written += (off_t)n;
}

static int flush(struct kv_row_copier *c)
{
    if (kv_io_write(c->target, kv_slice_of(&c->out), &c->err) != 0)
        return -1;
    told_written(c, c->out.n);
    kv_buf_clear(&c->out);
    return 0;
}

static void put_row(struct kv_row_copier *c, struct kv_slice row, enum kv_row_spelling spelling)
{
    if (c->begun)
        kv_buf_add_str(&c->out, ",\n");
    c->begun = true;
    kv_row_spell(&c->out, row, spelling);
}

/* A run as one range of bytes. */
static int copy_range(struct kv_row_copier *c, const struct run *r)
{
    if (c->begun)
        kv_buf_add_str(&c->out, ",\n");
    c->begun = true;
    if (flush(c) != 0 ||
        kv_io_append(c->source, (off_t)r->from, (off_t)r->to, c->target, &c->err) != 0)
        return -1;
    told_written(c, (size_t)(r->to - r->from));
    return 0;
}

/* A run from the bytes that were surveyed: what a second reading tells may be something else. */
static int copy_rows(struct kv_row_copier *c, const struct run *r, const struct kv_buf *text)
{
    struct kv_slice rest = {text->p + r->text_at, (size_t)(r->to - r->from)};
    for (size_t i = 1; i < r->rows; i++) {
        const char *lf = memchr(rest.p, '\n', rest.n); /* behind a comma */
        put_row(c, (struct kv_slice){rest.p, (size_t)(lf - rest.p) - 1}, r->spelling);
        rest = (struct kv_slice){lf + 1, (size_t)(rest.p + rest.n - lf) - 1};
        if (c->out.n >= FLUSH_AT && flush(c) != 0)
            return -1;
    }
    put_row(c, rest, r->spelling);
    return c->out.n >= FLUSH_AT ? flush(c) : 0;
}

static int write_piece(struct kv_row_copier *c, const struct piece *p)
{
    int failed = 0;
    for (size_t i = 0; i < p->n && !failed; i++) {
        const struct run *r = &p->runs[i];
        failed = r->by_range ? copy_range(c, r) : copy_rows(c, r, &p->text);
    }
    return failed;
}

/* ---- the thread ---- */

static void *work(void *closure)
{
    struct kv_row_copier *c = closure;
    pthread_mutex_lock(&c->lock);
    for (;;) {
        while (c->given == c->taken && !c->no_more)
            pthread_cond_wait(&c->changed, &c->lock);
        if (c->given == c->taken || c->given_up)
            break;
        const struct piece *p = &c->ring[c->taken % PIECES];
        pthread_mutex_unlock(&c->lock);
        if (!c->failed)
            c->failed = write_piece(c, p);
        pthread_mutex_lock(&c->lock);
        c->taken++;
        pthread_cond_signal(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* Signals are for the thread that was there before. */
static bool start(struct kv_row_copier *c)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return false;
    c->threaded = pthread_create(&c->thread, NULL, work, c) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return c->threaded;
}

/* ---- handing over ---- */

static void hand_over(struct kv_row_copier *c)
{
    if (!c->threaded && !start(c)) {
        c->failed = c->failed || write_piece(c, &c->made) != 0;
    } else {
        pthread_mutex_lock(&c->lock);
        while (c->given - c->taken == PIECES)
            pthread_cond_wait(&c->changed, &c->lock);
        struct piece *free_one = &c->ring[c->given++ % PIECES];
        struct kv_buf text = free_one->text;
        *free_one = c->made;
        c->made.text = text;
        pthread_cond_signal(&c->changed);
        pthread_mutex_unlock(&c->lock);
    }
    c->made.n = 0;
    c->made.bytes = 0;
    kv_buf_clear(&c->made.text);
}

struct kv_row_copier *kv_row_copier_open(int source, int target)
{
    struct kv_row_copier *c = kv_calloc(1, sizeof *c);
    c->source = source;
    c->target = target;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    return c;
}

/* Keeps the bytes of a row that has come to a run, unless they will be copied as a range. */
static void keep_text(struct piece *p, struct run *r, struct kv_slice text)
{
    if (!r->by_range && r->spelling == KV_ROW_AS_IS && r->to - r->from >= RANGE) {
        r->by_range = true;
        kv_buf_cut(&p->text, r->text_at, p->text.n - r->text_at);
    }
    if (r->by_range)
        return;
    if (r->rows > 1)
        kv_buf_add_str(&p->text, ",\n");
    kv_buf_add_slice(&p->text, text);
}

void kv_row_copier_add(struct kv_row_copier *c, const struct kv_row_place *row)
{
    struct piece *p = &c->made;
    struct run *last = p->n ? &p->runs[p->n - 1] : NULL;
    uint64_t to = row->from + row->text.n;
    if (last && row->follows && row->from == last->to + strlen(",\n") &&
        row->spelling == last->spelling) {
        last->to = to;
        last->rows++;
    } else {
        last = &p->runs[p->n++];
        *last = (struct run){row->from, to, 1, row->spelling, false, p->text.n};
    }
    keep_text(p, last, row->text);
    p->bytes += row->text.n;
    if (p->bytes >= PIECE || p->n == RUNS)
        hand_over(c);
}

int kv_row_copier_close(struct kv_row_copier *c, bool whole, struct kv_err *err)
{
    if (c->threaded) {
        if (whole && c->made.n)
            hand_over(c);
        pthread_mutex_lock(&c->lock);
        c->no_more = true;
        c->given_up = !whole;
        pthread_cond_signal(&c->changed);
        pthread_mutex_unlock(&c->lock);
        pthread_join(c->thread, NULL);
    } else if (whole && !c->failed) {
        c->failed = write_piece(c, &c->made);
    }
    if (whole && !c->failed)
        c->failed = flush(c);
    int failed = c->failed ? kv_err_copy(err, &c->err) : 0;
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    for (size_t i = 0; i < PIECES; i++)
        kv_buf_release(&c->ring[i].text);
    kv_buf_release(&c->made.text);
    kv_buf_release(&c->out);
    free(c);
    return failed;
}
