/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a node keeps in `dir` over a restart, as bytes: no file is touched here (io/file.h does).
 * Two files, because one changes with the ring and the other all the time:
 *
 *   node.state     the node's identity and its ring
 *   ceiling.state  the ceiling that no stamp of this node passes, and how often it has started
 *
 * Both are laid out alike. Numbers are little-endian. Every format version, later ones too, keeps
 * the head and ends in the checksum, so that a torn file is told from one that a newer server
 * wrote.
 *
 *   0        8         12       16          32                     size - 8   size
 *   | magic  | format  | size   | identity  | body                 | XXH3     |
 *   |        | version | of all |           |                      | of 0 ..  |
 *
 *   body of node.state:     the ring's bytes (ring/), none when the node has no ring
 *   body of ceiling.state:  0: ceiling (8) | 8: boots (8)
 *
 * The identity in ceiling.state ties it to its node.state: a pair from two nodes is refused.
 */
#ifndef DUNLIN_NODE_STATE_H
#define DUNLIN_NODE_STATE_H

#include "base/buffer.h"

#define STATE_IDENTITY_SIZE 16
/* A ring of 1000 nodes and 16384 partitions takes well under a megabyte. */
#define STATE_RING_MAX (16u << 20)
/* The most that a state file can have, for whoever reads one. */
#define STATE_FILE_MAX (STATE_RING_MAX + 64)

#define STATE_NODE_FILE    "node.state"
#define STATE_CEILING_FILE "ceiling.state"

struct saved_node {
    uint8_t identity[STATE_IDENTITY_SIZE];
    struct span ring; /* decoded: points into the file's bytes */
};

struct saved_ceiling {
    uint8_t identity[STATE_IDENTITY_SIZE];
    uint64_t ceiling; /* a stamp (causal/dot.h) */
    uint64_t boots;   /* starts of the node so far */
};

enum state_status {
    STATE_OK,
    STATE_FOREIGN, /* not a file of this kind */
    STATE_TORN,    /* cut short, longer than written, or changed */
    STATE_NEWER,   /* whole, of a format version that this server does not know */
};

/* The ring is at most STATE_RING_MAX. */
void node_state_encode(const struct saved_node *state, struct buffer *file);
void ceiling_state_encode(const struct saved_ceiling *state, struct buffer *file);

/* `state` is filled in when STATE_OK is answered, and untouched else. */
enum state_status node_state_decode(struct saved_node *state, struct span file);
enum state_status ceiling_state_decode(struct saved_ceiling *state, struct span file);

/* Why a file was refused, as the end of "cannot use 'x/node.state': ..."; not for STATE_OK. */
const char *state_status_text(enum state_status status);

#endif
