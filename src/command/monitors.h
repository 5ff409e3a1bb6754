/* SPDX-License-Identifier: BSD-3-Clause
 *
 * MONITOR: what the clients of all workers run, told to those clients that asked for it. A worker
 * collects the lines of a turn and feeds them at its end to each worker that has such clients
 * (post.h); that one puts them out.
 *
 *     +1700000000.123000 [0 127.0.0.1:4711] "set" "k" "v"
 *
 * Bounds: a worker for whose inbox it was too much closes its monitors, since what they would show
 * has a gap. Of one argument MONITORS_ARGUMENT_MAX bytes are shown and of one command
 * MONITORS_LINE_MAX; Redis shows all.
 *
 * One mutex guards the counts. It is held only while somebody monitors, and comes before those of
 * inboxes.
 */
#ifndef DUNLIN_COMMAND_MONITORS_H
#define DUNLIN_COMMAND_MONITORS_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "base/instant.h"
#include "base/span.h"

#define MONITORS_ARGUMENT_MAX (64u << 10)
#define MONITORS_LINE_MAX     (1u << 20)

struct command;
struct monitors;
struct post;

/* While anybody monitors, `bit` is set in `alerts`. */
struct monitors *monitors_create(struct post *post, atomic_uint *alerts, unsigned bit);
void monitors_destroy(struct monitors **monitors);

/* A client of the worker, which has an inbox, begins to monitor, or ends. */
void monitors_add(struct monitors *monitors, uint32_t worker);
void monitors_remove(struct monitors *monitors, uint32_t worker);
/* How often either happened to the worker's clients. */
uint64_t monitors_changes(const struct monitors *monitors);

/* Gives the lines to all workers with monitors, as a record of POST_SHOWN. */
void monitors_feed(struct monitors *monitors, uint32_t own, struct span lines);

/* Whether monitors are shown the command: not what administers the node, as in Redis. */
bool monitors_shows(const struct command *command);
/* Appends the line. argv[inner] is the command's name, behind an AT. What AUTH and HELLO give away
 * is left out. */
void monitors_describe(struct buffer *lines, const struct command *command, const struct span *argv,
                       size_t argc, size_t inner, const char *address, struct instant now);

#endif
