/* Files written on the host's request: under a temporary name until they are whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relay.h"

static void file_done(struct session *s, struct channel *c, int error)
{
    send_u32(s, F_DONE, c->id, (uint32_t)error);
    file_abort(c);
}

/* Makes the folders above a path; whether that worked shows when the file is opened. */
static void make_parents(char *path)
{
    for (char *p = path + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        mkdir(path, 0755);
        *p = '/';
    }
}

static int open_temp(struct channel *c)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    int fd = open(c->temp, flags, 0600);
    if (fd < 0 && errno == ENOENT) {
        make_parents(c->temp);
        fd = open(c->temp, flags, 0600);
    } else if (fd < 0 && errno == EEXIST) { /* left by a killed relay that had this pid */
        unlink(c->temp);
        fd = open(c->temp, flags, 0600);
    }
    return fd;
}

void file_open(struct session *s, uint32_t id, const uint8_t *payload, size_t len)
{
    if (len < 5 || memchr(payload + 4, '\0', len - 4)) {
        session_end(s, "malformed WRITE");
        return;
    }
    struct channel *c = channel_add(s, id, FILE_WRITE);
    if (!c)
        return;
    size_t path_len = len - 4;
    c->room = FILE_WINDOW;
    c->mode = get_u32(payload) & 07777;
    c->path = malloc(path_len + 1);
    c->temp = malloc(path_len + 40);
    if (!c->path || !c->temp) {
        session_end(s, "out of memory");
        return;
    }
    memcpy(c->path, payload + 4, path_len);
    c->path[path_len] = '\0';
    char *slash = strrchr(c->path, '/');
    size_t dir_len = slash ? (size_t)(slash + 1 - c->path) : 0;
    memcpy(c->temp, c->path, dir_len);
    char *end = put_number(stpcpy(c->temp + dir_len, ".relay-"), (uint32_t)getpid());
    put_number(stpcpy(end, "-"), id);
    c->fd[FD_IN] = open_temp(c);
    if (c->fd[FD_IN] < 0)
        file_done(s, c, errno);
}

void file_data(struct session *s, struct channel *c, const uint8_t *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = write(c->fd[FD_IN], data + at, len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            file_done(s, c, errno);
            return;
        }
        at += (size_t)n;
    }
    consumed(s, c, len);
}

void file_commit(struct session *s, struct channel *c)
{
    int fd = c->fd[FD_IN];
    c->fd[FD_IN] = -1;
    int error = fchmod(fd, c->mode) < 0 ? errno : 0;
    if (close(fd) < 0 && !error)
        error = errno;
    if (!error && rename(c->temp, c->path) < 0)
        error = errno;
    if (error)
        unlink(c->temp);
    send_u32(s, F_DONE, c->id, (uint32_t)error);
    c->dead = true;
}

void file_abort(struct channel *c)
{
    if (c->fd[FD_IN] >= 0)
        unlink(c->temp);
    close_fd(&c->fd[FD_IN]);
    c->dead = true;
}
