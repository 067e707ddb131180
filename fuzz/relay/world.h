/* Included in front of each of the relay's sources: its system calls and its memory become those of `world.c`. */
#ifndef WORLD_H
#define WORLD_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char *world_environ[];

void *world_malloc(size_t size);
void *world_calloc(size_t count, size_t size);
void *world_realloc(void *old, size_t size);
void world_free(void *p);

int world_poll(struct pollfd *fds, size_t len, int timeout);
ssize_t world_read(int fd, void *to, size_t len);
ssize_t world_write(int fd, const void *from, size_t len);
int world_close(int fd);
int world_new_fd(void); /* sockets, files, folders: -1 with errno where the input says so */
int world_pipe2(int fds[2]);
int world_connection(int listener);
int world_signalfd(void);
int world_outcome(void); /* 0, or -1 with errno: calls of which only success matters */
int world_on(int fd);    /* the same for an open descriptor; one that is closed is a bug */
int world_getsockname(int fd, void *address, socklen_t len);
int world_ioctl(int fd, int *bytes);

pid_t world_fork(void);
pid_t world_waitpid(int *status);
int world_kill(pid_t pid, int number);
int world_execve(const char *path, char **argv, char **env);
_Noreturn void world_exit(int code);
int world_path(const char *path); /* calls about a path: looks at all of it */
int world_open(const char *path);
DIR *world_opendir(void);
struct dirent *world_readdir(void);
int world_now(struct timespec *now);
int world_sleep(const struct timespec *time);

#ifndef WORLD_ITSELF
#define environ world_environ
#define malloc(size) world_malloc(size)
#define calloc(count, size) world_calloc(count, size)
#define realloc(old, size) world_realloc(old, size)
#define free(p) world_free(p)
#define poll(fds, len, timeout) world_poll(fds, len, timeout)
#define read(fd, to, len) world_read(fd, to, len)
#define write(fd, from, len) world_write(fd, from, len)
#define send(fd, from, len, flags) world_write(fd, from, len)
#define close(fd) world_close(fd)
#define socket(family, type, protocol) world_new_fd()
#define pipe2(fds, flags) world_pipe2(fds)
#define accept4(fd, address, len, flags) world_connection(fd)
#define signalfd(fd, mask, flags) world_signalfd()
#define bind(fd, address, len) world_on(fd)
#define listen(fd, backlog) world_on(fd)
#define connect(fd, address, len) world_on(fd)
#define setsockopt(fd, level, name, value, len) world_on(fd)
#define shutdown(fd, how) world_on(fd)
#define fchmod(fd, mode) world_on(fd)
#define fchdir(fd) world_on(fd)
#define fcntl(fd, ...) world_on(fd)
#define dup2(from, to) world_on(from)
#define getsockname(fd, address, len) world_getsockname(fd, address, *(len))
#define ioctl(fd, request, bytes) world_ioctl(fd, bytes)
#define fork() world_fork()
#define waitpid(pid, status, flags) world_waitpid(status)
#define kill(pid, number) world_kill(pid, number)
#define execve(path, argv, env) world_execve(path, argv, env)
#define _exit(code) world_exit(code)
#define open(path, ...) world_open(path)
#define mkdir(path, mode) world_path(path)
#define unlink(path) world_path(path)
#define unlinkat(fd, path, flags) world_path(path)
#define rename(from, to) (world_path(from) | world_path(to))
#define chdir(path) world_path(path)
#define umask(mask) ((mode_t)(mask))
#define setsid() 1
#define getpid() 77
#define prctl(...) 0
#define signal(...) ((void)0)
#define sigprocmask(...) ((void)0)
#define opendir(path) world_opendir()
#define readdir(dir) world_readdir()
#define closedir(dir) ((void)(dir))
#define clock_gettime(clock, now) world_now(now)
#define nanosleep(time, left) world_sleep(time)
#endif

#endif
