/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A TCP connection to a port of 127.0.0.1, for the programs that load servers (bench_*.c,
 * volley.c).
 */
#ifndef DUNLIN_PERF_LOOPBACK_H
#define DUNLIN_PERF_LOOPBACK_H

#include <stdint.h>

/* The descriptor, which the caller closes; -1 with errno set when there is no connection. To close
 * it resets the connection, which then leaves nothing behind: 10,000 that are closed in turn end
 * their TIME_WAIT a minute later in one timer of the kernel's, whose 5 ms are counted as the time
 * of the thread that runs there. All that was sent has to be answered before. */
int loopback_connect(uint16_t port);

#endif
