/* SPDX-License-Identifier: BSD-3-Clause */
#include "replica/replica.h"

#include "base/assert.h"
#include "base/rule.h"
#include "value/siblings.h"

/* What an entry takes beside its key and its value, bytes: its head and its places in the tables,
 * rounded up to classes of sizes. An estimate. */
#define ENTRY_ROOM 128

/* A set of siblings stays a set when its last value is deleted: a tombstone with bytes. */
static bool is_set(const struct version *version)
{
    return version->kind == VALUE_SIBLINGS ||
           (version->kind == VALUE_TOMBSTONE && version->value.size > 0);
}

bool replica_votes(const struct partition *partition)
{
    return partition->eligible && !(RULE(12) && partition->recovering);
}

static struct version flush_tombstone(const struct partition *partition)
{
    return (struct version){.dot = partition->flushed, .deadline_ms = DEADLINE_NEVER};
}

void replica_current(struct partition *partition, const struct place *place,
                     struct version *current)
{
    if (!partition_get(partition, place->hash, place->key, current))
        *current = flush_tombstone(partition);
}

bool replica_see(struct partition *partition, const struct place *place, struct version *current,
                 struct looked *looked)
{
    const struct dot flushed = partition->flushed;

    if (partition_get(partition, place->hash, place->key, current))
        return true;
    looked->mark = partition_mark(partition, place->hash, place->key);
    looked->floor = partition->floor;
    looked->settled = partition->settled;
    /* The tombstone of a flush says that nothing newer was here, as any tombstone does; so it shows
     * only as long as that is known. */
    if (dot_exists(flushed) && dot_compare(flushed, looked->mark) >= 0 &&
        flushed.stamp >= looked->floor && flushed.stamp >= looked->settled) {
        *current = flush_tombstone(partition);
        return true;
    }
    looked->mark = dot_max(looked->mark, flushed);
    return false;
}

struct dot replica_mark(const struct partition *partition, const struct place *place,
                        const struct version *current)
{
    if (current->kind != VALUE_TOMBSTONE)
        return DOT_NONE;
    return partition_mark(partition, place->hash, place->key);
}

/* Why a stamp may not enter this node, whatever the key (design: Versions). */
static enum ack_status stamp_refusal(const struct replica *replica, struct instant now,
                                     uint64_t stamp)
{
    const struct replica_bounds *bounds = replica->bounds;

    if (hlc_too_far(stamp, now.wall_ms,
                    atomic_load_explicit(&bounds->ahead_max_ms, memory_order_relaxed)))
        return ACK_TOO_FAR;
    if (stamp > atomic_load_explicit(&bounds->ceiling, memory_order_acquire))
        return ACK_CEILING;
    return ACK_OK;
}

/* ---- entering ---- */

/* The highest dot with a stamp. */
static struct dot last_of(uint64_t stamp)
{
    return stamp == 0 ? DOT_NONE : (struct dot){.stamp = stamp, .node = UINT16_MAX};
}

/* What a version must be above to enter where there is no entry. */
static struct dot bar_of_empty(const struct partition *partition, const struct place *place)
{
    struct dot bar = partition->flushed;

    if (RULE(8)) {
        bar = dot_max(bar, partition_mark(partition, place->hash, place->key));
        bar = dot_max(bar, last_of(partition->floor));
    }
    if (RULE(9))
        bar = dot_max(bar, last_of(partition->settled));
    return bar;
}

/* Puts what is to be here; where there is no room, it is as if it had been evicted at once. */
static enum ack_status put(struct partition *partition, const struct place *place,
                           const struct version *version)
{
    if (partition_put(partition, place->hash, place->key, version, &version->value, 1) == STORE_OK)
        return ACK_OK;
    partition_leave_out(partition, place->hash, place->key, version->dot);
    return ACK_FULL;
}

/* A set meets another, which is here. */
static struct offered keep_merged(struct replica *replica, struct partition *partition,
                                  const struct place *place, const struct version *current,
                                  const struct version *version)
{
    enum ack_status status = ACK_FULL;

    /* All replicas have answered for it, this one with all that it said: it is a second copy, and
     * what it has and this one has not is gone since. */
    if (RULE(9) && version->dot.stamp <= partition->settled)
        return (struct offered){.status = ACK_OK};
    if (siblings_merge(current->value, version->value, &replica->merged) == SIBLINGS_OK) {
        const struct version merged = siblings_version(buffer_content(&replica->merged));
        status = put(partition, place, &merged);
    }
    buffer_reset(&replica->merged, 64 * 1024);
    return (struct offered){.status = status};
}

/* Under the lock. Concurrent siblings are merged; otherwise the newer dot wins. */
static struct offered keep(struct replica *replica, struct partition *partition,
                           const struct place *place, struct dot over,
                           const struct version *version)
{
    struct version current;
    struct dot bar;

    if (partition_get(partition, place->hash, place->key, &current)) {
        if (is_set(version) && is_set(&current))
            return keep_merged(replica, partition, place, &current, version);
        bar = current.dot;
    } else {
        bar = bar_of_empty(partition, place);
        current.dot = partition->flushed;
    }
    if (dot_equal(version->dot, current.dot))
        return (struct offered){.status = ACK_OK}; /* it came before */
    if (dot_compare(version->dot, bar) <= 0)
        return (struct offered){.status = ACK_NEWER, .known = bar};
    return (struct offered){.status = put(partition, place, version),
                            /* What is settled was known to whoever wrote, and may be gone there. */
                            .diverged = dot_compare(over, current.dot) < 0 &&
                                        current.dot.stamp > partition->settled};
}

/* Whether this replica may have acknowledged, and forgotten, something newer. */
static bool forgot(const struct partition *partition, struct dot dot)
{
    return RULE(12) && RULE(19) && partition->recovering && dot.stamp <= partition->forgotten;
}

static struct offered forgetful(const struct partition *partition)
{
    return (struct offered){.status = ACK_FORGETFUL, .known = last_of(partition->forgotten)};
}

static struct offered offer(struct replica *replica, struct partition *partition,
                            struct instant now, const struct place *place, struct dot over,
                            const struct version *version)
{
    const bool forgets = forgot(partition, version->dot);

    if (forgets && RULE(20))
        return forgetful(partition);
    if (!RULE(7) && version->deadline_ms <= now.wall_ms)
        return (struct offered){.status = ACK_OK};
    struct offered offered = keep(replica, partition, place, over, version);
    if ((offered.status == ACK_OK || offered.status == ACK_FULL) &&
        version->dot.stamp > partition->last_stamp)
        partition->last_stamp = version->dot.stamp;
    if (!RULE(1) && offered.status == ACK_NEWER)
        offered.status = ACK_OK;
    return forgets ? forgetful(partition) : offered;
}

struct offered replica_offer(struct replica *replica, struct instant now, const struct place *place,
                             struct dot over, const struct version *version)
{
    struct partition *partition = store_partition(replica->store, place->partition);
    const enum ack_status refusal = stamp_refusal(replica, now, version->dot.stamp);
    struct offered offered;
    uint64_t evicted = 0;

    if (refusal != ACK_OK)
        return (struct offered){.status = refusal};
    if (is_set(version) && !siblings_valid(version->value))
        return (struct offered){.status = ACK_FULL};
    hlc_observe(&replica->hlc, version->dot.stamp);
    replica_make_room(replica, place, version->value.size, &evicted);
    partition_lock(partition);
    if (partition->claim_version != place->claim_version)
        offered = (struct offered){.status = ACK_STALE_CLAIM,
                                   .claim_version = partition->claim_version};
    else
        offered = offer(replica, partition, now, place, over, version);
    partition_unlock(partition);
    offered.evicted = evicted;
    return offered;
}

/* ---- settling ---- */

bool replica_settle(struct partition *partition, uint64_t settled, uint32_t limit)
{
    return !partition->recovering && partition_settle(partition, settled, limit);
}

/* ---- looking ---- */

/* The version as an answer: without its value when the asker has the same, or has one that is
 * newer. */
static enum answer_status show(struct version *version, struct dot have, uint64_t digest,
                               struct buffer *bytes)
{
    const bool set = is_set(version);
    const int order = dot_compare(version->dot, have);
    const size_t at = buffer_size(bytes);

    if (!version_exists(version) && !dot_exists(have))
        return ANSWER_SAME;
    if (order == 0 && (!set || siblings_digest(version->value) == digest))
        return ANSWER_SAME;
    if (!version_exists(version))
        return ANSWER_NONE;
    if (set || order > 0)
        buffer_append_span(bytes, version->value);
    /* An empty buffer may have no bytes to point behind. */
    version->value = buffer_size(bytes) > at
                         ? span_of(buffer_content(bytes).data + at, buffer_size(bytes) - at)
                         : span_of(NULL, 0);
    return ANSWER_VERSION;
}

struct looked replica_look(struct replica *replica, const struct place *place, struct dot have,
                           uint64_t digest, struct buffer *bytes)
{
    struct partition *partition = store_partition(replica->store, place->partition);
    struct looked looked = {.status = ANSWER_STALE_CLAIM};

    partition_lock(partition);
    looked.claim_version = partition->claim_version;
    if (partition->claim_version == place->claim_version) {
        looked.status = ANSWER_NOT_VOTING;
        if (replica_votes(partition)) {
            replica_see(partition, place, &looked.version, &looked);
            looked.status = show(&looked.version, have, digest, bytes);
            if (bytes->failed)
                looked.status = ANSWER_NOT_VOTING; /* it cannot say what it has */
        }
    }
    partition_unlock(partition);
    return looked;
}

/* ---- stamping ---- */

bool replica_make_room(struct replica *replica, const struct place *place, size_t value_size,
                       uint64_t *evicted)
{
    return store_make_room(replica->store, place->key.size + value_size + ENTRY_ROOM, evicted);
}

uint64_t replica_stamp(struct replica *replica, struct instant now, struct partition *partition,
                       uint64_t floor)
{
    if (partition->last_stamp > floor)
        floor = partition->last_stamp;
    if (partition->floor > floor)
        floor = partition->floor;
    if (replica->bounds->ceiling_at_start > floor)
        floor = replica->bounds->ceiling_at_start;
    const uint64_t before = replica->hlc.last;
    const uint64_t stamp = hlc_tick(&replica->hlc, now.wall_ms, floor);
    if (stamp > atomic_load_explicit(&replica->bounds->ceiling, memory_order_acquire)) {
        replica->hlc.last = before;
        return 0;
    }
    partition->last_stamp = stamp;
    return stamp;
}

struct offered replica_flush(struct replica *replica, struct instant now, uint32_t index,
                             struct dot dot)
{
    struct partition *partition = store_partition(replica->store, index);
    struct offered offered = {.status = stamp_refusal(replica, now, dot.stamp)};

    if (offered.status != ACK_OK)
        return offered;
    hlc_observe(&replica->hlc, dot.stamp);
    partition_lock(partition);
    if (dot_equal(partition->flushed, dot)) {
        offered.status = ACK_OK; /* it came before */
    } else if (forgot(partition, dot)) {
        offered = forgetful(partition);
    } else if (partition->last_stamp >= dot.stamp) {
        offered.status = ACK_NEWER;
        offered.known = last_of(partition->last_stamp);
    } else {
        partition->flushed = dot;
        partition->last_stamp = dot.stamp;
        partition_clear(partition);
    }
    partition_unlock(partition);
    return offered;
}
