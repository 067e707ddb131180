/* Fuzz target: a whole session of the relay, from its first frame to its last.
 *
 * An input is a byte of flags, the length of what the host sends (two bytes), that, and the world's answers. */
#define WORLD_ITSELF
#include "world.h"

#include "fuzz.h"
#include "relay.h"

static uint64_t sessions, frames_in;

static void tell(void)
{
    fprintf(stderr, "%llu sessions, %llu frames to the relay, %llu frames to the host\n", (unsigned long long)sessions,
            (unsigned long long)frames_in, (unsigned long long)frames_out);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return atexit(tell);
}

/* A session on stdin and stdout. It must leave nothing behind but what `struct session` holds. */
static void pipe_session(void)
{
    static struct session s; /* a child leaves by longjmp() */
    session_init(&s);
    session_run(&s);
    while (s.channels) {
        struct channel *c = s.channels;
        s.channels = c->next;
        channel_free(c);
    }
    buf_free(&s.in);
    buf_free(&s.out);
    world_free(s.poll);
    if (world_blocks() > 0) {
        fprintf(stderr, "%zu blocks of memory leaked\n", world_blocks());
        abort();
    }
}

/* Makes the data frames larger: windows and buffers are, and inputs had better be short. */
static size_t stretch(const uint8_t *p, size_t len, uint8_t *to, size_t max)
{
    size_t at = 0;
    while (len >= FRAME_HEADER && get_u32(p + 8) <= len - FRAME_HEADER) {
        size_t size = get_u32(p + 8), larger = get_u32(p) == F_DATA ? size * 1000 : size;
        larger = larger < FRAME_MAX ? larger : FRAME_MAX;
        if (size > larger || at + FRAME_HEADER + larger > max)
            break;
        memcpy(to + at, p, FRAME_HEADER + size);
        memset(to + at + FRAME_HEADER + size, 'x', larger - size);
        put_u32(to + at + 8, (uint32_t)larger);
        at += FRAME_HEADER + larger;
        p += FRAME_HEADER + size;
        len -= FRAME_HEADER + size;
    }
    return at;
}

static void count_frames(const uint8_t *p, size_t len)
{
    while (len >= FRAME_HEADER && get_u32(p + 8) <= len - FRAME_HEADER) {
        size_t whole = FRAME_HEADER + get_u32(p + 8);
        frames_in++;
        p += whole;
        len -= whole;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 3)
        return -1;
    size_t host_len = (size_t)(data[1] | data[2] << 8);
    if (host_len > len - 3)
        host_len = len - 3;
    world.flags = data[0];
    world.host = data + 3;
    world.host_len = host_len;
    world.data = data + 3 + host_len;
    world.len = len - 3 - host_len;
    world.children = world.flags & DAEMON ? 2 : world.flags & CHILD ? 1 : 0;
    if (world.flags & STRETCHED && !(world.flags & DAEMON)) {
        static uint8_t larger[2 << 20];
        world.host_len = stretch(world.host, host_len, larger, sizeof larger);
        world.host = larger;
    }
    count_frames(world.host, world.host_len);
    sessions++;
    world_begin();
    if (setjmp(world.leave) == 0) {
        if (world.flags & DAEMON)
            run_daemon("folder", 3000);
        else if (world.flags & CALLER)
            run_exchange("folder", 1, 100, 1000, 64);
        else
            pipe_session();
    }
    world_end();
    return 0;
}
