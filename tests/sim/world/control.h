/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The host of a node's real control (node/control.h): what src/io/node_control.c and caller.c are
 * in the server. Datagrams go over the virtual network; a call opens a connection to the other
 * node's engine with the role of control and the real handshake; ring and ceiling go to the node's
 * virtual disk, which survives a restart. Control and engine are two threads: what one has for the
 * other waits in a queue, and comes a little later.
 */
#ifndef DUNLIN_TESTS_SIM_CONTROL_H
#define DUNLIN_TESTS_SIM_CONTROL_H

#include "sim/world/net.h"
#include "sim/world/node.h"

struct sim_call;

/* Begins with what is on the node's disk; fills in node->view and node->bounds. The node's store is
 * there, its engine is not. */
struct sim_control *sim_control_create(struct sim_node *node);
void sim_control_destroy(struct sim_control **control);
/* For who looks at it. */
const struct control *sim_control_of(const struct sim_node *node);
size_t sim_control_calls(const struct sim_node *node);

/* ---- from the engine ---- */

void sim_control_command(struct sim_node *node, uint64_t request, const struct span *argv,
                         size_t argc);
void sim_control_message(struct sim_node *node, uint64_t link, struct span message);

/* ---- from the network ---- */

/* From the node, while it was in that place. */
void sim_control_datagram(struct sim_node *node, unsigned from, unsigned place,
                          struct span datagram);
void sim_control_call_opened(struct sim_call *call);
void sim_control_call_input(struct sim_call *call, struct span bytes);
void sim_control_call_lost(struct sim_call *call);

#endif
