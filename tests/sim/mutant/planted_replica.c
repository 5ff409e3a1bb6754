/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Mutants of what a replica keeps, and of how answers are counted (mutants_list.h).
 */
#include "base/list.h"
#include "replica/ledger.h"
#include "replica/operation_parts.h"
#include "replica/replica.h"
#include "replica/tally.h"
#include "sim/mutant/planted.h"
#include "store/entry.h"
#include "store/marks.h"
#include "value/batch.h"
#include "value/merge.h"

/* How long what has expired is served, ms. */
#define EXPIRED_FOR_MS 300
/* And how much earlier than its deadline something expires, ms. */
#define EXPIRED_EARLIER_MS 2000

/* More than any run fills. */
#define MARKS_UNBOUNDED_SLOTS (1u << 20)

/* ---- the store ---- */

WRAP(enum store_status, partition_put_over, struct partition *partition, uint64_t hash,
     struct span key, struct entry *old, const struct version *version, const struct span *pieces,
     size_t piece_count)
{
    if (PLANTED(TOMBSTONE_DROPPED) && version->kind == VALUE_TOMBSTONE) {
        partition_remove(partition, hash, key);
        return STORE_OK;
    }
    return __real_partition_put_over(partition, hash, key, old, version, pieces, piece_count);
}

WRAP(void, partition_leave_out, struct partition *partition, uint64_t hash, struct span key,
     struct dot dot)
{
    if (!PLANTED(FULL_KEEPS_OLDER))
        __real_partition_leave_out(partition, hash, key, dot);
}

WRAP(void, store_set_memory_max, struct store *store, uint64_t bytes)
{
    __real_store_set_memory_max(store, PLANTED(MEMORY_UNBOUNDED) ? 0 : bytes);
}

WRAP(void, entry_read, const struct entry *entry, struct version *version)
{
    __real_entry_read(entry, version);
    if (PLANTED(EXPIRED_SERVED) && version->deadline_ms != DEADLINE_NEVER)
        version->deadline_ms += EXPIRED_FOR_MS;
}

WRAP(uint32_t, partition_expire, struct partition *partition, int64_t now_ms, uint32_t limit)
{
    if (PLANTED(EXPIRED_SERVED))
        now_ms -= EXPIRED_FOR_MS;
    if (PLANTED(EXPIRED_EARLY))
        now_ms += EXPIRED_EARLIER_MS;
    return __real_partition_expire(partition, now_ms, limit);
}

WRAP(bool, marks_put, struct marks **marks, uint64_t hash, struct dot dot, uint32_t slots_max)
{
    return __real_marks_put(marks, hash, dot,
                            PLANTED(MARKS_UNBOUNDED) ? MARKS_UNBOUNDED_SLOTS : slots_max);
}

/* ---- the replica ---- */

WRAP(struct offered, replica_offer, struct replica *replica, struct instant now,
     const struct place *place, struct dot over, const struct version *version)
{
    struct version offered = *version;
    struct place here = *place;

    if (PLANTED(ACK_WITHOUT_KEEPING) && mutants_now_and_then(10))
        return (struct offered){.status = ACK_OK};
    if (PLANTED(EXPIRY_REBASED) && offered.deadline_ms != DEADLINE_NEVER)
        offered.deadline_ms += now.wall_ms - hlc_ms(offered.dot.stamp);
    if (PLANTED(CLAIM_UNCOMPARED))
        here.claim_version = store_partition(replica->store, here.partition)->claim_version;
    return __real_replica_offer(replica, now, &here, over, &offered);
}

/* Some come alone, and the others not at all. */
WRAP(struct offered, replica_offer_batch, struct replica *replica, struct instant now,
     const struct place *place, const struct version *batch)
{
    struct version first = *batch;
    struct span rest = batch->value;
    struct batch_item item;

    if (PLANTED(BATCH_TORN) && mutants_now_and_then(4) && batch_next(&rest, &item))
        first.value.size -= rest.size;
    return __real_replica_offer_batch(replica, now, place, &first);
}

/* Some keys have what a quorum answered a while ago, others what is here now. */
WRAP(bool, operation_newest, struct operation *operation, const struct operation_sight *sight,
     const struct operation_found *found, struct version *current)
{
    if (PLANTED(GROUP_APART) && sight->winner != NULL && version_exists(sight->winner) &&
        mutants_now_and_then(2)) {
        *current = *sight->winner;
        return true;
    }
    return __real_operation_newest(operation, sight, found, current);
}

WRAP(struct looked, replica_look, struct replica *replica, const struct place *place,
     struct dot have, uint64_t digest, struct buffer *bytes)
{
    struct place here = *place;

    if (PLANTED(CLAIM_UNCOMPARED))
        here.claim_version = store_partition(replica->store, here.partition)->claim_version;
    return __real_replica_look(replica, &here, have, digest, bytes);
}

WRAP(struct entry *, replica_current, struct partition *partition, const struct place *place,
     struct version *current)
{
    struct entry *entry = __real_replica_current(partition, place, current);

    if (PLANTED(STORED_OVERLOOKED) && mutants_now_and_then(4))
        *current = (struct version){.deadline_ms = DEADLINE_NEVER};
    return entry;
}

WRAP(struct offered, replica_flush, struct replica *replica, struct instant now, uint32_t partition,
     struct dot dot, bool late)
{
    if (PLANTED(FLUSH_MISSES) && partition % 4 == 0)
        return (struct offered){.status = ACK_OK};
    return __real_replica_flush(replica, now, partition, dot, late);
}

/* A stamp is above the last one only as long as the clock goes on. */
WRAP(uint64_t, hlc_tick, struct hlc *clock, int64_t wall_ms, uint64_t floor)
{
    if (!PLANTED(DOT_REUSED) || wall_ms >= hlc_ms(clock->last))
        return __real_hlc_tick(clock, wall_ms, floor);
    clock->last = hlc_stamp(wall_ms);
    return clock->last;
}

/* ---- what is owed ---- */

WRAP(void, ledger_hear, struct ledger *ledger, node_number node, uint64_t bound)
{
    if (!PLANTED(NEVER_SETTLED) || node != 1)
        __real_ledger_hear(ledger, node, bound);
}

WRAP(uint64_t, ledger_settled, const struct ledger *ledger, const struct ring_claim *claim,
     node_number self, uint64_t ceiling)
{
    if (PLANTED(SETTLED_ALONE))
        return ledger_bound(ledger, ceiling);
    return __real_ledger_settled(ledger, claim, self, ceiling);
}

/* ---- counting ---- */

/* The value that lost to another in a read, and which read that was. */
static const struct read_tally *loser_of;
static struct version loser;
static uint8_t loser_bytes[64];

static void note_loser(const struct read_tally *tally, const struct version *version)
{
    const struct version *winner = &tally->winner;

    if (!version_exists(version) || !version_exists(winner) ||
        dot_compare(version->dot, winner->dot) <= 0 || winner->kind != VALUE_STRING ||
        winner->value.size == 0 || winner->value.size > sizeof loser_bytes)
        return;
    loser_of = tally;
    loser = *winner;
    memcpy(loser_bytes, winner->value.data, winner->value.size);
    loser.value.data = loser_bytes;
}

WRAP(bool, read_tally_begin, struct read_tally *tally, bool siblings, unsigned copies,
     unsigned needed, const struct version *have)
{
    if (loser_of == tally)
        loser_of = NULL;
    return __real_read_tally_begin(tally, siblings, copies, PLANTED(ONE_VOTE) ? 1 : needed, have);
}

WRAP(enum tally_state, read_tally_add, struct read_tally *tally, unsigned replica, uint8_t status,
     const struct version *version, const struct absence *absence, uint64_t claim_version)
{
    if (PLANTED(OLDER_REPAIRED) && status == ANSWER_VERSION)
        note_loser(tally, version);
    if (PLANTED(READ_COUNTED_TWICE) && status <= ANSWER_NONE && tally->votes + 1 < tally->needed &&
        tally->looking < 0)
        tally->votes++;
    return __real_read_tally_add(tally, replica, status, version, absence, claim_version);
}

WRAP(enum tally_state, write_tally_add, struct write_tally *tally, unsigned replica, uint8_t status,
     struct dot known, uint64_t claim_version)
{
    if (PLANTED(WRITE_COUNTED_TWICE) && status == ACK_OK &&
        tally->statuses[replica] == TALLY_WAITING && tally->acknowledged + 1 < tally->needed)
        tally->acknowledged++;
    return __real_write_tally_add(tally, replica, status, known, claim_version);
}

WRAP(uint16_t, read_tally_stale, const struct read_tally *tally)
{
    return PLANTED(NOT_REPAIRED) ? 0 : __real_read_tally_stale(tally);
}

WRAP(void, write_tally_begin_repair, struct write_tally *tally, unsigned copies, unsigned needed,
     struct dot dot, uint16_t holders, uint16_t stale)
{
    struct operation *operation = list_entry(tally, struct operation, writing);

    if (PLANTED(OLDER_REPAIRED) && loser_of == &operation->reading &&
        operation->written.kind == VALUE_STRING)
        operation->written.value = loser.value;
    loser_of = NULL;
    __real_write_tally_begin_repair(tally, copies, needed, dot, holders, stale);
}

/* ---- siblings ---- */

WRAP(enum siblings_status, siblings_merge, struct span a, struct span b, struct buffer *out)
{
    return PLANTED(SIBLING_DROPPED) && a.size > 0 ? siblings_merge_old(a, b, out)
                                                  : __real_siblings_merge(a, b, out);
}

WRAP(enum siblings_status, siblings_write, struct span old, const struct context *context,
     struct dot dot, int64_t deadline_ms, struct span value, int64_t now_ms, struct buffer *out)
{
    struct context all = *context;

    if (PLANTED(SIBLING_OVERWRITTEN))
        siblings_context(old, &all);
    return __real_siblings_write(old, &all, dot, deadline_ms, value, now_ms, out);
}

/* ---- counters ---- */

/* What a share has that both counters have, in the state that is the earlier; 0: there is none. */
static int64_t shared_amount(const struct version *a, const struct version *b, node_number *node)
{
    struct counter_share of_a[COUNTER_SHARES_MAX], of_b[COUNTER_SHARES_MAX];
    const unsigned a_count = counter_shares(a, of_a), b_count = counter_shares(b, of_b);

    for (unsigned i = 0; i < a_count; i++)
        for (unsigned j = 0; j < b_count; j++)
            if (of_a[i].node == of_b[j].node && of_a[i].opened == of_b[j].opened) {
                *node = of_a[i].node;
                return of_a[i].times < of_b[j].times ? of_a[i].amount : of_b[j].amount;
            }
    return 0;
}

WRAP(enum counter_status, counter_merge, const struct version *kept, const struct version *other,
     node_number self, struct buffer *out, struct version *merged)
{
    struct counter_place place = {.held = COUNTER_OWN_MAX, .now_ms = INT64_MIN};
    struct counter_addition addition = {0};
    struct version made;

    if (PLANTED(COUNTER_REPLACED)) {
        const struct version *newer = dot_compare(other->dot, kept->dot) > 0 ? other : kept;
        static const struct version nothing = {.deadline_ms = DEADLINE_NEVER};
        return __real_counter_merge(newer, &nothing, self, out, merged);
    }
    const enum counter_status status = __real_counter_merge(kept, other, self, out, merged);
    if (PLANTED(SHARES_ADDED_UP) && status == COUNTER_OK)
        addition.amount = shared_amount(kept, other, &place.self);
    if (addition.amount == 0 || version_digest(kept) == version_digest(other))
        return status;
    place.dot = merged->dot;
    const size_t at = buffer_size(out);
    if (counter_add(merged, &place, &addition, out, &made) != COUNTER_OK)
        return status;
    /* In place of what was there. */
    const struct span bytes = made.value;
    uint8_t *begin = (uint8_t *)(uintptr_t)buffer_content(out).data + at - merged->value.size;
    memmove(begin, bytes.data, bytes.size);
    buffer_truncate(out, at - merged->value.size + bytes.size);
    made.value = span_of(begin, bytes.size);
    *merged = made;
    return COUNTER_OK;
}
