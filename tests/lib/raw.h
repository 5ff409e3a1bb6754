/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bare connections to a server, for what no client library sends. All calls fail the case when the
 * system refuses them, and wait for at most RAW_TIMEOUT_MS (stretched as all time-outs are).
 */
#ifndef DUNLIN_TESTS_LIB_RAW_H
#define DUNLIN_TESTS_LIB_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAW_TIMEOUT_MS 20000

/* A TCP connection to 127.0.0.1, for close(). Returns before it is established. */
int raw_connect(uint16_t port);
/* Sends all; false when the other side has closed before. */
bool raw_send(int fd, const void *bytes, size_t size);
/* Receives what has come, at least one byte; 0 at the end. */
size_t raw_receive_some(int fd, void *bytes, size_t size);
/* Receives until `size` bytes or the end are there; the text is ended by a zero, for which there is
 * room. Returns how many. */
size_t raw_receive(int fd, char *text, size_t size);
/* Waits until the other side has closed, whatever it says before. */
void raw_expect_end(int fd);

/* One datagram to 127.0.0.1. */
void raw_datagram(uint16_t port, const void *bytes, size_t size);

/* The most resident memory that a process ever had, bytes. */
long long raw_resident_peak(long long pid);

#endif
