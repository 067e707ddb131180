/* A kernel for the relay, whose every answer is taken from the fuzzer's input: short reads and writes, errors, resets,
 * exits, a full memory. Nothing real is opened, forked or killed. What no kernel would forgive ends the run: closed
 * descriptors, signals to everybody, and a stream to the host that consists of something else than frames. */
#define WORLD_ITSELF
#include "world.h"

#include <sanitizer/asan_interface.h>
#include <setjmp.h>

#include "fuzz.h"

#define FIRST_FD 100
#define FDS_MAX 512
#define PIDS_MAX 64
#define BLOCKS_MAX 32768

enum what { CLOSED, PLAIN, LISTENING, STREAM, SIGNALS };

struct world world;
char *world_environ[] = {"PATH=/bin:/usr/bin", "HOME=/root", "AGENT_SESSION=old", NULL};
uint64_t frames_out;

static enum what fds[FDS_MAX];
static pid_t pids[PIDS_MAX];
static size_t pids_len;
static void *blocks[BLOCKS_MAX];
static size_t blocks_len;
static int64_t clock_ms;
static uint8_t header[12]; /* of the frame that is being written to the host */
static size_t header_len, payload_left;

static void broken(const char *what)
{
    fprintf(stderr, "the relay broke a rule: %s\n", what);
    abort();
}

static uint8_t decide(void)
{
    return world.len > 0 ? (world.len--, *world.data++) : 0;
}

static bool over(void)
{
    return world.len == 0;
}

void world_begin(void)
{
    memset(fds, 0, sizeof fds);
    pids_len = header_len = payload_left = 0;
    clock_ms = 1000;
}

size_t world_blocks(void)
{
    return blocks_len;
}

void world_end(void)
{
    while (blocks_len > 0)
        free(blocks[--blocks_len]);
}

/* Memory. */

static bool no_memory(void)
{
    return world.flags & MEMORY_SHORT && decide() == 0xAA;
}

static void *kept(void *block)
{
    if (block && blocks_len == BLOCKS_MAX)
        broken("too many blocks of memory");
    if (block)
        blocks[blocks_len++] = block;
    return block;
}

void *world_malloc(size_t size)
{
    return no_memory() ? NULL : kept(malloc(size));
}

void *world_calloc(size_t count, size_t size)
{
    return no_memory() ? NULL : kept(calloc(count, size));
}

static void forget(void *block)
{
    for (size_t i = blocks_len; block && i-- > 0;)
        if (blocks[i] == block) {
            blocks[i] = blocks[--blocks_len];
            return;
        }
    if (block)
        broken("memory freed twice");
}

void *world_realloc(void *old, size_t size)
{
    if (no_memory())
        return NULL;
    forget(old);
    return kept(realloc(old, size));
}

void world_free(void *block)
{
    forget(block);
    free(block);
}

/* Descriptors. */

static bool refused(void)
{
    static const int errors[] = {EMFILE, ENOENT, EACCES, EEXIST, ENOBUFS, EADDRINUSE};
    uint8_t b = decide();
    if (b < 0xF0)
        return false;
    errno = errors[b % 6];
    return true;
}

static int fresh(enum what what)
{
    for (int i = 0; i < FDS_MAX; i++)
        if (fds[i] == CLOSED) {
            fds[i] = what;
            return FIRST_FD + i;
        }
    errno = EMFILE;
    return -1;
}

static enum what *slot(int fd)
{
    static enum what standard = STREAM;
    if (fd >= 0 && fd <= 2)
        return &standard;
    if (fd < FIRST_FD || fd >= FIRST_FD + FDS_MAX || fds[fd - FIRST_FD] == CLOSED)
        broken("a closed descriptor was used");
    return &fds[fd - FIRST_FD];
}

int world_new_fd(void)
{
    return refused() ? -1 : fresh(PLAIN);
}

int world_pipe2(int pair[2])
{
    if (refused())
        return -1;
    pair[0] = fresh(STREAM);
    pair[1] = fresh(STREAM);
    if (pair[0] >= 0 && pair[1] >= 0)
        return 0;
    if (pair[0] >= 0)
        world_close(pair[0]);
    pair[0] = pair[1] = -1;
    errno = EMFILE;
    return -1;
}

int world_connection(int listener)
{
    slot(listener);
    uint8_t b = decide();
    if (b % 4 != 1) {
        errno = b == 0xFE ? EMFILE : EAGAIN;
        return -1;
    }
    return fresh(STREAM);
}

int world_signalfd(void)
{
    return fresh(SIGNALS);
}

int world_close(int fd)
{
    *slot(fd) = fd <= 2 ? STREAM : CLOSED;
    return 0;
}

int world_outcome(void)
{
    return refused() ? -1 : 0;
}

int world_on(int fd)
{
    slot(fd);
    return world_outcome();
}

int world_getsockname(int fd, void *address, socklen_t len)
{
    slot(fd);
    memset((char *)address + 2, 7, len - 2);
    return world_outcome();
}

int world_ioctl(int fd, int *bytes)
{
    slot(fd);
    *bytes = decide() * 16;
    return world_outcome();
}

int world_poll(struct pollfd *polled, size_t len, int timeout)
{
    if (decide() == 0xFE) {
        errno = EINTR;
        return -1;
    }
    int ready = 0;
    for (size_t i = 0; i < len; i++) {
        struct pollfd *p = &polled[i];
        p->revents = 0;
        if (p->fd < 0) /* poll() itself skips it */
            continue;
        slot(p->fd);
        uint8_t b = decide();
        p->revents = (short)((b & 1 ? POLLIN : 0) | (b & 2 ? POLLOUT : 0)) & p->events;
        if (p->fd == STDIN_FILENO)
            p->revents = p->events && (world.host_len > 0 || over()) ? POLLIN : 0;
        else if (b >= 0xF8)
            p->revents |= b & 4 ? POLLERR : POLLHUP;
        ready += p->revents != 0;
    }
    if (over() || !ready) /* without a timeout, poll() would wait until something else happens */
        clock_ms += timeout < 0 ? INT32_MAX : timeout > 0 ? timeout : 20;
    return ready;
}

static ssize_t from_host(void *to, size_t len)
{
    if (world.host_len == 0) {
        errno = EAGAIN;
        return over() ? 0 : -1;
    }
    size_t piece = 1 + (size_t)decide() * decide();
    piece = over() ? len : piece < len ? piece : len;
    piece = piece < world.host_len ? piece : world.host_len;
    memcpy(to, world.host, piece);
    world.host += piece;
    world.host_len -= piece;
    return (ssize_t)piece;
}

static ssize_t one_signal(void *to, size_t len)
{
    uint8_t b = decide();
    if (b % 2 == 0) {
        errno = EAGAIN;
        return -1;
    }
    struct signalfd_siginfo info = {.ssi_signo = b == 0xFF ? SIGTERM : SIGCHLD};
    memcpy(to, &info, len < sizeof info ? len : sizeof info);
    return sizeof info;
}

ssize_t world_read(int fd, void *to, size_t len)
{
    enum what what = *slot(fd);
    if (fd == STDIN_FILENO)
        return from_host(to, len);
    if (what == SIGNALS)
        return one_signal(to, len);
    uint8_t b = decide();
    if (b >= 0xFC || over()) {
        errno = b == 0xFE ? EAGAIN : b == 0xFF ? ECONNRESET : EINTR;
        return b <= 0xFC ? 0 : -1;
    }
    /* The daemon's callers bring what the host sends; files of /proc and pipes have what the world likes. */
    if (world.flags & DAEMON && what == STREAM && b < 0xC0)
        return from_host(to, len);
    size_t piece = b < 0x40 ? b : (size_t)b * b;
    piece = piece < len ? piece : len;
    if (b < 0x40) {
        piece = piece < world.len ? piece : world.len;
        memcpy(to, world.data, piece);
        world.data += piece;
        world.len -= piece;
    } else {
        memset(to, b, piece);
    }
    return (ssize_t)piece;
}

/* What is written to the host has to be frames of the kinds that the relay sends. */
static void check_frames(const uint8_t *p, size_t len)
{
    while (len > 0) {
        size_t skipped = payload_left < len ? payload_left : len;
        payload_left -= skipped;
        p += skipped;
        len -= skipped;
        while (len > 0 && payload_left == 0 && header_len < sizeof header) {
            header[header_len++] = *p++;
            len--;
        }
        if (header_len < sizeof header || payload_left)
            continue;
        uint32_t type = (uint32_t)header[0] | (uint32_t)header[1] << 8;
        uint32_t size = (uint32_t)header[8] | (uint32_t)header[9] << 8 | (uint32_t)header[10] << 16;
        bool known = (type >= 2 && type <= 5) || (type >= 16 && type <= 22);
        if (!known || header[2] || header[3] || header[11] || size > 65536)
            broken("what is written to the host is no frame");
        payload_left = size;
        header_len = 0;
        frames_out++;
    }
}

ssize_t world_write(int fd, const void *from, size_t len)
{
    slot(fd);
    if (len && __asan_region_is_poisoned((void *)(uintptr_t)from, len))
        broken("bytes beyond a buffer are written");
    uint8_t b = decide();
    if (b >= 0xFC) {
        errno = b % 2 ? EAGAIN : EPIPE;
        return -1;
    }
    size_t piece = b >= 0x80 ? (size_t)b * 4 : len;
    piece = piece < len ? piece : len;
    if (fd == STDOUT_FILENO && !(world.flags & (DAEMON | CALLER)))
        check_frames(from, piece);
    return (ssize_t)piece;
}

/* Processes. */

pid_t world_fork(void)
{
    static pid_t last = 1000;
    if (world.children > 0 && world.children-- > 0)
        return 0;
    if (refused() || pids_len == PIDS_MAX)
        return -1;
    return pids[pids_len++] = ++last;
}

pid_t world_waitpid(int *status)
{
    if (pids_len == 0)
        return -1;
    uint8_t b = decide();
    if (b % 2 == 0 && !over())
        return 0;
    *status = b & 2 ? (b & 0x7C) << 8 : SIGKILL;
    size_t i = b % pids_len;
    pid_t pid = pids[i];
    pids[i] = pids[--pids_len];
    return pid;
}

int world_kill(pid_t pid, int number)
{
    if (pid == 0 || pid == 1 || pid == -1 || pid == 77 || number < 0 || number > 64)
        broken("a signal to whom it must not reach");
    errno = ESRCH;
    return decide() % 2 || over() ? -1 : 0;
}

/* A child ends by leaving the whole run; so does a command that could be executed. */
_Noreturn void world_exit(int code)
{
    longjmp(world.leave, code + 1);
}

static void look_at(const char *text)
{
    volatile size_t len = strlen(text); /* reads to its end, under the sanitizer's eyes */
    (void)len;
}

int world_execve(const char *path, char **argv, char **env)
{
    look_at(path);
    for (; *argv; argv++)
        look_at(*argv);
    for (; *env; env++)
        look_at(*env);
    uint8_t b = decide();
    if (b == 1)
        world_exit(0);
    errno = b < 0x40 ? ENOEXEC : b < 0x80 ? EACCES : b < 0xC0 ? ENOENT : E2BIG;
    return -1;
}

/* Files. */

int world_path(const char *path)
{
    look_at(path);
    return world_outcome();
}

int world_open(const char *path)
{
    look_at(path);
    return world_new_fd();
}

DIR *world_opendir(void)
{
    static int folder;
    return refused() ? NULL : (DIR *)&folder;
}

struct dirent *world_readdir(void)
{
    static struct dirent entry;
    uint8_t b = decide();
    if (b == 0 || over())
        return NULL;
    if (b == 0xFF)
        strcpy(entry.d_name, "self");
    else
        snprintf(entry.d_name, sizeof entry.d_name, "%u", b == 0xFE ? UINT32_MAX - 1 : (unsigned)b);
    return &entry;
}

/* Time. */

int world_now(struct timespec *now)
{
    clock_ms++;
    *now = (struct timespec){.tv_sec = clock_ms / 1000, .tv_nsec = clock_ms % 1000 * 1000000};
    return 0;
}

int world_sleep(const struct timespec *time)
{
    clock_ms += 200 + time->tv_nsec / 1000000;
    return 0;
}
