/* batches_switch - how the test provider's batch services are told to misbehave. */
#include "batches_private.h"
#include "json.h"
#include "num.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct batches_switches sw = {.expire = -1, .refuse_status = 429};

int64_t service_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + (int64_t)(sw.clock * 1000);
}

static void set_number(const char *name, double x)
{
    static const struct {
        const char *name;
        long *to;
    } counts[] = {{"looks", &sw.looks}, {"missing", &sw.missing},
        {"missing_results", &sw.missing_results}, {"close_upload", &sw.close_upload},
        {"close_create", &sw.close_create}, {"drop_upload", &sw.drop_upload},
        {"drop_create", &sw.drop_create}, {"fail_upload", &sw.fail_upload},
        {"fail_create", &sw.fail_create}, {"blank_upload", &sw.blank_upload},
        {"blank_create", &sw.blank_create}, {"refuse_create", &sw.refuse_create},
        {"refuse_status", &sw.refuse_status}, {"expire", &sw.expire}, {"omit", &sw.omit},
        {"cut", &sw.cut}, {"null_files", &sw.null_files}, {"foreign", &sw.foreign},
        {"fail_list", &sw.fail_list}, {"busy_looks", &sw.busy_looks},
        {"retry_after", &sw.retry_after}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (strcmp(counts[i].name, name) == 0)
            *counts[i].to = (long)x;
    if (strcmp(name, "clock") == 0)
        sw.clock += x;
    if (strcmp(name, "list_lag") == 0)
        sw.list_lag = x;
}

static void set_flag(const char *name, bool on)
{
    static const struct {
        const char *name;
        bool *to;
    } flags[] = {{"hold", &sw.hold}, {"forget_metadata", &sw.forget_metadata},
        {"iso_dates", &sw.iso_dates}, {"capitals", &sw.capitals}, {"reorder", &sw.reorder},
        {"duplicate", &sw.duplicate}, {"projects", &sw.projects},
        {"keep_uploads", &sw.keep_uploads}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strcmp(flags[i].name, name) == 0)
            *flags[i].to = on;
}

static void set_text(const char *name, struct kv_slice value)
{
    static const struct {
        const char *name;
        char **to;
    } texts[] = {{"refuse_message", &sw.refuse_message}, {"results_url", &sw.results_url},
        {"kill", &sw.kill}, {"pid_file", &sw.pid_file}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i].name, name) == 0) {
            free(*texts[i].to);
            *texts[i].to = kv_json_type(value) == KV_JSON_STRING ? kv_json_strdup(value) : NULL;
        }
    if (strcmp(name, "batch_fails") == 0) {
        kv_buf_clear(&sw.batch_fails);
        if (kv_json_type(value) == KV_JSON_OBJECT)
            kv_buf_add_slice(&sw.batch_fails, value);
    }
}

void switch_control(struct call *c)
{
    struct kv_json_walk w;
    struct kv_slice object, key, value;
    struct kv_err err;
    double x;
    if (kv_json_check(kv_slice_of(&c->body), KV_JSON_STRICT, &object, &err) != 0) {
        c->status = 400;
        kv_buf_printf(&c->reply, "{\"error\":\"%s\"}", err.text);
        return;
    }
    kv_json_begin(&w, object);
    while (kv_json_member(&w, &key, &value)) {
        char *name = kv_json_strdup(key);
        if (kv_num_double(value, &x))
            set_number(name, x);
        else if (kv_json_type(value) == KV_JSON_TRUE || kv_json_type(value) == KV_JSON_FALSE)
            set_flag(name, kv_json_is_true(value));
        else
            set_text(name, value);
        free(name);
    }
    kv_buf_add_str(&c->reply, "{}");
}

bool switch_take(long *left)
{
    if (*left <= 0)
        return false;
    (*left)--;
    return true;
}

bool switch_kills(const char *point)
{
    if (!sw.kill || strcmp(sw.kill, point) != 0)
        return false;
    FILE *f = sw.pid_file ? fopen(sw.pid_file, "r") : NULL;
    int pid = 0;
    if (f && fscanf(f, "%d", &pid) == 1 && pid > 1)
        kill(pid, SIGKILL);
    if (f)
        fclose(f);
    free(sw.kill);
    sw.kill = NULL;
    return true;
}
