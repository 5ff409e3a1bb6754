/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Control's questions to other nodes: for each a connection to the bus port, the handshake, one
 * frame with the question, one frame with the answer, and the end.
 */
#ifndef DUNLIN_IO_CALLER_H
#define DUNLIN_IO_CALLER_H

#include "base/rng.h"
#include "gossip/record.h"
#include "node/handshake.h"

struct caller;
struct loop;

struct caller_calls {
    /* What this node says of itself in the handshake. */
    struct handshake_self (*self)(void *host);
    /* The messages of the answer, or an error for people. Never from within caller_call. */
    void (*answer)(void *host, uint64_t call, struct span answer, const char *error);
};

struct caller *caller_create(struct loop *loop, const struct caller_calls *calls, void *host,
                             uint64_t seed);
/* Calls in flight end without an answer. */
void caller_destroy(struct caller **caller);

/* Begins a call; `messages` are copied. */
void caller_call(struct caller *caller, uint64_t call, const struct node_address *to,
                 struct span messages, int64_t timeout_ms);

#endif
