/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A server that does next to nothing, for scripts/bench/lines/tails: what a machine does to the
 * turns of one whose turns are short.
 *
 *   bench_stub PORT
 *
 * Listens on 127.0.0.1, and answers each command with +OK: one of RESP with as many lines as its
 * array says, or one line of any other text. What it receives it keeps, as a store would, one
 * behind the other in new memory. A turn is all from one epoll_wait to the next, of some 50 us.
 * When its last client has gone it gives the memory back and prints a line of the turns since it
 * printed the last one: the longest in us of the thread's CPU time, how many took over 1 ms, and
 * the CPU time of all of them in us. Wrong use ends with 2.
 */
#include "config.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 64
#define INPUT_SIZE 32768
#define REPLY      "+OK\r\n"
#define LONG_US    1000
/* What is kept; what comes then is kept over the first. */
#define KEPT_MAX ((size_t)1 << 30)

struct client {
    int fd;
    uint64_t lines; /* of the command that it is in, that are yet to come; 0: in none */
    char head[24];  /* the first line of a command, as far as it came */
    size_t head_size;
};

struct turns {
    uint64_t longest_us, over, sum_us;
};

struct stub {
    int epoll, listener;
    unsigned clients;
    uint8_t *kept;
    size_t kept_size;
    struct turns turns;
};

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "bench_stub: ");
    perror(what);
    exit(1);
}

/* CPU time of this thread, us. */
static uint64_t used_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void keep(struct stub *stub, const char *bytes, size_t size)
{
    if (stub->kept_size + size > KEPT_MAX)
        stub->kept_size = 0;
    memcpy(stub->kept + stub->kept_size, bytes, size);
    stub->kept_size += size;
}

/* A line has ended. True: so has its command. */
static bool end_line(struct client *client)
{
    if (client->lines == 0) {
        client->head[client->head_size] = '\0';
        client->lines = client->head[0] == '*' ? 2 * strtoull(client->head + 1, NULL, 10) + 1 : 1;
        client->head_size = 0;
    }
    return --client->lines == 0;
}

/* How many commands end in what came. */
static unsigned count_commands(struct client *client, const char *bytes, size_t size)
{
    unsigned commands = 0;

    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n')
            commands += end_line(client);
        else if (client->lines == 0 && client->head_size < sizeof client->head - 1)
            client->head[client->head_size++] = bytes[i];
    }
    return commands;
}

static void answer(const struct client *client, unsigned commands)
{
    static char out[INPUT_SIZE * (sizeof REPLY - 1)];
    const size_t one = sizeof REPLY - 1;

    for (unsigned i = 0; i < commands; i++)
        memcpy(out + i * one, REPLY, one);
    if (commands > 0 && send(client->fd, out, commands * one, MSG_NOSIGNAL) < 0)
        perror("bench_stub: send");
}

static void watch(const struct stub *stub, int fd, struct client *client)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

    if (epoll_ctl(stub->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        fail("epoll_ctl");
}

static void take_client(struct stub *stub)
{
    const int fd = accept(stub->listener, NULL, NULL), on = 1;
    struct client *client = calloc(1, sizeof *client);

    if (fd < 0 || client == NULL)
        fail("accept");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    client->fd = fd;
    watch(stub, fd, client);
    stub->clients++;
}

static void tell(struct stub *stub)
{
    printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", stub->turns.longest_us, stub->turns.over,
           stub->turns.sum_us);
    fflush(stdout);
    stub->turns = (struct turns){0};
    madvise(stub->kept, KEPT_MAX, MADV_DONTNEED);
    stub->kept_size = 0;
}

static void serve(struct stub *stub, struct client *client)
{
    static char input[INPUT_SIZE];
    const ssize_t got = recv(client->fd, input, sizeof input, MSG_DONTWAIT);

    if (got > 0) {
        keep(stub, input, (size_t)got);
        answer(client, count_commands(client, input, (size_t)got));
        return;
    }
    close(client->fd);
    free(client);
    stub->clients--;
}

static void note_turn(struct turns *turns, uint64_t us)
{
    turns->longest_us = us > turns->longest_us ? us : turns->longest_us;
    turns->over += us > LONG_US;
    turns->sum_us += us;
}

_Noreturn static void run(struct stub *stub)
{
    struct epoll_event events[EVENTS_MAX];

    for (bool any = false;; any |= stub->clients > 0) {
        if (any && stub->clients == 0) {
            tell(stub);
            any = false;
        }
        const int count = epoll_wait(stub->epoll, events, EVENTS_MAX, -1);
        const uint64_t begin = used_us();
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                take_client(stub);
            else
                serve(stub, events[i].data.ptr);
        }
        note_turn(&stub->turns, used_us() - begin);
    }
}

int main(int argc, char **argv)
{
    char *end = NULL;
    const unsigned long port = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    static struct stub stub;
    const int on = 1;

    if (argc != 2 || *end != '\0' || port < 1 || port > UINT16_MAX) {
        fprintf(stderr, "usage: bench_stub PORT\n");
        return 2;
    }
    stub.kept = mmap(NULL, KEPT_MAX, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stub.kept == MAP_FAILED)
        fail("mmap");
    stub.epoll = epoll_create1(EPOLL_CLOEXEC);
    stub.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(stub.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(stub.listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(stub.listener, 128) != 0)
        fail("listen");
    watch(&stub, stub.listener, NULL);
    run(&stub);
}
