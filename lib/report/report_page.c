/* report_page - a report as one HTML page that needs nothing else: no network, no script to be read.
 *
 * share/report/page.html is the page, with slots: {{name}} is replaced by what a function here
 * writes, and what stands between {{#name}} and {{/name}} is left out where there is nothing to say.
 * What a slot writes is never looked at again, so that no text of a file can name a slot. The script
 * is named in the page's content security policy by its digest: no other script runs.
 */
#include "report_page.h"

#include "digest.h"
#include "io.h"
#include "page.h"
#include "visible.h"

#include <inttypes.h>
#include <string.h>

enum { PART_MAX = 1 << 20 };

struct parts {
    struct kv_buf page, style, script;
};

/* ---- the files ---- */

static int read_part(struct kv_buf *out, const char *share, const char *name, struct kv_err *err)
{
    struct kv_buf path = {0};
    kv_buf_printf(&path, "%s/report/%s", share, name);
    kv_buf_reserve(out, 1);
    int failed = kv_io_read(path.p, PART_MAX, out, err);
    kv_buf_release(&path);
    return failed;
}

static unsigned nibble(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The script's SHA-256 in base64, as a Content-Security-Policy names a script. */
static void add_hash(struct kv_buf *out, struct kv_slice script)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char hex[KV_SHA256_HEX + 1];
    unsigned char bytes[33] = {0};
    kv_digest_sha256(script, hex);
    for (size_t i = 0; i < 32; i++)
        bytes[i] = (unsigned char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    kv_buf_add_str(out, "sha256-");
    for (size_t i = 0; i < 33; i += 3) {
        unsigned n = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            kv_buf_add_char(out, digits[n >> shift & 63]);
    }
    out->p[out->n - 1] = '=';
}

/* ---- slots of a line ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static int add_title(struct kv_page *p, struct kv_err *err)
{
    (void)err;
    kv_page_text(p, kv_slice(base_name(p->r->set->path)));
    if (p->r->then) {
        kv_buf_add_str(p->out, " against ");
        kv_page_text(p, kv_slice(base_name(p->r->then->path)));
    }
    if (!p->r->set->complete)
        kv_buf_add_str(p->out, " (in progress)");
    return 0;
}

static void add_number(struct kv_page *p, uint64_t n, const char *one, const char *many)
{
    kv_report_add_count(p->out, n);
    kv_page_printf(p, " %s", n == 1 ? one : many);
}

static int add_subtitle(struct kv_page *p, struct kv_err *err)
{
    const struct kv_rowset *set = p->r->set;
    size_t answering = 0;
    (void)err;
    for (size_t i = 0; i < p->r->consumptions.n; i++)
        answering += !p->r->consumptions.items[i].judges;
    add_number(p, set->n, "result", "results");
    kv_buf_add_str(p->out, " · ");
    add_number(p, set->questions.n, "question", "questions");
    kv_buf_add_str(p->out, " · ");
    add_number(p, answering, "model", "models");
    kv_buf_add_str(p->out, " · ");
    add_number(p, kv_report_judges(p->r), "judge", "judges");
    if (!set->first_time.n)
        return 0;
    kv_buf_add_str(p->out, " · ");
    kv_page_text_cut(p, kv_slice_of(&set->first_time), 40);
    kv_buf_add_str(p->out, " to ");
    kv_page_text_cut(p, kv_slice_of(&set->last_time), 40);
    return 0;
}

static int add_progress(struct kv_page *p, struct kv_err *err)
{
    const struct kv_rowset *set = p->r->set;
    (void)err;
    kv_page_printf(p, "This run is in progress: %zu", set->n);
    if (set->total_tasks >= 0)
        kv_page_printf(p, " of %" PRId64, set->total_tasks);
    kv_buf_add_str(p->out, " tasks have a result. Numbers will change.");
    return 0;
}

/* ---- what a slot is ---- */

static bool is_empty(const struct kv_report *r)
{
    return r->set->n == 0;
}

static bool has_results(const struct kv_report *r)
{
    return r->set->n > 0;
}

static bool is_unfinished(const struct kv_report *r)
{
    return !r->set->complete;
}

static int add_sections(struct kv_page *p, struct kv_err *err);

static const struct slot {
    const char *name;
    bool (*has)(const struct kv_report *r); /* NULL: always */
    int (*add)(struct kv_page *p, struct kv_err *err);
    const char *section; /* in the list of sections; NULL: it is none */
} slots[] = {
    {"title", NULL, add_title, NULL},
    {"subtitle", NULL, add_subtitle, NULL},
    {"progress", is_unfinished, add_progress, NULL},
    {"sections", NULL, add_sections, NULL},
    {"empty", is_empty, NULL, NULL},
    {"rates", has_results, kv_page_rates, "Rates"},
    {"runs", kv_page_has_runs, kv_page_runs, "Then and now"},
    {"differences", kv_page_has_differences, kv_page_differences, "Differences"},
    {"failures", kv_page_has_failures, kv_page_failures, "Failures"},
    {"keywords", kv_page_has_keywords, kv_page_keywords, "Keywords"},
    {"replicates", kv_page_has_replicates, kv_page_replicates, "Replicates"},
    {"judges", kv_page_has_judges, kv_page_judges, "Judges"},
    {"questions", has_results, kv_page_questions, "Questions"},
    {"use", kv_page_has_use, kv_page_use, "Cost and time"},
    {"health", kv_page_has_health, kv_page_health, "Health"},
    {"provenance", NULL, kv_page_provenance, "Provenance"},
};

static int add_sections(struct kv_page *p, struct kv_err *err)
{
    (void)err;
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
        if (slots[i].section && (!slots[i].has || slots[i].has(p->r)))
            kv_page_printf(p, "<a href=\"#%s\">%s</a>\n", slots[i].name, slots[i].section);
    return 0;
}

static const struct slot *find_slot(struct kv_slice name)
{
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
        if (kv_slice_is(name, slots[i].name))
            return &slots[i];
    return NULL;
}

/* ---- the page ---- */

static int unknown(struct kv_slice name, struct kv_err *err)
{
    return kv_err_set(err, KV_INPUT, "report/page.html: no slot is called '%.*s'",
        name.n < 40 ? (int)name.n : 40, name.p);
}

static int fill(
    struct kv_page *p, const struct parts *parts, struct kv_slice name, struct kv_err *err)
{
    if (kv_slice_is(name, "style"))
        kv_buf_add_slice(p->out, kv_slice_of(&parts->style));
    else if (kv_slice_is(name, "script"))
        kv_buf_add_slice(p->out, kv_slice_of(&parts->script));
    else if (kv_slice_is(name, "script-hash")) {
        struct kv_buf text = {0}; /* of what stands between the tags */
        kv_buf_add_char(&text, '\n');
        kv_buf_add_slice(&text, kv_slice_of(&parts->script));
        add_hash(p->out, kv_slice_of(&text));
        kv_buf_release(&text);
    } else {
        const struct slot *slot = find_slot(name);
        return slot && slot->add ? slot->add(p, err) : unknown(name, err);
    }
    return 0;
}

/* The end of the conditional part that begins at `from`: behind its closing mark, NULL without one. */
static const char *skip(const char *from, const char *end, struct kv_slice name)
{
    struct kv_buf mark = {0};
    kv_buf_add_str(&mark, "{{/");
    kv_buf_add_slice(&mark, name);
    kv_buf_add_str(&mark, "}}");
    const char *found = memmem(from, (size_t)(end - from), mark.p, mark.n);
    size_t n = mark.n;
    kv_buf_release(&mark);
    return found ? found + n : NULL;
}

/* Takes the slot at `at`, which is "{{…}}"; answers where the page goes on, or NULL. */
static const char *take_slot(struct kv_page *p, const struct parts *parts, const char *at,
    const char *end, struct kv_err *err)
{
    const char *close = memmem(at, (size_t)(end - at), "}}", 2);
    struct kv_slice name = {at + 2, close ? (size_t)(close - at - 2) : 0};
    if (!name.n) {
        kv_err_set(err, KV_INPUT, "report/page.html: a slot is not closed");
        return NULL;
    }
    const char *rest = close + 2;
    if (*name.p == '/')
        return rest;
    if (*name.p != '#')
        return fill(p, parts, name, err) == 0 ? rest : NULL;
    name = (struct kv_slice){name.p + 1, name.n - 1};
    const struct slot *slot = find_slot(name);
    if (!slot) {
        unknown(name, err);
        return NULL;
    }
    if (slot->has && !slot->has(p->r) && !(rest = skip(rest, end, name)))
        unknown(name, err);
    return rest;
}

static int write_page(struct kv_page *p, const struct parts *parts, struct kv_err *err)
{
    const char *at = parts->page.p, *end = at + parts->page.n;
    while (at < end) {
        const char *slot = memmem(at, (size_t)(end - at), "{{", 2);
        kv_buf_add(p->out, at, (size_t)((slot ? slot : end) - at));
        at = slot ? take_slot(p, parts, slot, end, err) : end;
        if (!at)
            return -1;
        kv_sink_step(p->s);
    }
    return 0;
}

int kv_report_page_write(
    struct kv_sink *s, const struct kv_report *r, const char *share, struct kv_err *err)
{
    struct kv_page page = {.s = s, .out = &s->held, .r = r};
    struct parts parts = {0};
    int failed = read_part(&parts.page, share, "page.html", err) != 0 ||
                 read_part(&parts.style, share, "style.css", err) != 0 ||
                 read_part(&parts.script, share, "script.js", err) != 0 ||
                 write_page(&page, &parts, err) != 0;
    kv_buf_release(&page.text);
    kv_buf_release(&parts.page);
    kv_buf_release(&parts.style);
    kv_buf_release(&parts.script);
    return failed ? -1 : 0;
}
