/* doc-driver - the smallest owner of a pair of growing documents, for tests of doc.
 *
 *     doc-driver [-v] create BASE IDS     BASE.tmp and BASE.state; IDS ids in the manifest
 *     doc-driver [-v] add BASE            rows on standard input, one commit
 *     doc-driver [-v] stream BASE [MAX]   a commit for whatever lines have arrived, at most MAX;
 *                                         prints the id of each row when it is durable
 *     doc-driver [-v] spin BASE SECONDS SIZE   adds rows of SIZE bytes at full speed
 *     doc-driver batch BASE COMMITS ROWS SIZE FLOOR   commits of ROWS rows of SIZE bytes, each
 * timed beside write and fdatasync of as much to the file FLOOR doc-driver [-v] rewrite BASE both
 * documents anew, with the same content doc-driver lineage BASE             begins, prints the
 * lineage, ends doc-driver hold BASE                holds the lock until standard input ends
 *     doc-driver try BASE                 begins without waiting
 *     doc-driver remove BASE
 *
 * A row is an object whose first member is "task_id", a string. The first document is
 * {"rows":N,"results":[…]}, the second {"rows":N,"ids":M,"task_manifest":[…],"completed_task_ids":
 * […]}; rows in both is the counter that tells a death between the two. In a build with
 * -DKV_FAULTS, $KV_FAULT names protections to leave out (negative controls).
 */
#include "cli.h"
#include "doc.h"
#include "io.h"
#ifdef KV_FAULTS
#include "shadow.h"
#endif

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool verbose;

/* ---- the counters ---- */

static char *field(struct kv_doc_version *v, const char *name)
{
    struct kv_buf key = {0};
    kv_buf_printf(&key, "\"%s\":", name);
    char *at = memmem(v->head, v->head_n, key.p, key.n);
    char *value = at ? at + key.n : NULL;
    kv_buf_release(&key);
    return value;
}

static long long get(struct kv_doc_version *v, const char *name)
{
    char text[13] = {0}, *at = field(v, name);
    if (!at)
        return -1;
    memcpy(text, at, 12);
    return strtoll(text, NULL, 10);
}

static void set(struct kv_doc_version *v, const char *name, long long value)
{
    char text[13], *at = field(v, name);
    snprintf(text, sizeof text, "%12lld", value);
    if (at)
        memcpy(at, text, 12);
}

/* ---- adding ---- */

static struct kv_slice id_of(struct kv_slice row)
{
    const char *from = memchr(row.p, ':', row.n), *end;
    if (!from || !(end = memchr(from + 2, '"', row.n - (size_t)(from + 2 - row.p))))
        return (struct kv_slice){0};
    return (struct kv_slice){from + 1, (size_t)(end - from)};
}

/* The ids of the last `missing` rows of the first document go to the second. */
static int catch_up(struct kv_doc *d, long long missing, struct kv_err *err)
{
    struct kv_doc_version *t = kv_doc_view(d, 0);
    struct kv_buf tail = {0};
    long long lines = 0;
    size_t at = 0;
    for (size_t window = 1 << 16; lines < missing; window *= 2) {
        size_t n = (off_t)window < t->end ? window : (size_t)t->end;
        kv_buf_clear(&tail);
        kv_buf_reserve(&tail, n);
        if (kv_doc_version_read(t, t->end - (off_t)n, tail.p, n, err))
            return -1;
        tail.n = n;
        for (at = n, lines = 0; at > 0 && lines < missing;)
            lines += tail.p[--at] == '\n';
        if (lines < missing && (off_t)n == t->end)
            return kv_err_set(err, KV_INPUT, "fewer rows than the counter says");
    }
    kv_buf_add_char(&tail, '\n');
    for (const char *p = tail.p + at + 1, *lf; (lf = strchr(p, '\n')); p = lf + 1)
        kv_doc_add(d, 1, id_of((struct kv_slice){p, (size_t)(lf - p)}));
    kv_buf_release(&tail);
    return 0;
}

static int add(struct kv_doc *d, const struct kv_slice *rows, size_t n, struct kv_err *err)
{
    if (kv_doc_begin(d, true, err))
        return -1;
    struct kv_doc_version *t = kv_doc_view(d, 0), *s = kv_doc_view(d, 1);
    long long have = get(t, "rows"), known = get(s, "rows");
    int failed = 0;
    if (t->shape != KV_DOC_VERSION_GROWING || s->shape != KV_DOC_VERSION_GROWING || have < known ||
        known < 0)
        failed = kv_err_set(err, KV_INPUT, "not a pair of this driver");
    else if (have > known)
        failed = catch_up(d, have - known, err);
    for (size_t i = 0; i < n && !failed; i++) {
        kv_doc_add(d, 0, rows[i]);
        kv_doc_add(d, 1, id_of(rows[i]));
    }
    long long ids = get(s, "ids") + have - known;
    if (!failed) {
        set(t, "rows", have + (long long)n);
        set(s, "rows", have + (long long)n);
        set(s, "ids", ids + (long long)n);
        failed = kv_doc_commit(d, err);
    }
    if (verbose && !failed)
        kv_cli_say("first %s, second %s%s", kv_doc_way(d, 0), kv_doc_way(d, 1),
            have > known ? ", caught up" : "");
    kv_doc_end(d);
    return failed;
}

static size_t take_lines(struct kv_lines *lines, struct kv_slice **rows, size_t max)
{
    struct kv_slice line;
    struct kv_err err;
    size_t n = 0, room = 0;
    /* kv_lines_next would move what was handed out: copy. */
    while (n < max && (n == 0 || kv_lines_ready(lines)) && kv_lines_next(lines, &line, &err) == 1) {
        if (n == room)
            *rows = kv_array(*rows, room = room ? 2 * room : 64, sizeof **rows);
        (*rows)[n++] = (struct kv_slice){kv_slice_dup(line), line.n};
    }
    return n;
}

static int stream(struct kv_doc *d, size_t max, bool acknowledge, struct kv_err *err)
{
    struct kv_lines lines;
    struct kv_slice *rows = NULL;
    size_t n;
    int failed = 0;
    kv_lines_init(&lines, STDIN_FILENO, 0);
    while (!failed && (n = take_lines(&lines, &rows, max)) > 0) {
        failed = add(d, rows, n, err);
        for (size_t i = 0; i < n; i++) {
            struct kv_slice id = id_of(rows[i]);
            if (!failed && acknowledge)
                printf("%.*s\n", (int)id.n, id.p);
            free((void *)(uintptr_t)rows[i].p);
        }
        fflush(stdout);
    }
    free(rows);
    kv_lines_release(&lines);
    return failed;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int spin(struct kv_doc *d, double seconds, size_t size, struct kv_err *err)
{
    double end = now() + seconds, slowest = 0;
    long long n = 0, copies = 0;
    struct kv_buf row = {0};
    while (now() < end) {
        kv_buf_clear(&row);
        kv_buf_printf(&row, "{\"task_id\":\"s%ld-%09lld\",\"text\":\"", (long)getpid(), n);
        while (row.n + 2 < size)
            kv_buf_add_char(&row, (char)('a' + n % 26));
        kv_buf_add_str(&row, "\"}");
        struct kv_slice s = kv_slice_of(&row);
        double start = now();
        if (add(d, &s, 1, err))
            return -1;
        n++;
        copies += !kv_doc_in_place(d, 0) + !kv_doc_in_place(d, 1);
        slowest = now() - start > slowest ? now() - start : slowest;
    }
    printf("{\"adds\":%lld,\"copies\":%lld,\"slowest_ms\":%.1f}\n", n, copies, slowest * 1e3);
    kv_buf_release(&row);
    return 0;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double floor_us(int fd, struct kv_slice text)
{
    struct kv_err err;
    double start = now();
    if (kv_io_write(fd, text, &err) || kv_io_sync(fd, &err))
        kv_cli_fail(&err);
    return (now() - start) * 1e6;
}

static double commit_us(struct kv_doc *d, const struct kv_slice *rows, size_t n)
{
    struct kv_err err;
    double start = now();
    if (add(d, rows, n, &err))
        kv_cli_fail(&err);
    return (now() - start) * 1e6;
}

static void make_rows(struct kv_buf *text, struct kv_slice *rows, size_t n, size_t size)
{
    static long long made;
    kv_buf_clear(text);
    kv_buf_reserve(text, n * (size + 64));
    for (size_t i = 0; i < n; i++) {
        size_t start = text->n;
        kv_buf_printf(text, "{\"task_id\":\"b%ld-%09lld\",\"text\":\"", (long)getpid(), made++);
        while (text->n - start + 2 < size)
            kv_buf_add_char(text, 'b');
        kv_buf_add_str(text, "\"}");
        rows[i] = (struct kv_slice){text->p + start, text->n - start};
    }
}

/* COMMITS ROWS SIZE FLOOR */
static int batch(struct kv_doc *d, char **rest, struct kv_err *err)
{
    size_t commits = strtoul(rest[0], NULL, 10), n = strtoul(rest[1], NULL, 10);
    size_t size = strtoul(rest[2], NULL, 10);
    double *ours = kv_array(NULL, commits, sizeof *ours);
    double *theirs = kv_array(NULL, commits, sizeof *theirs);
    struct kv_slice *rows = kv_array(NULL, n, sizeof *rows);
    struct kv_buf text = {0};
    int dir = kv_io_dir_open(".", err);
    int fd = dir < 0 ? -1 : kv_io_open(dir, rest[3], KV_IO_CREATE);
    if (fd < 0)
        return kv_err_sys(err, "%s", rest[3]);
    for (size_t i = 0; i < commits; i++) {
        make_rows(&text, rows, n, size);
        theirs[i] = floor_us(fd, kv_slice_of(&text));
        ours[i] = commit_us(d, rows, n);
    }
    qsort(ours, commits, sizeof *ours, by_size);
    qsort(theirs, commits, sizeof *theirs, by_size);
    printf("{\"us\":%.0f,\"p99_us\":%.0f,\"floor_us\":%.0f,\"ratio\":%.2f}\n", ours[commits / 2],
        ours[commits * 99 / 100], theirs[commits / 2], ours[commits / 2] / theirs[commits / 2]);
    close(fd);
    close(dir);
    free(ours);
    free(theirs);
    free(rows);
    kv_buf_release(&text);
    return 0;
}

/* ---- creating, rewriting ---- */

static int create(struct kv_doc *d, long ids, struct kv_err *err)
{
    char line[64];
    if (kv_doc_begin(d, true, err) || kv_doc_rewrite(d, 0, err) || kv_doc_rewrite(d, 1, err))
        return -1;
    kv_doc_unrelated(d);
    snprintf(line, sizeof line, "{\"rows\":%12d,\"results\":[", 0);
    if (kv_doc_text(d, 0, kv_slice(line), err))
        return -1;
    snprintf(line, sizeof line, "{\"rows\":%12d,\"ids\":%12d,\"task_manifest\":[", 0, 0);
    if (kv_doc_text(d, 1, kv_slice(line), err))
        return -1;
    for (long i = 0; i < ids; i++) {
        snprintf(line, sizeof line, "%s\"task-%09ld\"", i ? ",\n" : "\n", i);
        if (kv_doc_text(d, 1, kv_slice(line), err))
            return -1;
    }
    if (kv_doc_text(d, 1, kv_slice("\n],\"completed_task_ids\":["), err))
        return -1;
    return kv_doc_commit(d, err);
}

/* Copies the text of document i into its draft, item by item where the items begin. */
static int rewrite_one(struct kv_doc *d, size_t i, const char *array, struct kv_err *err)
{
    struct kv_doc_version *v = kv_doc_view(d, i);
    struct kv_buf all = {0};
    kv_buf_reserve(&all, (size_t)v->end + 1);
    if (kv_doc_version_read(v, 0, all.p, (size_t)v->end, err) || kv_doc_rewrite(d, i, err))
        return -1;
    all.n = (size_t)v->end;
    all.p[all.n] = '\0';
    const char *items = strstr(all.p, array) + strlen(array);
    int failed = kv_doc_text(d, i, (struct kv_slice){all.p, (size_t)(items - all.p)}, err);
    while (*items && !failed) {
        size_t n = strcspn(items + 1, "\n");
        kv_doc_add(d, i, (struct kv_slice){items + 1, n - (items[n] == ',')});
        items += n + 1;
    }
    kv_buf_release(&all);
    return failed;
}

static int rewrite(struct kv_doc *d, struct kv_err *err)
{
    return kv_doc_begin(d, true, err) || rewrite_one(d, 0, "\"results\":[", err) ||
                   rewrite_one(d, 1, "\"completed_task_ids\":[", err) || kv_doc_commit(d, err)
               ? -1
               : 0;
}

/* ---- the rest ---- */

static int lineage(struct kv_doc *d, struct kv_err *err)
{
    if (kv_doc_begin(d, true, err))
        return -1;
    struct kv_digest128 l = kv_doc_lineage(d);
    printf("%016" PRIx64 "%016" PRIx64 "\n", l.hi, l.lo);
    return 0;
}

static int hold(struct kv_doc *d, struct kv_err *err)
{
    char c;
    if (kv_doc_begin(d, true, err))
        return -1;
    puts("held");
    fflush(stdout);
    while (read(STDIN_FILENO, &c, 1) > 0)
        continue;
    return 0;
}

static int run(struct kv_doc *d, const char *what, char **rest, struct kv_err *err)
{
    if (strcmp(what, "create") == 0)
        return create(d, strtol(rest[0], NULL, 10), err);
    if (strcmp(what, "add") == 0)
        return stream(d, SIZE_MAX, false, err);
    if (strcmp(what, "stream") == 0)
        return stream(d, rest[0] ? strtoul(rest[0], NULL, 10) : 4096, true, err);
    if (strcmp(what, "spin") == 0)
        return spin(d, strtod(rest[0], NULL), strtoul(rest[1], NULL, 10), err);
    if (strcmp(what, "batch") == 0)
        return batch(d, rest, err);
    if (strcmp(what, "rewrite") == 0)
        return rewrite(d, err);
    if (strcmp(what, "lineage") == 0)
        return lineage(d, err);
    if (strcmp(what, "hold") == 0)
        return hold(d, err);
    if (strcmp(what, "try") == 0)
        return kv_doc_begin(d, false, err);
    if (strcmp(what, "remove") == 0)
        return kv_doc_begin(d, true, err) ? -1
                                          : kv_doc_remove(d, (const char *[]){"index", NULL}, err);
    return kv_err_set(err, KV_USAGE, "%s: no such thing to do", what);
}

#ifdef KV_FAULTS
static void set_faults(void)
{
    static const char *const names[] = {"no-lease", "no-sync-first", "no-sync-second",
        "no-sync-names", "no-sync-before", "second-first", "no-lock", "in-place"};
    const char *wanted = kv_cli_env("KV_FAULT");
    for (unsigned i = 0; i < sizeof names / sizeof *names && wanted; i++) {
        if (strstr(wanted, names[i]))
            kv_shadow_faults |= 1U << i;
    }
}
#endif

int main(int argc, char **argv)
{
    const struct kv_option options[] = {{'v', "verbose", KV_OPT_FLAG, &verbose}, {0}};
    struct kv_cli cli;
    struct kv_err err;

    int first = kv_cli_begin(&cli, argc, argv, options, "usage: doc-driver [-v] WHAT BASE ...\n");
    if (argc - first < 2)
        kv_cli_usage("what, and to which pair?");
#ifdef KV_FAULTS
    set_faults();
#endif

    struct kv_doc *d = kv_doc_new(argv[first + 1], (const char *[]){".tmp", ".state"}, 2);
    if (run(d, argv[first], argv + first + 2, &err))
        kv_cli_fail(&err);
    kv_doc_free(d);
    return kv_cli_end(KV_OK);
}
