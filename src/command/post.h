/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The post: how a worker of a node hands something to clients of another worker. Each worker has an
 * inbox; whoever has something for its clients puts a record there, and the worker opens it at the
 * end of its turn (node/deliver.c). A record is bytes that mean the same to every worker: what of
 * it a client is shown, and in which protocol, is for the client's own worker to say.
 *
 *      0          8      9
 *     +----------+------+-----------------+
 *     | size u64 | kind | bytes           |        size: of the bytes
 *     +----------+------+-----------------+
 *
 * Records that one worker puts into one inbox are opened in their order.
 *
 * Bounds: of each kind an inbox holds POST_BYTES_MAX bytes, or one record. What finds no room is
 * lost, and whoever opens the inbox is told of which kinds something was. No kind takes another's
 * room.
 *
 * A mutex guards each inbox, held for a copy. A worker finds out that its own is empty by one load.
 */
#ifndef DUNLIN_COMMAND_POST_H
#define DUNLIN_COMMAND_POST_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/span.h"

#define POST_BYTES_MAX   (64u << 20)
#define POST_WORKERS_MAX 256

enum post_kind {
    POST_SHOWN,     /* lines for those who monitor (monitors.h) */
    POST_PUBLISHED, /* a message for those who subscribe (channels.h) */
    /* What changed in this node's store, and at other nodes (store/changes.h); and what a client is
     * to be told, to which another one redirects: its session (u64), and a key or null in RESP. */
    POST_CHANGED_HERE,
    POST_CHANGED_THERE,
    POST_INVALIDATED,
    POST_KINDS
};

struct post;

struct inbox {
    _Alignas(MEMORY_APART) atomic_bool waits; /* it holds something, or something was lost */

    /* post.c's */
    pthread_mutex_t lock;
    struct buffer records;
    size_t bytes[POST_KINDS];
    uint32_t lost;
};

/* `wake` makes a worker open its inbox. It is called from any thread, with no lock of the post's
 * held; it must not wait. */
struct post *post_create(void (*wake)(void *context, uint32_t worker), void *context);
void post_destroy(struct post **post);

/* The worker has an inbox from now on; called before any thread puts something. Again for the same
 * one is no mistake. */
struct inbox *post_open(struct post *post, uint32_t worker);
/* Workers below this number may have an inbox. */
uint32_t post_workers(const struct post *post);

/* Puts a record, of the pieces one behind another, into the inbox of `worker`, and wakes it unless
 * it is `own`, who looks at the end of its turn. False: there was no room. */
bool post_put(struct post *post, uint32_t own, uint32_t worker, enum post_kind kind,
              const struct span *pieces, size_t count);

static inline bool post_waits(const struct inbox *inbox)
{
    return atomic_load_explicit(&inbox->waits, memory_order_relaxed);
}

/* Moves all records to `records`, which is empty. Returns a mask (bit 1 << kind) of the kinds of
 * which some were lost since the last time. */
uint32_t post_take(struct inbox *inbox, struct buffer *records);
/* Bytes that it takes. */
size_t post_footprint(struct inbox *inbox);

struct post_record {
    enum post_kind kind;
    struct span bytes;
};

/* The next of the records that were taken; false: there is none. Moves `records` on. */
bool post_next(struct span *records, struct post_record *record);

#endif
