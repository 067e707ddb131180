/* Buffers, frames to the host, and flow control per channel. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "relay.h"

bool buf_reserve(struct buf *b, size_t more)
{
    if (b->start + b->len + more <= b->cap)
        return true;
    if (b->start >= b->cap / 4 && b->len + more <= b->cap) {
        memmove(b->data, b->data + b->start, b->len);
        b->start = 0;
        return true;
    }
    size_t cap = b->cap ? b->cap : 4096;
    while (cap < b->len + more)
        cap *= 2;
    uint8_t *data = malloc(cap);
    if (!data)
        return false;
    if (b->len)
        memcpy(data, b->data + b->start, b->len);
    free(b->data);
    *b = (struct buf){.data = data, .len = b->len, .cap = cap};
    return true;
}

bool buf_append(struct buf *b, const void *data, size_t len)
{
    if (len == 0)
        return true;
    if (!buf_reserve(b, len))
        return false;
    memcpy(b->data + b->start + b->len, data, len);
    b->len += len;
    return true;
}

void buf_take(struct buf *b, size_t len)
{
    b->start += len;
    b->len -= len;
    if (b->len == 0)
        b->start = 0;
}

void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}

uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

void put_u32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

/* Appends a decimal number to a path; returns its end. */
char *put_number(char *to, uint32_t value)
{
    char digits[10];
    int n = 0;
    do
        digits[n++] = (char)('0' + value % 10);
    while (value /= 10);
    while (n > 0)
        *to++ = digits[--n];
    *to = '\0';
    return to;
}

/* Reads a whole text as a decimal number below 2^32 - 1. */
bool parse_number(const char *text, uint32_t *value)
{
    uint64_t parsed = 0;
    if (*text == '\0')
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        parsed = parsed * 10 + (uint64_t)(*text - '0');
        if (parsed >= UINT32_MAX)
            return false;
    }
    *value = (uint32_t)parsed;
    return true;
}

int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void session_end(struct session *s, const char *why)
{
    if (!s->ending)
        s->ending = why;
}

void wake_at(struct session *s, int64_t when)
{
    if (s->wake < 0 || when < s->wake)
        s->wake = when;
}

/* Adds a descriptor to the poll set of this turn; returns its place there. */
int watch(struct session *s, int fd, short events)
{
    if (s->poll_len == s->poll_cap) {
        size_t cap = s->poll_cap ? s->poll_cap * 2 : 64;
        struct pollfd *grown = realloc(s->poll, cap * sizeof *grown);
        if (!grown) {
            session_end(s, "out of memory");
            return -1;
        }
        s->poll = grown;
        s->poll_cap = cap;
    }
    s->poll[s->poll_len] = (struct pollfd){.fd = fd, .events = events};
    return (int)s->poll_len++;
}

short ready(const struct session *s, int slot)
{
    return slot < 0 ? 0 : s->poll[slot].revents;
}

static void put_header(uint8_t *p, enum frame_type type, uint32_t id, size_t len)
{
    put_u32(p, (uint32_t)type);
    put_u32(p + 4, id);
    put_u32(p + 8, (uint32_t)len);
}

void send_frame(struct session *s, enum frame_type type, uint32_t id, const void *payload, size_t len)
{
    if (!buf_reserve(&s->out, FRAME_HEADER + len)) {
        session_end(s, "out of memory");
        return;
    }
    uint8_t *p = s->out.data + s->out.start + s->out.len;
    put_header(p, type, id, len);
    if (len)
        memcpy(p + FRAME_HEADER, payload, len);
    s->out.len += FRAME_HEADER + len;
}

void send_u32(struct session *s, enum frame_type type, uint32_t id, uint32_t value)
{
    uint8_t payload[4];
    put_u32(payload, value);
    send_frame(s, type, id, payload, sizeof payload);
}

void send_failed(struct session *s, uint32_t id, int error, uint8_t stage)
{
    uint8_t payload[5];
    put_u32(payload, (uint32_t)error);
    payload[4] = stage;
    send_frame(s, F_FAILED, id, payload, sizeof payload);
}

struct channel *channel_add(struct session *s, uint32_t id, enum kind kind)
{
    struct channel *c = calloc(1, sizeof *c);
    if (!c) {
        session_end(s, "out of memory");
        return NULL;
    }
    c->id = id;
    c->kind = kind;
    c->credit = c->room = STREAM_WINDOW;
    for (int i = 0; i < FD_COUNT; i++)
        c->fd[i] = c->slot[i] = -1;
    c->next = s->channels;
    s->channels = c;
    return c;
}

struct channel *channel_find(const struct session *s, uint32_t id)
{
    for (struct channel *c = s->channels; c; c = c->next)
        if (c->id == id && !c->dead)
            return c;
    return NULL;
}

void channel_free(struct channel *c)
{
    for (int i = 0; i < FD_COUNT; i++)
        close_fd(&c->fd[i]);
    buf_free(&c->in);
    free(c->path);
    free(c->temp);
    free(c);
}

bool may_read(const struct session *s, const struct channel *c)
{
    return c->credit > 0 && s->out.len < OUT_LIMIT;
}

/* Reads once, straight into the queue to the host. Like read(): 0 at end of file, -1 with errno. */
ssize_t forward(struct session *s, struct channel *c, int fd, enum frame_type type)
{
    size_t max = c->credit < FRAME_MAX ? c->credit : FRAME_MAX;
    if (!buf_reserve(&s->out, FRAME_HEADER + max)) {
        session_end(s, "out of memory");
        errno = EAGAIN;
        return -1;
    }
    uint8_t *p = s->out.data + s->out.start + s->out.len;
    ssize_t n = read(fd, p + FRAME_HEADER, max);
    if (n > 0) {
        put_header(p, type, c->id, (size_t)n);
        s->out.len += FRAME_HEADER + (size_t)n;
        c->credit -= (uint32_t)n;
    }
    return n;
}

/* Gives credit back to the host, in few and large steps. */
void consumed(struct session *s, struct channel *c, size_t len)
{
    c->consumed += (uint32_t)len;
    if (c->consumed < WINDOW_STEP)
        return;
    send_u32(s, F_WINDOW, c->id, c->consumed);
    c->room += c->consumed;
    c->consumed = 0;
}

/* Queues what the host sent for FD_IN; the caller flushes. */
void stream_data(struct session *s, struct channel *c, const uint8_t *data, size_t len)
{
    if (c->fd[FD_IN] < 0) {
        consumed(s, c, len);
        return;
    }
    if (c->in.len == 0) {
        ssize_t n = write(c->fd[FD_IN], data, len);
        if (n > 0) {
            consumed(s, c, (size_t)n);
            data += n;
            len -= (size_t)n;
        }
    }
    if (!buf_append(&c->in, data, len))
        session_end(s, "out of memory");
}

/* Writes what is queued for FD_IN. Returns 1 if all is written, 0 if some is left, -1 with errno. */
int stream_flush(struct session *s, struct channel *c)
{
    while (c->in.len > 0) {
        ssize_t n = write(c->fd[FD_IN], c->in.data + c->in.start, c->in.len);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -1;
        buf_take(&c->in, (size_t)n);
        consumed(s, c, (size_t)n);
    }
    buf_free(&c->in);
    return 1;
}
