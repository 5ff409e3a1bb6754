/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Volleys of requests, for scripts/perf-gate, which counts what system calls a server answers them
 * with: all connections ask, a pipeline each, and then all replies are read. Nothing depends on how
 * fast either side is, as long as the server does not run while the client asks; perf-gate sees to
 * that.
 *
 *   perf_volley PORT CONNECTIONS PIPELINE ROUNDS ping|get|set|multi
 *
 * Of `multi` an operation is a transaction of ten commands about keys of one slot: five SETs, each
 * with a GET behind it.
 *
 * A round that is not counted opens the connections and writes the keys. Prints when the others
 * began and ended, seconds of the wall clock as strace writes them, and the number of operations:
 *
 *   begin end operations
 *
 * A reply that is not the one due ends it with 1, wrong use with 2.
 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "perf/loopback.h"

#define CONNECTIONS_MAX 64
#define PIPELINE_MAX    64
#define ROUNDS_MAX      1000
#define KEYS            1000u
#define VALUE           "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define REQUEST_MAX     1024
#define PAIRS           5 /* of SET and GET in a transaction */
#define SECONDS_MAX     60

struct volley {
    int fds[CONNECTIONS_MAX];
    unsigned connections, pipeline;
    unsigned nth; /* of all requests, for the key */
};

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "perf_volley: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int connect_to(unsigned port)
{
    const struct timeval patience = {.tv_sec = SECONDS_MAX};
    const int fd = loopback_connect((uint16_t)port);
    const int on = 1;

    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
        fail("connect");
    return fd;
}

#define QUEUED   "+QUEUED\r\n+QUEUED\r\n"
#define EXECUTED "+OK\r\n$64\r\n" VALUE "\r\n"

static const char *reply_of(char question)
{
    switch (question) {
    case 'p':
        return "+PONG\r\n";
    case 'g':
        return "$64\r\n" VALUE "\r\n";
    case 'm':
        return "+OK\r\n" QUEUED QUEUED QUEUED QUEUED QUEUED
               "*10\r\n" EXECUTED EXECUTED EXECUTED EXECUTED EXECUTED;
    default:
        return "+OK\r\n";
    }
}

/* The transaction's text, in `text`, which has room for REQUEST_MAX; its size. */
static size_t put_transaction(char *text, unsigned key)
{
    size_t size = (size_t)sprintf(text, "*1\r\n$5\r\nMULTI\r\n");

    for (unsigned i = 0; i < PAIRS; i++)
        size += (size_t)snprintf(text + size, REQUEST_MAX - size,
                                 "*3\r\n$3\r\nSET\r\n$16\r\n{key:%08u}:%u\r\n$64\r\n" VALUE
                                 "\r\n*2\r\n$3\r\nGET\r\n$16\r\n{key:%08u}:%u\r\n",
                                 key, i, key, i);
    return size + (size_t)snprintf(text + size, REQUEST_MAX - size, "*1\r\n$4\r\nEXEC\r\n");
}

static void ask(struct volley *volley, int fd, char question)
{
    char text[PIPELINE_MAX * REQUEST_MAX];
    size_t size = 0;

    for (unsigned i = 0; i < volley->pipeline; i++) {
        const unsigned key = volley->nth++ % KEYS;
        char *at = text + size;

        if (question == 'm')
            size += put_transaction(at, key);
        else if (question == 'p')
            size += (size_t)snprintf(at, REQUEST_MAX, "*1\r\n$4\r\nPING\r\n");
        else if (question == 'g')
            size += (size_t)snprintf(at, REQUEST_MAX, "*2\r\n$3\r\nGET\r\n$16\r\nkey:%012u\r\n",
                                     key);
        else
            size += (size_t)snprintf(at, REQUEST_MAX,
                                     "*3\r\n$3\r\nSET\r\n$16\r\nkey:%012u\r\n$64\r\n" VALUE "\r\n",
                                     key);
    }
    /* So little fits an empty socket. */
    if (send(fd, text, size, MSG_NOSIGNAL) != (ssize_t)size)
        fail("send");
}

static void hear(const struct volley *volley, int fd, char question)
{
    const char *due = reply_of(question);
    const size_t size = strlen(due) * volley->pipeline;
    char text[PIPELINE_MAX * REQUEST_MAX];
    size_t got = 0;

    while (got < size) {
        const ssize_t more = recv(fd, text + got, size - got, 0);
        if (more <= 0)
            fail("a reply is missing");
        got += (size_t)more;
    }
    for (unsigned i = 0; i < volley->pipeline; i++)
        if (memcmp(text + i * strlen(due), due, strlen(due)) != 0) {
            fprintf(stderr, "perf_volley: '%.20s...' and not '%.20s...'\n", text, due);
            exit(1);
        }
}

static void fire(struct volley *volley, char question)
{
    for (unsigned i = 0; i < volley->connections; i++)
        ask(volley, volley->fds[i], question);
    for (unsigned i = 0; i < volley->connections; i++)
        hear(volley, volley->fds[i], question);
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The argument, from 1 to `max`. */
static unsigned number(const char *text, unsigned max)
{
    char *end;
    const unsigned long value = strtoul(text, &end, 10);

    if (*end != '\0' || value < 1 || value > max) {
        fprintf(stderr, "perf_volley: a number from 1 to %u, not '%s'\n", max, text);
        exit(2);
    }
    return (unsigned)value;
}

int main(int argc, char **argv)
{
    struct volley volley = {0};

    if (argc != 6 || strchr("pgsm", argv[5][0]) == NULL) {
        fprintf(stderr, "usage: perf_volley PORT CONNECTIONS PIPELINE ROUNDS ping|get|set|multi\n");
        return 2;
    }
    const unsigned port = number(argv[1], UINT16_MAX);
    const unsigned rounds = number(argv[4], ROUNDS_MAX);
    const char question = argv[5][0];
    volley.connections = number(argv[2], CONNECTIONS_MAX);
    volley.pipeline = number(argv[3], PIPELINE_MAX);
    for (unsigned i = 0; i < volley.connections; i++)
        volley.fds[i] = connect_to(port);
    while (volley.nth < KEYS)
        fire(&volley, 's');
    fire(&volley, question);
    const double begin_s = now_s();
    for (unsigned i = 0; i < rounds; i++)
        fire(&volley, question);
    printf("%.6f %.6f %u\n", begin_s, now_s(), rounds * volley.connections * volley.pipeline);
    return 0;
}
