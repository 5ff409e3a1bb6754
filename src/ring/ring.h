/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A ring: who the members are, and for each partition the claim, that is, the ordered nodes that
 * keep it, the primary first (DeCandia et al., "Dynamo", 2007, section 6.2, strategy 3: equal
 * partitions). The rules that quorums depend on are part of it.
 *
 * A ring never changes once it is made. It is counted: whoever gets one from ring_create or
 * ring_decode holds one reference, ring_retain adds one, ring_release gives one back, and the last
 * frees it. Both may be called from any thread; all other functions only read.
 *
 *   version     | epoch (32 bits) | step (32 bits) |    compared as one number; two rings of one
 *                                                       identity and one version are equal
 *
 * A new ring is made from a draft: a plain structure that borrows its arrays. To change a ring,
 * take its draft (ring_draft_of), put own arrays in the place of those that change, and create.
 */
#ifndef DUNLIN_RING_RING_H
#define DUNLIN_RING_RING_H

#include <stdatomic.h>

#include "base/span.h"
#include "causal/dot.h"
#include "ring/identity.h"

#define RING_REPLICAS_MAX 7
#define RING_MEMBERS_MAX  1024
#define RING_RULES_MAX    256
#define RING_PREFIX_MAX   255 /* bytes */
#define RING_ZONE_MAX     63  /* bytes, without the terminator */
#define RING_HOST_MAX     255 /* bytes, without the terminator */
#define RING_ERROR_MAX    160 /* bytes, with the terminator */

/* Stored and sent: numbers are never reused. */
enum ring_conflict {
    RING_CONFLICT_LWW = 0,
    RING_CONFLICT_SIBLINGS = 1,
};

/* What holds for the keys that start with `prefix`. */
struct ring_rule {
    struct span prefix;
    uint32_t replicas; /* N: 1..RING_REPLICAS_MAX */
    enum ring_conflict conflict;
};

struct ring_member {
    struct identity identity;
    node_number number;
    uint16_t client_port; /* where it was last known to listen */
    uint16_t bus_port;
    uint32_t weight;              /* its share of the data, over 0 */
    char zone[RING_ZONE_MAX + 1]; /* "" where no zone is configured */
    char host[RING_HOST_MAX + 1];
};

struct ring_claim {
    uint64_t version;                     /* over 0; requests carry it */
    node_number nodes[RING_REPLICAS_MAX]; /* the primary first; 0 past `count` */
    uint16_t count;                       /* 1..RING_REPLICAS_MAX */
};

struct ring_draft {
    struct identity identity;
    uint64_t version;
    uint32_t partition_count; /* Q */
    node_number last_number;  /* the highest ever given to a member: numbers never come twice */
    struct ring_rule base;    /* for keys that no rule matches; its prefix is empty */
    const struct ring_rule *rules; /* the first whose prefix matches counts */
    size_t rule_count;
    const struct ring_member *members; /* in any order */
    size_t member_count;
    const struct ring_claim *claims; /* partition_count of them */
};

/* The fields of the draft, checked, with the members in the order of their numbers; all memory is
 * the ring's own. Immutable. */
struct ring {
    atomic_uint references;
    struct ring_draft content;
};

static inline uint64_t ring_version(uint32_t epoch, uint32_t step)
{
    return (uint64_t)epoch << 32 | step;
}

static inline uint32_t ring_version_epoch(uint64_t version)
{
    return (uint32_t)(version >> 32);
}

static inline uint32_t ring_version_step(uint64_t version)
{
    return (uint32_t)version;
}

/* A ring with a copy of all that `draft` says, or NULL and in `error` what is wrong with it. */
struct ring *ring_create(const struct ring_draft *draft, char error[RING_ERROR_MAX]);
/* What `ring` says; the arrays are the ring's and live as long as it does. */
struct ring_draft ring_draft_of(const struct ring *ring);

/* `ring`, with one more reference. */
struct ring *ring_retain(struct ring *ring);
/* Gives one reference back and clears *ring. Takes NULL in *ring as well. */
void ring_release(struct ring **ring);

static inline uint32_t ring_partition_count(const struct ring *ring)
{
    return ring->content.partition_count;
}

/* The claim of `partition`, below ring_partition_count. */
static inline const struct ring_claim *ring_claim(const struct ring *ring, uint32_t partition)
{
    return &ring->content.claims[partition];
}

/* The seed of the hash of keys in this ring (store/hasher.h), the same at all its nodes: a digest
 * of its identity. Who knows the identity can choose keys that fall together, so it stays among the
 * nodes: people and clients are shown the ring's label. */
uint64_t ring_hash_seed(const struct ring *ring);
/* What tells a ring from others without giving its identity away: another digest of it. */
uint64_t ring_label(const struct identity *identity);

/* The partition of `key`. */
uint32_t ring_key_partition(const struct ring *ring, struct span key);
/* The rule for `key`: the first that matches, or the base. Never NULL. */
static inline const struct ring_rule *ring_key_rule(const struct ring *ring, struct span key)
{
    for (size_t i = 0; i < ring->content.rule_count; i++) {
        const struct ring_rule *rule = &ring->content.rules[i];

        if (key.size >= rule->prefix.size &&
            span_equal(span_of(key.data, rule->prefix.size), rule->prefix))
            return rule;
    }
    return &ring->content.base;
}

/* Where `node` stands in the claim, or -1. */
int ring_claim_index(const struct ring_claim *claim, node_number node);

/* The preference list of `partition`, and past it the stand-ins: the claim, and then whoever comes
 * next on the walk around the ring, each member once. Writes at most `room` numbers to `list` and
 * returns how many. For a rule of N replicas the first min(N, claim's count) are the replicas and
 * the others stand in for them, in this order. */
size_t ring_preference_list(const struct ring *ring, uint32_t partition, node_number *list,
                            size_t room);

/* NULL when the ring has no such member. */
const struct ring_member *ring_member_by_number(const struct ring *ring, node_number number);
const struct ring_member *ring_member_by_identity(const struct ring *ring,
                                                  const struct identity *identity);

/* How long the claims must be: the highest N of any rule, or the number of members when that is
 * less. What the planner is asked for. */
uint32_t ring_draft_copies(const struct ring_draft *draft);

#endif
