/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Hints: what this worker owes to replicas that did not answer (rule 2; Dynamo, section 4.6). A
 * version that a replica has not answered for by the end of its request becomes a hint, with its
 * key, its dot and its deadline. When the replica's link is open and its breaker closed, hints are
 * sent as WRITE, the oldest stamp first, HINTS_WINDOW at a time and not faster than hint-rate. Each
 * is owed until the replica has answered for it: OK, NEWER or FULL.
 *
 *   waiting -> sent -> (answered) gone
 *                   -> (refused)  paused, 100 ms to 1 s -> waiting
 *                   -> (link lost) waiting
 *
 * Hints of one replica are bounded in bytes (hint-bytes, shared among the workers) and in age
 * (hint-window). Past either the oldest are dropped: the replica then is one who forgot in their
 * partitions, and is told so (FORGOT). The lowest dropped stamp stays owed until it has answered
 * that.
 *
 * Of FLUSHALLs the newest that a replica missed is kept, and sent as FLUSH. The replica knows by
 * the id that it comes late, and keeps what is newer.
 *
 * All state is one worker's. Hints are counted against maxmemory (store_charge).
 */
#ifndef DUNLIN_NODE_HINTS_H
#define DUNLIN_NODE_HINTS_H

#include "base/heap.h"
#include "base/list.h"
#include "replica/replica.h"
#include "wire/wire.h"

struct engine;
struct held;
struct hints_target;

/* Hints on their way to one replica. */
#define HINTS_WINDOW 64
/* The last bits of an id say what an ACK is about: a place in the window, or one of these. */
#define HINTS_SLOT_BITS   7
#define HINTS_SLOT_FORGOT HINTS_WINDOW
#define HINTS_SLOT_FLUSH  (HINTS_WINDOW + 1)
#define HINTS_SLOT_HELD   (HINTS_WINDOW + 2)
/* Hints looked at for one replica in one call: sent or dropped. */
#define HINTS_PER_CALL 256

/* Hints for one replica take at most one part in so many of maxmemory: they are not to push out
 * what the cache is for. */
#define HINTS_SHARE 8
/* Debts that stand-ins hold for one worker. */
#define HELD_BITS 16
#define HELD_MAX  (1u << HELD_BITS)

struct hints {
    struct hints_target **targets; /* by number, up to `limit`; NULL: nothing was ever owed */
    size_t limit;
    struct list all;    /* the same */
    struct block *lent; /* the caller's: a value in it is not copied to be kept; NULL */

    /* What stand-ins hold for this worker (held.c). */
    struct held **held; /* HELD_MAX places */
    size_t held_count, held_next;
    uint64_t held_number;
    struct heap held_owed; /* by stamp */
};

void hints_init(struct engine *engine);
void hints_deinit(struct engine *engine);

/* Whether a version of so many bytes, key and value, can be kept without dropping another. */
bool hints_have_room(const struct engine *engine, node_number target, size_t bytes);
/* Whether it can be kept where nothing else is. */
bool hints_may_hold(const struct engine *engine, size_t bytes);
/* The version is owed to `target` from now on. `key` and the version's value are copied,
 * but for a value in `lent`. */
void hints_keep(struct engine *engine, node_number target, uint32_t partition, struct span key,
                const struct version *version);
/* The same where the version is lost: the target forgets the partition. `stamp` is what was owed.
 */
void hints_forget(struct engine *engine, node_number target, uint32_t partition, uint64_t stamp);
/* A FLUSHALL that the target has not answered for, and `lowest` its first stamp; `partitions` is a
 * bitmap. */
void hints_keep_flush(struct engine *engine, node_number target, struct dot dot, uint64_t lowest,
                      struct span partitions);

/* Another node asks this one to stand in: it keeps the version for the target, and answers `id` on
 * the link when that one has answered, or the hint is dropped. ACK_HELD, or why not. */
enum ack_status hints_hold(struct engine *engine, const struct wire_hold *hold, uint64_t link);

/* An ACK whose id has ID_HINT. */
void hints_acknowledged(struct engine *engine, node_number target, const struct wire_ack *ack);
/* The link to the target broke: what was on its way is to be sent again. */
void hints_lost(struct engine *engine, node_number target);
/* The link to the target is open (again), or time has passed: sends what may be sent. */
void hints_proceed(struct engine *engine, node_number target);
/* Drops what is too old, and proceeds for all targets. */
void hints_tick(struct engine *engine);

/* The lowest stamp that is owed to anybody; UINT64_MAX: none. A few instructions a target. */
uint64_t hints_lowest(const struct engine *engine);

/* ---- stand-ins (held.c) ---- */

/* Sends the version to a stand-in of the partition, the one that has `skip` others before it. False
 * when there is none. `request` is 0, or waits for HELD in the place of the target's answer. */
bool held_hand_over(struct engine *engine, node_number target, uint32_t partition, struct span key,
                    const struct version *version, uint64_t request, unsigned skip);
void held_acknowledged(struct engine *engine, node_number node, const struct wire_ack *ack);
void held_lost(struct engine *engine, node_number node);
uint64_t held_lowest(const struct engine *engine);
void held_deinit(struct engine *engine);

#endif
