/* The listener on the loopback addresses and the TCP connections it accepts. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay.h"

static int listen_at(const struct sockaddr *address, socklen_t len)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (address->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, address, len) < 0 || listen(fd, BACKLOG) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

void listen_on(struct session *s, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof v4;
    int fd = listen_at((const struct sockaddr *)&v4, len);
    if (fd < 0 || getsockname(fd, (struct sockaddr *)&v4, &len) < 0) {
        int error = errno;
        close_fd(&fd);
        send_failed(s, 0, error, STAGE_SETUP);
        return;
    }
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = v4.sin_port, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    s->listen_fd[0] = fd;
    s->listen_fd[1] = listen_at((const struct sockaddr *)&v6, sizeof v6);
    s->greeted = true;
    uint16_t bound = ntohs(v4.sin_port);
    uint8_t payload[2] = {(uint8_t)bound, (uint8_t)(bound >> 8)};
    send_frame(s, F_LISTENING, 0, payload, sizeof payload);
}

void listeners_watch(struct session *s)
{
    bool open = s->connections < CONNECTIONS_MAX && s->out.len < OUT_LIMIT;
    if (open && s->now < s->accept_after) {
        wake_at(s, s->accept_after);
        open = false;
    }
    for (int i = 0; i < 2; i++)
        s->listen_slot[i] = open && s->listen_fd[i] >= 0 ? watch(s, s->listen_fd[i], POLLIN) : -1;
}

static void accept_from(struct session *s, int listener)
{
    while (s->connections < CONNECTIONS_MAX) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            /* Out of descriptors or memory: the waiting connection stays readable, so pause. */
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                s->accept_after = s->now + 100;
            return;
        }
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct channel *c = channel_add(s, s->next_id, CONNECTION);
        if (!c) {
            close(fd);
            return;
        }
        s->next_id += 2;
        s->connections++;
        c->fd[FD_IN] = fd;
        send_frame(s, F_OPEN, c->id, NULL, 0);
    }
}

void listeners_serve(struct session *s)
{
    for (int i = 0; i < 2; i++)
        if (ready(s, s->listen_slot[i]))
            accept_from(s, s->listen_fd[i]);
}

void connection_reset(struct session *s, struct channel *c, bool tell)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd[FD_IN], SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close_fd(&c->fd[FD_IN]);
    c->dead = true;
    if (tell)
        send_frame(s, F_RESET, c->id, NULL, 0);
}

void connection_watch(struct session *s, struct channel *c)
{
    short events = 0;
    if (!c->out_eof && may_read(s, c))
        events |= POLLIN;
    if (c->in.len > 0)
        events |= POLLOUT;
    /* After our shutdown a hang-up is normal and may come with unread data: watch only to read it. */
    c->slot[FD_IN] = events || !c->in_shut ? watch(s, c->fd[FD_IN], events) : -1;
}

static void connection_read(struct session *s, struct channel *c)
{
    ssize_t n = forward(s, c, c->fd[FD_IN], F_DATA);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        connection_reset(s, c, true);
    } else if (n == 0) {
        c->out_eof = true;
        send_frame(s, F_EOF, c->id, NULL, 0);
        c->dead = c->in_shut;
    }
}

void connection_flush(struct session *s, struct channel *c)
{
    int done = stream_flush(s, c);
    if (done < 0) {
        connection_reset(s, c, true);
    } else if (done && c->in_eof && !c->in_shut) {
        c->in_shut = true;
        shutdown(c->fd[FD_IN], SHUT_WR);
        c->dead = c->out_eof;
    }
}

void connection_serve(struct session *s, struct channel *c)
{
    short got = ready(s, c->slot[FD_IN]);
    if (!got)
        return;
    bool reading = s->poll[c->slot[FD_IN]].events & POLLIN;
    if ((got & POLLERR) || ((got & POLLHUP) && !reading)) {
        connection_reset(s, c, true);
        return;
    }
    if ((got & (POLLIN | POLLHUP)) && may_read(s, c))
        connection_read(s, c);
    if ((got & POLLOUT) && !c->dead)
        connection_flush(s, c);
}
