/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A load that runs in a thread of its own, through any nodes of a cluster, while a case kills and
 * pauses others; it checks every answer, and fails the case.
 *
 * Each of its keys is a register. The changes of a key (SET, SET with PX, DEL) are numbered 1, 2,
 * 3,
 * ..., each begun when the one before was acknowledged, by whatever connection; a value says of
 * which key and change it is. At QUORUM a GET must answer what the key held at some moment between
 * its question and its answer: nothing older than the last change that was acknowledged, or that a
 * GET was answered with, before the question; nothing past its deadline; and nil only where a DEL
 * or a deadline says so. No command may fail, but for DEL while a coordinator is in doubt (see
 * traffic_doubt).
 *
 * Every function is called from the thread that runs the case.
 */
#ifndef DUNLIN_TESTS_LIB_TRAFFIC_H
#define DUNLIN_TESTS_LIB_TRAFFIC_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "lib/cluster.h"

#define TRAFFIC_KEYS 600 /* "load:0" and on */

struct traffic;

/* Begins to run, through all nodes. */
struct traffic *traffic_create(struct cluster *cluster);
void traffic_destroy(struct traffic **traffic);

/* No more questions go to the node, and all that went there are answered. */
void traffic_leave(struct traffic *traffic, int node);
/* The node is asked again. */
void traffic_join(struct traffic *traffic, int node);

/* Whether nodes may differ about who is there. A DEL runs at one coordinator, and what may have run
 * is sent to no other: while in doubt it may fail with NOQUORUM, and is repeated until it does not.
 */
void traffic_doubt(struct traffic *traffic, bool doubt);

/* Waits for some hundred answers more. */
void traffic_run_on(struct traffic *traffic);

/* All that was asked is answered, and nothing is asked until traffic_go_on. */
void traffic_rest(struct traffic *traffic);
void traffic_go_on(struct traffic *traffic);

/* While it rests: whether the node answers for every key at ONE with what the last change left. If
 * not, says of the first that differs how. */
bool traffic_held(struct traffic *traffic, redisContext *context, char *why, size_t why_size);

/* The longest waits for an answer since the last call, in ms. */
struct traffic_waits {
    unsigned long answers;
    double worst_ms;     /* of GET and SET */
    double worst_del_ms; /* of DEL, which waits for its coordinator */
};

struct traffic_waits traffic_waits(struct traffic *traffic);

#endif
