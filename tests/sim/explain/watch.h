/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A watch on one key of a world, or on one partition, as a world_witness: it writes into a timeline
 *
 *   watch_stores.c    what each node's store holds: after every event it looks for what is another
 *                     than before
 *   watch_hints.c     the same of the hints that are kept
 *   watch_messages.c  the messages about the key, and what becomes of each
 *   watch.c           the faults and what else happens to nodes, and what clients asked
 *
 * It looks without touching: no look-up marks an entry as used.
 */
#ifndef DUNLIN_TESTS_SIM_WATCH_H
#define DUNLIN_TESTS_SIM_WATCH_H

#include "sim/check/checks.h"
#include "sim/explain/timeline.h"
#include "sim/world/world.h"

struct watch;

/* `concern` says what is watched, and when what is known of the nodes is kept for
 * watch_print_state; both must stay. */
struct watch *watch_create(const struct concern *concern, struct timeline *timeline);
void watch_destroy(struct watch **watch);
const struct world_witness *watch_witness(const struct watch *watch);

/* What the nodes held when the violation showed. */
void watch_print_state(const struct watch *watch, FILE *out);

#endif
