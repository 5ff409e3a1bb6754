/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A load of a given pace, for scripts/bench/run: redis-benchmark asks as fast as it is answered,
 * which tells nothing of how long one has to wait at a load that the servers carry easily.
 *
 *   bench_pace --keys N --rate R [--seconds S] PORT...
 *
 * GET and SET in turn, R a second, of keys "key:" and twelve digits, at servers on 127.0.0.1, over
 * some connections to each. Every question has its time, whether the one before is answered or not;
 * the wait is counted from then. Ends after S seconds, or at SIGTERM, and prints one line:
 *
 *   replies p50-ms p99-ms worst-ms errors misses
 *
 * An error is any reply but +OK and a value; a miss is a GET without a value. A server that closes
 * a connection ends it with 1, wrong use with 2.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/rng.h"
#include "perf/loopback.h"

#define PORTS_MAX       16
#define PER_PORT        16 /* connections */
#define CONNECTIONS_MAX (PORTS_MAX * PER_PORT)
#define VALUE           "0000000000000000000000000000000000000000000000000000000000000000"
#define VALUE_REPLY     "$64\r\n" VALUE "\r\n"
#define REPLIES_MAX     10000000u
#define NS              INT64_C(1000000000)

struct connection {
    int fd;
    bool asking;
    int64_t due_ns; /* when its question was to be asked */
    char reply[256];
    size_t size;
};

struct pace {
    uint64_t keys, rate;
    int64_t end_ns;
    struct rng rng;
    struct connection connections[CONNECTIONS_MAX];
    size_t connection_count;
    uint32_t *waits_us;
    size_t replies;
    uint64_t errors, misses, asked;
};

static volatile sig_atomic_t ended;

static void on_signal(int signal)
{
    ended = signal;
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS + now.tv_nsec;
}

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "bench_pace: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int connect_to(uint16_t port)
{
    const int fd = loopback_connect(port);
    const int on = 1;

    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        fail("connect");
    return fd;
}

/* ---- one question ---- */

static void ask(struct pace *pace, struct connection *connection, int64_t due_ns)
{
    const uint64_t key = rng_below(&pace->rng, pace->keys);
    char text[256];
    int size;

    if (pace->asked++ % 2 == 0)
        size = snprintf(text, sizeof text, "*2\r\n$3\r\nGET\r\n$16\r\nkey:%012" PRIu64 "\r\n", key);
    else
        size = snprintf(text, sizeof text,
                        "*3\r\n$3\r\nSET\r\n$16\r\nkey:%012" PRIu64 "\r\n" VALUE_REPLY, key);
    /* So little fits an empty socket. */
    if (send(connection->fd, text, (size_t)size, MSG_NOSIGNAL) != size)
        fail("send");
    connection->asking = true;
    connection->due_ns = due_ns;
    connection->size = 0;
}

/* Whether the reply is all there. */
static bool complete(const struct connection *connection)
{
    const char *reply = connection->reply;
    const size_t size = connection->size;

    if (size < 2 || reply[size - 2] != '\r' || reply[size - 1] != '\n')
        return false;
    return reply[0] != '$' || size == strlen(VALUE_REPLY) || reply[1] == '-';
}

static void hear(struct pace *pace, struct connection *connection)
{
    const ssize_t got = recv(connection->fd, connection->reply + connection->size,
                             sizeof connection->reply - connection->size, 0);

    if (got <= 0)
        fail("a server closed its connection");
    connection->size += (size_t)got;
    if (!complete(connection) && connection->size < sizeof connection->reply)
        return;
    connection->asking = false;
    const char *reply = connection->reply;
    pace->misses += reply[0] == '$' && reply[1] == '-';
    pace->errors += reply[0] != '+' && reply[0] != '$';
    if (pace->replies < REPLIES_MAX)
        pace->waits_us[pace->replies++] = (uint32_t)((now_ns() - connection->due_ns) / 1000);
}

/* ---- all of them ---- */

static struct connection *idle_connection(struct pace *pace)
{
    /* Each in its turn, so that every server has its share. */
    for (size_t i = 0; i < pace->connection_count; i++) {
        const size_t at = (pace->asked + i) % pace->connection_count;
        if (!pace->connections[at].asking)
            return &pace->connections[at];
    }
    return NULL;
}

static size_t asking_count(const struct pace *pace)
{
    size_t count = 0;

    for (size_t i = 0; i < pace->connection_count; i++)
        count += pace->connections[i].asking;
    return count;
}

static void wait_and_hear(struct pace *pace, int64_t until_ns)
{
    struct pollfd polled[CONNECTIONS_MAX];
    const int64_t wait_ns = until_ns - now_ns();
    const struct timespec wait = {.tv_sec = wait_ns > 0 ? wait_ns / NS : 0,
                                  .tv_nsec = wait_ns > 0 ? wait_ns % NS : 0};

    for (size_t i = 0; i < pace->connection_count; i++)
        polled[i] = (struct pollfd){.fd = pace->connections[i].fd, .events = POLLIN};
    if (ppoll(polled, pace->connection_count, &wait, NULL) < 0 && errno != EINTR)
        fail("poll");
    for (size_t i = 0; i < pace->connection_count; i++)
        if (polled[i].revents != 0 && pace->connections[i].asking)
            hear(pace, &pace->connections[i]);
}

static void run(struct pace *pace)
{
    const int64_t begin_ns = now_ns();
    const int64_t step_ns = NS / (int64_t)pace->rate;
    int64_t due_ns = begin_ns;

    while (!ended && now_ns() < pace->end_ns) {
        struct connection *connection;
        while (due_ns <= now_ns() && (connection = idle_connection(pace)) != NULL) {
            ask(pace, connection, due_ns);
            due_ns += step_ns;
        }
        /* With none idle, an answer is what there is to wait for. */
        wait_and_hear(pace, asking_count(pace) < pace->connection_count ? due_ns : now_ns() + NS);
    }
    while (asking_count(pace) > 0)
        wait_and_hear(pace, now_ns() + NS);
}

static int compare_waits(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

static double percentile_ms(const struct pace *pace, double part)
{
    if (pace->replies == 0)
        return 0;
    return pace->waits_us[(size_t)(part * (double)(pace->replies - 1))] / 1000.0;
}

/* A number of at least 1, or ends with 2. */
static uint64_t number(const char *text)
{
    char *end;
    const unsigned long long value = text != NULL ? strtoull(text, &end, 10) : 0;

    if (value == 0 || *end != '\0') {
        fprintf(stderr, "usage: bench_pace --keys N --rate R [--seconds S] PORT...\n");
        exit(2);
    }
    return value;
}

static void read_words(struct pace *pace, char **words)
{
    pace->end_ns = INT64_MAX;
    for (; *words != NULL; words++) {
        if (strcmp(*words, "--keys") == 0) {
            pace->keys = number(*++words);
        } else if (strcmp(*words, "--rate") == 0) {
            pace->rate = number(*++words);
        } else if (strcmp(*words, "--seconds") == 0) {
            pace->end_ns = now_ns() + (int64_t)number(*++words) * NS;
        } else {
            const uint16_t port = (uint16_t)number(*words);
            for (int i = 0; i < PER_PORT && pace->connection_count < CONNECTIONS_MAX; i++)
                pace->connections[pace->connection_count++].fd = connect_to(port);
        }
    }
    if (pace->connection_count == 0 || pace->keys == 0 || pace->rate == 0)
        number("");
}

int main(int argc, char **argv)
{
    static struct pace pace;
    const struct sigaction action = {.sa_handler = on_signal};

    (void)argc;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    rng_init(&pace.rng, (uint64_t)getpid());
    read_words(&pace, argv + 1);
    pace.waits_us = calloc(REPLIES_MAX, sizeof *pace.waits_us);
    ensure(pace.waits_us != NULL);
    run(&pace);
    qsort(pace.waits_us, pace.replies, sizeof *pace.waits_us, compare_waits);
    printf("%zu %.3f %.3f %.3f %" PRIu64 " %" PRIu64 "\n", pace.replies, percentile_ms(&pace, 0.5),
           percentile_ms(&pace, 0.99), percentile_ms(&pace, 1), pace.errors, pace.misses);
    free(pace.waits_us);
    return 0;
}
