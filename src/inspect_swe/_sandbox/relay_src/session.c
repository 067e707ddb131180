/* The loop: one poll() over the channel to the host, the listeners and all streams. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "relay.h"

void session_init(struct session *s)
{
    *s = (struct session){.next_id = 1, .listen_fd = {-1, -1}};
    signal(SIGPIPE, SIG_IGN);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGHUP);
    sigaddset(&mask, SIGINT);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    s->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signal_fd < 0)
        session_end(s, "signalfd failed");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static void on_hello(struct session *s, const uint8_t *payload, size_t len)
{
    if (s->greeted || len < 3 || len - 2 > TOKEN_MAX || memchr(payload + 2, '\0', len - 2)) {
        session_end(s, "bad HELLO");
        return;
    }
    memcpy(s->token, payload + 2, len - 2);
    s->token[len - 2] = '\0';
    listen_on(s, (uint16_t)(payload[0] | payload[1] << 8));
}

static void on_spawn(struct session *s, enum frame_type type, uint32_t id, const uint8_t *payload, size_t len)
{
    struct channel *c = channel_find(s, id);
    if (!c)
        c = channel_add(s, id, PROCESS);
    if (!c || c->kind != PROCESS || c->pid || c->in.len + len > SPAWN_MAX) {
        session_end(s, "bad SPAWN");
        return;
    }
    if (!buf_append(&c->in, payload, len))
        session_end(s, "out of memory");
    else if (type == F_SPAWN)
        process_spawn(s, c);
}

static void on_data(struct session *s, struct channel *c, const uint8_t *payload, size_t len)
{
    if (len > c->room || c->in_eof) {
        session_end(s, "DATA beyond the window or the end");
        return;
    }
    c->room -= (uint32_t)len;
    if (c->kind == FILE_WRITE) {
        file_data(s, c, payload, len);
        return;
    }
    stream_data(s, c, payload, len);
    if (c->kind == CONNECTION)
        connection_flush(s, c);
    else
        process_flush(s, c);
}

static void on_eof(struct session *s, struct channel *c)
{
    c->in_eof = true;
    if (c->kind == CONNECTION)
        connection_flush(s, c);
    else if (c->kind == PROCESS)
        process_flush(s, c);
    else
        file_commit(s, c);
}

static void on_reset(struct session *s, struct channel *c)
{
    if (c->kind == CONNECTION)
        connection_reset(s, c, false);
    else if (c->kind == FILE_WRITE)
        file_abort(c);
}

static void on_window(struct session *s, struct channel *c, const uint8_t *payload, size_t len)
{
    uint32_t credit = len == 4 ? get_u32(payload) : UINT32_MAX;
    if (credit > STREAM_WINDOW - c->credit)
        session_end(s, "bad WINDOW");
    else
        c->credit += credit;
}

static void on_kill(struct session *s, struct channel *c, const uint8_t *payload, size_t len)
{
    uint32_t number = len == 4 ? get_u32(payload) : UINT32_MAX;
    if (number == 0 || number >= _NSIG || c->kind != PROCESS)
        session_end(s, "bad KILL");
    else if (c->pid > 0 && kill(-c->pid, (int)number) < 0)
        kill(c->pid, (int)number); /* it has no process group of its own yet */
}

/* Frames of a channel that must exist; one that has just ended is no error, the host could not know. */
static void on_channel_frame(struct session *s, enum frame_type type, uint32_t id, const uint8_t *payload, size_t len)
{
    struct channel *c = channel_find(s, id);
    bool pending = c && c->kind == PROCESS && !c->pid;
    if (!c)
        return;
    if (pending)
        session_end(s, "frame before SPAWN");
    else if (type == F_DATA)
        on_data(s, c, payload, len);
    else if (type == F_EOF)
        on_eof(s, c);
    else if (type == F_RESET)
        on_reset(s, c);
    else if (type == F_WINDOW)
        on_window(s, c, payload, len);
    else
        on_kill(s, c, payload, len);
}

static void on_frame(struct session *s, uint32_t type, uint32_t id, const uint8_t *payload, size_t len)
{
    bool hosts_own = id != 0 && id % 2 == 0;
    if (type == F_HELLO && id == 0) {
        on_hello(s, payload, len);
    } else if (!s->greeted) {
        session_end(s, "frame before HELLO");
    } else if (type == F_KILL_ALL && id == 0) {
        s->kill_until = s->now + KILL_MS;
    } else if (type == F_DETACH && id == 0) {
        s->detached = true;
        session_end(s, "end of input");
    } else if ((type == F_SPAWN || type == F_SPAWN_PART) && hosts_own) {
        on_spawn(s, type, id, payload, len);
    } else if (type == F_WRITE && hosts_own && !channel_find(s, id)) {
        file_open(s, id, payload, len);
    } else if (type == F_KILL || (type >= F_DATA && type <= F_WINDOW)) {
        on_channel_frame(s, type, id, payload, len);
    } else {
        session_end(s, "unknown frame");
    }
}

/* Handles all whole frames in the input buffer. */
void session_feed(struct session *s)
{
    while (s->in.len >= FRAME_HEADER && !s->ending) {
        const uint8_t *p = s->in.data + s->in.start;
        uint32_t type = get_u32(p), len = get_u32(p + 8);
        if (len > FRAME_MAX) {
            session_end(s, "oversized frame");
            return;
        }
        if (s->in.len < FRAME_HEADER + len)
            return;
        on_frame(s, type, get_u32(p + 4), p + FRAME_HEADER, len);
        buf_take(&s->in, FRAME_HEADER + len);
    }
}

static void pipe_watch(struct session *s)
{
    s->in_slot = watch(s, STDIN_FILENO, s->out.len < OUT_HARD_LIMIT ? POLLIN : 0);
    s->out_slot = watch(s, STDOUT_FILENO, s->out.len ? POLLOUT : 0);
}

static void pipe_flush(struct session *s)
{
    while (s->out.len > 0) {
        ssize_t n = write(STDOUT_FILENO, s->out.data + s->out.start, s->out.len);
        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR)
                session_end(s, "host gone");
            return;
        }
        buf_take(&s->out, (size_t)n);
    }
}

static void pipe_serve(struct session *s)
{
    if (ready(s, s->out_slot) & (POLLERR | POLLHUP | POLLNVAL))
        session_end(s, "host gone");
    if (!ready(s, s->in_slot))
        return;
    if (!buf_reserve(&s->in, 4 * FRAME_MAX)) {
        session_end(s, "out of memory");
        return;
    }
    ssize_t n = read(STDIN_FILENO, s->in.data + s->in.start + s->in.len, 4 * FRAME_MAX);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        session_end(s, "end of input");
    } else if (n > 0) {
        s->in.len += (size_t)n;
        session_feed(s);
    }
}

static void signals_serve(struct session *s)
{
    struct signalfd_siginfo info;
    while (read(s->signal_fd, &info, sizeof info) == sizeof info)
        if (info.ssi_signo != SIGCHLD)
            session_end(s, "signal");
    reap(s);
}

static void kill_all_step(struct session *s)
{
    if (!s->kill_until)
        return;
    int killed = kill_matching(s->token, getpid());
    bool children = reap(s);
    bool gone = killed == 0 && !children;
    if (gone || s->now >= s->kill_until) {
        s->kill_until = 0;
        send_u32(s, F_DONE, 0, gone ? 0 : ETIMEDOUT);
    }
}

static void channels_watch(struct session *s)
{
    for (struct channel *c = s->channels; c; c = c->next) {
        if (c->kind == CONNECTION)
            connection_watch(s, c);
        else if (c->kind == PROCESS)
            process_watch(s, c);
    }
}

static void channel_serve(struct session *s, struct channel *c)
{
    if (c->dead)
        return;
    if (c->kind == CONNECTION)
        connection_serve(s, c);
    else if (c->kind == PROCESS)
        process_serve(s, c);
}

/* Serves every channel once, a different one first each time: the first gets what room there is. */
static void channels_serve(struct session *s)
{
    uint32_t count = 0, at = 0;
    for (struct channel *c = s->channels; c; c = c->next)
        count++;
    uint32_t first = count ? s->turn++ % count : 0;
    for (struct channel *c = s->channels; c; c = c->next)
        if (at++ >= first)
            channel_serve(s, c);
    at = 0;
    for (struct channel *c = s->channels; c && at < first; c = c->next, at++)
        channel_serve(s, c);
}

static void sweep(struct session *s)
{
    for (struct channel **link = &s->channels; *link;) {
        struct channel *c = *link;
        if (c->kind == PROCESS && !c->dead)
            process_settle(s, c);
        if (!c->dead) {
            link = &c->next;
            continue;
        }
        *link = c->next;
        s->connections -= c->kind == CONNECTION;
        channel_free(c);
    }
}

static void turn(struct session *s)
{
    s->poll_len = 0;
    s->wake = -1;
    if (s->exchanges)
        exchanges_watch(s);
    else
        pipe_watch(s);
    s->signal_slot = watch(s, s->signal_fd, POLLIN);
    listeners_watch(s);
    channels_watch(s);
    if (s->kill_until)
        wake_at(s, s->now + 5);
    int timeout = s->wake < 0 ? -1 : (int)(s->wake > s->now ? s->wake - s->now : 0);
    if (poll(s->poll, s->poll_len, timeout) < 0)
        for (size_t i = 0; i < s->poll_len; i++)
            s->poll[i].revents = 0;
    s->now = now_ms();
    /* Streams before the host's frames: those may close descriptors that were polled here. */
    if (ready(s, s->signal_slot))
        signals_serve(s);
    channels_serve(s);
    listeners_serve(s);
    if (!s->exchanges)
        pipe_serve(s);
    kill_all_step(s);
    sweep(s);
    if (s->exchanges)
        exchanges_serve(s);
    else
        pipe_flush(s);
}

void session_run(struct session *s)
{
    s->now = now_ms();
    while (!s->ending)
        turn(s);
    if (!s->detached)
        kill_until_gone(s);
    for (struct channel *c = s->channels; c; c = c->next)
        if (c->kind == FILE_WRITE)
            file_abort(c);
}
