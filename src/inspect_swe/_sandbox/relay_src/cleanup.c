/* Killing what belongs to a session: children of the relay (it adopts orphans) and bearers of the token. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "relay.h"

static int open_proc(const char *pid, const char *name)
{
    char path[320]; /* a directory entry has at most 255 characters */
    stpcpy(stpcpy(stpcpy(stpcpy(path, "/proc/"), pid), "/"), name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Whether a NUL-delimited list has exactly this entry; read in pieces because it can be large. */
static bool has_entry(int fd, const char *entry)
{
    size_t len = strlen(entry), at = 0;
    bool same = true;
    char piece[4096];
    ssize_t n;
    while ((n = read(fd, piece, sizeof piece)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (piece[i] == '\0') {
                if (same && at == len)
                    return true;
                at = 0;
                same = true;
            } else {
                same = same && at < len && piece[i] == entry[at];
                at++;
            }
        }
    }
    return same && at == len;
}

static bool bears_token(const char *pid, const char *token)
{
    char entry[sizeof SESSION_VARIABLE + TOKEN_MAX];
    if (*token == '\0' || strlen(token) > TOKEN_MAX)
        return false;
    stpcpy(stpcpy(entry, SESSION_VARIABLE), token);
    int fd = open_proc(pid, "environ");
    if (fd < 0)
        return false;
    bool found = has_entry(fd, entry);
    close(fd);
    return found;
}

/* The parent of a living process, -1 if it is dead or gone. */
static pid_t parent_of(const char *pid)
{
    char text[512];
    int fd = open_proc(pid, "stat");
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    char *end = strrchr(text, ')'); /* the name itself may contain anything */
    if (!end || strlen(end) < 5 || end[2] == 'Z' || end[2] == 'X')
        return -1;
    uint32_t parent;
    char *number_end = strchr(end + 4, ' ');
    if (!number_end)
        return -1;
    *number_end = '\0';
    return parse_number(end + 4, &parent) ? (pid_t)parent : -1;
}

/* One pass over /proc. Returns how many processes were killed; `parent` 0 matches none. */
int kill_matching(const char *token, pid_t parent)
{
    DIR *proc = opendir("/proc");
    if (!proc)
        return 0;
    int killed = 0;
    pid_t self = getpid();
    for (struct dirent *e; (e = readdir(proc));) {
        uint32_t number;
        if (!parse_number(e->d_name, &number) || number <= 1 || (pid_t)number == self)
            continue;
        pid_t pid = (pid_t)number;
        pid_t its_parent = parent_of(e->d_name);
        if (its_parent < 0)
            continue;
        if ((parent > 0 && its_parent == parent) || bears_token(e->d_name, token))
            killed += kill(pid, SIGKILL) == 0;
    }
    closedir(proc);
    return killed;
}

static void pause_ms(long ms)
{
    struct timespec t = {.tv_nsec = ms * 1000000};
    nanosleep(&t, NULL);
}

void kill_until_gone(struct session *s)
{
    int64_t until = now_ms() + KILL_MS;
    /* Without /proc the process groups are all there is to go by. */
    for (struct channel *c = s->channels; c; c = c->next)
        if (c->kind == PROCESS && c->pid > 0 && !c->dead)
            kill(-c->pid, SIGKILL);
    for (;;) {
        int killed = kill_matching(s->token, getpid());
        bool children = reap(s);
        if ((killed == 0 && !children) || now_ms() >= until)
            return;
        pause_ms(5);
    }
}

/* `relay --kill TOKEN`: returns when no process bears the token any more. */
int kill_token(const char *token)
{
    int64_t until = now_ms() + KILL_MS;
    while (kill_matching(token, 0) > 0 && now_ms() < until)
        pause_ms(5);
    return 0;
}
