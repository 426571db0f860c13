/* peak - runs a command and writes down the most memory it held, in KB: peak FILE COMMAND [ARG...]
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct rusage used;
    int status;
    FILE *out = argc > 2 ? fopen(argv[1], "w") : NULL;
    if (!out)
        return 2;
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &used) != pid ||
        fprintf(out, "%ld\n", used.ru_maxrss) < 0)
        return 2;
    fclose(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
