/* What the daemon of exchange mode (exchange.c) and its calls (exchange_call.c) share. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <sys/un.h>

#define CALL_HEADER 16 /* number, longest wait in ms, most output bytes, input bytes */
#define SOCKET_NAME "s"

/* The daemon's socket, in the folder that both have changed to. */
struct sockaddr_un exchange_address(void);

int complain(const char *what);

#endif
