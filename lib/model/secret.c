/* secret - keys of model providers: held where they do not leak, and recognised where they do. */
#include "secret.h"

#include "io.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum {
    KEY_MAX = 64 << 10,
    PART_MIN = 8,  /* a shorter part of a key may stand in any text by chance */
    SHAPE_MIN = 6, /* characters behind a prefix such as sk- */
};

struct secret {
    char *name;
    char *page;
    size_t mapped, n;
};

struct kv_secrets {
    struct secret *all;
    size_t count;
    const char *passed; /* NULL: none */
};

/* LeakSanitizer traces its own process, which a hardened one does not allow. */
#ifdef __has_feature
#define TRACED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define TRACED 1
#else
#define TRACED 0
#endif

extern char **environ;

struct kv_secrets *kv_secret_open(void)
{
    return kv_calloc(1, sizeof(struct kv_secrets));
}

void kv_secret_close(struct kv_secrets *ring)
{
    if (!ring)
        return;
    for (size_t i = 0; i < ring->count; i++) {
        explicit_bzero(ring->all[i].page, ring->all[i].mapped);
        munmap(ring->all[i].page, ring->all[i].mapped);
        free(ring->all[i].name);
    }
    free(ring->all);
    free(ring);
}

void kv_secret_harden(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
#if defined(__linux__) && !TRACED
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

/* ---- taking keys in ---- */

static char *map_page(size_t size)
{
    char *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        kv_no_memory();
    mlock(page, size); /* best effort: limits may forbid it */
#ifdef MADV_DONTDUMP
    madvise(page, size, MADV_DONTDUMP);
#endif
#ifdef MADV_WIPEONFORK
    madvise(page, size, MADV_WIPEONFORK);
#endif
    return page;
}

static bool acceptable(struct kv_slice key)
{
    for (size_t i = 0; i < key.n; i++)
        if ((unsigned char)key.p[i] <= 0x20 || (unsigned char)key.p[i] >= 0x7f)
            return false;
    return key.n > 0;
}

int kv_secret_add(struct kv_secrets *ring, const char *name, struct kv_slice text,
    struct kv_slice *key, struct kv_err *err)
{
    struct kv_slice bare = kv_slice_strip(text);
    if (!acceptable(bare))
        return kv_err_set(err, KV_INPUT,
            bare.n ? "the key in %s holds characters that no key has" : "the key in %s is empty",
            name);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct secret s = {.name = kv_strdup(name), .n = bare.n};
    s.mapped = (bare.n / page + 1) * page;
    s.page = map_page(s.mapped);
    memcpy(s.page, bare.p, bare.n);
    ring->all = kv_grow(ring->all, ring->count, sizeof *ring->all);
    ring->all[ring->count++] = s;
    *key = (struct kv_slice){s.page, s.n};
    return 0;
}

void kv_secret_forget_env(const char *name)
{
    size_t n = strlen(name);
    for (char **e = environ; e && *e; e++)
        if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
            explicit_bzero(*e + n + 1, strlen(*e + n + 1));
    unsetenv(name);
}

static int check_private(const char *path, struct kv_err *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return kv_err_sys(err, "%s", path);
    if (!S_ISREG(st.st_mode))
        return kv_err_set(err, KV_INPUT, "%s: a key is read from a regular file only", path);
    if (st.st_uid != geteuid())
        return kv_err_set(err, KV_INPUT, "%s: a key file must belong to you", path);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return kv_err_set(err, KV_INPUT, "%s: others may open this key file: chmod 600", path);
    return 0;
}

static int find_file(struct kv_secrets *ring, const char *name, const char *path,
    struct kv_slice *key, struct kv_err *err)
{
    struct kv_buf text = {0};
    if (check_private(path, err) < 0 || kv_io_read(path, KEY_MAX, &text, err) < 0) {
        kv_buf_release(&text);
        return -1;
    }
    int rc = kv_secret_add(ring, name, kv_slice_of(&text), key, err);
    if (text.p)
        explicit_bzero(text.p, text.cap);
    kv_buf_release(&text);
    return rc < 0 ? -1 : 1;
}

/* ---- what commands may see ---- */

void kv_secret_pass(struct kv_secrets *ring, const char *names)
{
    ring->passed = names;
}

static bool is_passed(const struct kv_secrets *ring, struct kv_slice name)
{
    for (const char *at = ring->passed; at && *at;) {
        size_t n = strcspn(at, ",");
        if (kv_slice_eq((struct kv_slice){at, n}, name))
            return true;
        at += n + (at[n] == ',');
    }
    return false;
}

static void gather_one(struct kv_secrets *ring, struct kv_slice name, struct kv_buf *gone)
{
    struct kv_slice key;
    char *text = kv_slice_dup(name);
    const char *value = name.p + name.n + 1;
    if (kv_secret_add(ring, text, kv_slice(value), &key, NULL) == 0) {
        kv_buf_printf(gone, "%s%s", gone->n ? ", " : "", text);
        kv_secret_forget_env(text);
    }
    free(text);
}

void kv_secret_gather(struct kv_secrets *ring, const char *name, struct kv_buf *gone)
{
    static const char suffix[] = "_FILE"; /* names a file, is no key */
    size_t n = strlen(name), m = sizeof suffix - 1;
    bool all = n && name[n - 1] == '_';
    for (char **e = environ; e && *e;) {
        struct kv_slice found = {*e, strcspn(*e, "=")};
        bool ours = kv_slice_starts(found, name) && (all || found.n == n);
        bool file = found.n > m && memcmp(found.p + found.n - m, suffix, m) == 0;
        const char *at = *e;
        if (ours && !file && !is_passed(ring, found))
            gather_one(ring, found, gone);
        e += *e == at; /* one that was removed left its place to the next */
    }
}

/* ---- finding them ---- */

static const struct secret *held(const struct kv_secrets *ring, const char *name)
{
    for (size_t i = 0; ring && i < ring->count; i++)
        if (strcmp(ring->all[i].name, name) == 0)
            return &ring->all[i];
    return NULL;
}

/* The value of NAME_FILE. */
static const char *file_of(kv_env_fn *env, const char *name)
{
    struct kv_buf file = {0};
    kv_buf_printf(&file, "%s_FILE", name);
    const char *path = env(file.p);
    kv_buf_release(&file);
    return path;
}

bool kv_secret_is_set(const struct kv_secrets *ring, kv_env_fn *env, const char *name)
{
    return held(ring, name) || env(name) || file_of(env, name);
}

int kv_secret_find(struct kv_secrets *ring, kv_env_fn *env, const char *name, struct kv_slice *key,
    struct kv_err *err)
{
    const struct secret *known = held(ring, name);
    if (known) {
        *key = (struct kv_slice){known->page, known->n};
        return 1;
    }
    const char *value = env(name);
    if (value) {
        int rc = kv_secret_add(ring, name, kv_slice(value), key, err);
        if (!is_passed(ring, kv_slice(name)))
            kv_secret_forget_env(name);
        return rc < 0 ? -1 : 1;
    }
    const char *path = file_of(env, name);
    return path ? find_file(ring, name, path, key, err) : 0;
}

/* ---- redacting ---- */

struct view {
    const char *start, *at, *end;
};

static size_t left(const struct view *v)
{
    return (size_t)(v->end - v->at);
}

static bool here(const struct view *v, const char *word)
{
    size_t n = strlen(word);
    return left(v) >= n && strncasecmp(v->at, word, n) == 0;
}

/* Bytes at v->at that also stand somewhere in the key, if there are enough of them. */
static size_t match_key(const struct view *v, const struct secret *s)
{
    size_t best = 0;
    for (size_t from = 0; from + PART_MIN <= s->n; from++) {
        size_t n = 0;
        while (n < left(v) && from + n < s->n && v->at[n] == s->page[from + n])
            n++;
        if (n > best)
            best = n;
    }
    return best >= PART_MIN ? best : 0;
}

static bool key_char(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '*' || c == '.';
}

/* sk-…, AIza… and their like; words such as "sk-learn" have neither digit nor star. */
static size_t match_shape(const struct view *v)
{
    static const char *const prefixes[] = {"sk-", "AIza", "gsk_", "hf_", "xai-", "pplx-"};
    if (v->at > v->start && isalnum((unsigned char)v->at[-1]))
        return 0;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (!here(v, prefixes[i]))
            continue;
        size_t n = strlen(prefixes[i]), from = n;
        bool telling = false;
        for (; n < left(v) && key_char(v->at[n]); n++)
            telling = telling || isdigit((unsigned char)v->at[n]) || v->at[n] == '*';
        return telling && n - from >= SHAPE_MIN ? n : 0;
    }
    return 0;
}

/* Something that says "a key follows": *n bytes to keep, and the length of what follows. */
static size_t match_label(const struct view *v, size_t *kept)
{
    static const char *const labels[] = {
        "bearer ", "basic ", "key=", "token=", "secret=", "x-api-key: ", "password="};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        if (!here(v, labels[i]))
            continue;
        size_t from = strlen(labels[i]), n = from;
        while (n < left(v) && !isspace((unsigned char)v->at[n]) && !strchr("&\"'<>,;)", v->at[n]))
            n++;
        *kept = from;
        return n - from;
    }
    if (!here(v, "://"))
        return 0;
    for (size_t n = 3; n < left(v) && !isspace((unsigned char)v->at[n]) && v->at[n] != '/'; n++)
        if (v->at[n] == '@') {
            *kept = 3;
            return n - 3;
        }
    return 0;
}

static size_t match(const struct kv_secrets *ring, const struct view *v, size_t *kept)
{
    size_t n = 0;
    *kept = 0;
    for (size_t i = 0; ring && i < ring->count && !n; i++)
        n = match_key(v, &ring->all[i]);
    if (!n)
        n = match_shape(v);
    return n ? n : match_label(v, kept);
}

void kv_secret_redact(const struct kv_secrets *ring, struct kv_slice text, struct kv_buf *out)
{
    if (text.n == 0)
        return;
    struct view v = {text.p, text.p, text.p + text.n};
    while (v.at < v.end) {
        size_t kept, n = match(ring, &v, &kept);
        if (n == 0) {
            kv_buf_add_char(out, *v.at++);
            continue;
        }
        kv_buf_add(out, v.at, kept);
        kv_buf_add_str(out, "[redacted]");
        v.at += kept + n;
    }
}
