/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Histories and worlds made by hand, for tests. Times are microseconds; what is not said
 * of a record is as in a plain command on key k0 that was acknowledged.
 */
#ifndef DUNLIN_TESTS_SIM_MADE_H
#define DUNLIN_TESTS_SIM_MADE_H

#include "sim/check/checks.h"
#include "sim/world/world.h"

struct record *made_record(struct history *history, uint64_t client, uint32_t place,
                           int64_t sent_us, int64_t replied_us);
/* Returns what the value is called. */
uint64_t made_put(struct history *history, uint64_t client, uint32_t place, int64_t sent_us,
                  int64_t replied_us);
void made_delete(struct history *history, uint64_t client, uint32_t place, int64_t sent_us,
                 int64_t replied_us);
void made_see(struct history *history, uint64_t client, uint32_t place, int64_t sent_us,
              int64_t replied_us, enum seen seen, uint64_t value);

/* How often the checker finds the history wrong; ends it. */
uint64_t made_wrongs(struct history *history,
                     void (*check)(const struct history *history, struct verdict *verdict));

/* Three nodes, each a replica of every partition, with the detector. */
struct world *made_world(uint64_t seed);
/* A node of it forgot all: as after a restart, or, where nothing is lost, after FORGOT. `lost` is
 * the stamp up to which it may have acknowledged. */
void made_forget(struct world *world, unsigned node, uint64_t lost);

#endif
