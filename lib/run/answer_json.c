/* answer_json - an answer as a JSON object, and back. */
#include "answer_json.h"

#include "json.h"
#include "json_out.h"
#include "num.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The counts of struct kv_usage, by the names of their members. */
static const struct {
    const char *name;
    size_t at;
} counts[] = {
    {"in", offsetof(struct kv_usage, in_total)},
    {"in_read", offsetof(struct kv_usage, in_read)},
    {"in_write", offsetof(struct kv_usage, in_write)},
    {"in_write_1h", offsetof(struct kv_usage, in_write_1h)},
    {"out", offsetof(struct kv_usage, out_total)},
    {"out_reasoning", offsetof(struct kv_usage, out_reasoning)},
    {"in_fresh", offsetof(struct kv_usage, in_fresh)},
};
enum { COUNTS = sizeof counts / sizeof *counts };

/* What is true of the answer. */
static const struct {
    const char *name;
    size_t at;
} flags[] = {
    {"another", offsetof(struct kv_answer, another)},
    {"thought", offsetof(struct kv_answer, thought)},
    {"no_temperature", offsetof(struct kv_answer, no_temperature)},
    {"folded_system", offsetof(struct kv_answer, folded_system)},
    {"measured", offsetof(struct kv_answer, measured)},
    {"only_remarks", offsetof(struct kv_answer, only_remarks)},
};
enum { FLAGS = sizeof flags / sizeof *flags };

static int64_t *count_of(struct kv_usage *u, size_t i)
{
    return (int64_t *)(void *)((char *)u + counts[i].at);
}

static bool *flag_of(struct kv_answer *a, size_t i)
{
    return (bool *)(void *)((char *)a + flags[i].at);
}

/* ---- writing ---- */

static void add_text(struct kv_buf *out, const char *name, struct kv_slice text)
{
    if (text.n)
        kv_json_out_text(out, name, text);
}

static void add_money(struct kv_buf *out, const char *name, double amount)
{
    if (!isnan(amount))
        kv_json_out_number(out, name, amount);
}

static void add_usage(struct kv_buf *out, struct kv_usage used)
{
    kv_json_out_object(out, "used");
    for (size_t i = 0; i < COUNTS; i++)
        if (*count_of(&used, i) >= 0)
            kv_json_out_int(out, counts[i].name, *count_of(&used, i));
    add_money(out, "cost", used.cost);
    add_money(out, "priced", used.priced);
    kv_buf_add_char(out, '}');
}

static void add_retries(struct kv_buf *out, const struct kv_answer *answer)
{
    bool any = false;
    for (int i = 0; i < KV_RETRY_CLASSES; i++)
        any |= answer->retries[i] != 0;
    if (!any)
        return;
    kv_json_out_list(out, "retries");
    for (int i = 0; i < KV_RETRY_CLASSES; i++)
        kv_json_out_int(out, NULL, answer->retries[i]);
    kv_buf_add_char(out, ']');
}

struct kv_slice kv_answer_json_add(struct kv_buf *out, const struct kv_answer *answer)
{
    kv_buf_add_slice(out, KV_SLICE("{\"text\":"));
    size_t at = out->n;
    kv_json_quote(out, answer->text, KV_JSON_RAW);
    size_t n = out->n - at;
    kv_buf_add_slice(out, KV_SLICE(",\"outcome\":"));
    kv_json_quote_str(out, kv_outcome_name(answer->outcome));
    add_text(out, "served", answer->served);
    if (answer->asked_at.n)
        kv_json_out_json(out, "asked_at", answer->asked_at);
    add_text(out, "tier", answer->tier);
    add_text(out, "finish", answer->finish);
    add_text(out, "adjusted", answer->adjusted);
    add_usage(out, answer->used);
    add_retries(out, answer);
    if (answer->measured) {
        kv_json_out_number(out, "first_token_s", answer->first_token_s);
        kv_json_out_number(out, "tokens_per_s", answer->tokens_per_s);
    }
    struct kv_answer a = *answer;
    for (size_t i = 0; i < FLAGS; i++)
        if (*flag_of(&a, i))
            kv_json_out_flag(out, flags[i].name, true);
    if (a.attempts > 1)
        kv_json_out_int(out, "attempts", a.attempts);
    kv_buf_add_char(out, '}');
    return (struct kv_slice){out->p + at, n};
}

/* ---- reading: every reply of a run comes by here, so each object is walked once ---- */

static struct kv_slice read_text(struct kv_slice value, struct kv_buf *text)
{
    kv_buf_clear(text);
    kv_buf_reserve(text, 1);
    if (value.n && kv_json_type(value) == KV_JSON_STRING)
        kv_json_unescape(value, text);
    return kv_slice_of(text);
}

static enum kv_outcome read_outcome(struct kv_slice value)
{
    for (int i = 0; value.n && i < KV_OUTCOME_COUNT; i++)
        if (kv_json_string_is(value, kv_outcome_name((enum kv_outcome)i)))
            return (enum kv_outcome)i;
    return KV_OUTCOME_OK;
}

static void read_usage(struct kv_slice all, struct kv_usage *used)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    if (!all.n)
        return;
    for (size_t i = 0; i < COUNTS; i++)
        *count_of(used, i) = -1;
    kv_json_begin(&w, all);
    while (kv_json_member(&w, &key, &value)) {
        size_t i = 0;
        while (i < COUNTS && !kv_json_string_is(key, counts[i].name))
            i++;
        double *amount = i < COUNTS                         ? NULL
                         : kv_json_string_is(key, "cost")   ? &used->cost
                         : kv_json_string_is(key, "priced") ? &used->priced
                                                            : NULL;
        if (i < COUNTS && (!kv_num_int64(value, count_of(used, i)) || *count_of(used, i) < 0))
            *count_of(used, i) = -1;
        if (amount && !kv_num_double(value, amount))
            *amount = (double)NAN;
    }
}

static void read_retries(struct kv_slice all, struct kv_answer *answer)
{
    struct kv_json_walk w;
    struct kv_slice value;
    kv_json_begin(&w, all);
    for (int i = 0; i < KV_RETRY_CLASSES && kv_json_item(&w, &value); i++)
        if (!kv_num_int64(value, &answer->retries[i]))
            answer->retries[i] = 0;
}

static void read_flags(struct kv_slice object, struct kv_answer *a)
{
    struct kv_json_walk w;
    struct kv_slice key, value;
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value))
        for (size_t i = 0; i < FLAGS; i++)
            if (kv_json_string_is(key, flags[i].name))
                *flag_of(a, i) = kv_json_is_true(value);
}

static void read_number(struct kv_slice value, double *x)
{
    if (value.n && !kv_num_double(value, x))
        *x = 0;
}

enum {
    TEXT,
    SERVED,
    ASKED_AT,
    TIER,
    FINISH,
    ADJUSTED,
    OUTCOME,
    USED,
    RETRIES,
    FIRST,
    SPEED,
    ATTEMPTS,
    MEMBERS
};
static const char *const members[MEMBERS] = {"text", "served", "asked_at", "tier", "finish",
    "adjusted", "outcome", "used", "retries", "first_token_s", "tokens_per_s", "attempts"};

bool kv_answer_json_read(struct kv_kept_answer *kept, struct kv_slice object)
{
    struct kv_slice v[MEMBERS];
    struct kv_answer *a = &kept->answer;
    int64_t n;
    kv_json_pick(object, members, v, MEMBERS);
    if (!v[TEXT].n || kv_json_type(v[TEXT]) != KV_JSON_STRING)
        return false;
    *a = (struct kv_answer){.kind = KV_ANSWER_TEXT,
        .used = KV_USAGE_UNKNOWN,
        .category = KV_RETRY_NEVER,
        .attempts = 1};
    a->text = read_text(v[TEXT], &kept->text);
    a->served = read_text(v[SERVED], &kept->served);
    if (v[ASKED_AT].n && kv_json_type(v[ASKED_AT]) == KV_JSON_STRING) {
        kv_buf_clear(&kept->asked_at);
        kv_buf_add_slice(&kept->asked_at, v[ASKED_AT]);
        a->asked_at = kv_slice_of(&kept->asked_at);
    }
    a->tier = read_text(v[TIER], &kept->tier);
    a->finish = read_text(v[FINISH], &kept->finish);
    a->adjusted = read_text(v[ADJUSTED], &kept->adjusted);
    a->outcome = read_outcome(v[OUTCOME]);
    read_usage(v[USED], &a->used);
    read_retries(v[RETRIES], a);
    read_flags(object, a);
    read_number(v[FIRST], &a->first_token_s);
    read_number(v[SPEED], &a->tokens_per_s);
    if (kv_num_int64(v[ATTEMPTS], &n) && n >= 1 && n <= INT_MAX)
        a->attempts = (int)n;
    return true;
}

static struct kv_slice copy_text(struct kv_buf *to, struct kv_slice text)
{
    kv_buf_clear(to);
    kv_buf_add_slice(to, text);
    return kv_slice_of(to);
}

void kv_kept_answer_copy(
    struct kv_kept_answer *kept, const struct kv_answer *answer, struct kv_slice text)
{
    struct kv_answer *a = &kept->answer;
    *a = *answer;
    a->text = read_text(text, &kept->text); /* what is no UTF-8 was repaired */
    a->served = copy_text(&kept->served, a->served);
    a->asked_at = copy_text(&kept->asked_at, a->asked_at);
    a->tier = copy_text(&kept->tier, a->tier);
    a->finish = copy_text(&kept->finish, a->finish);
    a->adjusted = copy_text(&kept->adjusted, a->adjusted);
    a->error = a->error_type = (struct kv_slice){0};
    a->category = KV_RETRY_NEVER;
    a->partial = false;
    a->attempts = a->attempts > 1 ? a->attempts : 1;
    if (!a->measured)
        a->first_token_s = a->tokens_per_s = 0;
}

void kv_kept_answer_release(struct kv_kept_answer *kept)
{
    kv_buf_release(&kept->text);
    kv_buf_release(&kept->served);
    kv_buf_release(&kept->asked_at);
    kv_buf_release(&kept->tier);
    kv_buf_release(&kept->finish);
    kv_buf_release(&kept->adjusted);
}
