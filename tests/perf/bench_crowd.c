/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Clients that cost a server something by what they do not do, for scripts/bench/run.
 *
 *   bench_crowd PORT COUNT             each has sent some commands, and is idle
 *   bench_crowd --deaf KEY PORT COUNT  each asks for KEY again and again, and never reads; one that
 *                                      the server drops comes back
 *
 * Prints one line once all are there, idle ones with all their answers, and stays until SIGTERM. A
 * server that refuses or drops an idle one ends it with 1, wrong use with 2.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "perf/loopback.h"

#define COMMANDS  8 /* of an idle one, in one pipeline */
#define ASKED_MAX (64 * 1024)

static volatile sig_atomic_t ended;

static void on_signal(int signal)
{
    ended = signal;
}

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "bench_crowd: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int connect_to(uint16_t port)
{
    const int fd = loopback_connect(port);

    if (fd < 0)
        fail("connect");
    return fd;
}

/* ---- idle ones ---- */

static void talk(int fd, size_t number)
{
    char question[64], text[COMMANDS * sizeof question] = "", answer[COMMANDS * 16];
    size_t due = 0, got = 0;

    for (int i = 0; i < COMMANDS; i++) {
        const bool set = i % 2 == 0;
        snprintf(question, sizeof question,
                 set ? "SET crowd:%06zu value\r\n" : "GET crowd:%06zu\r\n", number % 1000);
        strcat(text, question);
        due += set ? strlen("+OK\r\n") : strlen("$5\r\nvalue\r\n");
    }
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
        fail("send");
    while (got < due) {
        const ssize_t more = recv(fd, answer, sizeof answer, 0);
        if (more <= 0)
            fail("a server closed its connection");
        got += (size_t)more;
    }
}

/* ---- those that never read ---- */

/* Asks as often as the socket takes; false when the server has closed it. */
static bool ask(int fd, const char *text, size_t size)
{
    ssize_t sent;

    while ((sent = send(fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT)) == (ssize_t)size)
        ;
    return sent >= 0 || errno == EAGAIN;
}

static void stay_deaf(struct pollfd *polled, size_t count, uint16_t port, const char *key)
{
    static char text[ASKED_MAX];
    int size = 0;

    /* Where a part was sent the next question is taken for the rest of its line: an error. */
    while (size + (int)strlen(key) + 8 < ASKED_MAX)
        size += snprintf(text + size, sizeof text - (size_t)size, "GET %s\r\n", key);
    for (size_t i = 0; i < count; i++)
        polled[i].events = POLLOUT | POLLRDHUP;
    while (!ended) {
        if (poll(polled, count, 1000) < 0 && errno != EINTR)
            fail("poll");
        for (size_t i = 0; i < count && !ended; i++) {
            if (polled[i].revents == 0)
                continue;
            if ((polled[i].revents & (POLLRDHUP | POLLERR | POLLHUP)) == 0 &&
                ask(polled[i].fd, text, (size_t)size))
                continue;
            close(polled[i].fd);
            polled[i].fd = connect_to(port);
        }
    }
}

/* ---- all ---- */

/* A number of at least 1, or ends with 2. */
static size_t number(const char *text)
{
    char *end;
    const unsigned long long value = text != NULL ? strtoull(text, &end, 10) : 0;

    if (value == 0 || *end != '\0') {
        fprintf(stderr, "usage: bench_crowd [--deaf KEY] PORT COUNT\n");
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    const struct sigaction action = {.sa_handler = on_signal};
    const bool deaf = argc == 5 && strcmp(argv[1], "--deaf") == 0;

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (!deaf && argc != 3)
        number("");
    const uint16_t port = (uint16_t)number(argv[argc - 2]);
    const size_t count = number(argv[argc - 1]);
    struct pollfd *polled = calloc(count, sizeof *polled);
    ensure(polled != NULL);
    for (size_t i = 0; i < count; i++) {
        polled[i].fd = connect_to(port);
        if (!deaf)
            talk(polled[i].fd, i);
    }
    puts("there");
    fflush(stdout);
    if (deaf)
        stay_deaf(polled, count, port, argv[2]);
    while (!ended)
        pause();
    free(polled);
    return 0;
}
