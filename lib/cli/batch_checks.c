/* batch_checks - what is wrong with the words about batches is told before anything is paid. */
#include "batch_checks.h"

#include "batch.h"
#include "batch_wire.h"
#include "cli.h"

#include <ctype.h>
#include <stdlib.h>

/* A number from 1, in digits; 0 if there is none. */
static int64_t read_number(const char *text, const char **end)
{
    char *last;
    *end = text;
    if (!isdigit((unsigned char)*text))
        return 0;
    long n = strtol(text, &last, 10);
    *end = last;
    return n;
}

void kv_batch_checks_size(const char *text, struct kv_batch_limits *limits)
{
    const char *end;
    if (!text)
        return;
    limits->requests = read_number(text, &end);
    bool ok = limits->requests > 0;
    if (ok && *end == ',') {
        limits->bytes = read_number(end + 1, &end);
        ok = limits->bytes > 0;
    }
    if (!ok || *end)
        kv_cli_usage("--batch-size: expected N or N,BYTES, from 1, not '%s'", text);
}

void kv_batch_checks_shape(const char *shape)
{
    struct kv_buf words = {0};
    if (!shape || kv_batch_wire_of(kv_slice(shape)))
        return;
    kv_batch_wire_add_shapes(&words);
    kv_cli_usage("--batch-as: expected %s, not '%s'", words.p, shape);
}

/* What has no batches is asked at once, at the full price where it has one. */
static int check_role(
    const struct kv_endpoint *all, size_t n, const char *shape, struct kv_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct kv_provider *p = &all[i].provider;
        if (all[i].silent || all[i].command || kv_endpoint_has_batches(&all[i], shape))
            continue;
        if (p->dialect->batch)
            return kv_err_set(err, KV_INPUT,
                "%s: the batches of %s are untried with this program: order there with --batch-as "
                "%s; --batch=%s asks this model at once",
                all[i].name, p->chat->host, p->dialect->batch, all[i].judge ? "answers" : "judges");
        if (!p->chat->place.nearby)
            kv_cli_say("%s: %s is not known to have batches: asked at once, at the full price",
                all[i].name, p->chat->host);
    }
    return 0;
}

int kv_batch_checks_services(struct kv_session *session, const struct kv_session_options *o,
    const struct kv_elsewhere *e, const char *shape, struct kv_err *err)
{
    const struct kv_models_options options = {.config = session->config,
        .work = &session->work,
        .ring = session->ring,
        .env = o->env,
        .jobs = 1,
        .answer_command = o->answer_command,
        .judge_command = o->judge_command,
        .pricing = &session->pricing,
        .defer_answers = true, /* no key is taken: nobody is asked */
        .defer_judges = true};
    struct kv_models m = {0};
    int failed = kv_models_open(&m, &options, err);
    if (!failed && kv_elsewhere_defers(e, "answers"))
        failed = check_role(m.answering, session->config->answering_count, shape, err);
    if (!failed && kv_elsewhere_defers(e, "judges"))
        failed = check_role(m.judging, session->config->parsing_count, shape, err);
    kv_models_close(&m);
    return failed;
}
