/* served_name - whether the model that served is the one that was asked for. */
#include "served_name.h"

#include <string.h>
#include <strings.h>

static bool ends_with(struct kv_slice name, const char *suffix)
{
    size_t n = strlen(suffix);
    return name.n > n && strncasecmp(name.p + name.n - n, suffix, n) == 0;
}

/* Without vendor or path, tag, and what names of files end in. */
static struct kv_slice bare(struct kv_slice name)
{
    static const char *const suffixes[] = {".gguf", ".bin", ".safetensors", "-latest"};
    for (size_t i = name.n; i > 0; i--)
        if (name.p[i - 1] == '/' || name.p[i - 1] == '\\') {
            name = (struct kv_slice){name.p + i, name.n - i};
            break;
        }
    const char *tag = name.n ? memchr(name.p, ':', name.n) : NULL;
    if (tag && tag > name.p)
        name.n = (size_t)(tag - name.p);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (ends_with(name, suffixes[i]))
            name.n -= strlen(suffixes[i]);
    return name;
}

/* A date or a revision: "-2025-04-14", "-0613", "@20250414", "-002", "-preview-05-20". */
static bool is_revision(struct kv_slice rest)
{
    static const char preview[] = "-preview";
    if (rest.n >= sizeof preview - 1 && strncasecmp(rest.p, preview, sizeof preview - 1) == 0)
        rest = (struct kv_slice){rest.p + sizeof preview - 1, rest.n - (sizeof preview - 1)};
    if (rest.n == 0)
        return true;
    size_t digits = 0;
    for (size_t i = 0; i < rest.n; i++) {
        bool digit = rest.p[i] >= '0' && rest.p[i] <= '9';
        if (!digit && rest.p[i] != '-' && !(i == 0 && rest.p[i] == '@'))
            return false;
        digits += digit;
    }
    return (*rest.p == '-' || *rest.p == '@') && digits >= 3;
}

static bool extends(struct kv_slice name, struct kv_slice longer)
{
    return longer.n >= name.n && strncasecmp(name.p, longer.p, name.n) == 0 &&
           is_revision((struct kv_slice){longer.p + name.n, longer.n - name.n});
}

bool kv_served_name_is(struct kv_slice asked, struct kv_slice served)
{
    if (!served.n || kv_slice_eq(asked, served))
        return true;
    asked = bare(asked);
    served = bare(served);
    return extends(asked, served) || extends(served, asked);
}
