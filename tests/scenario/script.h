/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scripts on a calm world: a few nodes, delays that never differ. What clients say and hear, what
 * nodes send to each other, what happens to them and what they hold goes into a trace, a line each:
 *
 *   1 < set k one          a client of node 1 says
 *   1>2 write k: ...       node 1 sends to node 2 (tests/sim/describe.h)
 *   1 > +OK                the client hears
 *   -- 3 is killed         something happens
 *   3 has k: +500.0@1 ...  what lies in the store of node 3
 *
 * Messages without an id stand in no trace: handshakes, PING.
 */
#ifndef DUNLIN_TESTS_SCENARIO_SCRIPT_H
#define DUNLIN_TESTS_SCENARIO_SCRIPT_H

#include "sim/world/client.h"
#include "sim/world/node.h"

struct script;

/* The client of a node. */
struct script_client {
    struct script *script;
    unsigned node;
    struct sim_client *connection;
    bool heard; /* the reply to what it said last */
};

struct script {
    struct world *world;
    struct script_client clients[WORLD_NODES_MAX + 1]; /* by node */
    struct buffer trace;
    struct buffer copied_key, copied_value; /* of the last WRITE that was sent */
    struct version copied;
    bool copies; /* this one is kept */
};

/* Three nodes, three copies of all, one partition; reads and writes at QUORUM. */
extern const struct world_settings script_three;

/* The same with 64 partitions. */
void script_begin(struct script *script, enum ring_conflict conflict);
/* A world of these settings; it is calm, and the detector stands in for control. */
void script_begin_with(struct script *script, const struct world_settings *settings);
/* Ends it, and fails the test when the trace is another. */
void script_end(struct script *script, const char *expected);
/* Tells the story without a rule of replication (base/rule.h): the trace ends as expected then. */
void script_without(unsigned rule, void (*story)(struct script *script), const char *expected);

/* ---- clients ---- */

/* Says it to the node, and waits for the reply. */
void script_say(struct script *script, unsigned node, const char *words);
/* Says it, and does not wait. */
void script_ask(struct script *script, unsigned node, const char *words);
/* Waits for the reply to that. */
void script_hear(struct script *script, unsigned node);

/* ---- what happens ---- */

/* Lets time pass. */
void script_wait_ms(struct script *script, int64_t ms);
/* A line of the script's own. */
void script_note(struct script *script, const char *text);
/* Two nodes do not reach each other, or do again; what was on its way is lost then. */
void script_part(struct script *script, unsigned a, unsigned b);
void script_join(struct script *script, unsigned a, unsigned b);
void script_part_from_all(struct script *script, unsigned node);
void script_join_with_all(struct script *script, unsigned node);
/* What one sends to the other is held up, and arrives when it is freed. */
void script_hold(struct script *script, unsigned from, unsigned to);
void script_free(struct script *script, unsigned from, unsigned to);
/* The process ends, and a new one that has lost its memory begins. */
void script_kill(struct script *script, unsigned node);
void script_start(struct script *script, unsigned node);
/* Waits until the node votes again, and not a moment longer. */
void script_recover(struct script *script, unsigned node);
void script_pause(struct script *script, unsigned node);
void script_resume(struct script *script, unsigned node);
/* The node drops the key as if it needed the memory. */
void script_evict(struct script *script, unsigned node, const char *key);
/* The node loses the key without a trace, as by a fault. */
void script_lose(struct script *script, unsigned node, const char *key);
/* Evicts k and k0 to k5, which are written first: there is no room for so many marks where
 * there are 8 slots for them. */
void script_evict_many(struct script *script, unsigned node);
/* Keeps a copy of the write that was sent last; later it arrives at the node, as what was left on
 * an old link. */
void script_copy(struct script *script);
void script_copy_arrives(struct script *script, unsigned node);

/* ---- what is there ---- */

/* A line about what the node has of the key. */
void script_look(struct script *script, unsigned node, const char *key);
void script_look_at_all(struct script *script, const char *key);

#endif
