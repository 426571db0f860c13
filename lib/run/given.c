/* given - requests that are sent as they are given, and their results. */
#include "given.h"

#include "failure.h"
#include "io.h"
#include "json.h"
#include "json_out.h"
#include "private_members.h"
#include "reply_usage.h"
#include "rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int kv_given_open(struct kv_requests *r, const struct kv_state *state,
    const struct kv_config *config, struct kv_err *err)
{
    struct kv_problems problems = {0};
    struct kv_slice member, digest;
    kv_state_member(state, KV_MEMBER_REQUESTS, &member);
    char *path = kv_json_strdup(member);
    int failed = kv_io_is_stream(path) ? kv_err_set(err, KV_INPUT, "%s: not a regular file", path)
                                       : kv_requests_open(r, path, config, NULL, &problems, err);
    bool same = !failed && kv_state_member(state, KV_MEMBER_REQUESTS_DIGEST, &digest) &&
                kv_json_string_is(digest, r->digest);
    if (!failed && !same)
        failed = kv_err_set(err, KV_INPUT,
            "%s: has other requests than the run was begun with; put that right, or begin a new "
            "one",
            path);
    kv_problems_release(&problems);
    free(path);
    return failed;
}

/* ---- asking ---- */

/* The place of a path at a model: behind the base of its URL, which has the version already where it
 * is one of OpenAI's kind. */
static void add_url(struct kv_buf *out, const char *asked, struct kv_slice path)
{
    static const struct {
        const char *tail;
        bool versioned;
    } tails[] = {{"/chat/completions", true}, {"/responses", true}, {"/v1/messages", false},
        {"/v1beta/models/", false}};
    size_t whole = strcspn(asked, "?"), end = whole;
    bool versioned = false;
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        const char *at = memmem(asked, whole, tails[i].tail, strlen(tails[i].tail));
        if (at && (size_t)(at - asked) < end) {
            end = (size_t)(at - asked);
            versioned = tails[i].versioned;
        }
    }
    if (versioned && kv_slice_starts(path, "/v1/"))
        path = (struct kv_slice){path.p + 3, path.n - 3};
    kv_buf_add(out, asked, end);
    kv_buf_add_slice(out, path);
    kv_buf_add_str(out, asked + whole);
}

void kv_given_begin(struct kv_given *g, const struct kv_endpoint *e,
    const struct kv_request_line *request, struct kv_query *query)
{
    enum kv_protocol_kind wire = KV_PROTOCOL_OPENAI;
    kv_buf_clear(&g->body);
    kv_buf_clear(&g->url);
    kv_buf_clear(&g->path);
    kv_json_unescape(request->url, &g->path);
    kv_request_line_wire(kv_slice_of(&g->path), &wire);
    kv_buf_add_slice(&g->body, request->body);
    add_url(&g->url, e->provider.chat->place.url, kv_slice_of(&g->path));
    *query = (struct kv_query){.stage = "answer_generation",
        .messages[0] = {KV_SPEAKER_USER, kv_slice_of(&g->body)},
        .count = 1,
        .given = kv_slice_of(&g->body),
        .url = g->url.p,
        .path = kv_slice_of(&g->path),
        .wire = wire};
}

void kv_given_release(struct kv_given *g)
{
    kv_buf_release(&g->body);
    kv_buf_release(&g->url);
    kv_buf_release(&g->path);
}

/* ---- results ---- */

static void begin_line(struct kv_buf *line, struct kv_slice key)
{
    struct kv_digest128 id = kv_digest_128(key);
    struct kv_buf name = {0};
    kv_buf_printf(&name, "kv_req_%016" PRIx64 "%016" PRIx64, id.hi, id.lo);
    kv_json_out_object(line, NULL);
    kv_json_out_text(line, "id", kv_slice_of(&name));
    kv_json_out_text(line, "custom_id", key);
    kv_buf_release(&name);
}

/* LiteLLM says it in a header, which a result does not hold. */
static bool says_cost(struct kv_slice response)
{
    struct kv_stage_usage said = {0};
    kv_reply_usage_read(&said, kv_json_find(response, "body"));
    return !isnan(said.used.cost);
}

void kv_given_add_result(
    struct kv_buf *line, struct kv_slice key, struct kv_slice response, const struct kv_usage *used)
{
    begin_line(line, key);
    kv_json_out_json(line, "response", response);
    kv_json_out_null(line, "error");
    kv_json_out_text(line, "task_id", key);
    if (!isnan(used->cost) && !says_cost(response))
        kv_json_out_number(line, "kv_cost", used->cost);
    if (isnan(used->cost) && !isnan(used->priced))
        kv_json_out_number(line, "kv_priced", used->priced);
    kv_buf_add_str(line, "}\n");
}

/* "400 bad_request: …" has the code in front. */
static void add_error(struct kv_buf *line, struct kv_slice why)
{
    struct kv_slice code = kv_slice(kv_failure_name(KV_FAIL_UNEXPECTED_ERROR));
    const char *colon = why.n ? memchr(why.p, ':', why.n) : NULL;
    size_t digits = 0;
    while (colon && digits < why.n && why.p[digits] >= '0' && why.p[digits] <= '9')
        digits++;
    if (digits == 3 && why.p[3] == ' ')
        code = (struct kv_slice){why.p + 4, (size_t)(colon - why.p) - 4};
    kv_json_out_object(line, "error");
    kv_json_out_text(line, "code", code);
    kv_json_out_text(line, "message", why);
    kv_buf_add_char(line, '}');
}

void kv_given_add_failure(struct kv_buf *line, struct kv_slice key, struct kv_slice why)
{
    begin_line(line, key);
    kv_json_out_null(line, "response");
    add_error(line, why);
    kv_json_out_text(line, "task_id", key);
    kv_failure_add_unexpected(line, "request", why);
    kv_buf_add_str(line, "}\n");
}

/* ---- what earlier runs used ---- */

static struct kv_slice plain(struct kv_slice json, struct kv_buf *text)
{
    kv_buf_clear(text);
    kv_buf_reserve(text, 1);
    if (kv_json_type(json) == KV_JSON_STRING)
        kv_json_unescape(json, text);
    return kv_slice_of(text);
}

struct counting {
    const struct kv_requests *requests;
    const struct kv_pricing *pricing;
    struct kv_buf text[2];
};

static void count_row(struct kv_spending *s, void *closure, struct kv_slice row)
{
    struct counting *c = closure;
    struct kv_stage_usage u = {0};
    struct kv_slice id;
    kv_json_get(row, "task_id", &id);
    const struct kv_requests_line *line = kv_requests_find(c->requests, plain(id, &c->text[0]));
    if (!line || !kv_reply_usage_of_result(&u, row) ||
        (!kv_usage_known(&u.used) && isnan(u.used.cost)))
        return;
    double cost = kv_pricing_cost(c->pricing, &c->pricing->answering[line->model], &u.used,
        plain(u.served, &c->text[0]), plain(u.tier, &c->text[1]));
    s->tokens += (double)kv_stage_usage_input(&u) + (double)kv_stage_usage_output(&u);
    s->cost += isnan(cost) ? 0 : cost;
    s->unpriced += c->pricing->prices && isnan(cost);
}

int kv_given_spent(struct kv_spending *spent, const struct kv_requests *requests,
    const struct kv_pricing *pricing, const struct kv_state *state, struct kv_err *err)
{
    struct counting c = {.requests = requests, .pricing = pricing};
    int failed = kv_spending_read_by(spent, state, count_row, &c, err);
    kv_buf_release(&c.text[0]);
    kv_buf_release(&c.text[1]);
    return failed;
}
