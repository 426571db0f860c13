/* jq - the border to libjq.
 *
 * libjq looks into the environment when it compiles ($HOME/.jq) and when a program asks for it; it
 * is shown an empty one for the time of each call.
 */
#include "jq.h"

#include <jq.h>
#include <jv.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct kv_jq {
    jq_state *state;
    char *name;
};

extern char **environ;

static char **hide_environment(void)
{
    static char *none[] = {NULL};
    char **all = environ;
    environ = none;
    return all;
}

/* libjq's own messages: only the first is kept, in a kv_buf. */
static void keep_message(void *to, jv message)
{
    struct kv_buf *b = to;
    jv text = jq_format_error(message);
    if (b->n == 0 && jv_get_kind(text) == JV_KIND_STRING)
        kv_buf_add(b, jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text)));
    jv_free(text);
}

/* The part of a message of libjq's that says what is wrong: behind "jq: error: ", and before the
 * place in the program and the program itself. */
static struct kv_slice first_line(struct kv_slice message)
{
    static const char head[] = "jq: error: ", tail[] = " (Unix shell quoting issues?)";
    if (kv_slice_starts(message, head))
        message = (struct kv_slice){message.p + sizeof head - 1, message.n - (sizeof head - 1)};
    const char *end = message.n ? memchr(message.p, '\n', message.n) : NULL;
    message.n = end ? (size_t)(end - message.p) : message.n;
    end = message.n ? memmem(message.p, message.n, tail, sizeof tail - 1) : NULL;
    message.n = end ? (size_t)(end - message.p) : message.n;
    return message.n ? message : KV_SLICE("does not compile");
}

static jv parse(struct kv_slice text)
{
    if (text.n > INT32_MAX)
        return jv_invalid_with_msg(jv_string("too long"));
    return jv_parse_sized(text.n ? text.p : "", (int)text.n);
}

/* jq_compile_args wants an array of {"name":…,"value":…} or, as here, an object. */
static int compile(struct kv_jq *q, struct kv_slice program, struct kv_slice arguments)
{
    jv named = arguments.n ? parse(arguments) : jv_object();
    if (!jv_is_valid(named)) { /* a lone surrogate, which libjq has no text for */
        jv_free(named);
        return 0;
    }
    char *text = kv_strndup(program.p, program.n);
    char **all = hide_environment();
    int ok = jq_compile_args(q->state, text, named);
    environ = all;
    free(text);
    return ok;
}

struct kv_jq *kv_jq_open(
    const char *name, struct kv_slice program, struct kv_slice arguments, struct kv_err *err)
{
    struct kv_buf message = {0};
    struct kv_jq *q = kv_alloc(sizeof *q);
    q->name = kv_strdup(name);
    q->state = jq_init();
    if (!q->state)
        kv_no_memory();
    jq_set_input_cb(q->state, NULL, NULL); /* libjq 1.6 does not initialise it */
    jq_set_error_cb(q->state, keep_message, &message);
    int ok = compile(q, program, arguments);
    jq_set_error_cb(q->state, NULL, NULL);
    if (!ok) {
        struct kv_slice first = first_line(kv_slice_of(&message));
        kv_err_set(err, KV_INPUT, "%s: %.*s", name, (int)first.n, first.p);
        kv_jq_close(q);
        q = NULL;
    }
    kv_buf_release(&message);
    return q;
}

void kv_jq_close(struct kv_jq *q)
{
    if (!q)
        return;
    jq_teardown(&q->state);
    free(q->name);
    free(q);
}

static int raised(const struct kv_jq *q, jv result, struct kv_err *err)
{
    jv message = jv_invalid_get_msg(result);
    if (jv_get_kind(message) == JV_KIND_NULL || !jv_is_valid(message)) {
        jv_free(message);
        return kv_err_set(err, KV_INPUT, "%s: no result", q->name);
    }
    jv text = jv_get_kind(message) == JV_KIND_STRING ? message : jv_dump_string(message, 0);
    kv_err_set(err, KV_INPUT, "%s", jv_string_value(text));
    jv_free(text);
    return -1;
}

int kv_jq_run(struct kv_jq *q, struct kv_slice input, struct kv_buf *out, struct kv_err *err)
{
    jv value = parse(input);
    if (!jv_is_valid(value))
        return raised(q, value, err);
    char **all = hide_environment();
    jq_start(q->state, value, 0);
    jv result = jq_next(q->state);
    environ = all;
    if (!jv_is_valid(result))
        return raised(q, result, err);
    jv text = jv_dump_string(result, 0);
    kv_buf_add(out, jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text)));
    jv_free(text);
    return 0;
}
