/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A batch: versions of several keys of one partition that belong together, since one transaction
 * wrote them. It travels as one version of the kind VALUE_BATCH, which is offered, owed, hinted and
 * held like any other, and is taken apart where it is kept: a store never holds one. Its dot is
 * that of all versions that the transaction wrote; what else goes along with them has its own.
 *
 *     item:  over u64 u16, kind u8, dot u64 u16, deadline i64, key u32, value u32, key, value
 *
 * Little-endian and unpadded, one item after another.
 */
#ifndef DUNLIN_VALUE_BATCH_H
#define DUNLIN_VALUE_BATCH_H

#include "base/buffer.h"
#include "value/version.h"

struct batch_item {
    struct dot over; /* what the version was written over */
    struct span key;
    struct version version;
};

/* Bytes of one item. */
size_t batch_item_size(size_t key_size, size_t value_size);
/* Memory that is lacking leaves the buffer `failed`. */
void batch_append(struct buffer *out, const struct batch_item *item);

/* Takes the first item from `rest`, which it moves on; false at the end, and at bytes that are
 * none. What it fills in points into them. */
bool batch_next(struct span *rest, struct batch_item *item);

/* The highest dot of its versions; DOT_NONE where the bytes are no items, or not each is a version
 * that may be kept. */
struct dot batch_highest(struct span bytes);

/* The items as one version. */
struct version batch_version(struct span bytes, struct dot dot);

#endif
