/* finished_csv - a CSV export read back: what is left of a run whose output path ends in ".csv".
 *
 * Cells may hold line ends, so a record is put together from lines until its quotes are closed.
 */
#include "finished_csv.h"

#include "io.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { CELLS_MAX = 4096, LINE_MAX_BYTES = 1 << 30, WANTED = 6 };

static const char *const wanted[WANTED] = {
    "question_id", "question_text", "answering_model", "parsing_model", "replicate", "success"};

struct csv {
    struct kv_lines lines;
    struct kv_buf cells; /* of one record, one behind the other */
    size_t ends[CELLS_MAX], count;
    size_t place[WANTED]; /* of each wanted column; CELLS_MAX: not there */
};

static int end_cell(struct csv *s, struct kv_err *err)
{
    if (s->count == CELLS_MAX)
        return kv_err_set(err, KV_INPUT, "more than %d columns", CELLS_MAX);
    s->ends[s->count++] = s->cells.n;
    return 0;
}

static struct kv_slice cell(const struct csv *s, size_t i)
{
    if (i >= s->count || !s->cells.p)
        return (struct kv_slice){"", 0};
    size_t from = i ? s->ends[i - 1] : 0;
    return (struct kv_slice){s->cells.p + from, s->ends[i] - from};
}

/* Takes the cells of a line; *quoted tells whether a cell goes on in the next one. */
static int take_line(struct csv *s, struct kv_slice line, bool *quoted, struct kv_err *err)
{
    for (size_t i = 0; i < line.n; i++) {
        char c = line.p[i];
        bool last = i + 1 == line.n, doubled = *quoted && !last && line.p[i + 1] == '"';
        if (c == '"' && !doubled) {
            *quoted = !*quoted;
        } else if (*quoted) {
            kv_buf_add_char(&s->cells, c);
            i += c == '"';
        } else if (c == ',') {
            if (end_cell(s, err) != 0)
                return -1;
        } else if (c != '\r' || !last) {
            kv_buf_add_char(&s->cells, c);
        }
    }
    if (*quoted)
        kv_buf_add_char(&s->cells, '\n');
    return *quoted ? 0 : end_cell(s, err);
}

/* 1 and a record in the cells, 0 at the end, -1. */
static int next_record(struct csv *s, struct kv_err *err)
{
    struct kv_slice line;
    bool quoted = false;
    int got;
    kv_buf_clear(&s->cells);
    s->count = 0;
    while ((got = kv_lines_next(&s->lines, &line, err)) == 1) {
        if (take_line(s, line, &quoted, err) != 0)
            return -1;
        if (!quoted)
            return 1;
    }
    return got == 0 && quoted ? kv_err_set(err, KV_INPUT, "a quoted cell has no end") : got;
}

static bool take_header(struct csv *s)
{
    for (size_t k = 0; k < WANTED; k++) {
        s->place[k] = CELLS_MAX;
        for (size_t i = 0; i < s->count && s->place[k] == CELLS_MAX; i++)
            if (kv_slice_is(cell(s, i), wanted[k]))
                s->place[k] = i;
    }
    return s->count > 1 && s->place[0] == 0 && kv_slice_is(cell(s, 1), "success");
}

static int open_csv(struct csv *s, const char *path, struct kv_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kv_err_sys(err, "%s", path);
    kv_lines_init(&s->lines, fd, LINE_MAX_BYTES);
    int got = next_record(s, err);
    if (got == 1 && take_header(s))
        return 0;
    if (got >= 0)
        kv_err_set(err, KV_INPUT, "not a CSV export");
    return kv_err_context(err, "%s", path);
}

static void close_csv(struct csv *s)
{
    if (s->lines.fd >= 0)
        close(s->lines.fd);
    kv_lines_release(&s->lines);
    kv_buf_release(&s->cells);
}

/* 1, 0; -1 where it cannot be read. */
static int is_csv(const char *path, struct kv_err *err)
{
    struct csv s = {.lines.fd = -1};
    size_t n = strlen(path);
    if (n <= 4 || strcasecmp(path + n - 4, ".csv") != 0)
        return 0;
    int is = open_csv(&s, path, err) == 0 ? 1 : err->kind == KV_INPUT ? 0 : -1;
    close_csv(&s);
    return is;
}

int kv_finished_csv_stands(const struct kv_paths *p, struct kv_err *err)
{
    bool named = strcmp(p->state, p->output) == 0;
    int settled = named ? 1 : kv_paths_settled(p, err);
    return settled == 1 ? is_csv(p->output, err) : settled;
}

int kv_finished_csv_read(const char *path,
    int (*each)(void *closure, const struct kv_finished_csv_row *row), void *closure,
    struct kv_err *err)
{
    struct csv s = {.lines.fd = -1};
    int rc = open_csv(&s, path, err), got = 0;
    while (rc == 0 && (got = next_record(&s, err)) == 1) {
        const struct kv_finished_csv_row row = {cell(&s, s.place[0]), cell(&s, s.place[1]),
            cell(&s, s.place[2]), cell(&s, s.place[3]), cell(&s, s.place[4]), cell(&s, s.place[5])};
        rc = each(closure, &row);
    }
    if (got < 0)
        rc = kv_err_context(err, "%s:%zu", path, s.lines.number);
    close_csv(&s);
    return rc;
}
