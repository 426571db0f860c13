/* laconic - a port of loopback that says one thing to whoever speaks to it, or nothing at all.
 *
 *     laconic [TEXT]
 *
 * Prints {"port":N} and waits for the end of its stdin, ten minutes at most. Without TEXT it takes
 * connections and never says a word. With it, the first bytes of each connection are answered by
 * TEXT and written to stderr; the connection stays open, so that nobody sees a reset.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void answer(int listener, const char *text)
{
    char heard[4096];
    int fd = accept(listener, NULL, NULL);
    ssize_t n = fd >= 0 ? read(fd, heard, sizeof heard) : 0;
    if (n > 0 && (write(STDERR_FILENO, heard, (size_t)n) < 0 || write(fd, text, strlen(text)) < 0))
        perror("laconic");
}

int main(int argc, char **argv)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 || listen(fd, 64) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) < 0) {
        perror("laconic");
        return 1;
    }
    printf("{\"port\":%d}\n", ntohs(a.sin_port));
    fflush(stdout);
    struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {argc > 1 ? fd : -1, POLLIN, 0}};
    while (poll(fds, 2, 600 * 1000) > 0 && !fds[0].revents)
        answer(fd, argv[1]);
    return 0;
}
