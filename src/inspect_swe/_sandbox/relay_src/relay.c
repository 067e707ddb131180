/* relay                                          frames on stdin and stdout
 * relay --kill TOKEN                             kill all processes of a session whose relay is gone
 * relay --daemon DIR [LEASE_MS]                  keep a session in the background, reached through DIR
 * relay --exchange DIR SEQ WAIT_MS MAX_OUT LEN   hand over LEN bytes of stdin, print the session's answer (base64)
 * relay --exchange DIR end                       end that session
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "relay.h"

#define LEASE_MS 90000
#define PIPE_BYTES (1024 * 1024)

static void say(const char *text)
{
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

static int usage(void)
{
    say("usage: relay [--kill TOKEN | --daemon DIR [LEASE_MS] | --exchange DIR SEQ WAIT_MS MAX_OUT LEN | --exchange DIR end]\n");
    return 64;
}

static void prepare_pipe(int fd)
{
    fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES); /* fails where it is no pipe, or above the user's limit */
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static int run_pipe(void)
{
    struct session s;
    session_init(&s);
    prepare_pipe(STDIN_FILENO);
    prepare_pipe(STDOUT_FILENO);
    session_run(&s);
    if (strcmp(s.ending, "end of input") != 0) {
        say("relay: ");
        say(s.ending);
        say("\n");
    }
    return 0;
}

/* Without them a socket could become descriptor 0, 1 or 2 and be overwritten by a child's. */
static bool open_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || fcntl(STDERR_FILENO, F_GETFD) >= 0;
}

int main(int argc, char **argv)
{
    uint32_t a = LEASE_MS, b, c, d;
    if (!open_standard_descriptors())
        return 1;
    signal(SIGPIPE, SIG_IGN);
    if (argc == 1)
        return run_pipe();
    if (strcmp(argv[1], "--kill") == 0 && argc == 3)
        return kill_token(argv[2]);
    if (strcmp(argv[1], "--daemon") == 0 && (argc == 3 || (argc == 4 && parse_number(argv[3], &a))))
        return run_daemon(argv[2], a);
    if (strcmp(argv[1], "--exchange") == 0 && argc == 7 && parse_number(argv[3], &a) && parse_number(argv[4], &b) &&
        parse_number(argv[5], &c) && parse_number(argv[6], &d))
        return run_exchange(argv[2], a, b, c, d);
    if (strcmp(argv[1], "--exchange") == 0 && argc == 4 && strcmp(argv[3], "end") == 0)
        return run_exchange(argv[2], END_OF_CHANNEL, 0, 0, 0);
    return usage();
}
