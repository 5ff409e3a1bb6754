/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Picks what happens next in a world. Every run draws its own weather, that is, how often each kind
 * of event comes: some runs are all writes, some have links that stay cut, some forget as soon as
 * they may.
 */
#ifndef DUNLIN_TESTS_REPLICATION_SCHEDULER_H
#define DUNLIN_TESTS_REPLICATION_SCHEDULER_H

#include "model/replication_world.h"

/* Runs the world of `seed`, at most `events` of it; true when the promises held, else the checker
 * says what did not. */
bool scheduler_run(struct world *world, struct configuration configuration, uint64_t seed,
                   unsigned events, bool narrates);

#endif
