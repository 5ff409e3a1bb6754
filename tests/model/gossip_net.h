/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A virtual network of gossiping nodes under a virtual clock: loss, delay, pauses, partitions and
 * crashes, all drawn from one seed. The same seed gives the same run to the byte.
 */
#ifndef DUNLIN_TESTS_GOSSIP_NET_H
#define DUNLIN_TESTS_GOSSIP_NET_H

#include "gossip/gossip.h"

#define NET_NODES_MAX 128

struct net;

struct net_node {
    struct net *net;
    size_t index;
    struct gossip *gossip;       /* NULL: not running */
    struct node_address address; /* client */
    bool paused;
    int64_t excused_until_us; /* a node that was paused may be held for dead until then */
    unsigned group;           /* nodes of different groups cannot reach each other */
    unsigned lives;
    /* what it was told */
    size_t events[GOSSIP_EVENT_IDENTITY_CLASH + 1];
    bool clash_ours_is_later;
    size_t restarts_seen;
};

struct packet;

struct net {
    struct net_node nodes[NET_NODES_MAX];
    size_t count;
    struct rng rng;
    uint64_t seed;
    int64_t now_us;
    /* faults */
    unsigned loss_percent;
    unsigned duplicate_percent;
    int64_t delay_min_us;
    int64_t delay_max_us;
    bool keep_dead; /* what calls->kept answers */
    /* in flight, a heap by (time, order) */
    struct packet **packets;
    size_t packet_count;
    size_t packet_capacity;
    uint64_t packet_order;
    /* what happened */
    uint64_t trace; /* a hash of all that was sent, and when */
    size_t datagrams;
    size_t false_deaths; /* DEAD told of a node that ran, unpaused, in the observer's group */
    int64_t death_seen_us[NET_NODES_MAX]; /* when the observer last saw a death */
};

struct net *net_create(uint64_t seed);
void net_destroy(struct net **net);

/* Options of a new node `index` with the cluster's defaults: identity and address by index, no
 * seeds. The seed list given to net_start is copied by gossip. */
struct gossip_options net_options(struct net *net, size_t index);
void net_start(struct net *net, size_t index, const struct gossip_options *options);
/* Adds `count` nodes; all but the first have the first two as seeds, and start within a second. */
void net_start_cluster(struct net *net, size_t count);

void net_crash(struct net *net, size_t index);
void net_pause(struct net *net, size_t index);
void net_resume(struct net *net, size_t index);

void net_run(struct net *net, int64_t duration_us);
/* Runs until `holds` or for at most `limit_us`; whether it held. */
bool net_run_until(struct net *net, bool (*holds)(struct net *net), int64_t limit_us);

struct instant net_instant(const struct net *net, size_t index);
struct identity net_identity(size_t index);

/* Whether each running node lists each other running node alive, and none else living. */
bool net_agrees(struct net *net);
/* The state that `observer` holds of `subject`; -1 when it is not listed. */
int net_state(struct net *net, size_t observer, size_t subject);
/* Whether each running node holds `subject` for `state`. */
bool net_all_hold(struct net *net, size_t subject, enum node_state state);

#endif
