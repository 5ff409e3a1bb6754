/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Plays on a calm world: a few nodes, delays that never differ. What clients say and hear, what
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
#ifndef DUNLIN_TESTS_SCENARIO_PLAY_H
#define DUNLIN_TESTS_SCENARIO_PLAY_H

#include "sim/world/client.h"
#include "sim/world/node.h"

struct play;

/* The client of a node. */
struct play_client {
    struct play *play;
    unsigned node;
    struct sim_client *connection;
    bool heard; /* the reply to what it said last */
};

struct play {
    struct world *world;
    struct play_client clients[WORLD_NODES_MAX + 1]; /* by node */
    struct buffer trace;
    struct buffer copied_key, copied_value; /* of the last WRITE that was sent */
    struct version copied;
    bool copies; /* this one is kept */
};

/* Three nodes, three copies of all, one partition; reads and writes at QUORUM. */
extern const struct world_settings play_three;

/* The same with 64 partitions. */
void play_begin(struct play *play, enum ring_conflict conflict);
/* A world of these settings; it is calm, and the detector stands in for control. */
void play_begin_with(struct play *play, const struct world_settings *settings);
/* Ends it, and fails the test when the trace is another. */
void play_end(struct play *play, const char *expected);
/* Tells the story without a rule of replication (base/rule.h): the trace ends as expected then. */
void play_without(unsigned rule, void (*story)(struct play *play), const char *expected);

/* ---- clients ---- */

/* Says it to the node, and waits for the reply. */
void play_say(struct play *play, unsigned node, const char *words);
/* Says it, and does not wait. */
void play_ask(struct play *play, unsigned node, const char *words);
/* Waits for the reply to that. */
void play_hear(struct play *play, unsigned node);

/* ---- what happens ---- */

/* Lets time pass. */
void play_wait_ms(struct play *play, int64_t ms);
/* A line of the play's own. */
void play_note(struct play *play, const char *text);
/* Two nodes do not reach each other, or do again; what was on its way is lost then. */
void play_part(struct play *play, unsigned a, unsigned b);
void play_join(struct play *play, unsigned a, unsigned b);
void play_part_from_all(struct play *play, unsigned node);
void play_join_with_all(struct play *play, unsigned node);
/* What one sends to the other is held up, and arrives when it is freed. */
void play_hold(struct play *play, unsigned from, unsigned to);
void play_free(struct play *play, unsigned from, unsigned to);
/* The process ends, and a new one that has lost its memory begins. */
void play_kill(struct play *play, unsigned node);
void play_start(struct play *play, unsigned node);
/* Waits until the node votes again, and not a moment longer. */
void play_recover(struct play *play, unsigned node);
void play_pause(struct play *play, unsigned node);
void play_resume(struct play *play, unsigned node);
/* The node drops the key as if it needed the memory. */
void play_evict(struct play *play, unsigned node, const char *key);
/* The node loses the key without a trace, as by a fault. */
void play_lose(struct play *play, unsigned node, const char *key);
/* Evicts k and k0 to k5, which are written first: there is no room for so many marks where
 * there are 8 slots for them. */
void play_evict_many(struct play *play, unsigned node);
/* Keeps a copy of the write that was sent last; later it arrives at the node, as what was left on
 * an old link. */
void play_copy(struct play *play);
void play_copy_arrives(struct play *play, unsigned node);

/* ---- what is there ---- */

/* A line about what the node has of the key. */
void play_look(struct play *play, unsigned node, const char *key);
void play_look_at_all(struct play *play, const char *key);

#endif
