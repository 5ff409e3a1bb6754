/* SPDX-License-Identifier: BSD-3-Clause
 *
 * EXEC, at the client's node. It takes the session's transaction over and cuts it into steps:
 *
 *   group   commands whose keys are all in one partition (and go by the same rules), in their order
 *   alone   a command of several partitions, of all, or of none: a barrier, before which all that
 *           came earlier has run
 *
 * Between two barriers the groups stand in the order of their first commands. The steps run one
 * after another, each as a part of the request, with its time; the replies are put back in the
 * order of the commands. Where a step fails, the later ones run all the same, as Redis has it; of a
 * transaction of one group its error is the reply.
 *
 * Watched keys are all looked at before anything runs: those of the first group's partition by that
 * group, under the lock under which it writes, the others by groups of no commands before it.
 */
#ifndef DUNLIN_NODE_EXEC_H
#define DUNLIN_NODE_EXEC_H

#include "command/transaction.h"
#include "node/parts.h"

/* Commands that are run in one turn without waiting for others, of all transactions. */
#define EXEC_COMMANDS_PER_TURN 512

struct exec_step {
    bool group;
    struct route_class class;
    size_t first, count;                 /* in exec->order */
    size_t watched_first, watched_count; /* in exec->watched_order */
    uint32_t next_alike;                 /* planning: the next step of a partition, plus one */
};

/* A command's reply, in exec->replies. */
struct exec_reply {
    size_t at, size;
};

struct exec {
    struct task task; /* hurried while the next step is another turn's */
    struct transaction *transaction;
    struct exec_step *steps;
    size_t step_count, next; /* the step that runs is the one before `next` */
    uint32_t *order;         /* of commands, by steps */
    uint32_t *watched_order; /* of watched keys, by steps */
    struct exec_reply *places;
    struct buffer replies;
    bool alone;  /* one command, and no EXEC: its reply is the whole one */
    bool across; /* whose keys lie in several partitions (across.c): `next` is its stage */
};

/* The command has been dispatched, and may begin. */
void exec_begin(struct request *request);
/* The same of a command of the kind STEPS. */
void exec_begin_alone(struct request *request);

/* A WATCH's parts have answered: the session watches its keys. */
void exec_watch(struct request *whole);

/* All bytes of a part's reply, in its buffer. */
struct span exec_flatten(struct request *part);

/* ---- across.c ---- */

/* Begins its first command, or takes the reply of one and begins the next. False: it is over, and
 * the reply complete. */
bool across_begin(struct exec *exec);
bool across_take(struct exec *exec);

/* ---- exec_plan.c ---- */

/* Cuts the transaction into steps. False: the request's reply says why not. */
bool exec_plan(struct exec *exec);

#endif
