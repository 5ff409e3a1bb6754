/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The batches of a partition that are not settled: for each its dot and the names of its keys, so
 * that whoever hands on a version that one of them wrote can hand on the versions of all its keys
 * (rule 24, docs/ARCHITECTURE.md). One is forgotten once it is settled, for then every replica has
 * it; past MATES_MAX and some the oldest. One that there is no memory for is not remembered. They
 * are counted as charged to the store (store_charge). The partition's lock is held.
 */
#ifndef DUNLIN_STORE_MATES_H
#define DUNLIN_STORE_MATES_H

#include "store/store.h"
#include "value/batch.h"

/* Batches of one partition that are remembered at least, where there are so many, and at most how
 * many more; the bytes of the names of one's keys: of one that has more nothing is. */
#define MATES_MAX       256
#define MATES_MORE      64
#define MATES_BYTES_MAX (64u * 1024)
/* Of what goes along with a batch so many other dots are looked at. */
#define MATES_OTHERS_MAX 32

struct mates {
    struct mates *next; /* the one with the next lower dot */
    struct dot dot;
    bool wanted, taken; /* while several are handed on at once */
    size_t size;        /* of `keys` */
    uint8_t keys[];     /* u32 size, bytes, again and again */
};

/* The names in it. False at the end. */
bool mates_next_key(struct span *rest, struct span *key);

/* Remembers the keys of those of its items that have its dot, or a newer one since, where they are
 * two or more and it is not settled. The same for the dots of its other items: they may be of
 * batches that it took along, and which of them belong together is not told. */
void partition_note_batch(struct partition *partition, const struct version *batch);

/* The batch with this dot; NULL: there is none, or it is settled, or was forgotten. */
struct mates *partition_mates(struct partition *partition, struct dot dot);

/* Forgets those at or below the stamp. */
void partition_drop_mates(struct partition *partition, uint64_t stamp);

#endif
