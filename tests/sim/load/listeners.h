/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Clients that publish and listen: each has one connection for either, to nodes that are drawn
 * anew whenever one opens. They subscribe to a few channels and patterns and unsubscribe, and
 * publish with a name for each message. What was said, heard and counted goes into the history.
 */
#ifndef DUNLIN_TESTS_SIM_LISTENERS_H
#define DUNLIN_TESTS_SIM_LISTENERS_H

#include "sim/load/load.h"

struct listeners;

struct listeners *listeners_create(struct world *world, const struct load_settings *settings,
                                   struct history *history, const enum load_phase *phase);
/* The world's nodes are gone. */
void listeners_destroy(struct listeners **listeners);

#endif
