/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The beginning of a world whose nodes have no ring: a client asks one of them, or two clients ask
 * two of them at once, to form it. Now and then two nodes do not reach each other meanwhile.
 */
#ifndef DUNLIN_TESTS_SIM_FORM_H
#define DUNLIN_TESTS_SIM_FORM_H

#include "sim/check/checks.h"
#include "sim/world/world.h"

/* Runs the world until the ring is formed and all nodes see each other; what goes another way is
 * wrong. */
void form_ring(struct world *world, struct verdict *verdict);

#endif
