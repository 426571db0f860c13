/* models - the models of a run, opened: endpoints, the scheduler and the transport they share. */
#include "models.h"

#include <stdlib.h>

enum { EXEC_JOBS = 2 }; /* in flight where no configuration says otherwise */

static int choose_in_flight(const struct kv_models_options *o)
{
    const struct kv_config *c = o->config;
    int64_t n = o->jobs ? o->jobs : c ? (c->async_enabled ? c->async_max_workers : 1) : EXEC_JOBS;
    if (o->adaptive)
        n = 512;
    if (c && c->max_concurrent_requests > 0 && n > c->max_concurrent_requests)
        n = c->max_concurrent_requests;
    return n < 1 ? 1 : n > 100000 ? 100000 : (int)n;
}

/* A limit of money needs the price of every model that may be asked, before any is. */
static void find_unpriced(
    const struct kv_pricing *p, const struct kv_endpoint *e, size_t n, struct kv_buf *names)
{
    struct kv_slice entry;
    for (size_t i = 0; i < n; i++)
        if (!e[i].command && !e[i].silent && !kv_pricing_known(p, e[i].priced, &entry))
            kv_buf_printf(names, names->n ? ", %s" : "%s", e[i].name);
}

static int check_prices(
    const struct kv_models *m, const struct kv_models_options *o, struct kv_err *err)
{
    struct kv_buf names = {0};
    int failed = 0;
    if (!o->cost_limited)
        return 0;
    find_unpriced(o->pricing, m->answering, m->config->answering_count, &names);
    find_unpriced(o->pricing, m->judging, m->config->parsing_count, &names);
    if (names.n)
        failed = kv_err_set(err, KV_INPUT,
            "%s has no price for %s, at the tier that is asked for: --max-cost could not limit "
            "anything",
            o->pricing->path, names.p);
    kv_buf_release(&names);
    return failed;
}

static bool speaks_http(const struct kv_endpoint *e, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!e[i].command && !e[i].silent && !e[i].deferred)
            return true;
    return false;
}

/* Which models have something to do: a key for another one is not needed. */
static bool *find_wanted(const struct kv_models_options *o, bool judges)
{
    const struct kv_jobs *w = o->work;
    const struct kv_config *c = o->config;
    bool *wanted = kv_calloc(judges ? c->parsing_count : c->answering_count, sizeof *wanted);
    for (size_t i = 0; i < w->n; i++) {
        const struct kv_job j = kv_jobs_at(w, i);
        if (!judges)
            wanted[j.answering] |= !j.known;
        for (size_t k = 0; judges && w->plan && k < j.count; k++)
            wanted[kv_jobs_judge(w, &j, k)] = true;
    }
    for (size_t i = 0; judges && o->judge_fallback && i < c->parsing_count; i++)
        if (kv_slice_is(c->parsing[i].id, o->judge_fallback) ||
            kv_slice_is(c->parsing[i].model_name, o->judge_fallback))
            wanted[i] = true;
    return wanted;
}

static int open_role(struct kv_models *m, bool judges, const struct kv_models_options *o,
    struct kv_endpoint_options *options, struct kv_err *err)
{
    bool *wanted = o->every_model && !(judges && o->judgeless) ? NULL : find_wanted(o, judges);
    options->wanted = wanted;
    options->deferred = judges ? o->defer_judges : o->defer_answers;
    options->only_batches = o->only_batches;
    options->batch_as = o->batch_as;
    int failed = kv_endpoints_open(
        judges ? &m->judging : &m->answering, m->config, judges, options, m->sched, err);
    free(wanted);
    return failed;
}

static void narrow(struct kv_models *m, size_t most)
{
    if (most < (size_t)m->in_flight)
        m->in_flight = (int)most;
    kv_sched_narrow(m->sched, m->in_flight);
}

static int open_http(struct kv_models *m, kv_env_fn *env, struct kv_err *err)
{
    struct kv_http_limits http = {.in_flight = (size_t)m->in_flight,
        .ca_file = env("CURL_CA_BUNDLE") ? env("CURL_CA_BUNDLE") : env("SSL_CERT_FILE"),
        .ca_path = env("SSL_CERT_DIR")};
    kv_secret_forget_env("SSLKEYLOGFILE"); /* the TLS library would write the keys of TLS there */
    if (!(m->http = kv_http_open(&http, err)))
        return -1;
    narrow(m, kv_http_capacity(m->http));
    return 0;
}

/* Finds the judge that stands in for the others. -1 with KV_USAGE if the configuration has no such
 * judge. */
static int find_fallback(const struct kv_models_options *o, size_t *found, struct kv_err *err)
{
    for (size_t i = 0; i < o->config->parsing_count; i++)
        if (kv_slice_is(o->config->parsing[i].id, o->judge_fallback) ||
            kv_slice_is(o->config->parsing[i].model_name, o->judge_fallback)) {
            *found = i;
            return 0;
        }
    return kv_err_set(
        err, KV_USAGE, "--judge-fallback: the configuration has no judge '%s'", o->judge_fallback);
}

static int open_judges(struct kv_models *m, const struct kv_models_options *o,
    struct kv_endpoint_options *options, struct kv_err *err)
{
    size_t fallback = 0;
    if (o->judge_fallback && find_fallback(o, &fallback, err) != 0)
        return -1;
    if (open_role(m, true, o, options, err) != 0)
        return -1;
    for (size_t i = 0; o->judge_fallback && i < m->config->parsing_count; i++)
        m->judging[i].fallback = i == fallback ? NULL : &m->judging[fallback];
    return 0;
}

static int open_endpoints(
    struct kv_models *m, const struct kv_models_options *o, struct kv_err *err)
{
    struct kv_endpoint_options options = {.answer_command = o->answer_command,
        .judge_command = o->judge_command,
        .env = o->env,
        .ring = o->ring,
        .streaming = o->streaming,
        .pricing = o->pricing,
        .limited = o->cost_limited || o->tokens_limited};
    if (open_role(m, false, o, &options, err) != 0 || open_judges(m, o, &options, err) != 0 ||
        check_prices(m, o, err) != 0)
        return -1;
    if (o->answer_command || o->judge_command)
        narrow(m, kv_child_capacity((size_t)m->in_flight));
    if (!speaks_http(m->answering, m->config->answering_count) &&
        !speaks_http(m->judging, m->config->parsing_count))
        return 0;
    return open_http(m, o->env, err);
}

int kv_models_open(struct kv_models *m, const struct kv_models_options *o, struct kv_err *err)
{
    struct kv_sched_limits limits = {.in_flight = choose_in_flight(o),
        .adaptive = o->adaptive,
        .rpm = o->rpm,
        .tpm = o->tpm,
        .seed = o->seed};
    *m = (struct kv_models){.config = o->config};
    m->in_flight = m->in_flight_wanted = limits.in_flight;
    m->sched = kv_sched_open(&limits);
    if (!o->exec_command)
        return open_endpoints(m, o, err);
    m->exec = kv_endpoint_open_command(o->exec_command, m->sched);
    narrow(m, kv_child_capacity((size_t)m->in_flight));
    return 0;
}

static void tell_prices(const struct kv_endpoint *e, size_t n,
    void (*say)(void *closure, const char *text), void *closure)
{
    struct kv_buf note = {0};
    for (size_t i = 0; i < n; i++) {
        kv_buf_clear(&note);
        if (!e[i].command && !e[i].silent && kv_pricing_add_note(e[i].pricing, e[i].priced, &note))
            say(closure, note.p);
    }
    kv_buf_release(&note);
}

void kv_models_tell_prices(
    const struct kv_models *m, void (*say)(void *closure, const char *text), void *closure)
{
    if (!m->answering)
        return;
    tell_prices(m->answering, m->config->answering_count, say, closure);
    tell_prices(m->judging, m->config->parsing_count, say, closure);
}

void kv_models_close(struct kv_models *m)
{
    kv_endpoints_close(m->answering, m->config ? m->config->answering_count : 0);
    kv_endpoints_close(m->judging, m->config ? m->config->parsing_count : 0);
    kv_endpoints_close(m->exec, 1);
    kv_http_close(m->http);
    kv_sched_close(m->sched);
    *m = (struct kv_models){0};
}
