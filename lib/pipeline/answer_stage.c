/* answer_stage - the first stage of a task: the answering model's answer, wherever it comes from.
 */
#include "answer_stage.h"

#include "extract.h"
#include "json.h"
#include "json_out.h"
#include "num.h"
#include "reformat.h"
#include "remarks.h"
#include "task.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define HEADER "--- AI Message ---\n" /* of a plain answer's trace: lib/pipeline/README.md */
static const char placeholder[] = "Model call failed after "; /* lib/pipeline/README.md */

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void kv_answer_stage_display(struct kv_buf *out, const struct kv_model *model, bool judge)
{
    struct kv_identity who;
    kv_identity_of(model, judge ? KV_PARSING : KV_ANSWERING, &who);
    kv_identity_add_display(out, &who);
}

/* Two texts as one; borrows where one of them is all. */
static struct kv_slice join(struct kv_slice first, struct kv_slice last, struct kv_buf *joined)
{
    if (!first.n || !last.n)
        return first.n ? first : last;
    kv_buf_add_slice(joined, first);
    kv_buf_add_str(joined, "\n\n");
    kv_buf_add_slice(joined, last);
    return kv_slice_of(joined);
}

/* The question behind its examples; an example that lacks either half is passed over. */
static void add_question(const struct kv_prepared_question *s, struct kv_buf *out)
{
    struct kv_json_walk w;
    struct kv_slice example;
    struct kv_buf question = {0}, answer = {0};
    kv_json_begin(&w, kv_slice_of(&s->examples));
    while (kv_json_item(&w, &example)) {
        kv_buf_clear(&question);
        kv_buf_clear(&answer);
        if (!kv_json_add_text(&question, example, "question") ||
            !kv_json_add_text(&answer, example, "answer"))
            continue;
        kv_buf_add_str(out, "Question: ");
        kv_buf_add_slice(out, kv_slice_of(&question));
        kv_buf_add_str(out, "\nAnswer: ");
        kv_buf_add_slice(out, kv_slice_of(&answer));
        kv_buf_add_str(out, "\n\n");
    }
    kv_buf_release(&question);
    kv_buf_release(&answer);
    kv_buf_add_str(out, "Question: ");
    kv_buf_add_slice(out, s->question->text);
    kv_buf_add_str(out, "\nAnswer:");
}

/* A message up to its text, and what follows that. */
#define MESSAGE(role) KV_SLICE("{\"role\":\"" role "\",\"content\":")

static void end_message(struct kv_buf *out, int index)
{
    kv_buf_add_slice(out, KV_SLICE(",\"block_index\":"));
    kv_buf_add_int(out, index);
    kv_buf_add_char(out, '}');
}

static void write_context(struct kv_answer_stage *a)
{
    struct kv_buf *out = &a->context;
    int index = 0;
    kv_buf_reserve(out, a->system.n + a->user.n + 128); /* what it takes without escapes */
    kv_buf_add_char(out, '[');
    if (a->system.n) {
        kv_buf_add_slice(out, MESSAGE("system"));
        kv_json_quote(out, a->system, KV_JSON_RAW);
        end_message(out, index++);
        kv_buf_add_char(out, ',');
    }
    kv_buf_add_slice(out, MESSAGE("user"));
    if (a->examples.n)
        kv_json_quote(out, a->user, KV_JSON_RAW);
    else
        kv_buf_add_slice(out, kv_slice_of(&a->prepared->text_json));
    end_message(out, index);
    kv_buf_add_char(out, ']');
}

static void write_messages(struct kv_answer_stage *a)
{
    a->system =
        join(a->model->system_prompt, a->shared->config->prompts.generation, &a->joined_system);
    a->user = a->prepared->question->text;
    if (a->prepared->example_count) {
        add_question(a->prepared, &a->examples);
        a->user = kv_slice_of(&a->examples);
    }
    write_context(a);
}

void kv_answer_stage_init(struct kv_answer_stage *a, const struct kv_pipeline_shared *shared,
    const struct kv_prepared_question *prepared, const struct kv_model *model, int64_t replicate)
{
    memset(a, 0, offsetof(struct kv_answer_stage, raw));
    a->shared = shared;
    a->prepared = prepared;
    a->model = model;
    a->replicate = replicate;
    a->start = time(NULL);
    a->start_us = now_us();
    a->category = KV_RETRY_NEVER;
    a->live = (struct kv_stage_usage){.stage = "answer_generation", .used = KV_USAGE_UNKNOWN};
    if (!prepared->template_error)
        write_messages(a);
}

void kv_answer_stage_clear(struct kv_answer_stage *a)
{
    kv_buf_release(&a->error);
    kv_buf_release(&a->usage);
    kv_buf_release(&a->cut_reason);
    kv_buf_release(&a->joined_system);
    kv_buf_release(&a->examples);
    kv_buf_release(&a->notes);
    kv_stage_words_release(&a->words);
    kv_buf_reuse(&a->raw, KV_TEXT_KEPT);
    kv_buf_reuse(&a->trace, KV_TEXT_KEPT);
    kv_buf_reuse(&a->context, KV_TEXT_KEPT);
    kv_buf_reuse(&a->metrics, KV_TEXT_KEPT);
}

void kv_answer_stage_release(struct kv_answer_stage *a)
{
    kv_answer_stage_clear(a);
    kv_buf_release(&a->raw);
    kv_buf_release(&a->trace);
    kv_buf_release(&a->context);
    kv_buf_release(&a->metrics);
}

/* ---- recorded answers ---- */

static void fail(struct kv_answer_stage *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void fail(struct kv_answer_stage *a, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    kv_buf_vprintf(&a->error, format, ap);
    va_end(ap);
    a->failed = true;
}

static void take_trace(struct kv_answer_stage *a)
{
    struct kv_slice text;
    if (kv_traces_find(a->shared->traces, a->prepared->question->text, &text)) {
        kv_buf_add_slice(&a->raw, text);
        kv_buf_add_str(&a->metrics, "{\"iterations\":1,\"limit_reached\":false}");
        a->used = a->usage_unavailable = true;
        return;
    }
    char hash[KV_MD5_HEX + 1];
    kv_digest_md5(a->prepared->question->text, hash);
    fail(a,
        "Adapter call failed: ManualTraceNotFoundError: No manual trace found for hash: '%s'. "
        "Loaded %zu trace(s).",
        hash, kv_traces_count(a->shared->traces));
}

static void take_entry(struct kv_answer_stage *a, const struct kv_recorded_entry *e)
{
    a->replayed = e;
    kv_buf_add_slice(&a->raw, e->raw_trace);
    if (e->trace_messages.n)
        kv_json_compact(&a->trace, e->trace_messages);
    if (e->usage.n)
        kv_json_compact(&a->usage, e->usage);
    if (e->metrics.n)
        kv_json_compact(&a->metrics, e->metrics);
    a->used = e->usage.n > 0;
}

static struct kv_slice display(const struct kv_answer_stage *a)
{
    return kv_model_names_answerer(a->shared->names, a->model)->display;
}

/* A replay store answers first; with a strict one, a miss is an error. */
static bool take_replay(struct kv_answer_stage *a)
{
    struct kv_slice model = display(a);
    const struct kv_recorded_entry *e =
        kv_recorded_find(a->shared->replay, a->prepared->question->id, model, a->replicate);
    bool strict = kv_recorded_strict(a->shared->replay);
    if (e || strict) /* no model is asked, so there is no conversation */
        kv_buf_clear(&a->context);
    if (e)
        take_entry(a, e);
    else if (strict)
        fail(a, "Replay strict miss: No replay entry for question_id='%s' answering_model_id='%s'",
            a->prepared->question->id.p, model.p);
    return e || strict;
}

bool kv_answer_stage_known(struct kv_answer_stage *a)
{
    if (a->prepared->template_error)
        return true;
    if (a->shared->replay && take_replay(a))
        return true;
    if (!kv_slice_is(a->model->interface, "manual"))
        return false;
    if (a->shared->traces)
        take_trace(a);
    else
        fail(a, "Adapter call failed: no manual traces were given");
    return true;
}

/* Of a foreign row, which may have NaN: a new one has null. */
static void keep_compact(struct kv_slice object, const char *key, struct kv_buf *out)
{
    struct kv_slice v;
    kv_buf_clear(out);
    if (kv_json_get(object, key, &v) && !kv_json_is_null(v))
        kv_reformat(out, v, KV_REFORMAT_COMPACT);
}

bool kv_answer_stage_recall(struct kv_answer_stage *a, struct kv_slice row)
{
    struct kv_slice block, v;
    kv_json_get(row, "template", &block);
    if (!kv_json_get(block, "raw_llm_response", &v) || kv_json_type(v) != KV_JSON_STRING)
        return false;
    kv_buf_clear(&a->raw);
    kv_json_unescape(v, &a->raw);
    if (kv_slice_strip(kv_slice_of(&a->raw)).n == 0) {
        kv_buf_clear(&a->raw); /* it is asked for, and what comes is added here */
        return false;
    }
    kv_json_get(block, "response_timeout_partial", &v);
    a->partial = kv_json_is_true(v);
    kv_json_get(block, "usage_unavailable", &v);
    a->usage_unavailable = kv_json_is_true(v);
    keep_compact(block, "trace_messages", &a->trace);
    if (kv_json_get(block, "conversation_context", &v) && kv_json_count(v))
        keep_compact(block, "conversation_context", &a->context);
    keep_compact(block, "agent_metrics", &a->metrics);
    if (kv_json_path(block, &v, "usage_metadata", "answer_generation", NULL) &&
        !kv_json_is_null(v)) {
        kv_json_out_object(&a->usage, NULL);
        kv_json_out_key(&a->usage, "answer_generation");
        kv_reformat(&a->usage, v, KV_REFORMAT_COMPACT);
        kv_buf_add_char(&a->usage, '}');
        a->used = true;
    }
    if (kv_json_path(row, &v, "metadata", "warnings", NULL))
        kv_remarks_recall(&a->notes, v);
    a->recalled = true;
    return true;
}

/* ---- a live call ---- */

void kv_answer_stage_query(struct kv_answer_stage *a, struct kv_query *query)
{
    *query = (struct kv_query){.stage = "answer_generation", .temperature = a->model->temperature};
    if (a->system.n)
        query->messages[query->count++] = (struct kv_message){KV_SPEAKER_SYSTEM, a->system};
    query->messages[query->count++] = (struct kv_message){KV_SPEAKER_USER, a->user};
}

/* What it used and how it ended is known also of a reply without an answer in it. */
static void take_usage(struct kv_answer_stage *a, const struct kv_answer *r)
{
    a->live.used = r->used;
    a->live.dropped = kv_remarks_dropped(r);
    kv_stage_words_put(&a->words, r->served, r->tier, r->finish, &a->live);
    kv_stage_words_place(&a->words, r->asked_at, &a->live);
    a->usage_unavailable = !kv_usage_known(&r->used) || r->used.in_total + r->used.out_total == 0;
    a->used = true;
    kv_remarks_on_answer(&a->notes, r, a->model->model_name);
}

/* Three of them: more would be noise. */
static double round_to_figures(double x)
{
    double unit = pow(10, floor(log10(x)) - 2);
    return unit < 1 ? round(x / unit) / round(1 / unit) : round(x / unit) * unit;
}

/* karenina keeps what others write into this object. */
static void write_metrics(struct kv_answer_stage *a, const struct kv_answer *r)
{
    struct kv_buf *m = &a->metrics;
    kv_buf_add_slice(m, KV_SLICE("{\"iterations\":1,\"limit_reached\":false"));
    if (r->measured)
        kv_json_out_number(m, "kv_first_token_seconds", r->first_token_s);
    if (r->tokens_per_s > 0)
        kv_json_out_number(m, "kv_tokens_per_second", round_to_figures(r->tokens_per_s));
    if (r->measured)
        kv_json_out_int(m, "kv_attempts", r->attempts);
    kv_buf_add_char(m, '}');
}

static void take_part(struct kv_answer_stage *a, const struct kv_answer *r)
{
    kv_buf_add_slice(&a->raw, KV_SLICE(HEADER));
    kv_buf_add_slice(&a->raw, r->text);
    a->partial = true;
    a->usage_unavailable = !kv_usage_known(&r->used);
    if (r->category != KV_RETRY_TIMEOUT)
        kv_buf_printf(&a->cut_reason, "The answer was cut off: %.*s", (int)r->error.n, r->error.p);
}

static void take_text(struct kv_answer_stage *a, const struct kv_answer *r)
{
    const char *why = kv_remarks_no_text(r);
    take_usage(a, r);
    if (why) {
        fail(a, "%s", why);
        return;
    }
    kv_buf_reserve(&a->raw, sizeof HEADER + r->text.n);
    kv_buf_add_slice(&a->raw, KV_SLICE(HEADER));
    kv_buf_add_slice(&a->raw, r->text);
    kv_buf_reserve(&a->trace, r->text.n + 64); /* what it takes without escapes */
    kv_buf_add_char(&a->trace, '[');
    kv_buf_add_slice(&a->trace, MESSAGE("assistant"));
    kv_json_quote(&a->trace, r->text, KV_JSON_RAW);
    end_message(&a->trace, 0);
    kv_buf_add_char(&a->trace, ']');
    write_metrics(a, r);
}

void kv_answer_stage_take(struct kv_answer_stage *a, const struct kv_answer *r)
{
    memcpy(a->retries, r->retries, sizeof a->retries);
    if (r->kind == KV_ANSWER_TEXT) {
        take_text(a, r);
    } else if (r->kind == KV_ANSWER_FAILED && r->partial) {
        take_part(a, r);
    } else {
        a->withheld = r->kind == KV_ANSWER_WITHHELD;
        a->category = r->category;
        fail(a, "Adapter call failed: %.*s: %.*s", (int)r->error_type.n, r->error_type.p,
            (int)r->error.n, r->error.p);
    }
}

int kv_answer_stage_shown(
    const struct kv_answer_stage *a, struct kv_slice *text, struct kv_err *err)
{
    *text = kv_slice_of(&a->raw);
    return a->shared->config->full_trace_for_template ? 0 : kv_extract_message(*text, text, err);
}

/* ---- what a result says of it ---- */

bool kv_answer_stage_is_placeholder(const struct kv_answer_stage *a)
{
    struct kv_slice message;
    return a->trace.n && kv_extract_message(kv_slice_of(&a->raw), &message, NULL) == 0 &&
           kv_slice_starts(message, placeholder);
}

/* The tokens of an answer that was recorded elsewhere, as they stand there. */
static void recall_usage(
    const struct kv_answer_stage *a, struct kv_result_builder *r, struct kv_buf *model)
{
    struct kv_slice stage, v;
    struct kv_stage_usage u = {.stage = "answer_generation", .model = display(a)};
    if (!kv_json_get(kv_slice_of(&a->usage), "answer_generation", &stage))
        return;
    if (kv_json_get(stage, "model", &v) && kv_json_type(v) == KV_JSON_STRING) {
        kv_json_unescape(v, model);
        u.model = kv_slice_of(model);
    }
    kv_stage_usage_read(&u, stage);
    kv_result_builder_use(r, &u);
}

void kv_answer_stage_record(const struct kv_answer_stage *a, struct kv_result_builder *r,
    struct kv_buf *model, struct kv_buf *note)
{
    r->raw_llm_response = kv_slice_of(&a->raw);
    r->trace_json = kv_slice_of(&a->trace);
    r->context_json = kv_slice_of(&a->context);
    r->agent_metrics_json = kv_slice_of(&a->metrics);
    r->usage_unavailable = a->usage_unavailable;
    r->response_timeout_partial = a->partial;
    if (a->used && !a->usage.n) { /* also without tokens: that it was asked is worth knowing */
        r->has_usage = true;
        r->usage[r->usage_count] = a->live;
        r->usage[r->usage_count++].model = display(a);
    }
    if (a->usage.n)
        recall_usage(a, r, model);
    if (a->partial) {
        size_t characters = 0;
        struct kv_slice text = kv_slice_of(&a->raw);
        kv_extract_message(text, &text, &(struct kv_err){0});
        for (size_t i = 0; i < text.n; i++)
            characters += ((unsigned char)text.p[i] & 0xC0) != 0x80;
        kv_buf_printf(note,
            "Response truncated by streaming timeout after retries (%zu chars captured)",
            characters);
        r->caveats |= KV_CAVEAT_PARTIAL_CONTENT;
        kv_result_builder_warn(r, kv_slice_of(note));
        if (a->cut_reason.n)
            kv_result_builder_warn(r, kv_slice_of(&a->cut_reason));
    }
}

double kv_answer_stage_seconds(const struct kv_answer_stage *a)
{
    int64_t us = now_us() - a->start_us;
    return us > 0 ? (double)us / 1e6 : 0;
}
