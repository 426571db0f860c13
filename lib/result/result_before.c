/* result_before - a row read as a result with the help of the one before: what both say alike is not read again.
 *
 * The row that is kept is cut into the values of its members, those of the metadata and of the template each by
 * itself, and what stands between them: keys, brackets, white space, members that are not known. What stands
 * between must be the same in the next row, byte for byte, so that its values are those of the same members. A
 * value that is the same was checked; any other is checked as JSON and against its shape. No rule of a row
 * looks at two members (result_table.h), and a failure inside a value is nothing but the sign to read the row
 * whole, which tells it as ever.
 */
#include "result_before.h"

#include "json.h"
#include "result_members.h"

#include <stdlib.h>
#include <string.h>

enum {
    ROW_MAX = 1 << 20, /* bytes of a row worth keeping */
    MEMBERS = KV_ROW_MEMBERS + KV_METADATA_MEMBERS + KV_TEMPLATE_MEMBERS,
};

/* A value of the row that is kept. */
struct member {
    size_t at, end; /* in its text */
    int depth;      /* brackets that are open around it */
    const struct kv_shape *shape;
    struct kv_slice *value;       /* of the row that was read last, */
    bool same;                    /* and whether that is the same bytes */
    size_t spaced_at, spaced_end; /* in the text with white space, once there is that */
};

/* A block whose members are in the list, from one to another: what of it stands before and behind these. */
struct block {
    const struct member *first, *last;
    size_t lead, tail;
    struct kv_slice *value;
};

struct kv_result_before {
    struct kv_buf text;          /* nothing: none is kept */
    struct kv_buf spaced;        /* the same as kv_reformat_space has it, once it was asked for */
    unsigned flags;              /* by which it was checked */
    struct member list[MEMBERS]; /* as they stand in the text */
    size_t n;
    struct block blocks[KV_ROW_template + 1];
    size_t block_count;
    struct kv_result_members members; /* of the row that was read last */
};

/* ---- keeping a row ---- */

static void list_value(struct kv_result_before *b, const char *row, struct kv_slice *value,
    const struct kv_shape *shape, int depth)
{
    if (!value->n)
        return;
    size_t i = b->n++, at = (size_t)(value->p - row);
    for (; i && b->list[i - 1].at > at; i--)
        b->list[i] = b->list[i - 1];
    b->list[i] = (struct member){
        .at = at, .end = at + value->n, .depth = depth, .shape = shape, .value = value};
}

/* Cuts a block into its members. */
static void list_block(struct kv_result_before *b, const char *row, size_t which)
{
    const struct kv_shape *shape = kv_result_table.members[which].shape;
    for (size_t i = 0; shape->members[i].name; i++)
        list_value(b, row, &b->members.parts[which].values[i], shape->members[i].shape, 2);
}

/* Once all are listed. False if it has no member. */
static bool frame_block(struct kv_result_before *b, const char *row, struct kv_slice *value)
{
    size_t at = (size_t)(value->p - row), end = at + value->n, first = 0, behind;
    while (first < b->n && b->list[first].at < at)
        first++;
    for (behind = first; behind < b->n && b->list[behind].end <= end; behind++)
        continue;
    if (first == behind)
        return false;
    const struct member *from = &b->list[first], *to = &b->list[behind - 1];
    b->blocks[b->block_count++] = (struct block){from, to, from->at - at, end - to->end, value};
    return true;
}

/* Keeps a row that was read whole, with its members, if its like is to be expected again. */
static void keep(struct kv_result_before *b, const struct kv_result *row, unsigned flags)
{
    const char *text = row->text.p;
    struct kv_slice *blocks = b->members.blocks;
    kv_buf_clear(&b->text);
    kv_buf_clear(&b->spaced);
    b->n = b->block_count = 0;
    if (row->generic || row->text.n > ROW_MAX)
        return;
    for (size_t i = 0; i < KV_ROW_MEMBERS; i++)
        if (i > KV_ROW_template)
            list_value(b, text, &blocks[i], kv_result_table.members[i].shape, 1);
        else if (kv_json_type(blocks[i]) == KV_JSON_OBJECT)
            list_block(b, text, i);
        else /* null, which stays so */
            blocks[i] = (struct kv_slice){0};
    for (size_t i = 0; i <= KV_ROW_template; i++)
        if (kv_json_type(blocks[i]) == KV_JSON_OBJECT && !frame_block(b, text, &blocks[i]))
            return;
    b->flags = flags & ~(unsigned)KV_RESULT_CHECKED;
    kv_buf_add_slice(&b->text, row->text);
}

/* ---- reading one like it ---- */

static bool read_value(
    struct kv_result_before *b, const struct member *m, const char *p, const char *end)
{
    const struct kv_slice rest = {p, (size_t)(end - p)};
    return kv_json_begins(rest, b->flags, m->depth, m->value) &&
           kv_shape_check(m->shape, *m->value, NULL, NULL) == 0;
}

/* Where the row ends that the text begins with, or NULL if it is not like the one that is kept. */
static const char *read_members(struct kv_result_before *b, struct kv_slice text)
{
    const char *p = text.p, *end = text.p + text.n, *kept = b->text.p, *at = kept;
    for (struct member *m = b->list; m < b->list + b->n; m++) {
        size_t lead = (size_t)(kept + m->at - at), n = (size_t)(kept + m->end - at);
        /* With the byte behind it, which tells that a number ends. */
        m->same = (size_t)(end - p) > n && memcmp(p, at, n + 1) == 0;
        if (m->same)
            *m->value = (struct kv_slice){p + lead, n - lead};
        else if ((size_t)(end - p) <= lead || memcmp(p, at, lead) != 0 ||
                 !read_value(b, m, p + lead, end))
            return NULL;
        p = m->value->p + m->value->n;
        at = kept + m->end;
    }
    size_t n = (size_t)(kept + b->text.n - at);
    return (size_t)(end - p) >= n && memcmp(p, at, n) == 0 ? p + n : NULL;
}

static void find_block(const struct block *b)
{
    const char *p = b->first->value->p - b->lead,
               *end = b->last->value->p + b->last->value->n + b->tail;
    *b->value = (struct kv_slice){p, (size_t)(end - p)};
}

bool kv_result_begins(
    struct kv_result_before *before, struct kv_slice text, unsigned flags, struct kv_result *result)
{
    if (!before || !before->text.n || before->flags != (flags & ~(unsigned)KV_RESULT_CHECKED))
        return false;
    const char *end = read_members(before, text);
    if (!end)
        return false;
    for (size_t i = 0; i < before->block_count; i++)
        find_block(&before->blocks[i]);
    *result = (struct kv_result){.text = {text.p, (size_t)(end - text.p)}};
    kv_result_take_members(&before->members, result);
    return true;
}

static void space_kept(struct kv_result_before *b)
{
    const char *at = b->text.p;
    for (struct member *m = b->list; m < b->list + b->n; m++) {
        const char *value = b->text.p + m->at, *end = b->text.p + m->end;
        kv_reformat_space(&b->spaced, (struct kv_slice){at, (size_t)(value - at)});
        m->spaced_at = b->spaced.n;
        kv_reformat_space(&b->spaced, (struct kv_slice){value, (size_t)(end - value)});
        m->spaced_end = b->spaced.n;
        at = end;
    }
    kv_reformat_space(&b->spaced, (struct kv_slice){at, (size_t)(b->text.p + b->text.n - at)});
}

void kv_result_add_spaced(struct kv_result_before *before, struct kv_buf *out)
{
    size_t added = 0; /* of the row that is kept, or left out */
    if (!before->spaced.n)
        space_kept(before);
    for (const struct member *m = before->list; m < before->list + before->n; m++) {
        if (m->same)
            continue;
        kv_buf_add(out, before->spaced.p + added, m->spaced_at - added);
        kv_reformat_space(out, *m->value);
        added = m->spaced_end;
    }
    kv_buf_add(out, before->spaced.p + added, before->spaced.n - added);
}

size_t kv_result_before_length(const struct kv_result_before *before)
{
    return before ? before->text.n + before->text.n / 8 + 1 : 0;
}

int kv_result_read_after(struct kv_slice line, unsigned flags, struct kv_result_before **before,
    struct kv_result *result, struct kv_err *err)
{
    if (kv_result_begins(*before, line, flags, result) && result->text.n == line.n)
        return 0;
    if (!*before)
        *before = kv_calloc(1, sizeof **before);
    struct kv_result_before *b = *before;
    b->members = (struct kv_result_members){0};
    if (kv_result_read_members(line, flags, result, &b->members, err) != 0) {
        kv_buf_clear(&b->text);
        return -1;
    }
    keep(b, result, flags);
    return 0;
}

void kv_result_before_free(struct kv_result_before *before)
{
    if (before)
        kv_buf_release(&before->text), kv_buf_release(&before->spaced);
    free(before);
}
