/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Slots and partitions. A key's slot is Redis Cluster's: CRC16/XMODEM of the key, or of its hash
 * tag, mod 16384 ("Redis cluster specification", sections "Key distribution model" and "Hash
 * tags"). A partition is a run of slots:
 *
 *      slot       0 .......... k-1 | k ......... 2k-1 | ...            16383
 *      partition         0         |        1         | ...   Q-1
 *
 *      with Q partitions, a power of two from 1 to 16384, and k = 16384 / Q slots in each.
 */
#ifndef DUNLIN_RING_SLOT_H
#define DUNLIN_RING_SLOT_H

#include "base/span.h"

#define RING_SLOTS 16384u

/* The part of `key` that its slot depends on: what stands between the first '{' and the first '}'
 * after it, when that is not empty; else the whole key. */
struct span ring_hash_tag(struct span key);

/* 0..16383 */
uint32_t ring_slot(struct span key);

/* Whether a ring can have `count` partitions. */
bool ring_partition_count_valid(uint64_t count);

/* The partition that holds `slot`. */
uint32_t ring_slot_partition(uint32_t slot, uint32_t partition_count);

/* The first slot of `partition`; it has RING_SLOTS / partition_count of them. */
uint32_t ring_partition_slot(uint32_t partition, uint32_t partition_count);

#endif
