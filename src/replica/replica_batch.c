/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a replica does with a batch that is offered to it, and how it hands one on.
 */
#include "base/assert.h"
#include "replica/replica.h"
#include "store/mates.h"

/* The less it says that the version is here, the worse. */
static unsigned badness(enum ack_status status)
{
    switch (status) {
    case ACK_OK:
        return 0;
    case ACK_FULL:
        return 1;
    case ACK_NEWER:
        return 2;
    default:
        return 3;
    }
}

static void add(struct offered *all, const struct offered *one)
{
    if (badness(one->status) > badness(all->status))
        all->status = one->status;
    all->known = dot_max(all->known, one->known);
    all->diverged |= one->diverged;
}

/* Under the lock. */
static void offer_items(struct replica *replica, struct partition *partition, struct instant now,
                        const struct place *place, const struct version *batch, struct offered *all)
{
    struct span items = batch->value;
    struct batch_item item;

    while (batch_next(&items, &item)) {
        struct place here = *place;
        struct offered one = {.status = ACK_OK};
        here.key = item.key;
        here.hash = store_hash(replica->store, item.key);
        replica_offer_here(replica, partition, now, &here, item.over, &item.version, &one);
        /* What took the place of one of its versions, and goes along with them, came after the
         * batch; so did what is newer than that. */
        if (one.status == ACK_NEWER && !dot_equal(item.version.dot, batch->dot))
            one = (struct offered){.status = ACK_OK};
        add(all, &one);
    }
}

static size_t room_for(struct span items)
{
    struct batch_item item;
    size_t bytes = 0;

    while (batch_next(&items, &item))
        bytes += store_room_for(item.key.size, item.version.value.size);
    return bytes;
}

struct offered replica_offer_batch(struct replica *replica, struct instant now,
                                   const struct place *place, const struct version *batch)
{
    struct partition *partition = store_partition(replica->store, place->partition);
    const uint64_t highest = batch_highest(batch->value).stamp;
    struct offered offered = {.status = ACK_FULL};
    uint64_t evicted = 0;

    if (highest == 0)
        return offered;
    offered.status = replica_stamp_refusal(replica->bounds, now, highest);
    if (offered.status != ACK_OK)
        return offered;
    hlc_observe(&replica->hlc, highest);
    (void)store_make_room(replica->store, room_for(batch->value), &evicted);
    partition_lock(partition);
    if (partition->claim_version != place->claim_version) {
        offered.status = ACK_STALE_CLAIM;
        offered.claim_version = partition->claim_version;
    } else {
        offer_items(replica, partition, now, place, batch, &offered);
        partition_note_batch(partition, batch);
    }
    partition_unlock(partition);
    offered.evicted = evicted;
    return offered;
}

bool replica_note_recovering(struct replica *replica, const struct place *place,
                             const struct version *batch)
{
    struct partition *partition = store_partition(replica->store, place->partition);

    partition_lock(partition);
    const bool recovering = partition->recovering;
    if (recovering && partition->claim_version == place->claim_version)
        partition_note_batch(partition, batch);
    partition_unlock(partition);
    return recovering;
}

/* What is here of its keys by now: each is the batch's, or newer. What has vanished is left out. Of
 * a newer one that another batch wrote, all of that follows. */
static void append(struct replica *replica, struct partition *partition, struct mates *mates,
                   struct buffer *bytes)
{
    struct span rest = span_of(mates->keys, mates->size);
    struct span key;

    mates->taken = true;
    while (mates_next_key(&rest, &key)) {
        const struct place place = {.hash = store_hash(replica->store, key), .key = key};
        struct batch_item item = {.key = key};
        if (replica_find(partition, &place, &item.version) == NULL)
            continue;
        item.over = item.version.dot; /* that it comes late is no divergence */
        batch_append(bytes, &item);
        struct mates *newer = partition_mates(partition, item.version.dot);
        if (newer != NULL && !newer->taken)
            newer->wanted = true;
    }
}

bool replica_append_mates(struct replica *replica, struct partition *partition, struct dot dot,
                          struct buffer *bytes)
{
    const size_t at = buffer_size(bytes);
    struct mates *next = partition->mates != NULL ? partition_mates(partition, dot) : NULL;

    if (next == NULL)
        return false;
    while (next != NULL) {
        append(replica, partition, next, bytes);
        next = partition->mates;
        while (next != NULL && (!next->wanted || next->taken))
            next = next->next;
    }
    for (next = partition->mates; next != NULL; next = next->next)
        next->taken = next->wanted = false;
    return buffer_size(bytes) > at;
}

bool replica_mates(struct replica *replica, uint32_t index, struct dot dot, struct buffer *bytes,
                   struct version *batch)
{
    struct partition *partition = store_partition(replica->store, index);
    const size_t at = buffer_size(bytes);

    partition_lock(partition);
    const bool there = replica_append_mates(replica, partition, dot, bytes);
    partition_unlock(partition);
    if (!there || bytes->failed)
        return false;
    *batch = batch_version(span_of(buffer_content(bytes).data + at, buffer_size(bytes) - at), dot);
    return true;
}

/* Whether the version, or a newer one, is among them. */
static bool has_item(struct span items, struct span key, struct dot dot)
{
    struct batch_item item;

    while (batch_next(&items, &item))
        if (span_equal(item.key, key) && dot_compare(item.version.dot, dot) >= 0)
            return true;
    return false;
}

/* Of what a FLUSHALL took here nobody remembers any more what belonged to it. The flush took all of
 * that, so its tombstone goes in place of the version, and is whole by itself. A set that is no
 * newer than the flush was begun before that was done: nothing of it outlives the flush. */
static bool append_flushed(struct replica *replica, uint32_t index, struct span key,
                           const struct version *version, struct buffer *bytes)
{
    struct partition *partition = store_partition(replica->store, index);
    struct batch_item item = {.key = key, .version.deadline_ms = DEADLINE_NEVER};

    partition_lock(partition);
    item.over = item.version.dot = partition->flushed;
    partition_unlock(partition);
    if (dot_compare(version->dot, item.version.dot) >= 0)
        return false;
    batch_append(bytes, &item);
    return !bytes->failed;
}

struct version replica_with_mates(struct replica *replica, uint32_t index, struct span key,
                                  const struct version *version, struct buffer *bytes)
{
    const struct batch_item own = {.over = version->dot, .key = key, .version = *version};
    struct version batch;

    if (version->kind == VALUE_BATCH)
        return *version;
    if (replica_mates(replica, index, version->dot, bytes, &batch)) {
        if (!has_item(batch.value, key, version->dot))
            batch_append(bytes, &own);
    } else if (!append_flushed(replica, index, key, version, bytes)) {
        return *version;
    }
    /* Its stamp stays: what is owed is owed from there. */
    return bytes->failed ? *version : batch_version(buffer_content(bytes), version->dot);
}
