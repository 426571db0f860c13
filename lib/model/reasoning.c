/* reasoning - parts the reasoning of a model from its answer, where a server left it in the text. */
#include "reasoning.h"

#include <string.h>
#include <strings.h>

static const char *const tags[][2] = {{"<think>", "</think>"}, {"<thinking>", "</thinking>"},
    {"<thought>", "</thought>"}, {"<reasoning>", "</reasoning>"}, {"<seed:think>", "</seed:think>"},
    {"[THINK]", "[/THINK]"}};
enum { TAGS = sizeof tags / sizeof *tags };

static bool starts(struct kv_slice text, const char *word)
{
    size_t n = strlen(word);
    return text.n >= n && strncasecmp(text.p, word, n) == 0;
}

/* The first place of a word, in any case; NULL: nowhere. */
static const char *find(struct kv_slice text, const char *word)
{
    for (; text.n; text.p++, text.n--)
        if (*text.p == *word && starts(text, word))
            return text.p;
    return NULL;
}

static struct kv_slice behind(struct kv_slice text, const char *p)
{
    return (struct kv_slice){p, (size_t)(text.p + text.n - p)};
}

static void keep(struct kv_buf *reasoning, struct kv_slice part)
{
    part = kv_slice_strip(part);
    if (reasoning->n && part.n)
        kv_buf_add_char(reasoning, '\n');
    kv_buf_add_slice(reasoning, part);
}

/* ---- tags ---- */

/* Takes one block off the front of *rest. */
static bool take_block(struct kv_slice *rest, struct kv_buf *reasoning)
{
    struct kv_slice text = kv_slice_strip(*rest);
    for (size_t i = 0; i < TAGS; i++) {
        if (!starts(text, tags[i][0]))
            continue;
        struct kv_slice inside = behind(text, text.p + strlen(tags[i][0]));
        const char *close = find(inside, tags[i][1]);
        size_t n = close ? (size_t)(close - inside.p) : inside.n;
        keep(reasoning, (struct kv_slice){inside.p, n});
        *rest = close ? behind(*rest, close + strlen(tags[i][1])) : behind(inside, inside.p + n);
        return true;
    }
    return false;
}

static bool is_quoted(struct kv_slice text, const char *tag, size_t n)
{
    static const char quotes[] = "`'\"";
    const char *end = tag + n;
    return (tag > text.p && strchr(quotes, tag[-1])) ||
           (end < text.p + text.n && *end && strchr(quotes, *end));
}

/* Takes what stands before the first closing tag, if no opening one stands before it. */
static bool take_unopened(struct kv_slice *rest, struct kv_buf *reasoning)
{
    for (size_t i = 0; i < TAGS; i++) {
        const char *close = find(*rest, tags[i][1]);
        if (!close || is_quoted(*rest, close, strlen(tags[i][1])))
            continue;
        struct kv_slice before = {rest->p, (size_t)(close - rest->p)};
        if (find(before, tags[i][0]))
            continue;
        keep(reasoning, before);
        *rest = behind(*rest, close + strlen(tags[i][1]));
        return true;
    }
    return false;
}

/* ---- harmony ---- */

static const char channel[] = "<|channel|>", message[] = "<|message|>";

/* Where the message that begins here ends: before the next token of the format. */
static const char *message_end(struct kv_slice text)
{
    static const char *const ends[] = {
        "<|end|>", "<|return|>", "<|call|>", "<|start|>", "<|channel|>"};
    const char *first = text.p + text.n;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *p = find((struct kv_slice){text.p, (size_t)(first - text.p)}, ends[i]);
        first = p ? p : first;
    }
    return first;
}

/* The messages of the channel "final" are the answer. */
static void take_channels(struct kv_slice text, struct kv_buf *answer, struct kv_buf *reasoning)
{
    const char *at;
    while ((at = find(text, channel))) {
        struct kv_slice name = behind(text, at + sizeof channel - 1);
        const char *content = find(name, message);
        if (!content)
            return;
        text = behind(text, content + sizeof message - 1);
        const char *end = message_end(text);
        struct kv_slice part = {text.p, (size_t)(end - text.p)};
        if (starts(kv_slice_strip(name), "final"))
            kv_buf_add_slice(answer, part);
        else
            keep(reasoning, part);
        text = behind(text, end);
    }
}

static bool is_harmony(struct kv_slice text)
{
    text = kv_slice_strip(text);
    return (starts(text, channel) || starts(text, "<|start|>")) && find(text, channel) &&
           find(text, message);
}

/* False of nearly every answer: neither a tag nor a token of the format stands in it. */
static bool may_be_tagged(struct kv_slice text)
{
    return memchr(text.p, '<', text.n) || memchr(text.p, '[', text.n);
}

void kv_reasoning_split(struct kv_buf *text, bool unopened, struct kv_buf *reasoning)
{
    struct kv_slice rest = kv_slice_of(text);
    struct kv_buf answer = {0};
    bool split = false;
    if (!may_be_tagged(rest))
        return;
    if (is_harmony(rest)) {
        take_channels(rest, &answer, reasoning);
        split = true;
    } else {
        while (take_block(&rest, reasoning))
            split = true;
        if (!split && unopened)
            split = take_unopened(&rest, reasoning);
        while (split && rest.n && strchr(" \t\r\n", *rest.p) && *rest.p)
            rest = behind(rest, rest.p + 1);
        if (split)
            kv_buf_add_slice(&answer, rest);
    }
    if (split) {
        kv_buf_clear(text);
        kv_buf_add_slice(text, kv_slice_of(&answer));
    }
    kv_buf_release(&answer);
}
