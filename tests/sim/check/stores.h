/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The checkers that look into the nodes, and need no client: what their stores and queues hold,
 * how much, and who votes.
 *
 * While a run goes on, it is looked at every STORES_LOOK_US. Afterwards, when nothing is asked any
 * more, the stores have to be whole (stores_whole), and then to be the same.
 */
#ifndef DUNLIN_TESTS_SIM_CHECK_STORES_H
#define DUNLIN_TESTS_SIM_CHECK_STORES_H

#include "sim/check/checks.h"
#include "sim/world/world.h"

#define STORES_LOOK_US 20000

/* How long the nodes may take, once the faults are over and nothing is asked, to be whole. */
#define STORES_WHOLE_US INT64_C(60000000)

/* ---- whole ---- */

/* Whether all that was lost is fetched, all that is owed is handed over, and all that happened is
 * settled: every node votes and is seen to, every replica votes, has been compared, holds no hint,
 * no mark and no tombstone, and knows that all up to `since_us`, and all that it has, is settled.
 * If not, what is missing is reported to `report`, which may be NULL. */
bool stores_whole(const struct world *world, int64_t since_us, FILE *report);
void check_whole(const struct world *world, int64_t since_us, struct verdict *verdict);

/* ---- converged ---- */

/* Every replica of every partition holds the same version of each key; `vanishes`: or nothing. What
 * a partition's leaves say is what it holds. */
void check_converged(const struct world *world, bool vanishes, struct verdict *verdict);
/* Counters have what was added to them. */
struct history;
void check_counted(const struct world *world, const struct history *history,
                   struct verdict *verdict);

/* ---- cached ---- */

struct cachers;

/* The copies that clients keep are what a read finds; nothing is asked or told any more. */
void check_cached(const struct world *world, const struct cachers *cachers,
                  struct verdict *verdict);

/* ---- memory ---- */

/* What the nodes hold is within its bounds, now. */
void check_memory(const struct world *world, struct verdict *verdict);

/* ---- queues ---- */

/* No queue of the nodes is longer than its bound, now. */
void check_queues(const struct world *world, struct verdict *verdict);
struct gossip;
void check_gossip_queues(const struct gossip *gossip, unsigned node, struct verdict *verdict);
void check_queue(const char *name, unsigned node, uint64_t length, uint64_t most,
                 struct verdict *verdict);

/* ---- batches ---- */

/* What one transaction wrote in one partition is at a replica as a whole, or not at all. What is
 * left out: batches.c. */
struct batches;

/* Hears of the world's messages from now on, and looks at what they leave. */
struct batches *batches_create(struct world *world, struct verdict *verdict);
void batches_destroy(struct batches **batches);
/* Looks at all that it remembers, at every node. */
void batches_look(struct batches *batches);

/* ---- votes ---- */

/* Who forgot does not vote: no question is answered for a partition in which the node is
 * recovering, and nobody votes again without having asked enough of those who vote. */
struct votes;

/* Hears of the world's messages from now on. */
struct votes *votes_create(struct world *world);
void votes_destroy(struct votes **votes);
/* Looks at who votes now; `forced`: too few voters are left, so recovery may do with less. */
void votes_look(struct votes *votes, bool forced, struct verdict *verdict);

#endif
