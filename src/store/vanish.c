/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What vanishes from a partition, expired, evicted or settled, and the marks that it leaves.
 */
#include "base/rule.h"
#include "store/internal.h"
#include "store/mates.h"
#include "store/taken.h"
#include "value/siblings.h"

/* Marks take at most one in so many bytes of memory_max. */
#define MARKS_SHARE 8u

/* -------------------------------------------------------------------------------------- marks */

struct dot partition_mark(const struct partition *partition, uint64_t hash, struct span key)
{
    if (partition->marks == NULL)
        return DOT_NONE;
    const struct dot dot = marks_find(partition->marks, hash);
    /* Another key of the same hash may have left it. */
    return dot_exists(dot) && partition_entry(partition, hash, key) == NULL ? dot : DOT_NONE;
}

void partition_raise_floor(struct partition *partition, uint64_t stamp)
{
    if (stamp > partition->floor)
        partition->floor = stamp;
}

/* Where little memory is allowed, marks must not take it from the entries. */
static uint32_t mark_slots_max(const struct store *store)
{
    const uint64_t max = store_memory_max(store);
    const uint64_t slots = max / MARKS_SHARE / store->count / sizeof(struct mark);

    if (max == 0 || slots > store->mark_slots_max)
        return store->mark_slots_max;
    return slots > MARKS_SLOTS_MIN ? (uint32_t)slots : MARKS_SLOTS_MIN;
}

/* Where a mark cannot be kept, what it was to bar is barred by the floor. */
static void give_up_mark(struct partition *partition, uint64_t stamp)
{
    if (RULE(5))
        partition_raise_floor(partition, stamp);
}

static void leave_mark(struct partition *partition, uint64_t hash, struct dot dot)
{
    const uint32_t slots_max = mark_slots_max(partition->store);

    if (dot.stamp <= partition->settled || marks_put(&partition->marks, hash, dot, slots_max))
        return;
    if (partition->marks != NULL) {
        const uint64_t stamp = marks_oldest_eighth(partition->marks);

        marks_drop(&partition->marks, (struct dot){.stamp = stamp, .node = UINT16_MAX});
        give_up_mark(partition, stamp);
    }
    if (!marks_put(&partition->marks, hash, dot, slots_max))
        give_up_mark(partition, dot.stamp);
}

void partition_leave_out(struct partition *partition, uint64_t hash, struct span key,
                         struct dot dot)
{
    partition_remove(partition, hash, key);
    partition->evicted_total++;
    partition_leave_mark(partition, hash, dot);
}

void partition_leave_mark(struct partition *partition, uint64_t hash, struct dot dot)
{
    leave_mark(partition, hash, dot);
    partition_finish(partition);
}

void partition_scan_marks(const struct partition *partition,
                          void (*visit)(void *context, uint64_t hash, struct dot dot),
                          void *context)
{
    const struct marks *marks = partition->marks;

    for (uint32_t i = 0; marks != NULL && i < marks->slot_count; i++)
        if (dot_exists(marks->slots[i].dot))
            visit(context, marks->slots[i].hash, marks->slots[i].dot);
}

/* ---------------------------------------------------------------------------------- vanishing */

/* As partition_take_out, of a version that is evicted or has expired. */
static void vanish(struct partition *partition, struct entry *entry)
{
    const uint64_t hash = store_hash(partition->store, entry_key(entry));
    const struct dot dot = entry_dot(entry);

    partition_take_out(partition, hash, entry);
    if (RULE(3))
        leave_mark(partition, hash, dot);
}

void partition_evict(struct partition *partition, struct entry *entry)
{
    partition_unlink_timer(partition->table, entry, entry_tombstone(entry));
    vanish(partition, entry);
    partition->evicted_total++;
}

bool partition_vanish(struct partition *partition, uint64_t hash, struct span key)
{
    struct entry *entry = partition_entry(partition, hash, key);

    if (entry == NULL)
        return false;
    partition_evict(partition, entry);
    partition_finish(partition);
    return true;
}

/* A set whose time is up leaves its context: a mark would not tell values that it has not seen, and
 * that may come yet, from those that it wrote over. False: there is no memory for that. */
static bool leave_context(struct partition *partition, struct entry *entry)
{
    const struct span key = entry_key(entry);
    struct buffer bytes = {0};
    struct version version;
    bool left = false;

    entry_read(entry, &version);
    if (siblings_empty(version.value, &bytes) == SIBLINGS_OK) {
        const struct version empty = siblings_version(buffer_content(&bytes));
        partition_link_timer(partition->table, entry);
        left = partition_put(partition, store_hash(partition->store, key), key, &empty,
                             &empty.value, 1) == STORE_OK;
        if (!left)
            partition_unlink_timer(partition->table, entry, false);
    }
    buffer_deinit(&bytes);
    return left;
}

uint32_t partition_expire(struct partition *partition, int64_t now_ms, uint32_t limit)
{
    struct table *table = partition->table;
    uint32_t work = limit;
    struct wheel_timer *timer;

    partition->wheel_now_ms = now_ms;
    if (table == NULL || table->wheel == NULL)
        return 0;
    while (table->wheel != NULL && (timer = wheel_pop(table->wheel, now_ms, &work)) != NULL) {
        struct entry *entry = entry_of_timer(timer);
        if (!RULE(3) || entry_kind(entry) != VALUE_SIBLINGS || entry->stamp <= partition->settled ||
            !leave_context(partition, entry))
            vanish(partition, entry);
        partition->expired_total++;
    }
    partition_finish(partition);
    return limit - work;
}

/* The tombstone that came first; NULL when there is none. */
static struct entry *first_tombstone(const struct partition *partition)
{
    const struct table *table = partition->table;

    if (table == NULL || table->tombstones == NULL)
        return NULL;
    return entry_of_timer((struct wheel_timer *)table->tombstones);
}

bool partition_settle(struct partition *partition, uint64_t stamp, uint32_t limit)
{
    if (stamp > partition->settled)
        partition->settled = stamp;
    const uint64_t settled = partition->settled;
    const uint64_t marks_settled = RULE(4) ? settled : UINT64_MAX;
    const uint64_t tombstones_settled = RULE(6) ? settled : UINT64_MAX;
    const bool marks_go = partition->marks != NULL && partition->marks->lowest <= marks_settled;
    struct entry *entry = first_tombstone(partition);

    if (partition->mates != NULL)
        partition_drop_mates(partition, settled);
    if (partition->taken != NULL)
        partition_drop_taken(partition, settled);
    if (!marks_go && (entry == NULL || entry->stamp > tombstones_settled))
        return false;
    if (marks_go)
        marks_drop(&partition->marks, (struct dot){.stamp = marks_settled, .node = UINT16_MAX});
    /* Tombstones came about in the order of their stamps: one that is older than those before it
     * waits for them. */
    while (entry != NULL && entry->stamp <= tombstones_settled && limit > 0) {
        partition_unlink_timer(partition->table, entry, true);
        partition_take_out(partition, store_hash(partition->store, entry_key(entry)), entry);
        limit--;
        entry = first_tombstone(partition);
    }
    partition_finish(partition);
    entry = first_tombstone(partition);
    return entry != NULL && entry->stamp <= tombstones_settled;
}
