/* kvtest facts - what kv knows about texts and values: one question a line in, one answer out.
 *
 * {"op":"pattern","pattern":P,"flags":[…],"text":T,"most":N}   {"count":N} or {"error":…}
 * {"op":"quick","pattern":P,"bytes":N}                         {"quick":true or false}
 * {"op":"date","text":T,"format":F}                            {"date":[TIME,OFFSET]}, null,
 * "unsupported"
 * {"op":"reply","text":T,"names":[…]}   {"reply":…} or {"error":…}
 * {"op":"message","text":T}          {"message":…} or {"error":…}
 */
#include "kvtest.h"

#include "cli.h"
#include "extract.h"
#include "filter.h"
#include "json.h"
#include "re.h"
#include "reply_object.h"
#include "strptime.h"

#include <stdint.h>
#include <stdlib.h>

static struct kv_slice text_of(struct kv_slice question, const char *key, struct kv_buf *to)
{
    struct kv_slice value;
    kv_buf_reserve(to, 1);
    if (kv_json_get(question, key, &value) && kv_json_type(value) == KV_JSON_STRING)
        kv_json_unescape(value, to);
    return kv_slice_of(to);
}

static void answer_text(struct kv_buf *out, const char *key, struct kv_slice text)
{
    kv_buf_printf(out, "\"%s\":", key);
    kv_json_quote(out, text, KV_JSON_RAW);
}

static void answer_error(struct kv_buf *out, const struct kv_err *err)
{
    answer_text(out, "error", kv_slice(err->text));
}

static void ask_pattern(struct kv_slice question, struct kv_buf *out)
{
    struct kv_buf pattern = {0}, text = {0};
    struct kv_slice flags, most;
    struct kv_err err;
    unsigned bits = 0;
    kv_json_get(question, "flags", &flags);
    kv_json_get(question, "most", &most);
    struct kv_slice source = text_of(question, "pattern", &pattern);
    struct kv_re *p =
        flags.n && kv_re_flags(flags, &bits, &err) != 0 ? NULL : kv_re_open(source, bits, &err);
    long n = p ? kv_re_count(p, text_of(question, "text", &text),
                     most.n ? strtol(most.p, NULL, 10) : 1000000, &err)
               : -1;
    if (n < 0)
        answer_error(out, &err);
    else
        kv_buf_printf(out, "\"count\":%ld", n);
    kv_re_close(p);
    kv_buf_release(&pattern);
    kv_buf_release(&text);
}

/* Whether a pattern is matched where it stands: in a text of so many bytes. */
static void ask_quick(struct kv_slice question, struct kv_buf *out)
{
    struct kv_buf pattern = {0};
    struct kv_slice bytes;
    kv_json_get(question, "bytes", &bytes);
    struct kv_re *p = kv_re_open_bounded(text_of(question, "pattern", &pattern), 0, NULL);
    kv_buf_printf(
        out, "\"quick\":%s", p && kv_re_is_quick(p, strtoul(bytes.p, NULL, 10)) ? "true" : "false");
    kv_re_close(p);
    kv_buf_release(&pattern);
}

static void ask_date(struct kv_slice question, struct kv_buf *out)
{
    static const char *const outcomes[] = {NULL, "null", "\"unsupported\"", "\"overflow\""};
    struct kv_buf text = {0}, format = {0};
    struct kv_date d;
    struct kv_slice t = text_of(question, "text", &text), f = text_of(question, "format", &format);
    enum kv_date_outcome outcome = f.n ? kv_strptime_read(t, f, &d) : kv_dateutil_read(t, &d);
    if (outcome == KV_DATE_OK) {
        kv_buf_printf(out, "\"date\":[\"%04d-%02d-%02dT%02d:%02d:%02d.%06d\",", d.year, d.month,
            d.day, d.hour, d.minute, d.second, d.microsecond);
        kv_buf_printf(out, d.zoned ? "%d]" : "null]", d.offset);
    } else {
        kv_buf_printf(out, "\"date\":%s", outcomes[outcome]);
    }
    kv_buf_release(&text);
    kv_buf_release(&format);
}

static void ask_reply(struct kv_slice question, struct kv_buf *out)
{
    struct kv_buf text = {0}, reply = {0}, words = {0};
    struct kv_slice names[16], list, item;
    struct kv_wanted wanted = {.names = names};
    struct kv_json_walk w;
    struct kv_err err;
    kv_json_get(question, "names", &list);
    kv_buf_reserve(&words, list.n + 1); /* names point into it */
    kv_json_begin(&w, list);
    while (wanted.n < 16 && kv_json_item(&w, &item)) {
        size_t start = words.n;
        kv_json_unescape(item, &words);
        names[wanted.n++] = (struct kv_slice){words.p + start, words.n - start};
    }
    if (kv_reply_object(text_of(question, "text", &text), &wanted, &reply, &err) != 0)
        answer_error(out, &err);
    else
        answer_text(out, "reply", kv_slice_of(&reply));
    kv_buf_release(&text);
    kv_buf_release(&reply);
    kv_buf_release(&words);
}

static void ask_message(struct kv_slice question, struct kv_buf *out)
{
    struct kv_buf text = {0};
    struct kv_slice message;
    struct kv_err err;
    if (kv_extract_message(text_of(question, "text", &text), &message, &err) != 0)
        answer_error(out, &err);
    else
        answer_text(out, "message", message);
    kv_buf_release(&text);
}

static void ask(struct kv_slice value, struct kv_buf *out)
{
    static const struct {
        const char *op;
        void (*answer)(struct kv_slice question, struct kv_buf *out);
    } ops[] = {{"pattern", ask_pattern}, {"quick", ask_quick}, {"date", ask_date},
        {"reply", ask_reply}, {"message", ask_message}};
    struct kv_slice op;
    kv_json_get(value, "op", &op);
    kv_buf_add_char(out, '{');
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (op.n && kv_json_string_is(op, ops[i].op))
            ops[i].answer(value, out);
    kv_buf_add_char(out, '}');
}

int kvtest_facts(int argc, char **argv)
{
    struct kv_cli cli;
    const struct kv_option options[] = {{0}};
    kv_cli_begin(&cli, argc, argv, options, "usage: kvtest facts < QUESTIONS\n");
    filter(KV_JSON_STRICT, ask);
    return kv_cli_end(KV_OK);
}
