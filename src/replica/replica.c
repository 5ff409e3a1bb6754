/* SPDX-License-Identifier: BSD-3-Clause */
#include "replica/replica.h"

#include "base/assert.h"
#include "value/siblings.h"

/* A set of siblings stays a set when its last value is deleted: a tombstone with bytes. */
static bool is_set(const struct version *version)
{
    return version->kind == VALUE_SIBLINGS ||
           (version->kind == VALUE_TOMBSTONE && version->value.size > 0);
}

void replica_current(struct partition *partition, const struct place *place,
                     struct version *current)
{
    if (partition_get(partition, place->hash, place->key, current))
        return;
    *current = (struct version){.dot = partition->flushed, .deadline_ms = DEADLINE_NEVER};
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

static enum ack_status status_of(enum store_status status)
{
    return status == STORE_OK ? ACK_OK : ACK_FULL;
}

/* Under the lock. Concurrent siblings are merged; otherwise the newer dot wins. */
static struct offered keep(struct replica *replica, struct partition *partition,
                           const struct place *place, struct dot over,
                           const struct version *version)
{
    struct version current;

    replica_current(partition, place, &current);
    if (is_set(version) && is_set(&current)) {
        if (siblings_merge(current.value, version->value, &replica->merged) != SIBLINGS_OK)
            return (struct offered){.status = ACK_FULL};
        const struct span set = buffer_content(&replica->merged);
        const struct version merged = siblings_version(set);
        const enum store_status status = partition_put(partition, place->hash, place->key, &merged,
                                                       &set, 1);
        buffer_reset(&replica->merged, 64 * 1024);
        return (struct offered){.status = status_of(status)};
    }
    const int order = dot_compare(current.dot, version->dot);
    if (order == 0)
        return (struct offered){.status = ACK_OK}; /* it came before */
    if (order > 0)
        return (struct offered){.status = ACK_NEWER, .known = current.dot}; /* rule 1 */
    return (struct offered){.status = status_of(partition_put(partition, place->hash, place->key,
                                                              version, &version->value, 1)),
                            .diverged = dot_compare(over, current.dot) < 0};
}

/* Whether this replica may have acknowledged, and forgotten, something newer (rules 19 and 20). */
static bool forgot(const struct partition *partition, struct dot dot)
{
    return partition->recovering && dot.stamp <= partition->forgotten;
}

static struct offered forgetful(const struct partition *partition)
{
    return (struct offered){.status = ACK_FORGETFUL,
                            .known = {.stamp = partition->forgotten, .node = UINT16_MAX}};
}

struct offered replica_offer(struct replica *replica, struct instant now, const struct place *place,
                             struct dot over, const struct version *version)
{
    struct partition *partition = store_partition(replica->store, place->partition);
    const enum ack_status refusal = stamp_refusal(replica, now, version->dot.stamp);
    struct offered offered;

    if (refusal != ACK_OK)
        return (struct offered){.status = refusal};
    if (is_set(version) && !siblings_valid(version->value))
        return (struct offered){.status = ACK_FULL};
    hlc_observe(&replica->hlc, version->dot.stamp);
    partition_lock(partition);
    if (partition->claim_version != place->claim_version) {
        offered = (struct offered){.status = ACK_STALE_CLAIM,
                                   .claim_version = partition->claim_version};
    } else if (forgot(partition, version->dot)) {
        offered = forgetful(partition);
    } else {
        offered = keep(replica, partition, place, over, version);
        if (offered.status == ACK_OK && version->dot.stamp > partition->last_stamp)
            partition->last_stamp = version->dot.stamp;
    }
    partition_unlock(partition);
    return offered;
}

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
        if (partition_votes(partition)) { /* rule 12 */
            replica_current(partition, place, &looked.version);
            looked.status = show(&looked.version, have, digest, bytes);
            if (bytes->failed)
                looked.status = ANSWER_NOT_VOTING; /* it cannot say what it has */
        }
    }
    partition_unlock(partition);
    return looked;
}

uint64_t replica_stamp(struct replica *replica, struct instant now, struct partition *partition,
                       uint64_t floor)
{
    if (partition->last_stamp > floor)
        floor = partition->last_stamp;
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
        offered.known = (struct dot){.stamp = partition->last_stamp, .node = UINT16_MAX};
    } else {
        partition->flushed = dot;
        partition->last_stamp = dot.stamp;
        partition_clear(partition);
    }
    partition_unlock(partition);
    return offered;
}
