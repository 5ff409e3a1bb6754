/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A ring as bytes: for the file in `dir`, for peers, and for the digest that gossip carries. The
 * same ring gives the same bytes everywhere.
 *
 * A msgpack map; a reader skips keys that it does not know, so that a later version can add some.
 *
 *   "id"       bin 16   identity of the ring
 *   "version"  uint     epoch << 32 | step
 *   "last"     uint     the highest node number ever given out
 *   "n"        uint     N where no rule matches
 *   "conflict" uint     enum ring_conflict where no rule matches
 *   "rules"    array of maps    "prefix" bin, "n" uint, "conflict" uint
 *   "members"  array of maps    "number" uint, "id" bin 16, "zone" str, "weight" uint, "host" str,
 *                               "port" uint, "bus" uint; in the order of their numbers
 *   "q"        uint     partitions
 *   "claims"   bin      a row for each partition, in order:
 *
 *       0               8       9           11
 *       +---------------+-------+-----------+-----------+--
 *       | version       | count | number    | number    | ...    little-endian; `count` numbers
 *       +---------------+-------+-----------+-----------+--
 */
#ifndef DUNLIN_RING_RING_CODEC_H
#define DUNLIN_RING_RING_CODEC_H

#include "base/buffer.h"
#include "ring/ring.h"

/* No ring has more bytes, with room for keys of later versions. */
#define RING_ENCODED_MAX (4u << 20)

/* Appends the ring to `out`; buffer->failed tells when there was no memory. */
void ring_encode(const struct ring *ring, struct buffer *out);

/* A ring with one reference, or NULL and in `error` what is wrong with the bytes. Keeps nothing of
 * `bytes`. */
struct ring *ring_decode(struct span bytes, char error[RING_ERROR_MAX]);

/* XXH3 over the encoding: equal rings have equal digests. Encodes the ring: keep the result. */
uint64_t ring_digest(const struct ring *ring);

#endif
