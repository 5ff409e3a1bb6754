/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SLOWLOG: the requests of clients that took longer than slowlog-log-slower-than, the last
 * slowlog-max-len of a node. The time is what the request took, by the clocks of the turns of its
 * worker: from the turn in which it was taken up to that in which its reply was complete, waits for
 * other nodes included. What begins and ends in one turn took 0. (Redis counts the time that it
 * spent, in which it does nothing else; here the others are served meanwhile.)
 *
 * As in Redis an entry keeps at most SLOWLOG_ARGUMENTS_MAX arguments of SLOWLOG_ARGUMENT_MAX bytes,
 * and a secret of none. One mutex guards all; it is taken for slow requests and for SLOWLOG alone.
 */
#ifndef DUNLIN_COMMAND_SLOWLOG_H
#define DUNLIN_COMMAND_SLOWLOG_H

#include "base/span.h"
#include "command/command.h"

#define SLOWLOG_ARGUMENTS_MAX 32
#define SLOWLOG_ARGUMENT_MAX  128

struct slowlog;

struct slowlog *slowlog_create(void);
void slowlog_destroy(struct slowlog **slowlog);

/* Keeps a request that took so long, and forgets the oldest beyond `entries_max`. */
void slowlog_add(struct slowlog *slowlog, const struct call *call, uint64_t usec,
                 size_t entries_max);

#endif
