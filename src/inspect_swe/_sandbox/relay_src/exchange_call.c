/* The calls of exchange mode: each short command connects to the daemon, hands over its input, and prints the
 * answer. The daemon is in exchange.c. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "exchange.h"
#include "relay.h"

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

static int call_open(const char *dir, uint32_t seq, uint32_t wait_ms, uint32_t max_out, uint32_t len)
{
    struct sockaddr_un address = exchange_address();
    uint8_t header[CALL_HEADER];
    put_u32(header, seq);
    put_u32(header + 4, wait_ms);
    put_u32(header + 8, max_out);
    put_u32(header + 12, len);
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

/* Copies so many bytes of stdin. It may have no end: a provider's shell hands on its own where it has none. */
static bool copy_input(int fd, size_t len)
{
    char piece[16384];
    while (len > 0) {
        ssize_t n = read(STDIN_FILENO, piece, len < sizeof piece ? len : sizeof piece);
        if (n == 0)
            errno = EPIPE;
        if (n <= 0 || !write_all(fd, piece, (size_t)n))
            return false;
        len -= (size_t)n;
    }
    return true;
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

int run_exchange(const char *dir, uint32_t seq, uint32_t wait_ms, uint32_t max_out, uint32_t len)
{
    int fd = call_open(dir, seq, wait_ms, max_out, len);
    if (fd < 0)
        return complain("socket");
    if (seq == END_OF_CHANNEL) /* answered by closing, when what the session started has been killed */
        return copy_answer(fd) ? 0 : complain("exchange");
    if (!copy_input(fd, len) || !copy_answer(fd))
        return complain("exchange");
    return 0;
}
