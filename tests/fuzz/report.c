/* report - fuzz target: results told in every form; or labels and a NUL byte before them.
 *
 * The numbers are JSON; nothing of the results becomes markup or a control character.
 */
#include "json.h"
#include "report_json.h"
#include "report_junit.h"
#include "report_markdown.h"
#include "report_page.h"
#include "report_text.h"
#include "scratch.h"

#include <assert.h>
#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void read_back(struct kv_buf *text, const char *path)
{
    FILE *f = fopen(path, "r");
    char piece[4096];
    assert(f);
    for (size_t got; (got = fread(piece, 1, sizeof piece, f)) > 0;)
        kv_buf_add(text, piece, got);
    fclose(f);
}

/* Only the page has markup, and of elements with a will of their own one script. */
static void check_page(const char *path)
{
    struct kv_buf text = {0};
    size_t scripts = 0;
    read_back(&text, path);
    for (const char *p = text.p; (p = strstr(p, "<script")); p++)
        scripts++;
    assert(scripts == 1 && !strstr(text.p, "<img") && !strstr(text.p, "<iframe"));
    kv_buf_release(&text);
}

static void check_json(const char *path)
{
    struct kv_buf text = {0};
    struct kv_slice value;
    struct kv_err err;
    read_back(&text, path);
    assert(kv_json_check(kv_slice_of(&text), KV_JSON_STRICT, &value, &err) == 0);
    kv_buf_release(&text);
}

enum form { PAGE, JUNIT, JSON };

static void write_long(const struct kv_report *r, enum form form)
{
    const char *path = scratch_path("out");
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    struct kv_sink s = {.fd = fd};
    struct kv_err err;
    const char *share = getenv("KV_SHARE");
    int failed = form == PAGE    ? kv_report_page_write(&s, r, share ? share : "share", &err)
                 : form == JUNIT ? kv_report_junit_write(&s, r, &err)
                                 : kv_report_json_write(&s, r, &err);
    assert(failed == 0 && kv_sink_end(&s, &err) == 0);
    close(fd);
    if (form == PAGE)
        check_page(path);
    if (form == JSON)
        check_json(path);
}

static void write_short(const struct kv_report *r)
{
    struct kv_buf out = {0};
    struct kv_err err;
    assert(kv_report_text_add(&out, r, 80, &err) == 0);
    for (size_t i = 0; i < out.n; i++)
        assert(out.p[i] == '\n' || (unsigned char)out.p[i] >= 0x20);
    kv_buf_clear(&out);
    assert(kv_report_markdown_add(&out, r, &err) == 0);
    assert(!strstr(out.p, "<script") && !strstr(out.p, "<img"));
    kv_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct kv_slice rest = {(const char *)bytes, n}, first = scratch_part(&rest);
    struct kv_report_options how = {.cluster = "a"};
    struct kv_err err;
    bool labels = first.n != n;
    scratch_path("");
    scratch_write("r.json", labels ? rest : first);
    scratch_write("labels", first);
    how.labels = labels ? scratch_path("labels") : NULL;
    const char *paths[] = {scratch_path("r.json"), scratch_path("r.json")};
    struct kv_report *r = kv_report_open(&how, paths, n % 2 + 1, &err);
    if (r) {
        assert(kv_report_digest(r, &err) == 0);
        write_short(r);
        write_long(r, PAGE);
        write_long(r, JUNIT);
        write_long(r, JSON);
        kv_report_close(r);
    }
    scratch_empty();
    return 0;
}
