/* SPDX-License-Identifier: BSD-3-Clause */
#include "sync/vanished.h"

#include "base/memory.h"
#include "store/marks.h"
#include "sync/stream.h"

/* Slots for a piece, at the fill that a table may have at least. */
#define SLOTS_MAX (VANISHED_MARKS_MAX * 2)
/* What the buffer of keys keeps, bytes. */
#define KEYS_KEEP 4096u

struct span vanished_piece(struct span marks)
{
    const size_t most = (size_t)VANISHED_MARKS_MAX * STREAM_MARK_BYTES;

    return span_of(marks.data, marks.size < most ? marks.size : most);
}

/* What is handed over, by hash, and the keys of entries that it ends, each behind its size. */
struct vanished {
    const struct store *store;
    struct marks *marks;
    struct buffer *keys;
    uint64_t highest; /* a stamp */
};

static enum ack_status read_marks(struct vanished *vanished, struct span bytes)
{
    struct stream_entry entry;
    enum stream_result result;
    uint32_t count = 0;

    while ((result = stream_next(&bytes, &entry)) == STREAM_OK) {
        const struct dot dot = entry.version.dot;
        if (!entry.is_mark || !dot_exists(dot) || ++count > VANISHED_MARKS_MAX ||
            !marks_put(&vanished->marks, entry.hash, dot, SLOTS_MAX))
            return ACK_FULL;
        if (dot.stamp > vanished->highest)
            vanished->highest = dot.stamp;
    }
    return result == STREAM_END ? ACK_OK : ACK_FULL;
}

/* What is newer needs no mark; what is older has to go. */
static void meet(void *context, struct span key, const struct version *version)
{
    struct vanished *vanished = context;
    const uint64_t hash = store_hash(vanished->store, key);
    const struct dot mark = marks_find(vanished->marks, hash);

    if (!dot_exists(mark))
        return;
    if (dot_compare(version->dot, mark) >= 0) {
        marks_remove(&vanished->marks, hash);
        return;
    }
    buffer_append(vanished->keys, &key.size, sizeof key.size);
    buffer_append_span(vanished->keys, key);
}

static void drop(struct replica *replica, struct partition *partition, struct buffer *keys)
{
    size_t size;

    while (buffer_size(keys) > 0) {
        memcpy(&size, buffer_content(keys).data, sizeof size);
        buffer_consume(keys, sizeof size);
        const struct span key = span_of(buffer_content(keys).data, size);
        partition_remove(partition, store_hash(replica->store, key), key);
        buffer_consume(keys, size);
    }
}

/* Under the lock. */
static enum ack_status keep(struct replica *replica, struct partition *partition,
                            struct vanished *vanished)
{
    partition_scan(partition, 0, UINT32_MAX, meet, vanished);
    if (vanished->keys->failed)
        return ACK_FULL;
    drop(replica, partition, vanished->keys);
    const struct marks *marks = vanished->marks;
    for (uint32_t i = 0; marks != NULL && i < marks->slot_count; i++)
        if (dot_compare(marks->slots[i].dot, partition->flushed) > 0)
            partition_leave_mark(partition, marks->slots[i].hash, marks->slots[i].dot);
    if (vanished->highest > partition->last_stamp)
        partition->last_stamp = vanished->highest;
    return ACK_OK;
}

static enum ack_status take(struct replica *replica, struct instant now,
                            struct partition *partition, uint64_t claim_version,
                            struct vanished *vanished)
{
    enum ack_status status;

    if (!replica_may_enter(replica, now, vanished->highest))
        return ACK_CEILING;
    hlc_observe(&replica->hlc, vanished->highest);
    partition_lock(partition);
    if (partition->claim_version != claim_version)
        status = ACK_STALE_CLAIM;
    else if (!replica_votes(partition))
        status = ACK_FORGETFUL;
    else
        status = keep(replica, partition, vanished);
    partition_unlock(partition);
    return status;
}

enum ack_status vanished_take(struct replica *replica, struct instant now, uint32_t partition,
                              uint64_t claim_version, struct span marks)
{
    struct vanished vanished = {.store = replica->store, .keys = &replica->merged};
    enum ack_status status = ACK_STALE_CLAIM;

    if (partition < store_partitions(replica->store))
        status = read_marks(&vanished, marks);
    if (status == ACK_OK)
        status = take(replica, now, store_partition(replica->store, partition), claim_version,
                      &vanished);
    buffer_reset(vanished.keys, KEYS_KEEP);
    memory_free(vanished.marks);
    return status;
}
