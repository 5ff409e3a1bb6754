/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Clients of transactions. A trio is three keys of one partition that are written together, with
 * one value, and read together; some writers WATCH the first of them before. What they asked and
 * were told goes into the history.
 */
#ifndef DUNLIN_TESTS_SIM_TRIOS_H
#define DUNLIN_TESTS_SIM_TRIOS_H

#include "sim/load/load.h"

struct trios;

struct trios *trios_create(struct world *world, struct history *history,
                           const enum load_phase *phase);
/* The world's nodes are gone. */
void trios_destroy(struct trios **trios);

#endif
