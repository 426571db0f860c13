/* provider - a server of language models for tests and the demonstration, on loopback.
 *
 *     provider [--port N] [--port-file FILE] [--answers FILE] [--script FILE] [--latency MS]
 *         [--key KEY] [--rate N] [--slots N] [--models A,B] [--journal FILE] [--journal-buffered]
 *         [--bodies FILE] [--sent FILE] [--token-ms MS]
 *         [--max-seconds N] [--stay-with-stdin] [--address ADDRESS]
 *
 * Speaks OpenAI's chat completions (/v1/chat/completions, /v1/models), OpenAI's Responses
 * (/v1/responses, also in the background), Anthropic's messages (/v1/messages, /v1/models), all
 * of them streamed where that is asked for, a delta every --token-ms; and the batch services of both
 * (batches.h). Prints {"port":N} once it listens, and ends at SIGTERM, after
 * --max-seconds (600), or when its stdin closes. What its models say: mind.h. How it misbehaves:
 * script.h. With --slots only so many requests are served at once, and others wait for their turn,
 * even those whose client is gone. GET /stats tells {"requests","in_flight","peak"}.
 *
 * What --journal, --bodies and --sent keep: journal.h.
 *
 * One thread: microhttpd runs on its epoll descriptor inside our loop, replies that have to wait
 * are suspended and kept in a heap by the time they are due.
 */
#include "background.h"
#include "batches.h"
#include "call.h"
#include "chat.h"
#include "fault.h"
#include "google.h"
#include "journal.h"
#include "mind.h"
#include "queue.h"
#include "script.h"

#include "cli.h"
#include "digest.h"
#include "json.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define HELP                                                                                       \
    "usage: provider [--port N] [--port-file FILE] [--answers FILE] [--script FILE]\n"             \
    "           [--latency MS] [--key KEY] [--rate N] [--slots N] [--models A,B]\n"                \
    "           [--journal FILE] [--journal-buffered] [--bodies FILE] [--sent FILE]\n"             \
    "           [--token-ms MS] [--max-seconds N] [--stay-with-stdin] [--address ADDRESS]\n"

enum {
    CONNECTIONS_MAX = 20000,
    SLOTS_MAX = 256,
};

/* A beginning of prompts that was marked for the cache, and when the first reply began. */
struct cached {
    struct kv_digest128 key;
    int64_t begun_ms;
};

static struct {
    const char *address, *port_file, *answers, *script, *key, *models, *socket;
    long port, latency, rate, slots, token_ms, max_seconds;
    bool with_stdin;
    struct journal_options journal;
} opt = {.max_seconds = 600};

static struct {
    struct MHD_Daemon *daemon;
    struct mind *mind;
    struct script *script;
    struct call *calls;
    int64_t slot_free_ms[SLOTS_MAX];
    double tokens; /* of --rate */
    int64_t refilled_ms;
    struct cached *cached;
    size_t cached_count;
    long serial, in_flight, peak;
    bool stopping;
} me;

/* ---- deciding what to say ---- */

static bool key_is_right(struct MHD_Connection *connection)
{
    static const char *const names[] = {"x-api-key", "api-key", "x-goog-api-key", "Authorization"};
    for (size_t i = 0; opt.key && i < 4; i++) {
        const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, names[i]);
        if (value && strncmp(value, "Bearer ", 7) == 0)
            value += 7;
        if (value && strcmp(value, opt.key) == 0)
            return true;
    }
    return !opt.key;
}

static bool within_rate(void)
{
    int64_t now = queue_now();
    if (!opt.rate)
        return true;
    if (!me.refilled_ms)
        me.tokens = (double)opt.rate;
    else
        me.tokens += (double)(now - me.refilled_ms) * (double)opt.rate / 1000;
    if (me.tokens > (double)opt.rate)
        me.tokens = (double)opt.rate;
    me.refilled_ms = now;
    if (me.tokens < 1)
        return false;
    me.tokens -= 1;
    return true;
}

/* When a reply that takes so long is due. */
static int64_t due_after(long latency)
{
    int64_t now = queue_now(), *first = &me.slot_free_ms[0];
    if (!opt.slots)
        return now + latency;
    for (long i = 1; i < opt.slots && i < SLOTS_MAX; i++)
        if (me.slot_free_ms[i] < *first)
            first = &me.slot_free_ms[i];
    *first = (*first > now ? *first : now) + latency;
    return *first;
}

static bool knows(struct kv_slice model)
{
    for (const char *at = opt.models; at && *at;) {
        size_t n = strcspn(at, ",");
        if (n == model.n && memcmp(at, model.p, n) == 0)
            return true;
        at += n + (at[n] == ',');
    }
    return !opt.models;
}

static void refuse(struct call *c, enum wire wire, int status, const char *type, const char *code,
    const char *message)
{
    c->status = status;
    chat_error(wire, status, type, code, message, &c->reply);
}

/* What is marked can be read from the cache once the first reply to it has begun. */
static void look_into_cache(const struct call *c, struct chat *chat)
{
    int64_t begins = queue_now();
    size_t i = 0;
    struct kv_digest128 key;
    if (!chat->marked.n)
        return;
    key = kv_digest_128(chat->marked);
    while (i < me.cached_count && (me.cached[i].key.hi != key.hi || me.cached[i].key.lo != key.lo))
        i++;
    chat->cached = i < me.cached_count && me.cached[i].begun_ms <= begins;
    if (i < me.cached_count)
        return;
    begins += c->deed && c->deed->latency_ms >= 0 ? c->deed->latency_ms : opt.latency;
    me.cached = kv_array(me.cached, me.cached_count + 1, sizeof *me.cached);
    me.cached[me.cached_count++] = (struct cached){key, begins};
}

static void speak(struct call *c, struct chat *chat)
{
    const struct deed *d = c->deed;
    struct kv_buf text = {0};
    look_into_cache(c, chat);
    c->status = d && d->status ? d->status : 200;
    if (d && d->reply.n && kv_json_type(d->reply) == KV_JSON_STRING)
        kv_json_unescape(d->reply, &text);
    else if (d && d->reply.n)
        kv_json_compact(&text, d->reply);
    else if (chat->schema.n)
        mind_judge(me.mind, kv_slice_of(&chat->user), chat->schema, &text);
    else
        mind_answer(me.mind, kv_slice_of(&chat->model), kv_slice_of(&chat->user), &text);
    const char *finish = d ? d->finish : NULL;
    if (chat->background && chat->wire == RESPONSES) {
        chat_write(chat, kv_slice_of(&text), finish, me.serial, &c->reply);
        background_order(c, chat, me.serial, opt.latency);
    } else if (chat->stream)
        say(&c->saying, chat, kv_slice_of(&text), finish, d ? d->stream : (struct kv_slice){"", 0},
            opt.token_ms, me.serial);
    else
        chat_write(chat, kv_slice_of(&text), finish, me.serial, &c->reply);
    kv_buf_release(&text);
}

static void obey(struct call *c, struct chat *chat)
{
    const struct deed *d = c->deed;
    if (d->body.n && kv_json_type(d->body) == KV_JSON_STRING)
        kv_json_unescape(d->body, &c->reply);
    else if (d->body.n)
        kv_json_compact(&c->reply, d->body);
    else if (d->status >= 300 && !d->reply.n)
        chat_error(chat->wire, d->status, "scripted_error", NULL, "as the script says", &c->reply);
    else
        speak(c, chat);
    c->status = d->status ? d->status : 200;
}

static void answer_chat(struct call *c, enum wire wire, const char *path)
{
    struct chat chat;
    bool read = chat_read(&chat, wire, kv_slice_of(&c->body));
    if (wire == GEMINI) {
        google_take_model(&chat, path);
        chat.stream = strstr(path, ":streamGenerateContent") != NULL;
    }
    struct asked a = {.path = kv_slice(path),
        .model = kv_slice_of(&chat.model),
        .user = kv_slice_of(&chat.user),
        .judge = chat.schema.n > 0,
        .times = journal_count(kv_slice_of(&c->body))};
    c->deed = read ? script_match(me.script, &a) : NULL;
    if (c->connection && !key_is_right(c->connection))
        refuse(
            c, wire, 401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided");
    else if (!read)
        refuse(c, wire, 400, "invalid_request_error", NULL, "the body is not a chat request");
    else if (c->connection && !within_rate()) {
        refuse(c, wire, 429, "requests", "rate_limit_exceeded", "Rate limit reached");
        c->retry_after = KV_SLICE("1");
    } else if (c->deed)
        obey(c, &chat);
    else if (!knows(a.model))
        refuse(c, wire, 404, "invalid_request_error", "model_not_found", "no such model");
    else
        speak(c, &chat);
    journal_note(c, &chat, &a);
    chat_release(&chat);
}

static void fetch(struct call *c, const char *path)
{
    struct asked a = {.path = kv_slice(path)};
    struct chat none = {0};
    c->deed = script_match(me.script, &a);
    c->status = c->deed && c->deed->status ? c->deed->status : 404;
    if (!c->deed && background_fetch(path, &c->reply))
        c->status = 200;
    if (c->status != 200)
        chat_error(
            RESPONSES, c->status, "invalid_request_error", NULL, "no such response", &c->reply);
    c->at_once = true;
    journal_note(c, &none, &a);
}

static void list_models(struct call *c)
{
    kv_buf_add_str(&c->reply, "{\"object\":\"list\",\"data\":[");
    for (const char *at = opt.models ? opt.models : "any"; *at;) {
        size_t n = strcspn(at, ",");
        kv_buf_add_str(&c->reply, "{\"id\":");
        kv_json_quote(&c->reply, (struct kv_slice){at, n}, KV_JSON_RAW);
        kv_buf_add_str(&c->reply, ",\"object\":\"model\"}");
        at += n + (at[n] == ',');
        if (*at)
            kv_buf_add_char(&c->reply, ',');
    }
    kv_buf_add_str(&c->reply, "],\"has_more\":false}");
}

/* Streams come as events only where they are asked for so. */
static bool is_google(struct call *c, const char *path)
{
    const char *method = strrchr(path, ':');
    if (method && strcmp(method, ":streamGenerateContent") == 0) {
        const char *alt = MHD_lookup_connection_value(c->connection, MHD_GET_ARGUMENT_KIND, "alt");
        return alt && strcmp(alt, "sse") == 0;
    }
    return method && strcmp(method, ":generateContent") == 0;
}

static bool ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n >= m && strcmp(path + n - m, end) == 0;
}

/* The reply to one request of a batch. */
static int answer_batched(const char *path, struct kv_slice body, struct kv_buf *reply)
{
    struct call c = {0};
    kv_buf_add_slice(&c.body, body);
    answer_chat(&c,
        ends_in(path, "/messages")    ? ANTHROPIC
        : ends_in(path, "/responses") ? RESPONSES
                                      : OPENAI,
        path);
    kv_buf_add_slice(reply, kv_slice_of(&c.reply));
    kv_buf_release(&c.body);
    kv_buf_release(&c.reply);
    return c.status;
}

static bool decide_batches(struct call *c, const char *method, const char *path)
{
    const struct batches how = {journal_file(), answer_batched};
    if (!strstr(path, "/batches") && !strstr(path, "/files") && strcmp(path, "/batch-control") != 0)
        return false;
    if (!key_is_right(c->connection) && strcmp(path, "/batch-control") != 0) {
        refuse(c, strstr(path, "/messages/") ? ANTHROPIC : OPENAI, 401, "authentication_error",
            "invalid_api_key", "Incorrect API key provided");
        return true;
    }
    return batches_decide(&how, c, method, path);
}

static void decide(struct call *c, const char *method, const char *path)
{
    me.serial++;
    c->status = 200;
    if (decide_batches(c, method, path))
        return;
    if (is_google(c, path))
        answer_chat(c, GEMINI, path);
    else if (ends_in(path, "/chat/completions"))
        answer_chat(c, OPENAI, path);
    else if (ends_in(path, "/responses"))
        answer_chat(c, RESPONSES, path);
    else if (ends_in(path, "/messages"))
        answer_chat(c, ANTHROPIC, path);
    else if (ends_in(path, "/models")) {
        if (key_is_right(c->connection))
            list_models(c);
        else
            refuse(c, OPENAI, 401, "invalid_request_error", "invalid_api_key",
                "Incorrect API key provided");
    } else if (strstr(path, "/responses/"))
        fetch(c, path);
    else if (strcmp(path, "/stats") == 0)
        kv_buf_printf(&c->reply, "{\"requests\":%ld,\"in_flight\":%ld,\"peak\":%ld}", me.serial,
            me.in_flight, me.peak);
    else
        refuse(c, OPENAI, 404, "invalid_request_error", NULL, "no such path");
}

/* ---- microhttpd's side ---- */

static struct call *begin_call(struct MHD_Connection *connection)
{
    struct call *c = kv_calloc(1, sizeof *c);
    c->connection = connection;
    c->next = me.calls;
    if (me.calls)
        me.calls->prev = c;
    me.calls = c;
    if (++me.in_flight > me.peak)
        me.peak = me.in_flight;
    return c;
}

static enum MHD_Result handle(void *closure, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *data, size_t *size, void **con_cls)
{
    struct call *c = *con_cls;
    (void)closure;
    (void)version;
    if (!c) {
        *con_cls = begin_call(connection);
        return MHD_YES;
    }
    if (*size) {
        kv_buf_add(&c->body, data, *size);
        batches_reading(url);
        *size = 0;
        return MHD_YES;
    }
    if (me.stopping)
        return MHD_NO;
    if (c->stage == DUE)
        return fault_send(c);
    decide(c, method, url);
    bool hang = c->deed && c->deed->peer && strcmp(c->deed->peer, "hang") == 0;
    bool drip = c->deed && c->deed->peer && strcmp(c->deed->peer, "drip") == 0;
    long latency = c->deed && c->deed->latency_ms >= 0 && !drip ? c->deed->latency_ms : opt.latency;
    if (c->at_once)
        latency = 0;
    if (hang) {
        c->stage = HANGING;
        MHD_suspend_connection(connection);
    } else if (latency > 0)
        queue_add(c, due_after(latency));
    else
        return fault_send(c);
    return MHD_YES;
}

static void end_call(void *closure, struct MHD_Connection *connection, void **con_cls,
    enum MHD_RequestTerminationCode code)
{
    struct call *c = *con_cls;
    (void)closure;
    (void)connection;
    if (!c)
        return;
    if (code == MHD_REQUEST_TERMINATED_COMPLETED_OK && c->status == 200)
        journal_note_sent(c);
    if (c->prev)
        c->prev->next = c->next;
    else
        me.calls = c->next;
    if (c->next)
        c->next->prev = c->prev;
    kv_buf_release(&c->body);
    kv_buf_release(&c->reply);
    saying_release(&c->saying);
    free(c);
    me.in_flight--;
    *con_cls = NULL;
}

static int next_wait(int64_t end_ms)
{
    MHD_UNSIGNED_LONG_LONG daemon_ms;
    int64_t now = queue_now(), wait = end_ms - now;
    if (MHD_get_timeout(me.daemon, &daemon_ms) == MHD_YES && (int64_t)daemon_ms < wait)
        wait = (int64_t)daemon_ms;
    int64_t due = queue_due();
    if (due >= 0 && due - now < wait)
        wait = due - now;
    return wait < 0 ? 0 : (int)wait;
}

static void serve(int signals)
{
    int64_t end_ms = queue_now() + opt.max_seconds * 1000;
    struct pollfd fds[] = {
        {.fd = MHD_get_daemon_info(me.daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
            .events = POLLIN},
        {.fd = signals, .events = POLLIN},
        {.fd = opt.with_stdin ? STDIN_FILENO : -1, .events = POLLIN},
    };
    while (queue_now() < end_ms) {
        char gone;
        poll(fds, 3, next_wait(end_ms));
        if (fds[1].revents)
            return;
        if (fds[2].revents && read(STDIN_FILENO, &gone, 1) <= 0)
            return;
        queue_wake();
        MHD_run(me.daemon);
    }
}

/* Everything that waits is let go, or microhttpd would not stop. */
static void let_go(void)
{
    me.stopping = fault_stopping = true;
    for (struct call *c = me.calls; c; c = c->next)
        if (c->stage == WAITING || c->stage == HANGING)
            MHD_resume_connection(c->connection);
    queue_clear();
    MHD_run(me.daemon);
    MHD_stop_daemon(me.daemon);
}

/* ---- beginning and end ---- */

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static int listen_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0)
        return -1;
    return fd;
}

static int start(struct kv_err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)opt.port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (opt.address && inet_pton(AF_INET, opt.address, &address.sin_addr) != 1)
        return kv_err_set(err, KV_USAGE, "--address: '%s' is none", opt.address);
    me.mind = mind_open(opt.answers, err);
    me.script = me.mind ? script_open(opt.script, err) : NULL;
    if (!me.script)
        return -1;
    if (journal_open(&opt.journal, err) != 0)
        return -1;
    int listening = opt.socket ? listen_unix(opt.socket) : -1;
    if (opt.socket && listening < 0)
        return kv_err_sys(err, "%s", opt.socket);
    struct MHD_OptionItem where[] = {
        {MHD_OPTION_SOCK_ADDR, 0, &address}, {MHD_OPTION_END, 0, NULL}};
    if (opt.socket)
        where[0] = (struct MHD_OptionItem){MHD_OPTION_LISTEN_SOCKET, listening, NULL};
    me.daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handle,
        NULL, MHD_OPTION_ARRAY, where, MHD_OPTION_NOTIFY_COMPLETED, end_call, NULL,
        MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U,
        MHD_OPTION_LISTEN_BACKLOG_SIZE, 4096U, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768,
        MHD_OPTION_END);
    return me.daemon ? 0 : kv_err_sys(err, "port %ld", opt.port);
}

static int announce(struct kv_err *err)
{
    unsigned port = MHD_get_daemon_info(me.daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    printf("{\"port\":%u}\n", port);
    fflush(stdout);
    if (!opt.port_file)
        return 0;
    FILE *f = fopen(opt.port_file, "w");
    if (!f || fprintf(f, "%u\n", port) < 0 || fclose(f) != 0)
        return kv_err_sys(err, "%s", opt.port_file);
    return 0;
}

int main(int argc, char **argv)
{
    struct kv_cli cli;
    struct kv_err err;
    const struct kv_option options[] = {
        {0, "address", KV_OPT_TEXT, &opt.address},
        {0, "port", KV_OPT_COUNT, &opt.port},
        {0, "port-file", KV_OPT_TEXT, &opt.port_file},
        {0, "answers", KV_OPT_TEXT, &opt.answers},
        {0, "script", KV_OPT_TEXT, &opt.script},
        {0, "latency", KV_OPT_COUNT, &opt.latency},
        {0, "token-ms", KV_OPT_COUNT, &opt.token_ms},
        {0, "key", KV_OPT_TEXT, &opt.key},
        {0, "rate", KV_OPT_COUNT, &opt.rate},
        {0, "slots", KV_OPT_COUNT, &opt.slots},
        {0, "models", KV_OPT_TEXT, &opt.models},
        {0, "journal", KV_OPT_TEXT, &opt.journal.requests},
        {0, "journal-buffered", KV_OPT_FLAG, &opt.journal.buffered},
        {0, "bodies", KV_OPT_TEXT, &opt.journal.bodies},
        {0, "sent", KV_OPT_TEXT, &opt.journal.sent},
        {0, "note-header", KV_OPT_TEXT, &opt.journal.header},
        {0, "unix", KV_OPT_TEXT, &opt.socket},
        {0, "max-seconds", KV_OPT_COUNT, &opt.max_seconds},
        {0, "stay-with-stdin", KV_OPT_FLAG, &opt.with_stdin},
        {0},
    };
    if (kv_cli_begin(&cli, argc, argv, options, HELP) < argc)
        kv_cli_usage("operands are not expected");

    int signals = open_signals();
    if (start(&err) < 0 || announce(&err) < 0)
        kv_cli_fail(&err);
    serve(signals);

    let_go();
    journal_close();
    script_close(me.script);
    mind_close(me.mind);
    free(me.cached);
    return kv_cli_end(KV_OK);
}
