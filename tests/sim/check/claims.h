/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The checker of preference lists, and the parts of it that need no world.
 */
#ifndef DUNLIN_TESTS_SIM_CLAIMS_H
#define DUNLIN_TESTS_SIM_CLAIMS_H

#include "sim/check/checks.h"
#include "sim/world/world.h"

/* Of the nodes as they are, all running, and of what each tells a client; the time goes on. */
void check_claims(struct world *world, struct verdict *verdict);

/* Each claim lists min(N, members) distinct members, in min(N, zones) zones. */
void check_claims_of(const struct ring *ring, unsigned replicas, struct verdict *verdict);
/* The ring that a node goes by has the same claims, in order. */
void check_claims_same(const struct ring *ring, const struct ring *other, unsigned node,
                       struct verdict *verdict);
/* Whether the reply to CLUSTER SLOTS names for each slot the members of its claim, in order. */
bool claims_are_told(struct span reply, const struct ring *ring);

#endif
