/* outcomes - how results ended, counted: the same words wherever a run is looked at. */
#include "outcomes.h"

#include "json_out.h"

#include <inttypes.h>
#include <stdio.h>

enum { MARKS_AT = 8 }; /* bits below are the outcome, from 1 */

uint32_t kv_outcomes_pack(enum kv_result_outcome outcome, unsigned marks)
{
    return ((uint32_t)outcome + 1) | marks << MARKS_AT;
}

uint32_t kv_outcomes_code(const struct kv_result *row)
{
    return kv_outcomes_pack(kv_result_outcome(row), kv_marks_of(row));
}

enum kv_result_outcome kv_outcomes_outcome(uint32_t code)
{
    return (enum kv_result_outcome)((code & ((1u << MARKS_AT) - 1)) - 1);
}

bool kv_outcomes_mark(uint32_t code, enum kv_mark mark)
{
    return code >> MARKS_AT & mark;
}

void kv_outcomes_add(struct kv_outcomes *o, uint32_t code, int times)
{
    int64_t *const counts[KV_RESULT_OUTCOMES] = {[KV_RESULT_PASSED] = &o->passed,
        [KV_RESULT_WRONG] = &o->wrong,
        [KV_RESULT_DECLINED] = &o->declined,
        [KV_RESULT_INSUFFICIENT] = &o->wrong,
        [KV_RESULT_ERROR] = &o->errors,
        [KV_RESULT_UNSCORED] = &o->unscored};
    uint32_t outcome = code & ((1u << MARKS_AT) - 1);
    if (outcome == 0 || outcome > KV_RESULT_OUTCOMES)
        return;
    *counts[outcome - 1] += times;
    for (int i = 0; i < KV_MARKS; i++)
        if (code >> MARKS_AT & 1u << i)
            o->marks[i] += times;
}

void kv_outcomes_add_json(struct kv_buf *out, const struct kv_outcomes *o)
{
    char name[40];
    kv_json_out_int(out, "passed_count", o->passed);
    kv_json_out_int(out, "wrong_count", o->wrong);
    kv_json_out_int(out, "declined_count", o->declined);
    kv_json_out_int(out, "error_count", o->errors);
    kv_json_out_int(out, "unscored_count", o->unscored);
    for (int i = 0; i < KV_MARKS; i++) {
        snprintf(name, sizeof name, "%s_count", kv_marks_name(i));
        kv_json_out_int(out, name, o->marks[i]);
    }
}

void kv_outcomes_add_words(struct kv_buf *out, const struct kv_outcomes *o)
{
    kv_buf_printf(out,
        "%" PRId64 " passed, %" PRId64 " wrong, %" PRId64 " declined, %" PRId64 " error%s",
        o->passed, o->wrong, o->declined, o->errors, o->errors == 1 ? "" : "s");
    if (o->unscored)
        kv_buf_printf(out, ", %" PRId64 " unscored", o->unscored);
}

void kv_outcomes_add_marks(struct kv_buf *out, const struct kv_outcomes *o)
{
    static const char *const words[KV_MARKS] = {"stopped at the token limit",
        "stopped by a content filter", "declined in so many words", "from another model",
        "asked for otherwise than configured"};
    const char *comma = "";
    for (int i = 0; i < KV_MARKS; i++)
        if (o->marks[i]) {
            kv_buf_printf(out, "%s%" PRId64 " %s", comma, o->marks[i], words[i]);
            comma = ", ";
        }
}
