/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Walks through all keys of a server, for scripts/bench/run:
 *
 *   bench_scan [--count N] PORT
 *
 * SCAN from cursor 0 to cursor 0, with that COUNT (10), on one connection to 127.0.0.1, one call at
 * a time. Prints how many keys came. Ends with 1 at an error; wrong use ends with 2.
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

#include "base/buffer.h"
#include "perf/loopback.h"
#include "resp/answer.h"

#define ROOM (64 * 1024)

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "bench_scan: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void ask(int fd, uint64_t cursor, uint64_t count)
{
    char text[96];
    const int size = snprintf(text, sizeof text, "SCAN %" PRIu64 " COUNT %" PRIu64 "\r\n", cursor,
                              count);

    if (send(fd, text, (size_t)size, MSG_NOSIGNAL) != size)
        fail("send");
}

/* One whole reply. */
static void hear(int fd, struct buffer *in)
{
    struct answer answer;
    enum answer_progress progress;

    buffer_reset(in, SIZE_MAX);
    answer_init(&answer);
    do {
        uint8_t *room = buffer_reserve(in, ROOM);
        const ssize_t got = room != NULL ? recv(fd, room, ROOM, 0) : -1;
        if (got <= 0)
            fail("recv");
        buffer_commit(in, (size_t)got);
        progress = answer_read(&answer, buffer_content(in));
    } while (progress == ANSWER_MORE);
    if (progress == ANSWER_INVALID || buffer_content(in).data[0] != '*') {
        fprintf(stderr, "bench_scan: it answered %.*s\n", (int)buffer_size(in),
                (const char *)buffer_content(in).data);
        exit(1);
    }
}

/* The next line as a number, without its first character. */
static uint64_t take_number(const char **at, bool headed)
{
    const uint64_t number = strtoull(*at + (headed ? 1 : 0), NULL, 10);

    *at = strchr(*at, '\n') + 1;
    return number;
}

/* Returns the next cursor. */
static uint64_t read_page(struct buffer *in, uint64_t *keys)
{
    buffer_append(in, "", 1);
    const char *at = (const char *)buffer_content(in).data;

    take_number(&at, true);
    take_number(&at, true);
    const uint64_t cursor = take_number(&at, false);
    *keys += take_number(&at, true);
    return cursor;
}

static uint64_t number(const char *text)
{
    char *end = NULL;
    const unsigned long long value = text != NULL ? strtoull(text, &end, 10) : 0;

    if (text == NULL || *text == '\0' || *end != '\0') {
        fprintf(stderr, "usage: bench_scan [--count N] PORT\n");
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    struct buffer in = {0};
    uint64_t count = 10, cursor = 0, keys = 0;
    int fd = -1;

    (void)argc;
    for (char **word = argv + 1; *word != NULL; word++) {
        if (strcmp(*word, "--count") == 0)
            count = number(*++word);
        else if ((fd = loopback_connect((uint16_t)number(*word))) < 0)
            fail("connect");
    }
    if (fd < 0)
        number("");
    do {
        ask(fd, cursor, count);
        hear(fd, &in);
        cursor = read_page(&in, &keys);
    } while (cursor != 0);
    printf("%" PRIu64 "\n", keys);
    buffer_deinit(&in);
    close(fd);
    return 0;
}
