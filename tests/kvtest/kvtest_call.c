/* kvtest call - names of calls, and the lines in which requests and replies travel.
 *
 *     kvtest call id       {"nonce","purpose","question","answering","judging","replicate","number",
 *                          "answer","settings"} -> the id
 *     kvtest call nonce    {"created_at","config_hash"} -> the nonce
 *     kvtest call request  a request line -> {"id","url","wire","model"} or {"error"}
 *     kvtest call reply    a reply line -> {"id","end","success","status","body"} or {"error"}
 *     kvtest call write    a reply line -> the same in OpenAI's form, from part 7
 *     kvtest call kept     an answer as the journal has it, of whose text a byte may be "cut" -> it as it
 *                          is read back, a line, and as it is copied
 *
 * One line of output a line of input; the input is the member "in" of the line if it has one.
 */
#include "kvtest.h"

#include "answer_json.h"
#include "call_id.h"
#include "filter.h"
#include "num.h"
#include "reply_line.h"
#include "request_line.h"

#include <string.h>

static struct kv_slice case_of(struct kv_slice line)
{
    struct kv_slice in;
    return kv_json_get(line, "in", &in) ? in : line;
}

static struct kv_slice text_at(struct kv_slice line, const char *name, struct kv_buf *text)
{
    struct kv_slice value;
    if (kv_json_get(line, name, &value))
        kv_json_unescape(value, text);
    return kv_slice_of(text);
}

static void answer_id(struct kv_slice line, struct kv_buf *out)
{
    struct kv_buf text[8] = {{0}};
    struct kv_slice value;
    int64_t number = 0;
    char id[KV_CALL_ID + 1];
    if (kv_json_get(line, "number", &value))
        kv_num_int64(value, &number);
    const struct kv_call_name name = {.nonce = text_at(line, "nonce", &text[0]),
        .purpose = text_at(line, "purpose", &text[1]),
        .question = text_at(line, "question", &text[2]),
        .answering = text_at(line, "answering", &text[3]),
        .judging = text_at(line, "judging", &text[4]),
        .replicate = text_at(line, "replicate", &text[5]),
        .number = (int)number,
        .answer = text_at(line, "answer", &text[6]),
        .settings = text_at(line, "settings", &text[7])};
    kv_call_id(&name, id);
    kv_buf_add_str(out, id);
    for (size_t i = 0; i < 8; i++)
        kv_buf_release(&text[i]);
}

static void answer_nonce(struct kv_slice line, struct kv_buf *out)
{
    struct kv_buf text[2] = {{0}};
    char nonce[KV_CALL_NONCE + 1];
    kv_call_nonce(
        text_at(line, "created_at", &text[0]), text_at(line, "config_hash", &text[1]), nonce);
    kv_buf_add_str(out, nonce);
    kv_buf_release(&text[0]);
    kv_buf_release(&text[1]);
}

static void add_error(struct kv_buf *out, const struct kv_err *err)
{
    kv_buf_add_str(out, "{\"error\":");
    kv_json_quote_str(out, err->text);
    kv_buf_add_char(out, '}');
}

static void answer_request(struct kv_slice line, struct kv_buf *out)
{
    struct kv_request_line r;
    struct kv_err err;
    struct kv_buf url = {0};
    enum kv_protocol_kind wire;
    if (kv_request_line_read(&r, case_of(line), &err) != 0) {
        add_error(out, &err);
        return;
    }
    kv_json_unescape(r.url, &url);
    bool known = kv_request_line_wire(kv_slice_of(&url), &wire);
    kv_buf_printf(
        out, "{\"id\":%.*s,\"url\":%.*s,\"wire\":", (int)r.id.n, r.id.p, (int)r.url.n, r.url.p);
    kv_json_quote_str(out, known ? kv_request_line_wire_name(wire) : NULL);
    kv_buf_printf(
        out, ",\"model\":%.*s}", r.model.n ? (int)r.model.n : 4, r.model.n ? r.model.p : "null");
    kv_buf_release(&url);
}

static void answer_reply(struct kv_slice line, struct kv_buf *out)
{
    static const char *const ends[] = {"came", "expired", "cancelled"};
    struct kv_reply_line r = {0};
    struct kv_err err;
    if (kv_reply_line_read(&r, case_of(line), &err) != 0) {
        add_error(out, &err);
    } else {
        kv_buf_add_str(out, "{\"id\":");
        kv_json_quote(out, kv_slice_of(&r.id), KV_JSON_RAW);
        kv_buf_printf(out,
            ",\"end\":\"%s\",\"success\":%s,\"chat\":%s,\"status\":%d,\"body\":", ends[r.end],
            r.success ? "true" : "false", r.chat ? "true" : "false", r.status);
        kv_json_compact(out, r.body.n ? r.body : KV_SLICE("null"));
        kv_buf_add_char(out, '}');
    }
    kv_reply_line_release(&r);
}

static void answer_write(struct kv_slice line, struct kv_buf *out)
{
    static const struct kv_reply_from from = {
        .part = 7, .batch = "b-1", .tier = "batch", .at = "2026-01-02T03:04:05Z"};
    struct kv_reply_line r = {0};
    struct kv_err err;
    if (kv_reply_line_read(&r, case_of(line), &err) != 0)
        add_error(out, &err);
    else
        kv_reply_line_write(out, &r, &from);
    if (out->n && out->p[out->n - 1] == '\n')
        kv_buf_cut(out, out->n - 1, 1);
    kv_reply_line_release(&r);
}

static void answer_kept(struct kv_slice line, struct kv_buf *out)
{
    struct kv_kept_answer from = {0}, read = {0}, copied = {0};
    struct kv_buf json = {0};
    struct kv_slice value;
    kv_answer_json_read(&from, line);
    struct kv_answer answer = from.answer;
    answer.text.n -= kv_json_get(line, "cut", &value);
    struct kv_slice text = kv_answer_json_add(&json, &answer);
    kv_answer_json_read(&read, kv_slice_of(&json));
    kv_kept_answer_copy(&copied, &answer, text);
    kv_answer_json_add(out, &read.answer);
    kv_buf_add_char(out, '\n');
    kv_answer_json_add(out, &copied.answer);
    kv_kept_answer_release(&from);
    kv_kept_answer_release(&read);
    kv_kept_answer_release(&copied);
    kv_buf_release(&json);
}

int kvtest_call(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*answer)(struct kv_slice line, struct kv_buf *out);
    } all[] = {{"id", answer_id}, {"nonce", answer_nonce}, {"request", answer_request},
        {"reply", answer_reply}, {"write", answer_write}, {"kept", answer_kept}};
    for (size_t i = 0; argc > 1 && i < sizeof all / sizeof *all; i++)
        if (strcmp(argv[1], all[i].name) == 0) {
            filter(KV_JSON_STRICT, all[i].answer);
            return 0;
        }
    return 2;
}
