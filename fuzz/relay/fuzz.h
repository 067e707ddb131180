/* What the fuzz target and its world share. */
#ifndef FUZZ_H
#define FUZZ_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

enum { DAEMON = 1, CALLER = 2, CHILD = 4, MEMORY_SHORT = 8, STRETCHED = 16 };

struct world {
    const uint8_t *host, *data; /* what the host sends; what the world does */
    size_t host_len, len;
    unsigned flags;
    int children; /* how many of the next forks return in the child */
    jmp_buf leave;
};

extern struct world world;
extern uint64_t frames_out;

void world_begin(void);
size_t world_blocks(void);
void world_end(void);

#endif
