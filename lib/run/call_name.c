/* call_name - what a pending query is called by where it is found again in another run. */
#include "call_name.h"

#include "json.h"
#include "task.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* A rubric takes several calls: those of a trait are named after it. A task that is done again after
 * a failed row asks anew, though it asks the same. */
static void add_purpose(struct kv_buf *out, const struct kv_query *q, uint64_t again)
{
    static const char *const names[][2] = {{"answer_generation", "answer"},
        {"abstention_check", "abstention"}, {"sufficiency_check", "sufficiency"},
        {"parsing", "parse"}, {"rubric_evaluation", "rubric"}};
    const char *purpose = q->stage;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i][0], q->stage) == 0)
            purpose = names[i][1];
    kv_buf_add_str(out, purpose);
    if (q->trait)
        kv_buf_printf(out, "/%s", q->trait);
    if (q->trait && q->schema_name && strcmp(q->schema_name, "ConfusionMatrixOutput") == 0)
        kv_buf_add_str(out, "/metric"); /* a trait of another kind may have its name */
    if (again)
        kv_buf_printf(out, "@%" PRIu64, again);
}

/* ---- settings ---- */

static bool ends_with(struct kv_slice key, const char *end)
{
    size_t n = strlen(end);
    return key.n >= n + 2 && strncasecmp(key.p + key.n - 1 - n, end, n) == 0;
}

/* Where a model is asked, and by whom, does not change what it is asked. `key` has its quotes. */
static bool is_of_place(struct kv_slice key)
{
    static const char *const ends[] = {"url", "key", "api_base", "headers", "unix_socket", NULL};
    for (const char *const *e = ends; *e; e++)
        if (ends_with(key, *e))
            return true;
    return false;
}

void kv_call_name_add_settings(struct kv_buf *out, struct kv_slice value)
{
    struct kv_json_walk w;
    struct kv_slice key, inner;
    bool begun = false;
    if (kv_json_type(value) != KV_JSON_OBJECT) {
        kv_json_compact(out, value);
        return;
    }
    kv_buf_add_char(out, '{');
    kv_json_begin(&w, value);
    while (kv_json_member(&w, &key, &inner)) {
        if (is_of_place(key))
            continue;
        if (begun)
            kv_buf_add_char(out, ',');
        begun = true;
        kv_buf_add_slice(out, key);
        kv_buf_add_char(out, ':');
        kv_call_name_add_settings(out, inner);
    }
    kv_buf_add_char(out, '}');
}

/* ---- names ---- */

void kv_call_name(struct kv_pending_query *e, const struct kv_call_about *of)
{
    struct kv_buf text[5] = {{0}};
    struct kv_identity who;
    add_purpose(&text[0], &e->query, of->again);
    kv_identity_of(of->answering, KV_ANSWERING, &who);
    kv_identity_add_key(&text[1], &who);
    if (e->endpoint->judge) {
        kv_identity_of(e->endpoint->model, KV_PARSING, &who);
        kv_identity_add_key(&text[2], &who);
    }
    if (of->replicate != KV_NO_REPLICATE)
        kv_buf_printf(&text[3], "%" PRId64, of->replicate);
    kv_call_name_add_settings(&text[4], e->endpoint->model->json);
    const struct kv_call_name name = {.nonce = kv_slice(of->nonce),
        .purpose = kv_slice_of(&text[0]),
        .question = of->question,
        .answering = kv_slice_of(&text[1]),
        .judging = kv_slice_of(&text[2]),
        .replicate = kv_slice_of(&text[3]),
        .number = e->query.number,
        .answer = of->answer,
        .settings = kv_slice_of(&text[4])};
    kv_call_id(&name, e->call_id);
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        kv_buf_release(&text[i]);
}

int kv_call_name_nonce(
    const struct kv_state *state, char nonce[KV_CALL_NONCE + 1], struct kv_err *err)
{
    const struct kv_state_info *info = kv_state_info(state);
    struct kv_ledger *l = kv_ledger_open(info->paths, err);
    if (!l)
        return -1;
    kv_ledger_set_run(l, info);
    memcpy(nonce, kv_ledger_nonce(l), KV_CALL_NONCE + 1);
    bool other = kv_ledger_is_of_another(l, info);
    if (other)
        kv_err_set(err, KV_INPUT,
            "%s: of another run than %s, as is %s.replies then: move them away, or put its own "
            "back",
            kv_ledger_path(l), info->paths->state, info->paths->output);
    kv_ledger_close(l);
    return other ? -1 : 0;
}
