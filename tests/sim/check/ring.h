/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The checkers of rings and of membership, of the nodes as they are.
 */
#ifndef DUNLIN_TESTS_SIM_CHECK_RING_H
#define DUNLIN_TESTS_SIM_CHECK_RING_H

#include "sim/check/checks.h"
#include "sim/world/world.h"

/* Equal versions are equal rings on all nodes, headers and disks go by them, and no node has taken
 * a stamp above its ceiling. */
void check_ring(const struct world *world, struct verdict *verdict);
/* Every node sees every node of its ring alive, and its vote as it is. With the detector there is
 * nothing to judge. */
void check_members(const struct world *world, struct verdict *verdict);
bool members_agree(const struct world *world);

#endif
