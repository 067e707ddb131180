/* Processes spawned on the host's request. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relay.h"

struct command {
    char *cwd, **argv, **env;
    char *session; /* the variable that marks the session's processes */
};

static void command_free(struct command *m)
{
    free(m->argv);
    free(m->env);
    free(m->session);
}

/* The environment of the container, except what the host gave itself. */
static size_t env_inherit(struct command *m, size_t given)
{
    size_t kept = given;
    for (char **e = environ; *e; e++) {
        size_t name_len = (size_t)(strchrnul(*e, '=') - *e) + 1;
        bool ours = strncmp(*e, SESSION_VARIABLE, sizeof SESSION_VARIABLE - 1) == 0;
        for (size_t i = 0; i < given && !ours; i++)
            ours = strncmp(*e, m->env[i], name_len) == 0;
        if (!ours)
            m->env[kept++] = *e;
    }
    return kept;
}

static size_t env_count(void)
{
    size_t count = 0;
    while (environ[count])
        count++;
    return count;
}

/* Points into the payload; false if it is malformed or memory is short. */
static bool command_parse(struct command *m, struct buf *payload, const char *token)
{
    if (payload->len < 8)
        return false;
    uint8_t *start = payload->data + payload->start;
    char *p = (char *)start + 8, *end = (char *)start + payload->len;
    size_t argc = get_u32(start), envc = get_u32(start + 4);
    if (argc == 0 || argc > payload->len || envc > payload->len || p == end || end[-1] != '\0')
        return false;
    m->argv = calloc(argc + 1, sizeof *m->argv);
    m->env = calloc(envc + env_count() + 2, sizeof *m->env);
    m->session = malloc(sizeof SESSION_VARIABLE + strlen(token));
    if (!m->argv || !m->env || !m->session)
        return false;
    strcpy(stpcpy(m->session, SESSION_VARIABLE), token);
    size_t kept = 0;
    for (size_t i = 0; i < 1 + argc + envc; i++, p += strlen(p) + 1) {
        if (p >= end)
            return false;
        if (i == 0)
            m->cwd = p;
        else if (i <= argc)
            m->argv[i - 1] = p;
        else if (strncmp(p, SESSION_VARIABLE, sizeof SESSION_VARIABLE - 1) != 0)
            m->env[kept++] = p;
    }
    kept = env_inherit(m, kept);
    m->env[kept] = m->session;
    return p == end;
}

/* execve(), with a script without "#!" given to the shell as execvp() does. */
static void exec_file(const char *path, const struct command *m)
{
    execve(path, m->argv, m->env);
    if (errno != ENOEXEC)
        return;
    size_t argc = 0;
    while (m->argv[argc])
        argc++;
    char **shell = calloc(argc + 2, sizeof *shell);
    if (!shell)
        return;
    shell[0] = "sh";
    shell[1] = (char *)path;
    memcpy(shell + 2, m->argv + 1, argc * sizeof *shell);
    execve("/bin/sh", shell, m->env);
    free(shell);
    errno = ENOEXEC;
}

static void exec_search(const struct command *m)
{
    const char *name = m->argv[0], *path = "/usr/local/bin:/bin:/usr/bin";
    if (*name == '\0') {
        errno = ENOENT;
        return;
    }
    if (strchr(name, '/')) {
        exec_file(name, m);
        return;
    }
    for (char **e = m->env; *e; e++)
        if (strncmp(*e, "PATH=", 5) == 0) {
            path = *e + 5;
            break;
        }
    bool denied = false;
    size_t name_len = strlen(name);
    for (const char *end;; path = end + 1) {
        end = strchrnul(path, ':');
        size_t len = (size_t)(end - path);
        char file[PATH_MAX];
        if (len + 1 + name_len < sizeof file) {
            memcpy(file, path, len);
            file[len] = '/';
            memcpy(file + len + (len > 0), name, name_len + 1);
            exec_file(file, m);
            denied |= errno == EACCES;
            if (errno != EACCES && errno != ENOENT && errno != ENOTDIR)
                return;
        }
        if (*end == '\0')
            break;
    }
    errno = denied ? EACCES : ENOENT;
}

static void child_fail(int report, uint8_t stage)
{
    uint8_t message[5];
    put_u32(message, (uint32_t)errno);
    message[4] = stage;
    ssize_t ignored = write(report, message, sizeof message);
    (void)ignored;
    _exit(127);
}

static void child_run(const struct command *m, const int stdio[3], int report)
{
    setsid();
    for (int i = 0; i < 3; i++)
        dup2(stdio[i], i);
    for (int i = 1; i < _NSIG; i++)
        signal(i, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (*m->cwd && chdir(m->cwd) < 0)
        child_fail(report, STAGE_CHDIR);
    exec_search(m);
    child_fail(report, STAGE_EXEC);
}

static void nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Forks with four pipes: stdin, stdout, stderr and the report of a failed exec. */
static int spawn(struct channel *c, const struct command *m)
{
    int pipes[FD_COUNT][2] = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    int error = 0;
    for (int i = 0; i < FD_COUNT && !error; i++)
        if (pipe2(pipes[i], O_CLOEXEC) < 0)
            error = errno;
    if (!error) {
        c->pid = fork();
        if (c->pid < 0)
            error = errno;
    }
    if (!error && c->pid == 0) {
        const int stdio[3] = {pipes[FD_IN][0], pipes[FD_OUT][1], pipes[FD_ERR][1]};
        child_run(m, stdio, pipes[FD_EXEC][1]);
    }
    for (int i = 0; i < FD_COUNT; i++) {
        int ours = i == FD_IN ? 1 : 0;
        close_fd(&pipes[i][1 - ours]);
        if (error) {
            close_fd(&pipes[i][ours]);
            continue;
        }
        nonblocking(pipes[i][ours]);
        c->fd[i] = pipes[i][ours];
    }
    return error;
}

void process_spawn(struct session *s, struct channel *c)
{
    struct command m = {0};
    if (!command_parse(&m, &c->in, s->token)) {
        session_end(s, "malformed SPAWN");
    } else {
        int error = spawn(c, &m);
        if (error) {
            c->dead = true;
            send_failed(s, c->id, error, STAGE_SETUP);
        }
    }
    command_free(&m);
    buf_free(&c->in);
}

void process_watch(struct session *s, struct channel *c)
{
    for (int i = 0; i < FD_COUNT; i++) {
        bool wanted = c->finished || (c->started && may_read(s, c));
        if (i == FD_IN)
            wanted = c->in.len > 0 && c->started;
        else if (i == FD_EXEC)
            wanted = true;
        c->slot[i] = c->fd[i] >= 0 && wanted ? watch(s, c->fd[i], i == FD_IN ? POLLOUT : POLLIN) : -1;
    }
    if (c->exited && !c->finished && s->now < c->drain_until)
        wake_at(s, c->drain_until);
}

/* The report pipe is closed by a successful exec and carries errno and stage otherwise. */
static void exec_report(struct session *s, struct channel *c)
{
    uint8_t message[5];
    ssize_t n = read(c->fd[FD_EXEC], message, sizeof message);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    close_fd(&c->fd[FD_EXEC]);
    if (n == sizeof message) {
        send_frame(s, F_FAILED, c->id, message, sizeof message);
        c->dead = true;
        return;
    }
    c->started = true;
    send_u32(s, F_STARTED, c->id, (uint32_t)c->pid);
}

static void output_closed(struct session *s, struct channel *c, int i)
{
    uint8_t which = i == FD_OUT ? 1 : 2;
    send_frame(s, F_EOF, c->id, &which, 1);
}

static void process_read(struct session *s, struct channel *c, int i)
{
    ssize_t n;
    if (c->finished) {
        uint8_t discarded[4096];
        n = read(c->fd[i], discarded, sizeof discarded);
    } else {
        n = forward(s, c, c->fd[i], i == FD_OUT ? F_DATA : F_STDERR);
    }
    if (n > 0) {
        c->owed[i] = n < c->owed[i] ? c->owed[i] - (int)n : 0;
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        close_fd(&c->fd[i]);
        if (!c->finished)
            output_closed(s, c, i);
    }
}

void process_flush(struct session *s, struct channel *c)
{
    if (c->fd[FD_IN] < 0 || !c->started)
        return;
    int done = stream_flush(s, c);
    if (done < 0) { /* it closed its stdin: what is meant for it counts as consumed */
        consumed(s, c, c->in.len);
        buf_free(&c->in);
    }
    if (done < 0 || (done && c->in_eof))
        close_fd(&c->fd[FD_IN]);
}

void process_serve(struct session *s, struct channel *c)
{
    if (ready(s, c->slot[FD_EXEC]))
        exec_report(s, c);
    if (c->dead)
        return;
    if (ready(s, c->slot[FD_IN]) || c->in_eof)
        process_flush(s, c);
    for (int i = FD_OUT; i <= FD_ERR; i++)
        if (ready(s, c->slot[i]) && (c->finished || may_read(s, c)))
            process_read(s, c, i);
}

/* Sends EXIT once the output has been forwarded, or what is left of it is not the process's own. */
void process_settle(struct session *s, struct channel *c)
{
    if (!c->exited || !c->started)
        return;
    if (c->finished) {
        /* Its group may still hold left-overs that KILL is to reach, and their output is discarded. */
        if (c->fd[FD_OUT] < 0 && c->fd[FD_ERR] < 0 && kill(-c->pid, 0) < 0 && errno == ESRCH)
            c->dead = true;
        return;
    }
    for (int i = FD_OUT; i <= FD_ERR; i++)
        if (c->fd[i] >= 0 && (c->owed[i] > 0 || s->now < c->drain_until))
            return;
    for (int i = FD_OUT; i <= FD_ERR; i++)
        if (c->fd[i] >= 0)
            output_closed(s, c, i);
    c->finished = true;
    close_fd(&c->fd[FD_IN]);
    buf_free(&c->in);
    uint8_t payload[8];
    put_u32(payload, WIFEXITED(c->status) ? (uint32_t)WEXITSTATUS(c->status) : (uint32_t)-1);
    put_u32(payload + 4, WIFSIGNALED(c->status) ? (uint32_t)WTERMSIG(c->status) : 0);
    send_frame(s, F_EXIT, c->id, payload, sizeof payload);
}

static void process_exited(struct session *s, pid_t pid, int status)
{
    for (struct channel *c = s->channels; c; c = c->next) {
        if (c->kind != PROCESS || c->pid != pid || c->exited)
            continue;
        c->exited = true;
        c->status = status;
        c->drain_until = s->now + DRAIN_MS;
        for (int i = FD_OUT; i <= FD_ERR; i++)
            if (c->fd[i] >= 0 && ioctl(c->fd[i], FIONREAD, &c->owed[i]) < 0)
                c->owed[i] = 0;
        return;
    }
}

/* Collects children that ended, orphans included. Returns whether any are left. */
bool reap(struct session *s)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        process_exited(s, pid, status);
    return pid == 0;
}
