/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Operations, with a real replica here and others that the test plays: the stage records what they
 * are asked and offered, and answers for them. One operation at a time, of one key.
 */
#ifndef DUNLIN_TESTS_LIB_OPERATION_STAGE_H
#define DUNLIN_TESTS_LIB_OPERATION_STAGE_H

#include "replica/operation.h"

#define NOW_MS INT64_C(1700000000000)
/* This node, and the version of the claim that all go by. */
#define STAGE_SELF  1
#define STAGE_CLAIM 5

struct stage {
    struct store *store;
    struct replica_bounds bounds;
    struct replica replica;
    struct partition *partition;
    struct coordinator coordinator;
    struct operation operation;
    struct instant now;

    /* What others were sent, as bits 1 << node, and how often. */
    unsigned asked, offered, sent, renewed, changed, rested;
    bool rests;           /* the host lets it rest */
    unsigned down;        /* cannot be sent to */
    unsigned hopeless;    /* need not be sent to */
    struct dot offer_dot; /* of the last offer */
    char offer_value[32];
    char appends[8]; /* what an update appends; "": it wants nothing done */
    char put_value[64];
    char found_value[512]; /* kept of the last read */
    bool deletes;
    struct span write_value;
};

extern struct stage stage;

/* N copies on the nodes 1 .. N, this one first; the operation is begun by stage_start. */
void stage_begin(enum operation_kind kind, unsigned copies, unsigned r, unsigned w);
void stage_start(void);
void stage_end(void);

/* A dot that is newer than what this node stamps by itself. */
struct dot stage_later(uint64_t sequence, node_number node);
/* What this replica has, and how it loses it. */
void stage_put(struct dot dot, const char *value);
void stage_vanish(void);
void stage_settle(struct dot dot);

/* What the others answer. */
void stage_acknowledge(node_number node, enum ack_status status, struct dot known);
void stage_answer(node_number node, enum answer_status status, struct dot dot, const char *value);
void stage_answer_absent(node_number node, struct dot mark, struct dot floor, struct dot settled);

void stage_expect_here(const char *value);
/* The read is done, with this value or, NULL, none. */
void stage_expect_found(const char *value);
void stage_expect_failed(enum operation_failure failure, bool wrote);

#endif
