/* SPDX-License-Identifier: BSD-3-Clause
 *
 * LATENCY: when requests of clients took longer than latency-monitor-threshold, as Redis' latency
 * monitor keeps it: for each event the longest of each second, of the last LATENCY_SAMPLES such
 * seconds. The time is that of the slow log (command/slowlog.h). The events are Redis': "command",
 * and "fast-command" for those that are marked as fast.
 *
 * One mutex guards all; it is taken for slow requests and for LATENCY alone.
 */
#ifndef DUNLIN_COMMAND_LATENCY_H
#define DUNLIN_COMMAND_LATENCY_H

#include "command/command.h"

#define LATENCY_SAMPLES 160

struct latency;

struct latency *latency_create(void);
void latency_destroy(struct latency **latency);

/* A request took so long. */
void latency_add(struct latency *latency, const struct call *call, uint64_t usec);

#endif
