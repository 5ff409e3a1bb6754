/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Loads that make turns of a worker's loop long where anything is done in one piece, for
 * scripts/bench/lines/tails. Each case sends what it is about, waits until the server is through
 * with it, and prints the longest turn of the server since, us, how many took over 1 ms, and what
 * the longest was doing, as INFO tells them:
 *
 *   bench_turns PORT grow KEYS         as many SETs, in one pipeline
 *   bench_turns PORT expire KEYS MS    the same with a time to live of some ms from now, that all
 *                                      of them share, and until they are gone
 *   bench_turns PORT flush             FLUSHALL, and until what it dropped is freed
 *   bench_turns PORT large BYTES       SET, GET and DEL of one value
 *   bench_turns PORT open COUNT        as many connections, opened at once, each with a PING
 *   bench_turns PORT many KEYS         MGET of as many keys
 *   bench_turns PORT wait METRIC       until the metric of that name is 0 (hints)
 *
 * Exits with 1 when the server does not do what it was asked to.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "perf/loopback.h"

/* Commands on their way. */
#define WINDOW 1000
/* Until the server is through, s. */
#define PATIENCE_S 120

static int port;

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("bench_turns: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static int open_connection(void)
{
    const int fd = loopback_connect((uint16_t)port);

    if (fd < 0)
        fail("cannot connect: %s", strerror(errno));
    return fd;
}

static void send_all(int fd, struct span bytes)
{
    while (bytes.size > 0) {
        const ssize_t sent = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (sent <= 0)
            fail("cannot send: %s", strerror(errno));
        bytes = span_of(bytes.data + sent, bytes.size - (size_t)sent);
    }
}

static void read_some(int fd, struct buffer *in)
{
    uint8_t *room = buffer_reserve(in, 1 << 16);
    const ssize_t got = recv(fd, room, 1 << 16, 0);

    if (got <= 0)
        fail("the server closed");
    buffer_commit(in, (size_t)got);
}

/* Takes `count` replies of one line each; errors end the program. */
static void take_lines(int fd, struct buffer *in, size_t count)
{
    while (count > 0) {
        const struct span content = buffer_content(in);
        const uint8_t *end = content.size > 0 ? memchr(content.data, '\n', content.size) : NULL;
        if (end == NULL) {
            read_some(fd, in);
            continue;
        }
        if (content.data[0] == '-')
            fail("%.*s", (int)(end - content.data), (const char *)content.data);
        buffer_consume(in, (size_t)(end + 1 - content.data));
        count--;
    }
}

/* The content of one bulk reply, or its size only, where `text` is NULL. */
static size_t take_bulk(int fd, struct buffer *in, struct buffer *text)
{
    size_t size = 0, left;

    while (buffer_size(in) < 3 || memchr(buffer_content(in).data, '\n', buffer_size(in)) == NULL)
        read_some(fd, in);
    const struct span head = buffer_content(in);
    const size_t line = (size_t)((const uint8_t *)memchr(head.data, '\n', head.size) - head.data);
    if (head.data[0] != '$' || head.data[1] == '-')
        fail("%.*s", (int)line, (const char *)head.data);
    size = strtoull((const char *)head.data + 1, NULL, 10);
    buffer_consume(in, line + 1);
    for (left = size + 2; left > 0;) {
        if (buffer_size(in) == 0)
            read_some(fd, in);
        const size_t part = buffer_size(in) < left ? buffer_size(in) : left;
        if (text != NULL)
            buffer_append(text, buffer_content(in).data, part);
        buffer_consume(in, part);
        left -= part;
    }
    return size;
}

static void ask_info(const char *section, struct buffer *text)
{
    const int fd = open_connection();
    struct buffer bytes = {0};

    buffer_append_format(&bytes, "INFO %s\r\n", section);
    send_all(fd, buffer_content(&bytes));
    buffer_reset(&bytes, SIZE_MAX);
    buffer_reset(text, SIZE_MAX);
    take_bulk(fd, &bytes, text);
    buffer_append(text, "", 1);
    buffer_deinit(&bytes);
    close(fd);
}

/* The rest of the line "name:" of the section. */
static char *info_field(struct buffer *text, const char *section, const char *name)
{
    char label[64];

    ask_info(section, text);
    snprintf(label, sizeof label, "\n%s:", name);
    char *at = strstr((char *)text->block + text->head, label);
    if (at == NULL)
        fail("INFO %s has no %s", section, name);
    at += strlen(label);
    at[strcspn(at, "\r\n")] = '\0';
    return at;
}

static void wait_zero(const char *section, const char *name, const char *at_rest)
{
    struct buffer text = {0};

    for (int tries = 0; strcmp(info_field(&text, section, name), at_rest) != 0; tries++) {
        if (tries > PATIENCE_S * 10)
            fail("%s does not become %s", name, at_rest);
        pause_ms(100);
    }
    buffer_deinit(&text);
}

static void reset_turns(void)
{
    struct buffer in = {0};
    const int fd = open_connection();

    send_all(fd, SPAN("CONFIG RESETSTAT\r\n"));
    take_lines(fd, &in, 1);
    buffer_deinit(&in);
    close(fd);
}

static void tell_turns(void)
{
    struct buffer text = {0};

    printf("%s ", info_field(&text, "latency", "longest_turn_usec"));
    printf("%s ", info_field(&text, "latency", "long_turns"));
    printf("%s\n", info_field(&text, "latency", "longest_turn_doing"));
    buffer_deinit(&text);
}

/* ---- the cases ---- */

static void set_keys(unsigned keys, int64_t deadline_ms)
{
    static const char value[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct buffer out = {0}, in = {0};
    const int fd = open_connection();

    for (unsigned key = 0; key < keys;) {
        const unsigned first = key;
        for (; key < keys && key < first + WINDOW; key++) {
            buffer_append_format(&out, "*%d\r\n$3\r\nSET\r\n$16\r\nkey:%012u\r\n$64\r\n%s\r\n",
                                 deadline_ms > 0 ? 5 : 3, key, value);
            if (deadline_ms > 0)
                buffer_append_format(&out, "$4\r\nPXAT\r\n$13\r\n%" PRId64 "\r\n", deadline_ms);
        }
        send_all(fd, buffer_content(&out));
        take_lines(fd, &in, key - first);
        buffer_reset(&out, SIZE_MAX);
    }
    buffer_deinit(&out);
    buffer_deinit(&in);
    close(fd);
}

static void expire(unsigned keys, long ms)
{
    struct timespec now;
    struct buffer text = {0};

    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t deadline_ms = (int64_t)now.tv_sec * 1000 + ms;
    set_keys(keys, deadline_ms);
    reset_turns();
    clock_gettime(CLOCK_REALTIME, &now);
    if ((int64_t)now.tv_sec * 1000 >= deadline_ms)
        fail("the keys expired while they were written");
    for (int tries = 0;; tries++) {
        ask_info("keyspace", &text);
        if (strstr((char *)text.block + text.head, "db0:") == NULL)
            break;
        if (tries > PATIENCE_S * 10)
            fail("the keys do not expire");
        pause_ms(100);
    }
    buffer_deinit(&text);
}

static void flush(void)
{
    struct buffer in = {0};
    const int fd = open_connection();

    send_all(fd, SPAN("FLUSHALL\r\n"));
    take_lines(fd, &in, 1);
    buffer_deinit(&in);
    close(fd);
    pause_ms(3000); /* what it dropped is freed meanwhile */
}

static void large(size_t size)
{
    struct buffer out = {0}, in = {0};
    const int fd = open_connection();

    buffer_append_format(&out, "*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$%zu\r\n", size);
    uint8_t *value = buffer_reserve(&out, size + 2);
    if (value == NULL)
        fail("no memory");
    memset(value, 'v', size);
    memcpy(value + size, "\r\n", 2);
    buffer_commit(&out, size + 2);
    send_all(fd, buffer_content(&out));
    take_lines(fd, &in, 1);
    send_all(fd, SPAN("GET large\r\n"));
    if (take_bulk(fd, &in, NULL) != size)
        fail("the value has another size");
    send_all(fd, SPAN("DEL large\r\n"));
    take_lines(fd, &in, 1);
    buffer_deinit(&out);
    buffer_deinit(&in);
    close(fd);
    pause_ms(2000); /* idle buffers go */
}

static void open_many(unsigned count)
{
    struct rlimit limit;
    struct buffer in = {0};

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    int *fds = calloc(count, sizeof fds[0]);
    for (unsigned i = 0; fds != NULL && i < count; i++) {
        fds[i] = open_connection();
        send_all(fds[i], SPAN("PING\r\n"));
    }
    for (unsigned i = 0; fds != NULL && i < count; i++) {
        take_lines(fds[i], &in, 1);
        close(fds[i]);
    }
    free(fds);
    buffer_deinit(&in);
    pause_ms(500); /* the server closes its ends */
}

static void many(unsigned keys)
{
    struct buffer out = {0}, in = {0};
    const int fd = open_connection();

    buffer_append_format(&out, "*%u\r\n$4\r\nMGET\r\n", keys + 1);
    for (unsigned i = 0; i < keys; i++)
        buffer_append_format(&out, "$16\r\nkey:%012u\r\n", i);
    send_all(fd, buffer_content(&out));
    take_lines(fd, &in, 1);
    for (unsigned i = 0; i < keys; i++)
        take_bulk(fd, &in, NULL);
    buffer_deinit(&out);
    buffer_deinit(&in);
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        fail("usage: bench_turns PORT CASE [VALUE...]");
    port = atoi(argv[1]);
    const char *what = argv[2];
    const unsigned long long value = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;

    reset_turns();
    if (strcmp(what, "grow") == 0)
        set_keys((unsigned)value, 0);
    else if (strcmp(what, "expire") == 0 && argc > 4)
        expire((unsigned)value, atol(argv[4]));
    else if (strcmp(what, "flush") == 0)
        flush();
    else if (strcmp(what, "large") == 0)
        large(value);
    else if (strcmp(what, "open") == 0)
        open_many((unsigned)value);
    else if (strcmp(what, "many") == 0)
        many((unsigned)value);
    else if (strcmp(what, "wait") == 0 && argc > 3)
        wait_zero("repair", argv[3], "0");
    else
        fail("there is no such case: %s", what);
    tell_turns();
    return 0;
}
