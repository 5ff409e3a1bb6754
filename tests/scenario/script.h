/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scripts on a calm world: three nodes, three copies, delays that never differ. What clients say
 * and hear and what nodes send to each other goes into a trace, a line each:
 *
 *   1 < set k one          a client of node 1 says
 *   1>2 write k: ...       node 1 sends to node 2 (tests/sim/describe.h)
 *   1 > +OK                the client hears
 */
#ifndef DUNLIN_TESTS_SCENARIO_SCRIPT_H
#define DUNLIN_TESTS_SCENARIO_SCRIPT_H

#include "sim/client.h"
#include "sim/node.h"

struct script {
    struct world *world;
    struct sim_client *clients[WORLD_NODES_MAX + 1]; /* of each node */
    struct buffer trace;
    bool heard;
    unsigned speaker;
};

void script_begin(struct script *script, enum ring_conflict conflict);
/* Ends it, and fails the test when the trace is another. */
void script_end(struct script *script, const char *expected);
/* Says it to the node, and waits for the reply. */
void script_say(struct script *script, unsigned node, const char *words);
/* Lets time pass. */
void script_wait_ms(struct script *script, int64_t ms);
/* A line of the script's own. */
void script_note(struct script *script, const char *text);
/* Two nodes do not reach each other, or do again; what was on its way is lost then. */
void script_part(struct script *script, unsigned a, unsigned b);
void script_join(struct script *script, unsigned a, unsigned b);

#endif
