/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A server that a stream of commands goes to: a redis-server, or a Dunlin of some nodes, on free
 * ports of 127.0.0.1. What does not come to pass in time fails the case.
 */
#ifndef DUNLIN_TESTS_SYSTEM_COMPARE_SERVER_H
#define DUNLIN_TESTS_SYSTEM_COMPARE_SERVER_H

#include "base/span.h"
#include "system/compare/step.h"

struct server;

/* The program is `redis-server`, or what redis-tools brings of it. `without`, which may be NULL, is
 * a command that it lists and does not know. */
struct server *server_create_redis(const char *without);
/* One node of a Redis Cluster that has all slots. */
struct server *server_create_redis_cluster(void);
struct server *server_create_dunlin(int nodes);
void server_destroy(struct server **server);

const char *server_name(const struct server *server);
int server_nodes(const struct server *server);
/* Whether COMMAND LIST has the name; "" is known to all. */
bool server_knows(const struct server *server, const char *name);
size_t server_names(const struct server *server); /* how many it has */

/* Empties the server and takes new connections. */
void server_begin(struct server *server);
/* Sends the steps, which are all of one connection, as one. */
void server_send(struct server *server, const struct step *steps, size_t count);
/* The reply to the step that is next in order, until the next call; "-closed" when the connection
 * has ended. To a step that walks, all that the cursor brought, as one array. */
struct span server_receive(struct server *server, const struct step *step);

#endif
