/* SPDX-License-Identifier: BSD-3-Clause */
#include "ring/planner_flow.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

/* Vertices in one row: nodes, extras, a hub for each partition, `slots` gates for each partition.
 * With as many zones as slots or more, gate k of a partition is that of the zone of the node in
 * slot k: the gates of all other zones lead only to the hub, and are taken for it. With fewer zones
 * the hub is the spare places, and gate z that of zone z. */
enum vertex_kind { VERTEX_NODE, VERTEX_EXTRAS, VERTEX_HUB, VERTEX_GATE };

struct frame {
    uint32_t vertex;
    uint32_t partition; /* of a hub or a gate */
    uint32_t cursor; /* the next arc of extras, a hub or a gate; nodes have theirs in `cursors` */
    uint32_t slot;   /* of a gate: the slot that the path took from the node that follows */
};

struct planner_flow {
    struct planner_flow_options options;
    uint32_t spare;     /* places of a partition beyond one for each zone */
    uint32_t row_words; /* of a bit row */
    uint32_t vertex_count;
    uint32_t hubs, gates; /* the first vertex of each kind */

    uint64_t *free;    /* bit rows, one a node */
    uint64_t *allowed; /* at cost 1; NULL: all */
    uint64_t *held;

    uint16_t *slots; /* a row a partition, filled from the front */
    uint8_t *filled; /* of each partition */
    uint32_t *loads; /* of each node */
    uint64_t extras; /* left */
    uint64_t to_place;

    uint16_t *potentials; /* of each vertex */
    uint8_t *visited;     /* of each vertex, in this pass */
    uint32_t *cursors;    /* of each node, in this pass */
    uint32_t visited_count;
    uint32_t distance; /* the sink's potential */
    struct frame *stack;
    uint32_t depth;
};

static uint32_t gate_of(const struct planner_flow *flow, uint32_t partition, uint32_t index)
{
    return flow->gates + partition * flow->options.slots + index;
}

static enum vertex_kind kind_of(const struct planner_flow *flow, uint32_t vertex)
{
    if (vertex < flow->options.node_count)
        return VERTEX_NODE;
    if (vertex < flow->hubs)
        return VERTEX_EXTRAS;
    return vertex < flow->gates ? VERTEX_HUB : VERTEX_GATE;
}

struct planner_flow *planner_flow_create(const struct planner_flow_options *options)
{
    struct planner_flow *flow = memory_alloc(sizeof *flow);
    const uint32_t nodes = options->node_count, partitions = options->partition_count;
    const size_t words = (size_t)nodes * ((partitions + 63) / 64);

    flow->options = *options;
    flow->spare = options->slots > options->zone_count ? options->slots - options->zone_count : 0;
    flow->row_words = (partitions + 63) / 64;
    flow->hubs = nodes + 1;
    flow->gates = flow->hubs + partitions;
    flow->vertex_count = flow->gates + partitions * options->slots;
    flow->free = memory_alloc_array(words, sizeof *flow->free);
    flow->held = memory_alloc_array(words, sizeof *flow->held);
    if (!options->all_allowed)
        flow->allowed = memory_alloc_array(words, sizeof *flow->allowed);
    flow->slots = memory_alloc_array((size_t)partitions * options->slots, sizeof *flow->slots);
    flow->filled = memory_alloc_array(partitions, sizeof *flow->filled);
    flow->loads = memory_alloc_array(nodes, sizeof *flow->loads);
    flow->potentials = memory_alloc_array(flow->vertex_count, sizeof *flow->potentials);
    flow->visited = memory_alloc_array(flow->vertex_count, sizeof *flow->visited);
    flow->cursors = memory_alloc_array(nodes, sizeof *flow->cursors);
    flow->stack = memory_alloc_array(flow->vertex_count, sizeof *flow->stack);
    flow->to_place = flow->extras = (uint64_t)partitions * options->slots;
    for (uint32_t i = 0; i < nodes; i++) {
        ensure(options->low[i] <= flow->extras && options->low[i] <= options->high[i]);
        flow->extras -= options->low[i];
    }
    return flow;
}

void planner_flow_destroy(struct planner_flow **flow)
{
    struct planner_flow *gone = *flow;

    *flow = NULL;
    memory_free(gone->free);
    memory_free(gone->held);
    memory_free(gone->allowed);
    memory_free(gone->slots);
    memory_free(gone->filled);
    memory_free(gone->loads);
    memory_free(gone->potentials);
    memory_free(gone->visited);
    memory_free(gone->cursors);
    memory_free(gone->stack);
    memory_free(gone);
}

/* --------------------------------------------------------------------------------- bits, slots */

static uint64_t *word_of(const struct planner_flow *flow, uint64_t *rows, uint32_t node,
                         uint32_t partition)
{
    return &rows[(size_t)node * flow->row_words + partition / 64];
}

static bool bit_of(const struct planner_flow *flow, uint64_t *rows, uint32_t node,
                   uint32_t partition)
{
    return *word_of(flow, rows, node, partition) >> (partition % 64) & 1;
}

static void set_bit(const struct planner_flow *flow, uint64_t *rows, uint32_t node,
                    uint32_t partition)
{
    *word_of(flow, rows, node, partition) |= UINT64_C(1) << (partition % 64);
}

static void clear_bit(const struct planner_flow *flow, uint64_t *rows, uint32_t node,
                      uint32_t partition)
{
    *word_of(flow, rows, node, partition) &= ~(UINT64_C(1) << (partition % 64));
}

void planner_flow_allow(struct planner_flow *flow, uint32_t node, uint32_t partition)
{
    set_bit(flow, flow->allowed, node, partition);
}

void planner_flow_allow_free(struct planner_flow *flow, uint32_t node, uint32_t partition)
{
    set_bit(flow, flow->free, node, partition);
}

const uint16_t *planner_flow_holders(const struct planner_flow *flow, uint32_t partition,
                                     uint32_t *count)
{
    *count = flow->filled[partition];
    return &flow->slots[(size_t)partition * flow->options.slots];
}

uint32_t planner_flow_load(const struct planner_flow *flow, uint32_t node)
{
    return flow->loads[node];
}

/* The first slot of the partition whose node is in `zone`, or -1. */
static int slot_in_zone(const struct planner_flow *flow, uint32_t partition, uint32_t zone)
{
    const uint16_t *row = &flow->slots[(size_t)partition * flow->options.slots];

    for (int k = 0; k < flow->filled[partition]; k++) {
        if (flow->options.zones[row[k]] == zone)
            return k;
    }
    return -1;
}

static uint32_t count_in_zone(const struct planner_flow *flow, uint32_t partition, uint32_t zone)
{
    const uint16_t *row = &flow->slots[(size_t)partition * flow->options.slots];
    uint32_t count = 0;

    for (uint32_t k = 0; k < flow->filled[partition]; k++)
        count += flow->options.zones[row[k]] == zone;
    return count;
}

/* Whether a unit in the hub can go on to the sink. */
static bool hub_has_room(const struct planner_flow *flow, uint32_t partition)
{
    const uint16_t *row = &flow->slots[(size_t)partition * flow->options.slots];
    uint32_t spare_used = 0;

    if (flow->spare == 0)
        return flow->filled[partition] < flow->options.slots;
    for (uint32_t k = 0; k < flow->filled[partition]; k++)
        spare_used += slot_in_zone(flow, partition, flow->options.zones[row[k]]) < (int)k;
    return spare_used < flow->spare;
}

static void append(struct planner_flow *flow, uint32_t node, uint32_t partition)
{
    const uint32_t slot = flow->filled[partition]++;

    ensure(slot < flow->options.slots);
    flow->slots[(size_t)partition * flow->options.slots + slot] = (uint16_t)node;
    set_bit(flow, flow->held, node, partition);
    /* The gate was one of those that are taken for the hub. */
    if (flow->spare == 0)
        flow->potentials[gate_of(flow, partition, slot)] = flow->potentials[flow->hubs + partition];
}

bool planner_flow_fits(const struct planner_flow *flow, uint32_t node, uint32_t partition)
{
    const uint32_t load = flow->loads[node];
    const uint32_t zone = flow->options.zones[node];

    if (load >= flow->options.high[node] || (load >= flow->options.low[node] && flow->extras == 0))
        return false;
    if (flow->filled[partition] == flow->options.slots || bit_of(flow, flow->held, node, partition))
        return false;
    if (slot_in_zone(flow, partition, zone) < 0)
        return true; /* zones that are not there have a place kept */
    return flow->spare > 0 && hub_has_room(flow, partition);
}

void planner_flow_place(struct planner_flow *flow, uint32_t node, uint32_t partition)
{
    if (flow->loads[node]++ >= flow->options.low[node])
        flow->extras--;
    flow->to_place--;
    append(flow, node, partition);
}

/* ------------------------------------------------------------------------------------ the search
 */

static void push(struct planner_flow *flow, uint32_t vertex, uint32_t partition)
{
    ensure(flow->depth < flow->vertex_count);
    flow->visited[vertex] = 1;
    flow->visited_count++;
    flow->stack[flow->depth++] = (struct frame){.vertex = vertex, .partition = partition};
}

static bool open_to(const struct planner_flow *flow, uint32_t vertex, uint32_t potential)
{
    return !flow->visited[vertex] && flow->potentials[vertex] == potential;
}

/* The pairs of cost `cost` in word `word` of the node's row that it does not hold. */
static uint64_t pairs_in_word(const struct planner_flow *flow, uint32_t node, uint32_t word,
                              uint32_t cost)
{
    const size_t at = (size_t)node * flow->row_words + word;
    const uint32_t partitions = flow->options.partition_count;
    const uint64_t all = partitions < 64 ? (UINT64_C(1) << partitions) - 1 : UINT64_MAX;

    if (cost == 0)
        return flow->free[at] & ~flow->held[at];
    return (flow->allowed == NULL ? all : flow->allowed[at]) & ~flow->free[at] & ~flow->held[at];
}

/* Tries to go on from a node by way of one of its pairs; the cursor counts first the free ones,
 * then those that cost 1, and then stands on extras. */
static bool step_from_node(struct planner_flow *flow, uint32_t node)
{
    const uint32_t partitions = flow->options.partition_count, zone = flow->options.zones[node];
    uint32_t *cursor = &flow->cursors[node];

    while (*cursor < 2 * partitions) {
        const uint32_t cost = *cursor / partitions, from = *cursor % partitions;
        const uint32_t potential = flow->potentials[node] + cost;

        if (cost > flow->distance) { /* none can be open: no potential is above the sink's */
            *cursor = 2 * partitions;
            break;
        }

        uint64_t pairs = pairs_in_word(flow, node, from / 64, cost) & UINT64_MAX << (from % 64);

        *cursor += 64 - from % 64 < partitions - from ? 64 - from % 64 : partitions - from;
        for (; pairs != 0; pairs &= pairs - 1) {
            const uint32_t partition = (from & ~63u) + (uint32_t)__builtin_ctzll(pairs);
            uint32_t target = flow->hubs + partition;

            if (flow->spare > 0) {
                target = gate_of(flow, partition, zone);
            } else {
                const int slot = slot_in_zone(flow, partition, zone);

                if (slot >= 0)
                    target = gate_of(flow, partition, (uint32_t)slot);
            }
            if (open_to(flow, target, potential)) {
                *cursor = cost * partitions + partition;
                push(flow, target, partition);
                return true;
            }
        }
    }
    if (*cursor == 2 * partitions) {
        ++*cursor;
        if (flow->loads[node] > flow->options.low[node] &&
            open_to(flow, flow->options.node_count, flow->potentials[node])) {
            push(flow, flow->options.node_count, 0);
            return true;
        }
    }
    return false;
}

static bool step_from_extras(struct planner_flow *flow, struct frame *frame)
{
    const uint32_t potential = flow->potentials[frame->vertex];

    while (frame->cursor < flow->options.node_count) {
        const uint32_t node = frame->cursor++;

        if (flow->loads[node] >= flow->options.low[node] &&
            flow->loads[node] < flow->options.high[node] && open_to(flow, node, potential)) {
            push(flow, node, 0);
            return true;
        }
    }
    return false;
}

/* From the hub back into a gate that sent a unit here. */
static bool step_from_hub(struct planner_flow *flow, struct frame *frame)
{
    const uint32_t potential = flow->potentials[frame->vertex];
    const uint32_t count = flow->spare > 0 ? flow->options.zone_count
                                           : flow->filled[frame->partition];

    while (frame->cursor < count) {
        const uint32_t index = frame->cursor++;
        const uint32_t gate = gate_of(flow, frame->partition, index);

        if (open_to(flow, gate, potential) &&
            (flow->spare == 0 || count_in_zone(flow, frame->partition, index) >= 2)) {
            push(flow, gate, frame->partition);
            return true;
        }
    }
    return false;
}

/* From a gate back to a node whose unit passed it, or on to the spare places. */
static bool step_from_gate(struct planner_flow *flow, struct frame *frame)
{
    const uint32_t partition = frame->partition, slots = flow->options.slots;
    const uint32_t potential = flow->potentials[frame->vertex];
    const uint32_t index = (frame->vertex - flow->gates) % slots;

    if (frame->cursor == 0 && flow->spare > 0 && open_to(flow, flow->hubs + partition, potential)) {
        push(flow, flow->hubs + partition, partition);
        return true;
    }
    while (frame->cursor < flow->filled[partition]) {
        const uint32_t slot = frame->cursor++;
        const uint32_t node = flow->slots[(size_t)partition * slots + slot];

        if (flow->spare > 0 ? flow->options.zones[node] != index : slot != index)
            continue;

        const uint32_t cost = bit_of(flow, flow->free, node, partition) ? 0 : 1;

        if (potential >= cost && open_to(flow, node, potential - cost)) {
            frame->slot = slot;
            push(flow, node, 0);
            return true;
        }
    }
    return false;
}

/* Whether the vertex on top of the stack has an arc with room to the sink. */
static bool at_sink(const struct planner_flow *flow, const struct frame *frame)
{
    switch (kind_of(flow, frame->vertex)) {
    case VERTEX_HUB:
        return hub_has_room(flow, frame->partition);
    case VERTEX_GATE:
        return flow->spare > 0 &&
               slot_in_zone(flow, frame->partition,
                            (frame->vertex - flow->gates) % flow->options.slots) < 0;
    case VERTEX_NODE:
    case VERTEX_EXTRAS:
        break;
    }
    return false;
}

static bool step(struct planner_flow *flow, struct frame *frame)
{
    switch (kind_of(flow, frame->vertex)) {
    case VERTEX_NODE:
        return step_from_node(flow, frame->vertex);
    case VERTEX_EXTRAS:
        return step_from_extras(flow, frame);
    case VERTEX_HUB:
        return step_from_hub(flow, frame);
    case VERTEX_GATE:
        return step_from_gate(flow, frame);
    }
    return false;
}

/* Sends a unit along the stack: each node on it takes the slot that the next one gives up, the last
 * a new one; extras change hands. The vertices may be visited again in this pass. */
static void augment(struct planner_flow *flow)
{
    const struct frame *top = &flow->stack[flow->depth - 1];
    uint32_t taker = 0; /* set by the first node, before anybody takes */

    for (uint32_t i = 0; i < flow->depth; i++) {
        const struct frame *frame = &flow->stack[i];
        const struct frame *before = i > 0 ? frame - 1 : NULL;
        const enum vertex_kind came_from = before == NULL ? VERTEX_EXTRAS
                                                          : kind_of(flow, before->vertex);

        flow->visited[frame->vertex] = 0;
        flow->visited_count--;
        if (kind_of(flow, frame->vertex) == VERTEX_EXTRAS) {
            if (before == NULL)
                flow->extras--;
            else
                flow->loads[before->vertex]--;
        } else if (kind_of(flow, frame->vertex) == VERTEX_NODE) {
            if (came_from == VERTEX_EXTRAS) { /* or the source */
                flow->loads[frame->vertex]++;
            } else {
                flow->slots[(size_t)before->partition * flow->options.slots + before->slot] =
                    (uint16_t)taker;
                clear_bit(flow, flow->held, frame->vertex, before->partition);
                set_bit(flow, flow->held, taker, before->partition);
            }
            taker = frame->vertex;
        }
    }
    append(flow, taker, top->partition);
    flow->to_place--;
    flow->depth = 0;
}

/* Looks for a path from `start` to the sink and sends a unit along it. */
static bool search(struct planner_flow *flow, uint32_t start)
{
    if (flow->visited[start])
        return false;
    push(flow, start, 0);
    while (flow->depth > 0) {
        struct frame *frame = &flow->stack[flow->depth - 1];

        if (at_sink(flow, frame)) {
            augment(flow);
            return true;
        }
        if (!step(flow, frame))
            flow->depth--;
    }
    return false;
}

/* Sends units from all that have some left, until nobody finds a path on. False when not one did:
 * then the visited vertices are all that can be reached. */
static bool pass(struct planner_flow *flow)
{
    const uint64_t before = flow->to_place;

    memset(flow->visited, 0, flow->vertex_count);
    memset(flow->cursors, 0, flow->options.node_count * sizeof *flow->cursors);
    flow->visited_count = 0;
    for (uint32_t i = 0; i < flow->options.node_count; i++) {
        while (flow->loads[i] < flow->options.low[i] && search(flow, i))
            continue;
    }
    while (flow->extras > 0 && search(flow, flow->options.node_count))
        continue;
    return flow->to_place < before;
}

static void raise_potentials(struct planner_flow *flow)
{
    for (uint32_t i = 0; i < flow->vertex_count; i++)
        flow->potentials[i] = (uint16_t)(flow->potentials[i] + !flow->visited[i]);
    flow->distance++;
    ensure(flow->distance < UINT16_MAX);
}

void planner_flow_solve_free(struct planner_flow *flow)
{
    ensure(flow->distance == 0);
    while (flow->to_place > 0 && pass(flow))
        continue;
    if (flow->to_place > 0)
        raise_potentials(flow);
}

bool planner_flow_solve(struct planner_flow *flow)
{
    uint32_t reached = 0, patience = 0;

    while (flow->to_place > 0) {
        if (pass(flow)) {
            reached = 0;
            continue;
        }
        /* An arc that leaves the reached vertices has at most the reduced cost 1 + distance, and
         * each round lowers it by 1. When none has become open by then, there is none. */
        if (flow->visited_count != reached) {
            reached = flow->visited_count;
            patience = flow->distance + 2;
        }
        if (patience-- == 0)
            return false;
        raise_potentials(flow);
    }
    return true;
}
