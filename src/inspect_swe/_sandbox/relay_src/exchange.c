/* The frame channel where a provider only has a blocking exec: a daemon keeps the session, and each short
 * client call hands over input and waits for output. Input is taken in order of the calls' numbers, output
 * goes to the oldest call whose input was taken. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "relay.h"

#define CALLS_MAX 16
#define CALL_HEADER 12 /* number, longest wait in ms, most output bytes */
#define CALL_OUT_MAX (16 * 1024 * 1024)
#define COALESCE_MS 3
#define SOCKET_NAME "s"

struct call {
    int fd, slot;
    uint8_t header[CALL_HEADER];
    size_t header_len;
    bool taken, answering;
    int64_t deadline;
    struct buf answer;
};

struct exchanges {
    int listen_fd, slot;
    int dir_fd;
    uint32_t next; /* number of the call whose input is due */
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

static void call_drop(struct exchanges *x, size_t i)
{
    close(x->calls[i].fd);
    buf_free(&x->calls[i].answer);
    x->calls[i] = x->calls[--x->len];
}

/* The taken call that waits longest, and whether a later one has been taken too. */
static struct call *oldest_waiting(struct exchanges *x, bool *newer)
{
    struct call *oldest = NULL;
    *newer = false;
    for (size_t i = 0; i < x->len; i++) {
        struct call *c = &x->calls[i];
        if (!c->taken || c->answering)
            continue;
        *newer |= oldest != NULL;
        if (!oldest || number(c) < number(oldest))
            oldest = c;
    }
    return oldest;
}

static short call_events(const struct exchanges *x, const struct call *c)
{
    if (c->answering)
        return POLLOUT;
    bool due = c->header_len == CALL_HEADER && number(c) == x->next && !c->taken;
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

/* Returns false if the call is over: broken, or its number has been used. */
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
    return number(c) >= x->next;
}

static bool read_input(struct session *s, struct call *c)
{
    if (!buf_reserve(&s->in, 4 * FRAME_MAX)) {
        session_end(s, "out of memory");
        return true;
    }
    ssize_t n = read(c->fd, s->in.data + s->in.start + s->in.len, 4 * FRAME_MAX);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0) {
        c->taken = true;
        c->deadline = s->now + get_u32(c->header + 4);
        s->exchanges->next++;
        s->exchanges->seen = s->now;
        return true;
    }
    s->in.len += (size_t)n;
    session_feed(s);
    return true;
}

static bool write_answer(struct call *c)
{
    while (c->answer.len > 0) {
        ssize_t n = send(c->fd, c->answer.data + c->answer.start, c->answer.len, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        buf_take(&c->answer, (size_t)n);
    }
    return false;
}

static bool call_serve(struct session *s, struct call *c)
{
    short got = ready(s, c->slot);
    if (!got)
        return true;
    if (c->answering)
        return write_answer(c);
    if (c->taken || (got & POLLERR)) /* the client has gone; output goes to the next one */
        return false;
    if (c->header_len < CALL_HEADER)
        return read_header(s, c);
    if (number(c) == s->exchanges->next)
        return read_input(s, c);
    return number(c) > s->exchanges->next && !(got & POLLHUP);
}

static void answer(struct session *s, struct call *c)
{
    size_t len = s->out.len < most(c) ? s->out.len : most(c);
    if (len && !buf_append(&c->answer, s->out.data + s->out.start, len)) {
        session_end(s, "out of memory");
        return;
    }
    buf_take(&s->out, len);
    c->answering = true;
    s->exchanges->seen = s->now;
    s->exchanges->pending_since = s->out.len ? s->now : 0;
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
        if (!newer && !full && s->now < c->deadline)
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

void exchanges_serve(struct session *s)
{
    struct exchanges *x = s->exchanges;
    for (size_t i = x->len; i-- > 0;)
        if (!call_serve(s, &x->calls[i]))
            call_drop(x, i);
    if (ready(s, x->slot))
        accept_calls(x, s->now);
    answer_due(s);
    bool newer;
    if (!oldest_waiting(x, &newer) && s->now >= x->seen + x->lease_ms)
        session_end(s, "no client");
}

static struct sockaddr_un socket_address(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, SOCKET_NAME);
    return address;
}

static int complain(const char *what)
{
    int error = errno;
    char text[64], *end = stpcpy(stpcpy(text, "relay: "), what);
    end = stpcpy(put_number(stpcpy(end, " failed: errno "), (uint32_t)error), "\n");
    ssize_t ignored = write(STDERR_FILENO, text, (size_t)(end - text));
    (void)ignored;
    return 7;
}

/* Listens in `dir` and comes back to the folder it was called in, which processes will inherit. */
static int daemon_listen(const char *dir, int *dir_fd)
{
    struct sockaddr_un address = socket_address();
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*dir_fd < 0 || fd < 0 || fchdir(*dir_fd) < 0)
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

int run_daemon(const char *dir, int64_t lease_ms)
{
    struct exchanges x = {.lease_ms = lease_ms, .slot = -1};
    x.listen_fd = daemon_listen(dir, &x.dir_fd);
    if (x.listen_fd < 0)
        return complain("socket");
    pid_t pid = fork();
    if (pid < 0)
        return complain("fork");
    if (pid > 0)
        return write(STDOUT_FILENO, "ready\n", 6) == 6 ? 0 : 7;
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

static bool write_all(int fd, const void *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = write(fd, (const char *)data + at, len - at);
        if (n < 0 && errno != EINTR)
            return false;
        at += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static int call_open(const char *dir, uint32_t seq, uint32_t wait_ms, uint32_t max_out)
{
    struct sockaddr_un address = socket_address();
    uint8_t header[CALL_HEADER];
    put_u32(header, seq);
    put_u32(header + 4, wait_ms);
    put_u32(header + 8, max_out);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || chdir(dir) < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return -1;
    return write_all(fd, header, sizeof header) ? fd : -1;
}

/* Base64 of `len` bytes; all but the last piece must have a multiple of three. */
static bool print_base64(const uint8_t *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[4096 / 3 * 4 + 4];
    size_t used = 0;
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t v = (uint32_t)data[i] << 16;
        v |= have > 1 ? (uint32_t)data[i + 1] << 8 : 0;
        v |= have > 2 ? (uint32_t)data[i + 2] : 0;
        text[used++] = digits[v >> 18];
        text[used++] = digits[v >> 12 & 63];
        text[used++] = have > 1 ? digits[v >> 6 & 63] : '=';
        text[used++] = have > 2 ? digits[v & 63] : '=';
    }
    return write_all(STDOUT_FILENO, text, used);
}

static bool copy_input(int fd)
{
    char piece[16384];
    ssize_t n;
    while ((n = read(STDIN_FILENO, piece, sizeof piece)) > 0)
        if (!write_all(fd, piece, (size_t)n))
            return false;
    return n == 0 && shutdown(fd, SHUT_WR) == 0;
}

static bool copy_answer(int fd)
{
    uint8_t piece[4095]; /* a multiple of three */
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, piece + len, sizeof piece - len)) > 0) {
        len += (size_t)n;
        size_t whole = len - len % 3;
        if (!print_base64(piece, whole))
            return false;
        memmove(piece, piece + whole, len - whole);
        len -= whole;
    }
    return n == 0 && print_base64(piece, len);
}

int run_exchange(const char *dir, uint32_t seq, uint32_t wait_ms, uint32_t max_out)
{
    int fd = call_open(dir, seq, wait_ms, max_out);
    if (fd < 0)
        return complain("socket");
    if (seq == END_OF_CHANNEL) /* answered by closing, when what the session started has been killed */
        return copy_answer(fd) ? 0 : complain("exchange");
    if (!copy_input(fd) || !copy_answer(fd))
        return complain("exchange");
    return 0;
}
