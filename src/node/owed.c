/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What this worker owes to other nodes (rule 2): a version, from the moment that it is stamped
 * until every replica has answered for it. Requests that owe anything stand in engine->owed in the
 * order of their stamps, which only rise; a request that is stamped again moves to the end. They
 * linger (STAGE_LINGERING) after their reply while answers are on their way; what is still owed at
 * their end becomes a hint (hints.h).
 *
 * From that follows the worker's bound (replica/ledger.h), which it publishes at the end of each
 * turn, and what is settled in the partitions that it looks after.
 */
#include "base/assert.h"
#include "base/rule.h"
#include "node/parts.h"

/* What a partition may forget in one tick. */
#define SETTLED_ENTRIES_PER_TICK 400
/* Entries of a partition that a FLUSHALL killed are looked for in so many at once, and in one tick.
 */
#define DEAD_PER_LOCK 100
#define DEAD_PER_TICK 400

void owed_note(struct request *request)
{
    struct engine *engine = request->engine;
    const uint64_t stamp = engine->replica.hlc.last;

    /* A version that was adopted, or that repairs, has an older stamp, and whoever stamped it owes
     * it as well: it stands where it does not break the order. */
    if (request->owed_stamp == stamp && !list_empty(&request->owed))
        return;
    request->owed_stamp = stamp;
    list_remove(&request->owed);
    list_append(&engine->owed, &request->owed);
}

static size_t bytes_of(const struct request *request)
{
    const struct operation *operation = &request->operation;

    return request_kept_bytes(request) + buffer_size(&operation->written_bytes) +
           buffer_size(&operation->reading.bytes);
}

bool owed_lingers(struct request *request)
{
    const struct engine *engine = request->engine;

    if (list_empty(&request->owed) || engine->lingering == LINGERING_MAX ||
        (engine->lingering_bytes > 0 &&
         engine->lingering_bytes + bytes_of(request) > LINGERING_BYTES_MAX))
        return false;
    if (request->sweep != NULL)
        return sweep_open(request);
    return request->operation.state == OPERATION_DONE && request->operation.writing.waiting > 0;
}

void owed_linger(struct request *request)
{
    struct engine *engine = request->engine;

    if (!RULE(2)) /* it lingers for WAIT alone */
        list_remove(&request->owed);
    request->lingering_bytes = bytes_of(request);
    engine->lingering_bytes += request->lingering_bytes;
    engine->lingering++;
}

/* The version as it was offered last. One that could not be made anew has been overwritten where
 * the operation kept it; then it is what is stored here. */
static bool offered(struct request *request, struct version *version, struct buffer *bytes)
{
    const struct operation *operation = &request->operation;
    struct store *store = request->engine->own.store;
    struct partition *partition = store_partition(store, operation->place.partition);
    bool found;

    *version = operation->written;
    if (dot_equal(operation->written.dot, operation->writing.dot) &&
        !operation->written_bytes.failed)
        return true;
    partition_lock(partition);
    found = partition_get(partition, operation->place.hash, operation->place.key, version) &&
            dot_compare(version->dot, operation->writing.dot) >= 0;
    if (found)
        buffer_append_span(bytes, version->value);
    partition_unlock(partition);
    version->value = buffer_content(bytes);
    return found && !bytes->failed;
}

static void keep_hints(struct request *request)
{
    struct engine *engine = request->engine;
    const struct place *place = &request->operation.place;
    node_number nodes[COPIES_MAX];
    const unsigned count = operation_owes(&request->operation, nodes);
    struct buffer bytes = {0};
    struct version version;

    if (count == 0)
        return;
    const bool known = offered(request, &version, &bytes);
    engine->hints.lent = request_block_of(request, version.value);
    for (unsigned i = 0; i < count; i++) {
        /* A repair that this node itself refuses is still owed to it by whoever stamped it. */
        if (nodes[i] == engine->view->self)
            continue;
        if (known)
            hints_keep(engine, nodes[i], place->partition, place->key, &version);
        else
            hints_forget(engine, nodes[i], place->partition, request->owed_stamp);
    }
    engine->hints.lent = NULL;
    buffer_deinit(&bytes);
}

void owed_end(struct request *request)
{
    if (request->stage == STAGE_LINGERING) {
        request->engine->lingering--;
        request->engine->lingering_bytes -= request->lingering_bytes;
    }
    if (list_empty(&request->owed))
        return;
    list_remove(&request->owed);
    if (!RULE(2))
        return;
    if (request->sweep != NULL)
        sweep_keep_hints(request);
    else
        keep_hints(request);
}

/* ---- the bound ---- */

void owed_publish(struct engine *engine)
{
    const uint64_t ceiling = atomic_load_explicit(&engine->own.bounds->ceiling,
                                                  memory_order_acquire);
    const uint64_t wall = hlc_stamp(engine->now.wall_ms) - 1; /* a stamp of this ms is above it */
    uint64_t lowest = hints_lowest(engine);

    /* An idle worker's bound rises with the wall. Its clock follows, as no later stamp may be at or
     * below the bound; but not where the wall has jumped. */
    if (wall <= ceiling)
        hlc_observe(&engine->replica.hlc, wall);
    if (!list_empty(&engine->owed)) {
        const struct request *first = list_entry(engine->owed.next, struct request, owed);
        lowest = first->owed_stamp < lowest ? first->owed_stamp : lowest;
    }
    const uint64_t bound = lowest <= engine->replica.hlc.last ? lowest - 1
                                                              : engine->replica.hlc.last;
    if (bound == engine->bound)
        return;
    engine->bound = bound;
    ledger_publish(&engine->own.bounds->ledger, engine->own.index, bound);
}

/* ---- settled ---- */

/* Drops what a FLUSHALL killed, as far as one tick may; true when there is more. */
static bool drop_dead(struct engine *engine, struct partition *partition)
{
    bool more = true;

    for (unsigned looks = 0; more && looks < DEAD_PER_TICK; looks += DEAD_PER_LOCK) {
        partition_lock(partition);
        if (partition->flushing)
            (void)replica_drop_dead(&engine->replica, partition, DEAD_PER_LOCK);
        more = partition->flushing;
        partition_unlock(partition);
    }
    return more;
}

/* True when there is more to do. */
static bool settle(struct engine *engine, struct partition *partition, uint64_t settled)
{
    bool more = false;

    partition_lock(partition);
    if (settled > partition->settled || engine->settle_more)
        more = replica_settle(partition, settled, SETTLED_ENTRIES_PER_TICK);
    const bool flushing = partition->flushing;
    partition_unlock(partition);
    return (flushing && drop_dead(engine, partition)) || more;
}

bool owed_settle(struct engine *engine)
{
    struct store *store = engine->own.store;
    const struct ring *ring = engine->view->ring;
    const uint32_t count = store_partitions(store);
    const uint32_t most = engine_tick_partitions(engine);
    const uint64_t ceiling = atomic_load_explicit(&engine->own.bounds->ceiling,
                                                  memory_order_acquire);

    if (ring == NULL)
        return false;
    for (uint32_t visited = 0; visited < most; visited++) {
        if (engine->settle_partition >= count)
            engine->settle_partition = engine->own.index;
        if (engine->settle_partition >= count)
            return false; /* more workers than partitions */
        const uint32_t index = engine->settle_partition;
        struct partition *partition = store_partition(store, index);
        const struct ring_claim *claim = ring_claim(ring, index);
        const uint64_t settled = ring_claim_index(claim, engine->view->self) < 0
                                     ? 0
                                     : ledger_settled(&engine->own.bounds->ledger, claim,
                                                      engine->view->self, ceiling);
        engine->settle_more = settle(engine, partition, settled);
        if (engine->settle_more)
            return true;
        engine->settle_partition += engine->own.workers;
    }
    return false;
}
