/* problem - what is wrong with a document, collected. */
#include "problem.h"

#include "json.h"
#include "nearest.h"

#include <stdarg.h>
#include <stdlib.h>

static void add_path(struct kv_buf *out, const struct kv_path *at)
{
    if (!at)
        return;
    add_path(out, at->up);
    if (!at->name.p) {
        kv_buf_printf(out, "[%zu]", at->index);
        return;
    }
    if (at->up)
        kv_buf_add_char(out, '.');
    kv_buf_add_slice(out, at->name);
}

static void add_loc(struct kv_buf *out, const struct kv_path *at)
{
    if (!at)
        return;
    add_loc(out, at->up);
    if (at->up)
        kv_buf_add_char(out, ',');
    if (at->name.p)
        kv_json_quote(out, at->name, KV_JSON_RAW);
    else
        kv_buf_printf(out, "%zu", at->index);
}

int kv_problems_add(struct kv_problems *list, const struct kv_path *at, const char *error_type,
    const char *format, ...)
{
    struct kv_buf path = {0}, loc = {0}, text = {0};
    kv_buf_add_str(&path, "");
    add_path(&path, at);
    kv_buf_add_char(&loc, '[');
    add_loc(&loc, at);
    kv_buf_add_char(&loc, ']');
    va_list ap;
    va_start(ap, format);
    kv_buf_vprintf(&text, format, ap);
    va_end(ap);
    list->items = kv_grow(list->items, list->n, sizeof *list->items);
    list->items[list->n++] = (struct kv_problem){
        kv_buf_detach(&path), kv_buf_detach(&loc), kv_strdup(error_type), kv_buf_detach(&text)};
    return -1;
}

int kv_problems_add_unknown(
    struct kv_problems *list, const struct kv_path *at, const char *const *names)
{
    struct kv_buf text = {0};
    kv_nearest_add_hint(&text, "unknown key", at->name, names);
    kv_problems_add(list, at, "extra_forbidden", "%s", text.p);
    kv_buf_release(&text);
    return -1;
}

void kv_problems_release(struct kv_problems *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->items[i].path);
        free(list->items[i].loc);
        free(list->items[i].error_type);
        free(list->items[i].text);
    }
    free(list->items);
    *list = (struct kv_problems){0};
}

void kv_problem_add_text(struct kv_buf *out, const struct kv_problem *p)
{
    if (*p->path)
        kv_buf_printf(out, "%s: ", p->path);
    kv_buf_add_str(out, p->text);
}

int kv_problems_err(const struct kv_problems *list, struct kv_err *err)
{
    struct kv_buf text = {0};
    kv_problem_add_text(&text, &list->items[0]);
    if (list->n > 1)
        kv_buf_printf(&text, " (and %zu more)", list->n - 1);
    kv_err_set(err, KV_INPUT, "%s", text.p);
    kv_buf_release(&text);
    return -1;
}
