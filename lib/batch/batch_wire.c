/* batch_wire - what differs between batch services: paths, bodies, objects. */
#include "batch_wire.h"

#include "batch_json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const struct kv_batch_wire *const all[] = {&kv_batch_wire_files, &kv_batch_wire_anthropic};

const struct kv_batch_wire *kv_batch_wire_of(struct kv_slice shape)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (kv_slice_is(shape, all[i]->shape))
            return all[i];
    return NULL;
}

void kv_batch_wire_add_shapes(struct kv_buf *out)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        kv_buf_printf(out, i ? ", %s" : "%s", all[i]->shape);
}

void kv_batch_seen_clear(struct kv_batch_seen *s)
{
    struct kv_buf url = s->results_url, code = s->code, message = s->message;
    *s = (struct kv_batch_seen){.results_url = url, .code = code, .message = message};
    kv_buf_clear(&s->results_url);
    kv_buf_clear(&s->code);
    kv_buf_clear(&s->message);
    s->counts = (struct kv_batch_counts){-1, -1, -1};
    s->tokens = -1;
}

void kv_batch_seen_release(struct kv_batch_seen *s)
{
    kv_buf_release(&s->results_url);
    kv_buf_release(&s->code);
    kv_buf_release(&s->message);
}

void kv_batch_wire_id(struct kv_slice object, const char *name, char to[KV_BATCH_ID_MAX + 1])
{
    char *text = kv_batch_json_text(object, name);
    size_t n = strlen(text), i = 0;
    while (i < n && (isalnum((unsigned char)text[i]) || strchr("_-.", text[i])))
        i++;
    bool fit = n > 0 && i == n && n <= KV_BATCH_ID_MAX && *text != '.';
    memcpy(to, fit ? text : "", fit ? n + 1 : 1);
    free(text);
}

void kv_batch_wire_text(struct kv_slice object, const char *name, char *to, size_t room)
{
    char *text = kv_batch_json_text(object, name);
    size_t n = strlen(text) < room ? strlen(text) : room - 1;
    memcpy(to, text, n);
    to[n] = '\0';
    free(text);
}

void kv_batch_wire_status(struct kv_slice object, const char *name, struct kv_batch_seen *seen)
{
    kv_batch_wire_text(object, name, seen->word, sizeof seen->word);
    seen->status = kv_batch_status_of(kv_slice(seen->word));
}
