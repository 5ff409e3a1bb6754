/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The other nodes that this one knows: a table sorted by identity, the order in which they are
 * probed, and the random choices among them.
 */
#ifndef DUNLIN_GOSSIP_MEMBERS_H
#define DUNLIN_GOSSIP_MEMBERS_H

#include "base/instant.h"
#include "base/list.h"
#include "base/rng.h"
#include "gossip/suspicion.h"

/* A peer's clock as its last datagram had it; control computes the skew from it. */
struct clock_reading {
    int64_t peer_wall_ms;
    struct instant received; /* mono_us 0: no reading yet */
};

struct member {
    struct node_record record;
    int64_t since_us;           /* monotonic; when it entered its state */
    struct suspicion suspicion; /* while suspect */
    struct clock_reading clock;
    /* news to pass on */
    bool pending;
    struct list news; /* in gossip.news while pending */
    unsigned sent;    /* times */
    uint64_t changed; /* rises with each change to any member: the newest goes first */
};

struct members {
    struct member **sorted;
    struct member **order; /* the probing order, shuffled at each turn */
    size_t count;
    size_t capacity;
    size_t next; /* in `order` */
    bool turned; /* the first round is over */
    size_t by_state[NODE_LEFT + 1];
};

void members_init(struct members *members);
void members_deinit(struct members *members);

/* NULL when it is not known. */
struct member *members_find(const struct members *members, struct identity identity);

/* Adds a node that is not in; it takes a random place in the probing order, so that a joiner is not
 * probed by all at once. */
struct member *members_add(struct members *members, const struct node_record *record,
                           struct rng *rng);
/* Removes and frees it; *member is cleared. */
void members_remove(struct members *members, struct member **member);

/* Changes the state, and the counts by state. */
void members_set_state(struct members *members, struct member *member, enum node_state state);

static inline bool member_lives(const struct member *member)
{
    return member->record.state == NODE_ALIVE || member->record.state == NODE_SUSPECT;
}

static inline size_t members_living(const struct members *members)
{
    return members->by_state[NODE_ALIVE] + members->by_state[NODE_SUSPECT];
}

/* The next living member in the round, NULL when there is none. Each is named once a round, rounds
 * are in random order: a crashed node is probed within 2n - 1 turns (SWIM, section 4.3). */
struct member *members_next(struct members *members, struct rng *rng);

/* Up to `wanted` different members at random for which `fits` holds. Returns how many. */
size_t members_pick(const struct members *members, struct rng *rng,
                    bool (*fits)(const struct member *member, struct identity except),
                    struct identity except, struct member **picked, size_t wanted);

#endif
