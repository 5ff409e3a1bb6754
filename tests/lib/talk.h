/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Questions to a server and what it should answer, for system tests. A reply is compared as text:
 *
 *   status and bulk string   as it is           integer   :5
 *   error                    -CODE text         null      (nil)
 *   array, set, push, map    (a, b, ...)
 */
#ifndef DUNLIN_TESTS_LIB_TALK_H
#define DUNLIN_TESTS_LIB_TALK_H

#include <hiredis/hiredis.h>

#include "lib/cluster.h"

/* The longest text of a reply; what is longer is cut. */
#define TALK_TEXT_MAX 65536

/* The reply as text, in a buffer that the eighth call after this one takes again. */
const char *talk_text(const redisReply *reply);
/* The same with the number of bytes; the connection must not break. */
const char *talk(redisContext *context, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The text of the answer of a node, over a connection of its own. */
const char *talk_node(const struct cluster *cluster, int node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Fails the case unless the answer matches the pattern (fnmatch). */
#define talk_expect(context, pattern, ...) \
    talk_match(__FILE__, __LINE__, pattern, talk(context, __VA_ARGS__), #__VA_ARGS__)
#define talk_expect_node(cluster, node, pattern, ...) \
    talk_match(__FILE__, __LINE__, pattern, talk_node(cluster, node, __VA_ARGS__), #__VA_ARGS__)
void talk_match(const char *file, int line, const char *pattern, const char *text,
                const char *question);

/* Waits until the node's answer to a question (without % in it) matches the pattern. */
void talk_until(const struct cluster *cluster, int node, const char *pattern, const char *question);

/* The number after "\nNAME:" in an answer such as INFO's; fails the case when it is not there. */
long long talk_number(const char *text, const char *name);

/* Waits until every other node that runs says of `node` in RING STATUS that it is dead; until every
 * node that runs, itself included, says that it is alive and votes, and it does on all partitions.
 */
void talk_wait_dead(struct cluster *cluster, int node);
void talk_wait_votes(struct cluster *cluster, int node);

/* Waits until everything that was written before is settled, as INFO of every node says: none owes
 * any of it to another. All nodes must run. */
void talk_wait_settled(struct cluster *cluster);

/* Waits until every worker of every node that runs has its links to all others that run. */
void talk_wait_linked(struct cluster *cluster, int threads);

#endif
