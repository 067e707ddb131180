/* The relay: carries TCP connections, processes and files of a sandbox over one stream of frames.
 *
 *   relay.c          command line, set-up
 *   session.c        the poll() loop, frames from the host, the pipe to it
 *   stream.c         buffers, frames to the host, flow control
 *   connection.c     the listener and its TCP connections
 *   process.c        spawned processes
 *   file.c           files written on request
 *   cleanup.c        killing what belongs to a session
 *   exchange.c       the frame channel as a sequence of short client calls: the daemon
 *   exchange_call.c  one such call
 */
#ifndef RELAY_H
#define RELAY_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FRAME_HEADER 12
#define FRAME_MAX 65536
#define STREAM_WINDOW (256 * 1024)
#define FILE_WINDOW (4 * 1024 * 1024) /* files are written at once, nothing of them is kept */
#define WINDOW_STEP (64 * 1024)         /* credit is given back in steps of this size */
#define OUT_LIMIT (1024 * 1024)         /* above it nothing more is read from connections and processes */
#define OUT_HARD_LIMIT (4 * 1024 * 1024) /* above it nothing more is read from the host either */
#define SPAWN_MAX (4 * 1024 * 1024)
#define CONNECTIONS_MAX 64
#define BACKLOG 4096
#define SESSION_VARIABLE "AGENT_SESSION="
#define END_OF_CHANNEL UINT32_MAX /* in place of an exchange's number */
#define TOKEN_MAX 255
#define DRAIN_MS 200 /* how long output of left-over processes is awaited after an exit */
#define KILL_MS 3000

enum frame_type {
    /* host to relay */
    F_HELLO = 1,
    F_DATA = 2, /* both ways, like EOF, RESET and WINDOW */
    F_EOF = 3,
    F_RESET = 4,
    F_WINDOW = 5,
    F_SPAWN = 6,
    F_SPAWN_PART = 7,
    F_KILL = 8,
    F_WRITE = 9,
    F_KILL_ALL = 10,
    F_DETACH = 11,
    /* relay to host */
    F_LISTENING = 16,
    F_OPEN = 17,
    F_STDERR = 18,
    F_STARTED = 19,
    F_FAILED = 20,
    F_EXIT = 21,
    F_DONE = 22,
};

enum { STAGE_SETUP = 0, STAGE_CHDIR = 1, STAGE_EXEC = 2 };

struct buf {
    uint8_t *data;
    size_t start, len, cap;
};

enum kind { CONNECTION, PROCESS, FILE_WRITE };
enum { FD_IN, FD_OUT, FD_ERR, FD_EXEC, FD_COUNT };

struct channel {
    struct channel *next;
    uint32_t id;
    enum kind kind;
    bool dead;         /* to be freed by sweep() */
    int fd[FD_COUNT];  /* a connection's socket and a file are in FD_IN */
    int slot[FD_COUNT]; /* places in the poll set, -1 if not watched */
    struct buf in;     /* from the host, not written yet; SPAWN parts before a process exists */
    uint32_t credit;   /* bytes we may send */
    uint32_t room;     /* bytes the host may send */
    uint32_t consumed; /* bytes to be given back as credit */
    bool in_eof;       /* the host will send no more */
    bool in_shut;      /* and that was passed on */
    bool out_eof;      /* the connection's peer will send no more */
    /* processes */
    pid_t pid;
    bool started, exited, finished;
    int status;
    int owed[FD_COUNT]; /* bytes that were in the pipes at exit: forwarded however long it takes */
    int64_t drain_until;
    /* files */
    char *path, *temp;
    mode_t mode;
};

struct exchanges;

struct session {
    struct exchanges *exchanges; /* NULL: the channel is stdin and stdout */
    struct buf in, out;
    struct channel *channels;
    size_t connections;
    uint32_t next_id;
    uint32_t turn; /* which channel is served first */
    char token[TOKEN_MAX + 1];
    bool greeted;
    const char *ending; /* why the session ends, NULL while it lasts */
    int signal_fd;
    int listen_fd[2];
    int64_t accept_after;
    int64_t kill_until; /* a KILL_ALL is under way */
    bool detached;      /* what the session started outlives it */
    int64_t now;
    int64_t wake; /* when poll() has to return at the latest */
    struct pollfd *poll;
    size_t poll_len, poll_cap;
    int in_slot, out_slot, signal_slot, listen_slot[2];
};

/* stream.c */
bool buf_reserve(struct buf *b, size_t more);
bool buf_append(struct buf *b, const void *data, size_t len);
void buf_take(struct buf *b, size_t len);
void buf_free(struct buf *b);
uint32_t get_u32(const uint8_t *p);
void put_u32(uint8_t *p, uint32_t value);
char *put_number(char *to, uint32_t value);
bool parse_number(const char *text, uint32_t *value);
int64_t now_ms(void);
void close_fd(int *fd);
void session_end(struct session *s, const char *why);
void wake_at(struct session *s, int64_t when);
int watch(struct session *s, int fd, short events);
short ready(const struct session *s, int slot);
void send_frame(struct session *s, enum frame_type type, uint32_t id, const void *payload, size_t len);
void send_u32(struct session *s, enum frame_type type, uint32_t id, uint32_t value);
void send_failed(struct session *s, uint32_t id, int error, uint8_t stage);
struct channel *channel_add(struct session *s, uint32_t id, enum kind kind);
struct channel *channel_find(const struct session *s, uint32_t id);
void channel_free(struct channel *c);
bool may_read(const struct session *s, const struct channel *c);
ssize_t forward(struct session *s, struct channel *c, int fd, enum frame_type type);
void consumed(struct session *s, struct channel *c, size_t len);
void stream_data(struct session *s, struct channel *c, const uint8_t *data, size_t len);
int stream_flush(struct session *s, struct channel *c);

/* connection.c */
void listen_on(struct session *s, uint16_t port);
void listeners_watch(struct session *s);
void listeners_serve(struct session *s);
void connection_watch(struct session *s, struct channel *c);
void connection_serve(struct session *s, struct channel *c);
void connection_flush(struct session *s, struct channel *c);
void connection_reset(struct session *s, struct channel *c, bool tell);

/* process.c */
void process_spawn(struct session *s, struct channel *c);
void process_watch(struct session *s, struct channel *c);
void process_serve(struct session *s, struct channel *c);
void process_flush(struct session *s, struct channel *c);
void process_settle(struct session *s, struct channel *c);
bool reap(struct session *s);

/* file.c */
void file_open(struct session *s, uint32_t id, const uint8_t *payload, size_t len);
void file_data(struct session *s, struct channel *c, const uint8_t *data, size_t len);
void file_commit(struct session *s, struct channel *c);
void file_abort(struct channel *c);

/* cleanup.c */
int kill_matching(const char *token, pid_t parent);
void kill_until_gone(struct session *s);
int kill_token(const char *token);

/* session.c */
void session_init(struct session *s);
void session_run(struct session *s);
void session_feed(struct session *s);

/* exchange.c */
void exchanges_watch(struct session *s);
void exchanges_serve(struct session *s);
int run_daemon(const char *dir, int64_t lease_ms);
int run_exchange(const char *dir, uint32_t seq, uint32_t wait_ms, uint32_t max_out, uint32_t len);

#endif
