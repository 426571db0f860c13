/* silent - a port of loopback that takes connections and never says a word.
 *
 *     silent
 *
 * Prints {"port":N} and waits for the end of its stdin, ten minutes at most.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 || listen(fd, 64) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) < 0) {
        perror("silent");
        return 1;
    }
    printf("{\"port\":%d}\n", ntohs(a.sin_port));
    fflush(stdout);
    poll(&(struct pollfd){STDIN_FILENO, POLLIN, 0}, 1, 600 * 1000);
    return 0;
}
