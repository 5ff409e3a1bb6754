/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A node record: what every node knows of a node. Only the node itself raises its incarnation;
 * others may only change its state at the incarnation that they know (SWIM, DSN 2002, section 4.2).
 * Of two records of one node the later one wins, by (incarnation, state), states in this order:
 *
 *      alive  <  suspect  <  dead  <  left
 *
 * so that merging is idempotent, commutative and associative.
 *
 * On the wire a record is a msgpack map with integer keys; the table in record.c lists them. A
 * field that is zero or empty is left out. Unknown keys are skipped, so that a later version may
 * add some.
 */
#ifndef DUNLIN_GOSSIP_RECORD_H
#define DUNLIN_GOSSIP_RECORD_H

#include <msgpack.h>

#include "base/buffer.h"
#include "ring/identity.h"

#define NODE_HOST_MAX 255 /* bytes of a host name or an address in text */
#define NODE_ZONE_MAX 63  /* bytes */

#define IDENTITY_NONE ((struct identity){{0}})

enum node_state {
    NODE_ALIVE = 0,
    NODE_SUSPECT = 1, /* a probe failed; it may still refute */
    NODE_DEAD = 2,    /* nobody refuted in time; it may still come back */
    NODE_LEFT = 3,    /* it said farewell itself */
};

enum node_flag {
    NODE_FORGETFUL = 1 << 0,         /* restarted, and does not vote */
    NODE_CLOCK_OUT_OF_LINE = 1 << 1, /* too far from the median of its peers' clocks */
};

struct node_address {
    char host[NODE_HOST_MAX + 1];
    uint16_t port;
};

struct node_record {
    struct identity identity;
    char host[NODE_HOST_MAX + 1]; /* printable, without blanks */
    uint16_t client_port;
    uint16_t bus_port;            /* TCP for peers, UDP for gossip */
    char zone[NODE_ZONE_MAX + 1]; /* printable, without blanks; may be empty */
    uint32_t weight;
    enum node_state state;
    uint64_t incarnation; /* starts at `boot` in each life */
    uint64_t boot;        /* above that of every earlier life of this identity */
    uint64_t boot_nonce;  /* random, of this life */
    struct identity ring; /* IDENTITY_NONE: in no ring yet */
    uint64_t ring_version;
    uint64_t ring_digest;
    uint32_t flags;        /* of enum node_flag; unknown bits are kept */
    uint16_t protocol_min; /* peer protocol versions that the node speaks */
    uint16_t protocol_max;
};

/* Below 0, 0 or above 0, as `a` is older than, as old as or newer than `b`, by the order above. */
int node_record_compare(const struct node_record *a, const struct node_record *b);

/* Whether two records of one node say the same, their state and incarnation apart. */
bool node_record_same_content(const struct node_record *a, const struct node_record *b);

/* Where its gossip goes. */
struct node_address node_record_bus(const struct node_record *record);
bool node_address_equal(const struct node_address *a, const struct node_address *b);

/* Appends `record` to the buffer that `packer` writes to. */
void node_record_pack(msgpack_packer *packer, const struct node_record *record);

/* Reads a record; false for one with a wrong type, a value out of range, a host or zone that is not
 * printable, or no identity, host or ports. *record is then undefined. */
bool node_record_unpack(const msgpack_object *object, struct node_record *record);

#endif
