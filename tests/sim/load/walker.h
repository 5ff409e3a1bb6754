/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Somebody who scans: one walk after another through all keys, each call at a node that is drawn
 * anew, with the cursor that the one before it answered. A call that fails, or that is not
 * answered, is made again elsewhere. What a walk returned goes into the history.
 */
#ifndef DUNLIN_TESTS_SIM_WALKER_H
#define DUNLIN_TESTS_SIM_WALKER_H

#include "sim/load/load.h"

struct walker;

struct walker *walker_create(struct world *world, const struct load_settings *settings,
                             struct history *history, const enum load_phase *phase);
/* The world's nodes are gone. */
void walker_destroy(struct walker **walker);

#endif
