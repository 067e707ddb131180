/* The frame channel where a provider only has a blocking exec: a daemon keeps the session, and each short
 * client call hands over input and waits for output. Input is taken in order of the calls' numbers, output
 * goes to the oldest call whose input was taken.
 *
 * A provider may lose a call's answer and run the call again: input counts once, when all of it has arrived,
 * and an answer is kept for the next ANSWERS_KEPT numbers, so that every run of a call gets the same one. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "exchange.h"
#include "relay.h"

#define CALLS_MAX 16
#define CALL_IN_MAX (16 * 1024 * 1024)
#define CALL_OUT_MAX (16 * 1024 * 1024)
#define ANSWERS_KEPT 8 /* the host does not send call N before it has the answer of call N - 8 */
#define COALESCE_MS 3

struct call {
    int fd, slot;
    uint8_t header[CALL_HEADER];
    size_t header_len;
    struct buf input;
    bool whole; /* header and input have arrived */
    int64_t deadline;
    size_t sent; /* bytes of the answer */
};

struct answer {
    bool known;
    struct buf data;
};

struct exchanges {
    int listen_fd, slot;
    int dir_fd;
    uint32_t next;     /* number of the call whose input is due */
    uint32_t answered; /* all calls below this number got their output, or will get none */
    struct answer answers[ANSWERS_KEPT];
    int64_t lease_ms, seen, pending_since;
    struct call calls[CALLS_MAX];
    size_t len;
};

static uint32_t number(const struct call *c)
{
    return get_u32(c->header);
}

static uint32_t most(const struct call *c)
{
    uint32_t value = get_u32(c->header + 8);
    return value == 0 ? 1 : value > CALL_OUT_MAX ? CALL_OUT_MAX : value;
}

static uint32_t input_len(const struct call *c)
{
    return get_u32(c->header + 12);
}

/* The place of a call's answer; NULL before its input was taken, and once later calls have used the place. */
static struct answer *answer_of(struct exchanges *x, const struct call *c)
{
    bool kept = c->whole && number(c) < x->next && x->next - number(c) <= ANSWERS_KEPT;
    return kept ? &x->answers[number(c) % ANSWERS_KEPT] : NULL;
}

static bool is_answered(struct exchanges *x, const struct call *c)
{
    struct answer *a = answer_of(x, c);
    return a && a->known;
}

static void call_drop(struct exchanges *x, size_t i)
{
    close(x->calls[i].fd);
    buf_free(&x->calls[i].input);
    x->calls[i] = x->calls[--x->len];
}

/* The call that waits longest for output, and whether one with a later number waits too. */
static struct call *oldest_waiting(struct exchanges *x, bool *newer)
{
    struct call *oldest = NULL;
    uint32_t latest = 0;
    for (size_t i = 0; i < x->len; i++) {
        struct call *c = &x->calls[i];
        if (!answer_of(x, c) || is_answered(x, c))
            continue;
        if (!oldest || number(c) < number(oldest))
            oldest = c;
        latest = number(c) > latest ? number(c) : latest;
    }
    *newer = oldest && latest > number(oldest);
    return oldest;
}

static short call_events(struct exchanges *x, const struct call *c)
{
    if (is_answered(x, c))
        return POLLOUT;
    bool due = c->header_len == CALL_HEADER && number(c) <= x->next && !c->whole;
    return c->header_len < CALL_HEADER || due ? POLLIN : 0;
}

void exchanges_watch(struct session *s)
{
    struct exchanges *x = s->exchanges;
    x->slot = x->len < CALLS_MAX ? watch(s, x->listen_fd, POLLIN) : -1;
    bool newer;
    struct call *oldest = oldest_waiting(x, &newer);
    if (oldest)
        wake_at(s, s->out.len ? x->pending_since + COALESCE_MS : oldest->deadline);
    else
        wake_at(s, x->seen + x->lease_ms);
    for (size_t i = 0; i < x->len; i++)
        x->calls[i].slot = watch(s, x->calls[i].fd, call_events(x, &x->calls[i]));
}

/* Takes a call's input, unless an earlier run of the call has brought it. */
static void call_whole(struct session *s, struct call *c)
{
    struct exchanges *x = s->exchanges;
    c->whole = true;
    c->deadline = s->now + get_u32(c->header + 4);
    x->seen = s->now;
    if (number(c) == x->next) {
        struct answer *a = &x->answers[x->next++ % ANSWERS_KEPT];
        buf_free(&a->data);
        a->known = false;
        if (buf_append(&s->in, c->input.data + c->input.start, c->input.len))
            session_feed(s);
        else
            session_end(s, "out of memory");
    }
    buf_free(&c->input);
}

/* Returns false if the call is over: broken, or its answer is not kept any more. */
static bool read_header(struct session *s, struct call *c)
{
    struct exchanges *x = s->exchanges;
    ssize_t n = read(c->fd, c->header + c->header_len, CALL_HEADER - c->header_len);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    c->header_len += (size_t)n;
    if (n == 0 || c->header_len < CALL_HEADER)
        return n > 0;
    if (number(c) == END_OF_CHANNEL)
        session_end(s, "end of channel");
    bool forgotten = number(c) < x->next && x->next - number(c) > ANSWERS_KEPT;
    return input_len(c) <= CALL_IN_MAX && !forgotten;
}

static bool read_input(struct session *s, struct call *c)
{
    size_t due = input_len(c) - c->input.len;
    if (due > 4 * FRAME_MAX)
        due = 4 * FRAME_MAX;
    if (!buf_reserve(&c->input, due)) {
        session_end(s, "out of memory");
        return true;
    }
    ssize_t n = read(c->fd, c->input.data + c->input.start + c->input.len, due);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0) /* the client has gone; a part of its input is none */
        return false;
    c->input.len += (size_t)n;
    if (c->input.len == input_len(c))
        call_whole(s, c);
    return true;
}

static bool write_answer(struct exchanges *x, struct call *c)
{
    const struct buf *data = &answer_of(x, c)->data;
    while (c->sent < data->len) {
        ssize_t n = send(c->fd, data->data + data->start + c->sent, data->len - c->sent, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        c->sent += (size_t)n;
    }
    return false;
}

static bool call_serve(struct session *s, struct call *c)
{
    struct exchanges *x = s->exchanges;
    short got = ready(s, c->slot);
    if (c->whole && !answer_of(x, c))
        return false;
    if (!got)
        return true;
    if (is_answered(x, c))
        return write_answer(x, c);
    if (c->whole || (got & POLLERR)) /* the client has gone; output goes to the next one */
        return !(got & (POLLERR | POLLHUP));
    if (c->header_len < CALL_HEADER)
        return read_header(s, c);
    if (number(c) <= x->next)
        return read_input(s, c);
    return !(got & POLLHUP);
}

static void answer(struct session *s, struct call *c)
{
    struct exchanges *x = s->exchanges;
    size_t len = s->out.len < most(c) ? s->out.len : most(c);
    if (number(c) < x->answered) /* output that came later went to a later call */
        len = 0;
    else
        x->answered = number(c) + 1;
    struct answer *a = answer_of(x, c);
    if (len && !buf_append(&a->data, s->out.data + s->out.start, len)) {
        session_end(s, "out of memory");
        return;
    }
    a->known = true;
    buf_take(&s->out, len);
    x->seen = s->now;
    x->pending_since = s->out.len ? s->now : 0;
}

static void answer_due(struct session *s)
{
    struct exchanges *x = s->exchanges;
    if (s->out.len && !x->pending_since)
        x->pending_since = s->now;
    bool newer;
    struct call *c;
    while (!s->ending && (c = oldest_waiting(x, &newer))) {
        bool full = s->out.len >= most(c) || (s->out.len && s->now >= x->pending_since + COALESCE_MS);
        if (!newer && !full && s->now < c->deadline && number(c) >= x->answered)
            return;
        answer(s, c);
    }
}

static void accept_calls(struct exchanges *x, int64_t now)
{
    while (x->len < CALLS_MAX) {
        int fd = accept4(x->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        x->seen = now;
        x->calls[x->len++] = (struct call){.fd = fd, .slot = -1};
    }
}

/* Takes the calls that bring no input; each may make another one due. */
static void take_empty_calls(struct session *s)
{
    struct exchanges *x = s->exchanges;
    for (size_t i = 0; i < x->len && !s->ending; i++) {
        struct call *c = &x->calls[i];
        if (c->header_len < CALL_HEADER || c->whole || input_len(c) > 0 || number(c) > x->next)
            continue;
        call_whole(s, c);
        i = (size_t)-1;
    }
}

void exchanges_serve(struct session *s)
{
    struct exchanges *x = s->exchanges;
    for (size_t i = x->len; i-- > 0;)
        if (!call_serve(s, &x->calls[i]))
            call_drop(x, i);
    take_empty_calls(s);
    if (ready(s, x->slot))
        accept_calls(x, s->now);
    answer_due(s);
    bool newer;
    if (!oldest_waiting(x, &newer) && s->now >= x->seen + x->lease_ms)
        session_end(s, "no client");
}

struct sockaddr_un exchange_address(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, SOCKET_NAME);
    return address;
}

/* On stdout: a provider may lose what is written to stderr just before the end. */
int complain(const char *what)
{
    int error = errno;
    char text[64], *end = stpcpy(stpcpy(text, "relay: "), what);
    end = stpcpy(put_number(stpcpy(end, " failed: errno "), (uint32_t)error), "\n");
    ssize_t ignored = write(STDOUT_FILENO, text, (size_t)(end - text));
    (void)ignored;
    return 7;
}

static bool is_served(void)
{
    struct sockaddr_un address = exchange_address();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    close_fd(&fd);
    return connected;
}

/* Listens in `dir` and comes back to the folder it was called in, which processes will inherit. `served` says
 * that another daemon listens there: the command that starts it was run twice. */
static int daemon_listen(const char *dir, int *dir_fd, bool *served)
{
    struct sockaddr_un address = exchange_address();
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*dir_fd < 0 || fd < 0 || fchdir(*dir_fd) < 0)
        return -1;
    if ((*served = is_served()))
        return -1;
    unlink(SOCKET_NAME);
    mode_t mask = umask(077);
    bool bound = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, CALLS_MAX) == 0;
    umask(mask);
    if (here >= 0 && fchdir(here) < 0)
        here = -1;
    close_fd(&here);
    return bound ? fd : -1;
}

static void detach(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 3; i++)
        if (null < 0 || dup2(null, i) < 0)
            close(i);
}

static int say_ready(void)
{
    return write(STDOUT_FILENO, "ready\n", 6) == 6 ? 0 : 7;
}

int run_daemon(const char *dir, int64_t lease_ms)
{
    struct exchanges x = {.lease_ms = lease_ms, .slot = -1};
    bool served = false;
    x.listen_fd = daemon_listen(dir, &x.dir_fd, &served);
    if (served)
        return say_ready();
    if (x.listen_fd < 0)
        return complain("socket");
    pid_t pid = fork();
    if (pid < 0)
        return complain("fork");
    if (pid > 0)
        return say_ready();
    setsid();
    if (fork() != 0)
        _exit(0);
    detach();
    struct session s;
    session_init(&s);
    s.exchanges = &x;
    x.seen = now_ms();
    session_run(&s);
    unlinkat(x.dir_fd, SOCKET_NAME, 0);
    return 0;
}
