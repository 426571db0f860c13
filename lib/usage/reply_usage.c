/* reply_usage - what a reply says of its use, whichever protocol it is of. */
#include "reply_usage.h"

#include "json.h"
#include "num.h"
#include "usage_members.h"

#include <math.h>

/* JSON string or empty. */
static struct kv_slice text_at(struct kv_slice object, const char *name)
{
    struct kv_slice value;
    return kv_json_get(object, name, &value) && kv_json_type(value) == KV_JSON_STRING
               ? value
               : (struct kv_slice){0};
}

static struct kv_slice first_of(struct kv_slice object, const char *list)
{
    struct kv_json_walk w;
    struct kv_slice items, item;
    if (!kv_json_get(object, list, &items) || kv_json_type(items) != KV_JSON_ARRAY)
        return (struct kv_slice){0};
    kv_json_begin(&w, items);
    return kv_json_item(&w, &item) ? item : (struct kv_slice){0};
}

/* The protocol of a usage object, by the names that only one of them has. */
static enum kv_protocol_kind protocol_of(struct kv_slice body, struct kv_slice usage)
{
    struct kv_slice value;
    if (!kv_json_get(usage, "input_tokens", &value))
        return KV_PROTOCOL_OPENAI;
    struct kv_slice type = text_at(body, "type");
    return type.n && kv_json_string_is(type, "message") ? KV_PROTOCOL_ANTHROPIC
                                                        : KV_PROTOCOL_RESPONSES;
}

static struct kv_slice finish_of(struct kv_slice body)
{
    struct kv_slice why, said = text_at(first_of(body, "choices"), "finish_reason");
    if (!said.n)
        said = text_at(body, "stop_reason");
    if (!said.n)
        said = text_at(first_of(body, "candidates"), "finishReason");
    if (!said.n && kv_json_path(body, &why, "incomplete_details", "reason", NULL) &&
        kv_json_type(why) == KV_JSON_STRING && kv_json_string_is(why, "max_output_tokens"))
        return KV_SLICE("\"incomplete/max_output_tokens\"");
    return said;
}

void kv_reply_usage_read(struct kv_stage_usage *u, struct kv_slice body)
{
    struct kv_slice usage;
    kv_usage_begin(&u->used);
    u->detailed = false;
    u->asked_at = u->dropped = u->input_details = u->output_details = (struct kv_slice){0};
    u->finish = finish_of(body);
    u->served = text_at(body, "model");
    u->tier = text_at(body, "service_tier");
    if (kv_json_get(body, "usageMetadata", &usage)) {
        kv_usage_members_read(&u->used, KV_PROTOCOL_GEMINI, usage);
        u->served = text_at(body, "modelVersion");
        u->tier = text_at(usage, "trafficType");
    } else if (kv_json_get(body, "usage", &usage)) {
        kv_usage_members_read(&u->used, protocol_of(body, usage), usage);
        if (!u->tier.n) /* Anthropic's place */
            u->tier = text_at(usage, "service_tier");
    }
    kv_usage_settle(&u->used);
    u->detailed = u->used.in_read >= 0;
}

static void read_amount(struct kv_slice row, const char *name, double *amount)
{
    struct kv_slice value;
    double x;
    if (kv_json_get(row, name, &value) && kv_num_double(value, &x) && x >= 0)
        *amount = x;
}

bool kv_reply_usage_of_result(struct kv_stage_usage *u, struct kv_slice row)
{
    struct kv_slice body;
    if (!kv_json_path(row, &body, "response", "body", NULL) || kv_json_type(body) != KV_JSON_OBJECT)
        return false;
    kv_reply_usage_read(u, body);
    if (isnan(u->used.cost))
        read_amount(row, "kv_cost", &u->used.cost);
    read_amount(row, "kv_priced", &u->used.priced);
    return true;
}
