/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writes all keys of the bench to a server, for scripts/bench/run:
 *
 *   bench_fill --keys N [--value BYTES] [--ttl SECONDS] PORT
 *
 * SET of "key:" and twelve digits, from 0 to N-1, with values of that size (64), on one connection
 * to 127.0.0.1, many at a time. Ends with 1 at the first reply that is not +OK, and prints it;
 * wrong use ends with 2.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "perf/loopback.h"

#define AT_A_TIME      128u /* commands sent before their replies are read */
#define COMMAND_MAX    128u /* bytes of a command beside its value */
#define VALUE_SIZE_MAX (64u << 20)
#define OK_REPLY       "+OK\r\n"

struct fill {
    int fd;
    uint64_t keys, value_size, ttl_s;
    char *value;
    char *text; /* the commands of one time */
};

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "bench_fill: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int connect_to(uint16_t port)
{
    const int fd = loopback_connect(port);

    if (fd < 0)
        fail("connect");
    return fd;
}

/* Appends one command at `at`; returns its end. */
static char *put_command(const struct fill *fill, char *at, uint64_t key)
{
    at += snprintf(at, COMMAND_MAX,
                   "*%d\r\n$3\r\nSET\r\n$16\r\nkey:%012" PRIu64 "\r\n$%" PRIu64 "\r\n",
                   fill->ttl_s > 0 ? 5 : 3, key, fill->value_size);
    memcpy(at, fill->value, fill->value_size);
    at += fill->value_size;
    if (fill->ttl_s > 0) {
        char digits[24];
        const int size = snprintf(digits, sizeof digits, "%" PRIu64, fill->ttl_s);
        at += snprintf(at, COMMAND_MAX, "\r\n$2\r\nEX\r\n$%d\r\n%s", size, digits);
    }
    memcpy(at, "\r\n", 2);
    return at + 2;
}

static void send_all(const struct fill *fill, const char *from, const char *end)
{
    while (from < end) {
        const ssize_t sent = send(fill->fd, from, (size_t)(end - from), MSG_NOSIGNAL);
        if (sent <= 0)
            fail("send");
        from += sent;
    }
}

static void hear(const struct fill *fill, uint64_t replies)
{
    char reply[AT_A_TIME * sizeof OK_REPLY];
    const size_t one = strlen(OK_REPLY);
    size_t size = 0;

    while (size < replies * one) {
        const ssize_t got = recv(fill->fd, reply + size, replies * one - size, 0);
        if (got <= 0)
            fail("the server closed its connection");
        for (size_t i = size; i < size + (size_t)got; i++) {
            if (reply[i] != OK_REPLY[i % one]) {
                fprintf(stderr, "bench_fill: it answered %.*s\n", (int)(size + (size_t)got), reply);
                exit(1);
            }
        }
        size += (size_t)got;
    }
}

static void run(struct fill *fill)
{
    const uint64_t room = fill->value_size + 2u * (uint64_t)COMMAND_MAX;
    /* A socket that neither side reads would stop both. */
    const uint64_t fit = (UINT64_C(1) << 16) / room;
    const uint64_t at_a_time = fit == 0 ? 1 : fit > AT_A_TIME ? AT_A_TIME : fit;

    fill->value = malloc(fill->value_size + 1);
    fill->text = malloc(room * at_a_time);
    ensure(fill->value != NULL && fill->text != NULL);
    memset(fill->value, '0', fill->value_size + 1);
    for (uint64_t key = 0; key < fill->keys;) {
        const uint64_t left = fill->keys - key;
        const uint64_t count = left < at_a_time ? left : at_a_time;
        char *end = fill->text;
        for (uint64_t i = 0; i < count; i++)
            end = put_command(fill, end, key++);
        send_all(fill, fill->text, end);
        hear(fill, count);
    }
    free(fill->text);
    free(fill->value);
}

/* A number of at least 0, or ends with 2. */
static uint64_t number(const char *text)
{
    char *end = NULL;
    const unsigned long long value = text != NULL ? strtoull(text, &end, 10) : 0;

    if (text == NULL || *text == '\0' || *end != '\0') {
        fprintf(stderr, "usage: bench_fill --keys N [--value BYTES] [--ttl SECONDS] PORT\n");
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    struct fill fill = {.fd = -1, .value_size = 64};

    (void)argc;
    for (char **word = argv + 1; *word != NULL; word++) {
        if (strcmp(*word, "--keys") == 0)
            fill.keys = number(*++word);
        else if (strcmp(*word, "--value") == 0)
            fill.value_size = number(*++word);
        else if (strcmp(*word, "--ttl") == 0)
            fill.ttl_s = number(*++word);
        else
            fill.fd = connect_to((uint16_t)number(*word));
    }
    if (fill.fd < 0 || fill.keys == 0 || fill.value_size > VALUE_SIZE_MAX)
        number("");
    run(&fill);
    close(fill.fd);
    return 0;
}
