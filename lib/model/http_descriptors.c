/* http_descriptors - how many connections this process may have. */
#include "http_descriptors.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    DESCRIPTORS_APART = 64,
    DESCRIPTORS_LEAST = 6,
};

size_t kv_http_descriptors_raise(size_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return wanted;
    if (limit.rlim_cur != limit.rlim_max) {
        struct rlimit raised = {limit.rlim_max, limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > wanted + DESCRIPTORS_APART)
        return wanted;
    return limit.rlim_cur > DESCRIPTORS_APART ? (size_t)limit.rlim_cur - DESCRIPTORS_APART : 1;
}

int kv_http_descriptors_check(struct kv_err *err)
{
    int held[DESCRIPTORS_LEAST], n = 0;
    while (n < DESCRIPTORS_LEAST && (held[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0)
        n++;
    int rc = n < DESCRIPTORS_LEAST ? kv_err_sys(err, "connections (ulimit -n)") : 0;
    while (n > 0)
        close(held[--n]);
    return rc;
}
