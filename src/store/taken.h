/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The versions that a partition took of late from others than their coordinators: by the repair of
 * a read, or by being written over after they were read. Their coordinators may yet offer them, and
 * are told that they were here, whatever is here by then (rule 25, docs/ARCHITECTURE.md). The last
 * TAKEN_MAX that are not settled; a ring that is there only while there are any, counted as charged
 * to the store (store_charge). One that there is no memory for is not remembered. The partition's
 * lock is held.
 */
#ifndef DUNLIN_STORE_TAKEN_H
#define DUNLIN_STORE_TAKEN_H

#include "store/store.h"

/* Versions of one partition that are remembered. */
#define TAKEN_MAX 64

/* Remembers the version of the key with that hash. */
void partition_note_taken(struct partition *partition, uint64_t hash, struct dot dot);

/* Whether it is remembered. */
bool partition_has_taken(const struct partition *partition, uint64_t hash, struct dot dot);

/* Forgets all where none of them is above the stamp. */
void partition_drop_taken(struct partition *partition, uint64_t stamp);

#endif
