/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Stand-ins: nodes that hold hints for others (Dynamo, section 4.6). A version goes to one as HOLD
 * when there is no room here for another hint, or, with sloppy-quorum, when too few replicas can be
 * reached. It is the first node on the ring from the partition on that is not in its claim and
 * whose link is open. It answers HELD, and again when the replica has answered for the version.
 *
 * Here only a record of the debt stays, without the bytes: where the stand-in drops the hint, or
 * its link breaks, the version counts as dropped (hints.h).
 */
#include "base/assert.h"
#include "base/memory.h"
#include "base/rule.h"
#include "node/parts.h"

/* How many partitions on a stand-in is looked for. */
#define WALK_MAX 256

struct held {
    struct heap_node owed; /* in hints->held_owed, by stamp */
    uint64_t id;
    size_t place; /* in hints->held */
    node_number stand_in;
    node_number target;
    uint32_t partition;
    uint64_t request; /* which waits for HELD, and owes it itself meanwhile; 0: none */
};

/* ---- records ---- */

static struct held *create(struct engine *engine, uint64_t stamp)
{
    struct hints *hints = &engine->hints;

    if (hints->held_count == HELD_MAX)
        return NULL;
    if (hints->held == NULL)
        hints->held = memory_alloc_array(HELD_MAX, sizeof hints->held[0]);
    while (hints->held[hints->held_next] != NULL)
        hints->held_next = (hints->held_next + 1) % HELD_MAX;
    struct held *held = memory_alloc(sizeof *held);
    if (!heap_push(&hints->held_owed, &held->owed, stamp)) {
        memory_free(held);
        return NULL;
    }
    held->place = hints->held_next;
    held->id = ID_HINT | ++hints->held_number << (HELD_BITS + HINTS_SLOT_BITS) |
               (uint64_t)held->place << HINTS_SLOT_BITS | HINTS_SLOT_HELD;
    hints->held[held->place] = held;
    hints->held_count++;
    store_charge(engine->own.store, (int64_t)sizeof *held);
    return held;
}

static void end(struct engine *engine, struct held *held)
{
    heap_remove(&engine->hints.held_owed, &held->owed);
    engine->hints.held[held->place] = NULL;
    engine->hints.held_count--;
    store_charge(engine->own.store, -(int64_t)sizeof *held);
    memory_free(held);
}

static struct held *find(const struct engine *engine, uint64_t id)
{
    const size_t place = (size_t)(id >> HINTS_SLOT_BITS) & (HELD_MAX - 1);
    struct held *held = engine->hints.held != NULL ? engine->hints.held[place] : NULL;

    return held != NULL && held->id == id ? held : NULL;
}

/* ---- handing over ---- */

static bool fits(struct engine *engine, const struct ring_claim *claim, node_number node)
{
    const struct peer *peer = peer_find(engine, node);

    return ring_claim_index(claim, node) < 0 && peer != NULL && peer->stage == PEER_OPEN &&
           !peer->tripped;
}

static bool among(const node_number *nodes, unsigned count, node_number node)
{
    for (unsigned i = 0; i < count; i++)
        if (nodes[i] == node)
            return true;
    return false;
}

/* The stand-in of the partition that has `skip` others before it; 0 where there is none. */
static node_number choose(struct engine *engine, uint32_t partition, unsigned skip)
{
    const struct ring *ring = engine->view->ring;
    const struct ring_claim *claim = ring_claim(ring, partition);
    const uint32_t count = ring_partition_count(ring);
    node_number passed[COPIES_MAX];
    unsigned passed_count = 0;

    if (engine->view->node_count <= claim->count || skip >= COPIES_MAX)
        return 0;
    for (uint32_t step = 1; step < count && step <= WALK_MAX; step++) {
        const struct ring_claim *other = ring_claim(ring, (partition + step) % count);
        for (unsigned i = 0; i < other->count; i++) {
            const node_number node = other->nodes[i];
            if (!fits(engine, claim, node) || among(passed, passed_count, node))
                continue;
            if (passed_count == skip)
                return node;
            passed[passed_count++] = node;
        }
    }
    return 0;
}

bool held_hand_over(struct engine *engine, node_number target, uint32_t partition, struct span key,
                    const struct version *version, uint64_t request, unsigned skip)
{
    const node_number stand_in = choose(engine, partition, skip);
    const size_t size = key.size + version->value.size + 128;
    struct buffer *out = stand_in != 0 && engine->hints.held_count < HELD_MAX
                             ? peer_message(engine, stand_in, size)
                             : NULL;
    struct held *held = out != NULL ? create(engine, version->dot.stamp) : NULL;

    if (held == NULL)
        return false;
    held->stand_in = stand_in;
    held->target = target;
    held->partition = partition;
    held->request = request;
    const struct wire_hold hold = {
        .id = held->id,
        .claim_version = ring_claim(engine->view->ring, partition)->version,
        .partition = (uint16_t)partition,
        .target = target,
        .key = key,
        .version = *version};
    wire_put_hold(out, &hold);
    return true;
}

/* ---- answers ---- */

/* The request that waits for HELD is told as if the target had answered; false when it is over, or
 * its time is up (rule 15): then it leaves a hint. */
static bool tell(struct engine *engine, const struct held *held, enum ack_status status)
{
    const struct offered offered = {.status = status};
    struct request *request = request_find(engine, held->request);

    if (request == NULL || (request->stage != STAGE_OPERATION && request->stage != STAGE_LINGERING))
        return false;
    if (RULE(15) && request->stage == STAGE_OPERATION && request_is_late(request))
        return false;
    operation_acknowledged(&engine->coordinator, &request->operation, engine->now, held->target,
                           &offered);
    if (request->stage == STAGE_OPERATION)
        coordinate_proceed(request);
    else
        linger_proceed(request, false);
    return true;
}

static void lose(struct engine *engine, struct held *held)
{
    const struct held lost = *held;

    end(engine, held);
    if (lost.request != 0)
        tell(engine, &lost, ACK_DOWN);
    else
        hints_forget(engine, lost.target, lost.partition, lost.owed.key);
}

void held_acknowledged(struct engine *engine, node_number node, const struct wire_ack *ack)
{
    struct held *held = find(engine, ack->id);

    if (held == NULL || held->stand_in != node)
        return;
    switch (ack->status) {
    case ACK_HELD: {
        const struct held told = *held;
        held->request = 0; /* the debt is this record's alone */
        if (told.request != 0 && !tell(engine, &told, ACK_OK))
            end(engine, held);
        return;
    }
    case ACK_OK: {
        const struct held told = *held;
        end(engine, held);
        if (told.request != 0)
            tell(engine, &told, ACK_OK);
        return;
    }
    default:
        lose(engine, held);
        return;
    }
}

void held_lost(struct engine *engine, node_number node)
{
    for (size_t i = 0; i < HELD_MAX && engine->hints.held_count > 0; i++) {
        struct held *held = engine->hints.held[i];
        if (held != NULL && held->stand_in == node)
            lose(engine, held);
    }
}

uint64_t held_lowest(const struct engine *engine)
{
    const struct heap_node *top = heap_top(&engine->hints.held_owed);

    return top != NULL ? top->key : UINT64_MAX;
}

void held_deinit(struct engine *engine)
{
    while (engine->hints.held_count > 0)
        end(engine, heap_entry(heap_top(&engine->hints.held_owed), struct held, owed));
    heap_deinit(&engine->hints.held_owed);
    memory_free(engine->hints.held);
}
