/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "lib/raw.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/timeout.h"

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int raw_connect(uint16_t port)
{
    const struct sockaddr_in address = loopback(port);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    check_that(fd >= 0, "socket: %s", strerror(errno));
    check_that(connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ||
                   errno == EINPROGRESS,
               "connect: %s", strerror(errno));
    return fd;
}

static void wait_for(int fd, short events)
{
    struct pollfd wanted = {.fd = fd, .events = events};

    check_that(poll(&wanted, 1, TIMEOUT_MS(RAW_TIMEOUT_MS)) == 1, "the other side moves");
}

static bool gone(int error)
{
    return error == EPIPE || error == ECONNRESET;
}

bool raw_send(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;

    while (size > 0) {
        wait_for(fd, POLLOUT);
        const ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent < 0 && gone(errno))
            return false;
        check_that(sent >= 0 || errno == EAGAIN, "send: %s", strerror(errno));
        at += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

size_t raw_receive_some(int fd, void *bytes, size_t size)
{
    for (;;) {
        wait_for(fd, POLLIN);
        const ssize_t got = recv(fd, bytes, size, 0);
        if (got == 0 || (got < 0 && gone(errno)))
            return 0;
        check_that(got > 0 || errno == EAGAIN, "recv: %s", strerror(errno));
        if (got > 0)
            return (size_t)got;
    }
}

size_t raw_receive(int fd, char *text, size_t size)
{
    size_t received = 0, got = 1;

    while (received < size && got > 0) {
        got = raw_receive_some(fd, text + received, size - received);
        received += got;
    }
    text[received] = '\0';
    return received;
}

void raw_expect_end(int fd)
{
    char text[4097];

    while (raw_receive(fd, text, sizeof text - 1) == sizeof text - 1)
        ;
}

void raw_datagram(uint16_t port, const void *bytes, size_t size)
{
    const struct sockaddr_in address = loopback(port);
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    check_that(fd >= 0 && sendto(fd, bytes, size, 0, (const struct sockaddr *)&address,
                                 sizeof address) == (ssize_t)size,
               "sendto: %s", strerror(errno));
    close(fd);
}

long long raw_resident_peak(long long pid)
{
    char path[64], line[256];
    long long peak_kb = 0;

    snprintf(path, sizeof path, "/proc/%lld/status", pid);
    FILE *file = fopen(path, "r");
    check_that(file != NULL, "%s", path);
    while (fgets(line, sizeof line, file) != NULL && sscanf(line, "VmHWM: %lld", &peak_kb) != 1)
        ;
    fclose(file);
    check_that(peak_kb > 0, "VmHWM in %s", path);
    return peak_kb * 1024;
}
