/* SPDX-License-Identifier: BSD-3-Clause */
#include "replica/replica.h"

#include "base/assert.h"
#include "base/rule.h"
#include "store/mates.h"
#include "store/taken.h"
#include "value/merge.h"

/* What a buffer keeps between two uses, bytes. */
#define MERGED_KEEP (64 * 1024)

bool replica_votes(const struct partition *partition)
{
    return partition->eligible && !(RULE(12) && partition->recovering);
}

void replica_recover_anew(struct partition *partition)
{
    partition_lock(partition);
    if (!partition->recovering)
        partition->forgotten = 0;
    partition->recovering = true;
    partition->recovery++;
    partition_unlock(partition);
}

void replica_doubt(struct replica *replica, struct partition *partition)
{
    partition_lock(partition);
    if (partition->doubts++ == 0)
        ledger_doubt(&replica->bounds->ledger);
    partition_unlock(partition);
}

static struct version flush_tombstone(const struct partition *partition)
{
    return (struct version){.dot = partition->flushed, .deadline_ms = DEADLINE_NEVER};
}

struct entry *replica_find(struct partition *partition, const struct place *place,
                           struct version *version)
{
    struct entry *entry = partition_find(partition, place->hash, place->key, version);

    if (entry == NULL || dot_compare(version->dot, partition->flushed) > 0)
        return entry;
    partition_remove(partition, place->hash, place->key);
    *version = (struct version){.deadline_ms = DEADLINE_NEVER};
    return NULL;
}

struct entry *replica_current(struct partition *partition, const struct place *place,
                              struct version *current)
{
    struct entry *entry = replica_find(partition, place, current);

    if (entry == NULL)
        *current = flush_tombstone(partition);
    return entry;
}

bool replica_see(struct partition *partition, const struct place *place, struct version *current,
                 struct looked *looked)
{
    const struct dot flushed = partition->flushed;

    if (replica_find(partition, place, current) != NULL)
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

void replica_want_ceiling(struct replica_bounds *bounds, uint64_t stamp)
{
    uint64_t wanted = atomic_load_explicit(&bounds->wanted, memory_order_relaxed);

    while (wanted < stamp &&
           !atomic_compare_exchange_weak_explicit(&bounds->wanted, &wanted, stamp,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

/* Why a stamp may not enter this node, or be given here, whatever the key (design: Versions). */
enum ack_status replica_stamp_refusal(struct replica_bounds *bounds, struct instant now,
                                      uint64_t stamp)
{
    if (hlc_too_far(stamp, now.wall_ms,
                    atomic_load_explicit(&bounds->ahead_max_ms, memory_order_relaxed)))
        return ACK_TOO_FAR;
    if (stamp <= atomic_load_explicit(&bounds->ceiling, memory_order_acquire))
        return ACK_OK;
    replica_want_ceiling(bounds, stamp);
    return ACK_CEILING;
}

bool replica_may_enter(struct replica *replica, struct instant now, uint64_t stamp)
{
    return replica_stamp_refusal(replica->bounds, now, stamp) == ACK_OK;
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

static enum store_status put_block(struct replica *replica, struct partition *partition,
                                   const struct place *place, struct entry *entry,
                                   const struct version *version)
{
    if (!block_holds(replica->lent, version->value))
        return partition_put_over(partition, place->hash, place->key, entry, version,
                                  &version->value, 1);
    return partition_put_block(partition, place->hash, place->key, entry, version, replica->lent);
}

/* Puts what is to be here over the `entry` that was found; where there is no room, it is as if it
 * had been evicted at once. */
static enum ack_status put(struct replica *replica, struct partition *partition,
                           const struct place *place, struct entry *entry,
                           const struct version *version)
{
    enum store_status status;

    if (__builtin_expect(replica->lent != NULL, 0))
        status = put_block(replica, partition, place, entry, version);
    else
        status = partition_put_over(partition, place->hash, place->key, entry, version,
                                    &version->value, 1);
    if (status == STORE_OK)
        return ACK_OK;
    partition_leave_out(partition, place->hash, place->key, version->dot);
    return ACK_FULL;
}

/* A set meets another, which is here. */
static enum ack_status keep_merged(struct replica *replica, struct partition *partition,
                                   const struct place *place, struct entry *entry,
                                   const struct version *current, const struct version *version)
{
    struct buffer *merged = &replica->merged;
    enum ack_status status = ACK_FULL;

    /* All replicas have answered for what is settled, this one with all that it said: it is a
     * second copy, and values that it has and this one has not are gone since: deleted, and the
     * delete is settled and forgotten, or evicted. So it brings no values. What it knows to be over
     * is so at all times, and comes in: replicas forget tombstones one by one, so that sets written
     * meanwhile have different contexts, and differ until one takes over what the other knows. */
    const bool old = RULE(9) && version->dot.stamp <= partition->settled;
    if ((old ? siblings_merge_old : siblings_merge)(current->value, version->value, merged) ==
        SIBLINGS_OK) {
        const struct version both = siblings_version(buffer_content(merged));
        status = siblings_equal(buffer_content(merged), current->value)
                     ? ACK_OK
                     : put(replica, partition, place, entry, &both);
    }
    buffer_reset(&replica->merged, MERGED_KEEP);
    return status;
}

/* Whether a version that was offered is not in what it went into as a write should be: of a string
 * or a tombstone another is the base, or shares stand above it that may have been acknowledged
 * before; of a counter the share that was added to is gone. */
static bool is_covered(const struct version *offered, const struct version *merged)
{
    struct counter_share shares[COUNTER_SHARES_MAX];

    if (version_is_counter(offered))
        return !counter_counts(offered, merged);
    return !dot_equal(counter_base(merged), offered->dot) || counter_shares(merged, shares) > 0;
}

/* A counter comes in, or something comes to one. */
static void keep_counter(struct replica *replica, struct partition *partition,
                         const struct place *place, struct entry *entry,
                         const struct version *current, const struct version *version,
                         struct offered *offered)
{
    struct version both;

    offered->status = ACK_FULL;
    if (counter_merge(current, version, replica->self, &replica->merged, &both) == COUNTER_OK) {
        offered->status = ACK_OK;
        if (entry == NULL || !dot_equal(both.dot, current->dot) ||
            version_digest(&both) != version_digest(current))
            offered->status = put(replica, partition, place, entry, &both);
        if (offered->status == ACK_OK && is_covered(version, &both)) {
            offered->status = ACK_NEWER;
            offered->known = both.dot;
        }
    }
    buffer_reset(&replica->merged, MERGED_KEEP);
}

/* A flush is a base like any other. */
static bool counter_unflushed(struct replica *replica, const struct partition *partition,
                              struct version *version)
{
    const struct version nothing = flush_tombstone(partition);
    const struct version before = *version;

    return dot_compare(counter_base(version), partition->flushed) > 0 ||
           counter_merge(&before, &nothing, replica->self, &replica->unflushed, version) ==
               COUNTER_OK;
}

bool replica_unflushed(struct replica *replica, const struct partition *partition,
                       struct version *version)
{
    struct buffer *left = &replica->unflushed;

    if (buffer_size(left) > 0)
        buffer_reset(left, MERGED_KEEP);
    if (version_is_counter(version))
        return counter_unflushed(replica, partition, version);
    if (!version_is_set(version) || !siblings_any_before(version->value, partition->flushed))
        return true;
    if (siblings_after(version->value, partition->flushed, left) != SIBLINGS_OK)
        return false;
    *version = siblings_version(buffer_content(left));
    return true;
}

/* Makes a set what is to be kept of it: that is without what a flush took. False: nothing is. */
static bool keeps_of_set(struct replica *replica, struct partition *partition,
                         const struct place *place, struct version *version,
                         struct offered *offered)
{
    /* A set does not know of a flush that came first, and is not stamped above it: it is as if it
     * had been kept and flushed. Where sets are kept, a flush is not done before every replica has
     * it, so this write began before the flush was done. */
    if (dot_compare(version->dot, partition->flushed) <= 0)
        return false;
    if (replica_unflushed(replica, partition, version))
        return true;
    partition_leave_out(partition, place->hash, place->key, version->dot);
    offered->status = ACK_FULL;
    return false;
}

/* Under the lock. Concurrent siblings are merged; otherwise the newer dot wins. */
static void keep(struct replica *replica, struct partition *partition, const struct place *place,
                 struct dot over, const struct version *version, struct offered *offered)
{
    struct version left, current;
    struct dot bar;

    if (version_is_set(version)) {
        left = *version;
        if (!keeps_of_set(replica, partition, place, &left, offered))
            return;
        version = &left;
    }
    struct entry *entry = replica_find(partition, place, &current);
    if (entry != NULL) {
        if (version_is_set(version) && version_is_set(&current)) {
            offered->status = keep_merged(replica, partition, place, entry, &current, version);
            return;
        }
        if (versions_count(version, &current)) {
            const struct dot before = current.dot;
            keep_counter(replica, partition, place, entry, &current, version, offered);
            offered->diverged = dot_compare(over, before) < 0 && before.stamp > partition->settled;
            return;
        }
        bar = current.dot;
    } else {
        bar = bar_of_empty(partition, place);
        current.dot = partition->flushed;
    }
    if (dot_equal(version->dot, current.dot))
        return; /* it came before */
    if (dot_compare(version->dot, bar) <= 0) {
        if (partition->taken != NULL && partition_has_taken(partition, place->hash, version->dot))
            return; /* rule 25: so it did */
        offered->status = ACK_NEWER;
        offered->known = bar;
        return;
    }
    if (__builtin_expect(version_is_counter(version), 0)) {
        const struct version nothing = flush_tombstone(partition);
        keep_counter(replica, partition, place, NULL, &nothing, version, offered);
    } else {
        offered->status = put(replica, partition, place, entry, version);
        if (__builtin_expect(dot_equal(over, version->dot), 0) && !version_is_set(version))
            partition_note_taken(partition, place->hash, version->dot);
    }
    /* What is settled was known to whoever wrote, and may be gone there. */
    offered->diverged = dot_compare(over, current.dot) < 0 &&
                        current.dot.stamp > partition->settled;
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

void replica_offer_here(struct replica *replica, struct partition *partition, struct instant now,
                        const struct place *place, struct dot over, const struct version *version,
                        struct offered *offered)
{
    const bool forgets = forgot(partition, version->dot);

    if (forgets && RULE(20)) {
        *offered = forgetful(partition);
        return;
    }
    if (!RULE(7) && version->deadline_ms <= now.wall_ms)
        return;
    keep(replica, partition, place, over, version, offered);
    if ((offered->status == ACK_OK || offered->status == ACK_FULL) &&
        version->dot.stamp > partition->last_stamp)
        partition->last_stamp = version->dot.stamp;
    if (!RULE(1) && offered->status == ACK_NEWER)
        offered->status = ACK_OK;
    if (forgets)
        *offered = forgetful(partition);
}

struct offered replica_offer(struct replica *replica, struct instant now, const struct place *place,
                             struct dot over, const struct version *version)
{
    if (version->kind == VALUE_BATCH)
        return replica_offer_batch(replica, now, place, version);
    struct partition *partition = store_partition(replica->store, place->partition);
    struct offered offered = {
        .status = replica_stamp_refusal(replica->bounds, now, version->dot.stamp)};
    uint64_t evicted = 0;

    if (offered.status != ACK_OK)
        return offered;
    if ((version_is_set(version) && !siblings_valid(version->value)) ||
        (version_is_counter(version) && !counter_valid(version))) {
        offered.status = ACK_FULL;
        return offered;
    }
    hlc_observe(&replica->hlc, version->dot.stamp);
    replica_make_room(replica, place, version->value.size, &evicted);
    partition_lock(partition);
    if (partition->claim_version != place->claim_version) {
        offered.status = ACK_STALE_CLAIM;
        offered.claim_version = partition->claim_version;
    } else {
        replica_offer_here(replica, partition, now, place, over, version, &offered);
    }
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
    const int order = dot_compare(version->dot, have);
    const size_t at = buffer_size(bytes);

    if (!version_exists(version) && !dot_exists(have))
        return ANSWER_SAME;
    if (order == 0 && version_digest(version) == digest)
        return ANSWER_SAME;
    if (!version_exists(version))
        return ANSWER_NONE;
    /* Of what is merged, also an older one may have what the asker lacks. */
    if (order > 0 || digest != 0 || version_digest(version) != 0)
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
            if (__builtin_expect(looked.version.value.size >= BLOCK_SHARED_MIN, 0) &&
                dot_compare(looked.version.dot, have) > 0 && !version_is_set(&looked.version))
                looked.block = partition_share_value(partition, place->hash, place->key);
            looked.status = looked.block != NULL ? ANSWER_VERSION
                                                 : show(&looked.version, have, digest, bytes);
            looked.mates = partition->mates != NULL && looked.status == ANSWER_VERSION &&
                           partition_mates(partition, looked.version.dot) != NULL;
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
    return store_make_room_for(replica->store, place->key.size, value_size, evicted);
}

bool replica_may_stamp(const struct replica *replica, struct instant now)
{
    struct hlc hlc = replica->hlc;

    return hlc_tick(&hlc, now.wall_ms, 0) <=
           atomic_load_explicit(&replica->bounds->ceiling, memory_order_acquire);
}

uint64_t replica_stamp(struct replica *replica, struct instant now, struct partition *partition,
                       uint64_t floor)
{
    if (partition->last_stamp > floor)
        floor = partition->last_stamp;
    if (partition->floor > floor)
        floor = partition->floor;
    if (RULE(18) && replica->bounds->ceiling_at_start > floor)
        floor = replica->bounds->ceiling_at_start;
    const uint64_t before = replica->hlc.last;
    const uint64_t stamp = hlc_tick(&replica->hlc, now.wall_ms, floor);
    if (stamp > atomic_load_explicit(&replica->bounds->ceiling, memory_order_acquire)) {
        replica->hlc.last = before;
        replica_stamp_refusal(replica->bounds, now, stamp);
        return 0;
    }
    partition->last_stamp = stamp;
    return stamp;
}

/* ---- FLUSHALL ---- */

/* Keys of entries that are dead, or have dead siblings, one after another, each behind its size. */
struct dead {
    struct buffer *keys;
    struct dot flushed;
};

/* Whether a version that is above a flush has something that the flush took. */
static bool is_partly_dead(const struct version *version, struct dot flushed)
{
    if (version_is_counter(version))
        return dot_compare(counter_base(version), flushed) < 0;
    return version_is_set(version) && siblings_any_before(version->value, flushed);
}

static void look_for_dead(void *context, struct span key, const struct version *version)
{
    const struct dead *dead = context;

    if (dot_compare(version->dot, dead->flushed) > 0 && !is_partly_dead(version, dead->flushed))
        return;
    buffer_append(dead->keys, &key.size, sizeof key.size);
    buffer_append_span(dead->keys, key);
}

/* A set that was written after the flush, which came late, loses what the flush took of it. */
static void drop_dead(struct replica *replica, struct partition *partition, struct span key)
{
    const uint64_t hash = store_hash(replica->store, key);
    struct version left;

    if (!partition_get(partition, hash, key, &left))
        return;
    const struct dot dot = left.dot;
    if (dot_compare(dot, partition->flushed) <= 0)
        partition_remove(partition, hash, key);
    else if (!replica_unflushed(replica, partition, &left) ||
             partition_put(partition, hash, key, &left, &left.value, 1) != STORE_OK)
        partition_leave_out(partition, hash, key, dot);
}

uint32_t replica_drop_dead(struct replica *replica, struct partition *partition, uint32_t limit)
{
    struct buffer *keys = &replica->merged;
    struct dead dead = {.keys = keys, .flushed = partition->flushed};
    uint32_t count = 0;
    size_t size;

    const uint64_t cursor = partition_scan(partition, partition->flush_cursor, limit, look_for_dead,
                                           &dead);
    if (!keys->failed) {
        partition->flush_cursor = (uint32_t)cursor;
        partition->flushing = cursor != 0;
    }
    for (; !keys->failed && buffer_size(keys) > 0; count++) {
        memcpy(&size, buffer_content(keys).data, sizeof size);
        buffer_consume(keys, sizeof size);
        const struct span key = span_of(buffer_content(keys).data, size);
        drop_dead(replica, partition, key);
        buffer_consume(keys, size);
    }
    buffer_reset(keys, MERGED_KEEP);
    return count;
}

/* Under the lock. */
static struct offered flush(struct partition *partition, struct dot dot, bool late)
{
    if (dot_equal(partition->flushed, dot) ||
        (late && dot_compare(partition->flushed, dot) > 0)) /* it came before, or a higher one */
        return (struct offered){.status = ACK_OK};
    if (forgot(partition, dot)) {
        struct offered offered = forgetful(partition);
        offered.known = dot_max(offered.known, last_of(partition->last_stamp));
        return offered;
    }
    if (partition->last_stamp < dot.stamp) {
        partition->flushed = dot;
        partition->last_stamp = dot.stamp;
        partition_clear(partition);
    } else if (late) {
        partition_flush(partition, dot);
    } else {
        return (struct offered){.status = ACK_NEWER, .known = last_of(partition->last_stamp)};
    }
    return (struct offered){.status = ACK_OK};
}

struct offered replica_flush(struct replica *replica, struct instant now, uint32_t index,
                             struct dot dot, bool late)
{
    struct partition *partition = store_partition(replica->store, index);
    struct offered offered = {.status = replica_stamp_refusal(replica->bounds, now, dot.stamp)};

    if (offered.status != ACK_OK)
        return offered;
    hlc_observe(&replica->hlc, dot.stamp);
    partition_lock(partition);
    offered = flush(partition, dot, late);
    partition_unlock(partition);
    return offered;
}
