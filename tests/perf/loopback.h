/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A TCP connection to a port of 127.0.0.1, for the programs that load servers (bench_*.c,
 * volley.c).
 */
#ifndef DUNLIN_PERF_LOOPBACK_H
#define DUNLIN_PERF_LOOPBACK_H

#include <stdint.h>

/* The descriptor, which the caller closes; -1 with errno set when there is no connection. */
int loopback_connect(uint16_t port);

#endif
