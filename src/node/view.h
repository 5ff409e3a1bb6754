/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A view: what control knows of the cluster at one moment, as an engine may see it: the ring, and
 * for each of its nodes whether requests should go there. Immutable once published, counted by its
 * holders, so that workers read it without a lock; control publishes a new one when anything in it
 * changes. A failure detector changes `health` and never the ring (Dynamo, section 4.8).
 */
#ifndef DUNLIN_NODE_VIEW_H
#define DUNLIN_NODE_VIEW_H

#include <stdatomic.h>
#include <stdbool.h>

#include "causal/dot.h"
#include "command/environment.h"
#include "ring/ring.h"

/* What the failure detector holds of a node. */
enum node_health {
    HEALTH_UNKNOWN, /* in the ring, never heard of */
    HEALTH_ALIVE,
    HEALTH_SUSPECT, /* may be down; others were asked */
    HEALTH_DEAD,
    HEALTH_LEFT, /* it said that it goes */
};

struct view_node {
    node_number number;
    enum node_health health;
    bool votes;                   /* it has not forgotten, and its clock is in line */
    char host[RING_HOST_MAX + 1]; /* as last known */
    uint16_t port;                /* for clients */
    uint16_t bus_port;            /* for peers */
};

struct view {
    atomic_uint holders;
    struct ring *ring; /* NULL: this node has none yet */
    node_number self;  /* this node's number, 0: none */
    bool implicit;     /* `ring` is of this node alone and was never formed: nobody is told of it */
    bool self_in_line; /* this node's clock is near its peers' */
    size_t node_count; /* of the ring's members, by number */
    struct view_node nodes[];
};

/* A view with one holder, the caller, who fills in the nodes and then publishes it; takes over a
 * share of `ring`. */
struct view *view_create(struct ring *ring, node_number self);
struct view *view_retain(struct view *view);
void view_release(struct view **view);

/* NULL when the ring has no such node. */
const struct view_node *view_node(const struct view *view, node_number number);

/* What commands say of a member (command/environment.h): how it is, and where it is now. */
enum member_state view_member_state(const struct view *view, const struct ring_member *member);
struct member_address view_member_address(const struct view *view,
                                          const struct ring_member *member);
/* The node that CLUSTER SLOTS and its like name for the partition's slots: the first of its claim
 * that is not down. */
node_number view_leader(const struct view *view, uint32_t partition);

#endif
