/* http_sent - what a request sends beside the headers of its peer: a file, header lines of its own. */
#include "http_sent.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static bool is_replaced(const char *line, const struct kv_http_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(fields[i].name);
        if (strncasecmp(line, fields[i].name, n) == 0 && line[n] == ':')
            return true;
    }
    return false;
}

static void add(struct kv_http_lines *l, char *text)
{
    l->nodes = kv_array(l->nodes, l->n + 1, sizeof *l->nodes);
    l->nodes[l->n++] = (struct curl_slist){text, NULL};
}

struct curl_slist *kv_http_lines_make(struct kv_http_lines *l, const struct kv_http_field *fields,
    size_t count, struct curl_slist *usual)
{
    l->n = 0;
    kv_buf_clear(&l->texts);
    for (size_t i = 0; i < count; i++) {
        kv_buf_printf(&l->texts, "%s: %s", fields[i].name, fields[i].value);
        kv_buf_add_char(&l->texts, '\0');
    }
    char *text = l->texts.p;
    for (size_t i = 0; i < count; i++, text += strlen(text) + 1)
        add(l, text);
    for (; usual; usual = usual->next)
        if (!is_replaced(usual->data, fields, count))
            add(l, usual->data);
    for (size_t i = 1; i < l->n; i++)
        l->nodes[i - 1].next = &l->nodes[i];
    return l->nodes;
}

void kv_http_lines_release(struct kv_http_lines *l)
{
    kv_buf_release(&l->texts);
    free(l->nodes);
    *l = (struct kv_http_lines){0};
}

size_t kv_http_file_read(char *to, size_t size, size_t n, void *file)
{
    struct kv_http_file *f = file;
    size_t room = size * n;
    if ((int64_t)room > f->size - f->at)
        room = (size_t)(f->size - f->at);
    ssize_t got = pread(f->fd, to, room, (off_t)f->at);
    if (got < 0 || (got == 0 && room > 0))
        return CURL_READFUNC_ABORT;
    f->at += got;
    return (size_t)got;
}

int kv_http_file_seek(void *file, int64_t offset, int origin)
{
    struct kv_http_file *f = file;
    if (origin != SEEK_SET || offset < 0 || offset > f->size)
        return CURL_SEEKFUNC_FAIL;
    f->at = offset;
    return CURL_SEEKFUNC_OK;
}
