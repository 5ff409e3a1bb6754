/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What stands in for node/control: a failure detector that takes its time, and tells of nothing
 * that the node could not know; votes; the ceiling.
 */
#include "base/memory.h"
#include "base/rule.h"
#include "sim/world/node.h"

#define LOOK_US         100000
#define DEAD_US_MIN     700000
#define DEAD_US_MAX     2500000
#define BACK_US         200000
#define CEILING_STEP_MS 1000

void sim_node_raise_ceiling(struct sim_node *node)
{
    const int64_t wall_ms = sim_node_now(node).wall_ms;
    const int64_t ahead_ms = NODE_AHEAD_MS(node->world->options);

    if (node->ceiling < hlc_stamp(wall_ms + ahead_ms))
        node->ceiling = hlc_stamp(wall_ms + ahead_ms + CEILING_STEP_MS);
    atomic_store(&node->bounds.ceiling, node->ceiling);
}

static struct view *make_view(struct sim_node *node)
{
    struct world *world = node->world;
    struct view *view = view_create(ring_retain(world->ring), (node_number)node->number);

    view->self_in_line = node->in_line;
    for (size_t i = 0; i < view->node_count; i++) {
        struct view_node *other = &view->nodes[i];
        other->health = node->sights[other->number].health;
        other->votes = node->sights[other->number].votes;
    }
    return view;
}

struct view *sim_node_first_view(struct sim_node *node)
{
    for (unsigned i = 1; i <= node->world->settings.nodes; i++) {
        struct sim_sight *sight = &node->sights[i];
        *sight = (struct sim_sight){.reached = true, .since_us = node->world->now_us};
        sight->health = node->forgot && i != node->number ? HEALTH_UNKNOWN : HEALTH_ALIVE;
        sight->votes = !node->forgot;
    }
    return make_view(node);
}

void sim_node_set_headers(struct sim_node *node)
{
    const struct ring *ring = node->world->ring;

    for (uint32_t i = 0; i < ring_partition_count(ring); i++) {
        const struct ring_claim *claim = ring_claim(ring, i);
        struct partition *partition = store_partition(node->store, i);
        if (ring_claim_index(claim, (node_number)node->number) < 0)
            continue;
        partition_lock(partition);
        partition->claim_version = claim->version;
        partition->eligible = node->in_line;
        partition_unlock(partition);
    }
}

void sim_node_forget(struct sim_node *node)
{
    const struct ring *ring = node->world->ring;
    uint32_t count = 0;

    for (uint32_t i = 0; i < ring_partition_count(ring); i++) {
        const struct ring_claim *claim = ring_claim(ring, i);
        struct partition *partition = store_partition(node->store, i);
        if (claim->count < 2 || ring_claim_index(claim, (node_number)node->number) < 0)
            continue;
        partition_lock(partition);
        partition->recovering = true;
        partition->forgotten = node->bounds.ceiling_at_start;
        partition_unlock(partition);
        count++;
    }
    if (RULE(17))
        atomic_store(&node->bounds.ledger.uncompared, count);
}

/* ---- looking ---- */

static bool reaches(const struct sim_node *node, const struct sim_node *other)
{
    const struct world *world = node->world;

    return other->running && !other->paused &&
           !world->routes[node->number][other->number].blocked &&
           !world->routes[other->number][node->number].blocked;
}

static enum node_health judge(struct sim_node *node, const struct sim_sight *sight)
{
    const int64_t for_us = node->world->now_us - sight->since_us;

    if (sight->reached)
        return for_us >= BACK_US || sight->health == HEALTH_UNKNOWN ? HEALTH_ALIVE : sight->health;
    if (for_us >= world_draw(node->world, DEAD_US_MIN, DEAD_US_MAX))
        return HEALTH_DEAD;
    return sight->health != HEALTH_DEAD && for_us >= DEAD_US_MIN / 2 ? HEALTH_SUSPECT
                                                                     : sight->health;
}

/* True when the node has anything new to say of the other. */
static bool look_at(struct sim_node *node, const struct sim_node *other)
{
    struct sim_sight *sight = &node->sights[other->number];
    const struct sim_sight before = *sight;
    const bool reached = reaches(node, other);

    if (reached != sight->reached) {
        sight->reached = reached;
        sight->since_us = node->world->now_us;
    }
    sight->health = judge(node, sight);
    if (reached)
        sight->votes = !sim_node_forgetful(other) && other->in_line;
    return sight->health != before.health || sight->votes != before.votes;
}

/* Whether the clock is near the median of those that the node reaches, its own among them. */
static bool clock_in_line(const struct sim_node *node)
{
    int64_t offs[WORLD_NODES_MAX];
    unsigned count = 0;

    for (unsigned i = 1; i <= node->world->settings.nodes; i++) {
        const struct sim_node *other = node->world->nodes[i];
        if (other != node && !reaches(node, other))
            continue;
        const int64_t off = sim_node_clock_off_us(other);
        unsigned at = count++;
        for (; at > 0 && offs[at - 1] > off; at--)
            offs[at] = offs[at - 1];
        offs[at] = off;
    }
    if (count < 3)
        return true; /* of two, nobody can say which one is wrong */
    const int64_t away_us = sim_node_clock_off_us(node) - offs[count / 2];
    const int64_t skew_us = node->world->options->max_clock_skew_ms * 1000;
    return away_us <= skew_us && away_us >= -skew_us;
}

static void look(void *object, uint64_t number)
{
    struct sim_node *node = object;
    bool changed = false;

    if (!node->running || node->boots != number || sim_node_defers(node, look, object, number))
        return;
    sim_node_raise_ceiling(node);
    const bool in_line = clock_in_line(node);
    changed = in_line != node->in_line;
    node->in_line = in_line;
    if (changed)
        sim_node_set_headers(node);
    for (unsigned i = 1; i <= node->world->settings.nodes; i++)
        if (i != node->number)
            changed |= look_at(node, node->world->nodes[i]);
    const bool votes = !sim_node_forgetful(node) && in_line;
    changed |= votes != node->sights[node->number].votes;
    node->sights[node->number].votes = votes;
    if (changed) {
        struct view *view = make_view(node);
        world_trace(node->world, "%u sees the others anew", node->number);
        engine_set_view(node->engine, sim_node_now(node), view);
        view_release(&view);
        sim_node_touch(node);
    }
    world_after(node->world, LOOK_US + world_draw(node->world, 0, LOOK_US / 4), look, node, number);
}

void sim_node_watch(struct sim_node *node)
{
    world_after(node->world, LOOK_US, look, node, node->boots);
}
