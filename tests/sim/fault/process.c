/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Faults of processes: stopped for a while, killed and started again without their data, at the
 * same address or at another, one or all. Here is also what the promises stand for: how many may
 * be without their data at once.
 */
#include "sim/fault/parts.h"

#define KILL_US_MAX     500000
#define AMNESTY_STEP_US 20000
/* After a refused start. */
#define TRY_US 700000

/* ---- stopped ---- */

static void resume(void *object, uint64_t number)
{
    struct faults *faults = object;

    sim_node_resume(faults->world->nodes[number]);
}

void fault_pause(struct faults *faults, const struct fault_place *at)
{
    sim_node_pause(faults->world->nodes[at->node]);
    fault_after(faults, at->length_us, resume, at->node);
}

/* ---- what may be forgotten ---- */

static unsigned count_forgetful(const struct faults *faults)
{
    unsigned count = 0;

    for (unsigned i = 1; i <= faults->world->settings.nodes; i++)
        count += faults->doomed[i] || sim_node_forgetful(faults->world->nodes[i]);
    return count;
}

static bool is_forgetful(const struct sim_node *node, uint32_t partition)
{
    return sim_node_ring(node) == NULL || store_partition(node->store, partition)->recovering;
}

/* Whether what the node had of a partition is lost already. Who was only told that it missed writes
 * still has all that it acknowledged. */
static bool is_lost(const struct sim_node *node, uint32_t partition)
{
    return is_forgetful(node, partition) && sim_node_ring(node) != NULL &&
           store_partition(node->store, partition)->forgotten > 0;
}

static unsigned count_forgetful_others(const struct faults *faults, const struct sim_node *node,
                                       const struct ring_claim *claim, uint32_t partition)
{
    unsigned count = 0;

    for (unsigned i = 0; i < claim->count; i++)
        if (claim->nodes[i] != node->number)
            count += faults->doomed[claim->nodes[i]] ||
                     is_forgetful(faults->world->nodes[claim->nodes[i]], partition);
    return count;
}

/* What it has lost it may lose again and again. */
bool fault_may_forget(const struct faults *faults, const struct sim_node *node)
{
    const struct ring *ring = sim_node_ring(node);

    if (ring == NULL)
        return count_forgetful(faults) < faults->forgetful_max;
    for (uint32_t p = 0; p < ring_partition_count(ring); p++) {
        const struct ring_claim *claim = ring_claim(ring, p);
        if (ring_claim_index(claim, (node_number)node->number) >= 0 && !is_lost(node, p) &&
            count_forgetful_others(faults, node, claim, p) >= faults->forgetful_max)
            return false;
    }
    return true;
}

/* ---- killed ---- */

/* An operator looks after a process that did not start, and puts its files in order. */
static void help_start(void *object, uint64_t number)
{
    struct faults *faults = object;

    sim_disk_mend(&faults->world->nodes[number]->disk);
    fault_start_again(faults, number);
}

void fault_start_again(void *object, uint64_t number)
{
    struct faults *faults = object;
    struct sim_node *node = faults->world->nodes[number];

    if (sim_node_runs(node))
        return;
    sim_node_start(node, true);
    if (!sim_node_runs(node))
        fault_after(faults, TRY_US, help_start, number);
}

void fault_restart(struct faults *faults, const struct fault_place *at)
{
    struct sim_node *node = faults->world->nodes[at->node];

    if (!sim_node_runs(node) || !fault_may_forget(faults, node))
        return;
    sim_node_kill(node);
    fault_after(faults, RESTART_US_MIN + at->length_us, fault_start_again, at->node);
}

/* One stays where it always was, so that nobody who starts is without an address to ask. */
void fault_move(struct faults *faults, const struct fault_place *at)
{
    struct sim_node *node = faults->world->nodes[at->node];
    const unsigned home = faults->spared > 0 ? faults->spared : 1;

    if (at->node == home || !sim_node_runs(node) || node->place == WORLD_PLACES_MAX ||
        !fault_may_forget(faults, node))
        return;
    sim_node_kill(node);
    sim_node_move(node);
    fault_after(faults, RESTART_US_MIN + at->length_us, fault_start_again, at->node);
}

void fault_mend_process(struct faults *faults, unsigned number)
{
    fault_start_again(faults, number);
    sim_node_resume(faults->world->nodes[number]);
}

/* ---- all killed ---- */

bool faults_amnesty(const struct faults *faults)
{
    const size_t count = faults->history->amnesty_count;

    return count > 0 && faults->history->amnesties[count - 1].to_us == HISTORY_NEVER_US;
}

/* The promises stand again once all nodes vote. */
static void end_amnesty(void *object, uint64_t number)
{
    struct faults *faults = object;
    struct history *history = faults->history;

    if (count_forgetful(faults) > 0) {
        fault_after(faults, AMNESTY_STEP_US, end_amnesty, number);
        return;
    }
    history->amnesties[history->amnesty_count - 1].to_us = faults->world->now_us;
    world_trace(faults->world, "all nodes vote again");
}

static void kill_one(void *object, uint64_t number)
{
    struct faults *faults = object;

    if (!faults->on)
        return;
    sim_node_kill(faults->world->nodes[number]);
    fault_after(faults, fault_draw_us(faults, RESTART_US_MIN, 6 * RESTART_US_MIN),
                fault_start_again, number);
}

/* Half of the time not quite at the same moment. */
void fault_all_restart(struct faults *faults, const struct fault_place *at)
{
    struct history *history = faults->history;
    const bool at_once = fault_draw(faults, 2) == 0;

    (void)at;
    if (faults_amnesty(faults) || history->amnesty_count == AMNESTIES_MAX)
        return;
    history->amnesties[history->amnesty_count++] = (struct amnesty){
        .from_us = faults->world->now_us, .to_us = HISTORY_NEVER_US};
    for (unsigned i = 1; i <= faults->world->settings.nodes; i++)
        if (at_once)
            kill_one(faults, i);
        else
            fault_after(faults, fault_draw_us(faults, 0, KILL_US_MAX), kill_one, i);
    fault_after(faults, KILL_US_MAX + AMNESTY_STEP_US, end_amnesty, 0);
}

/* Whether the node has recovered a partition from too few voters since it was asked last. */
static bool was_forced(struct faults *faults, unsigned number)
{
    const struct sim_node *node = faults->world->nodes[number];
    const uint64_t forced = atomic_load_explicit(&node->bounds.recovery.forced,
                                                 memory_order_relaxed);
    const bool more = forced > faults->forced[number];

    faults->forced[number] = forced;
    return more;
}

void faults_note_forced(struct faults *faults, int64_t before_us)
{
    struct history *history = faults->history;
    const int64_t now_us = faults->world->now_us;
    bool forced = false;

    for (unsigned i = 1; i <= faults->world->settings.nodes; i++)
        forced |= was_forced(faults, i);
    if (!forced || faults_amnesty(faults))
        return;
    struct amnesty *last = history->amnesty_count > 0
                               ? &history->amnesties[history->amnesty_count - 1]
                               : NULL;
    if (last != NULL && (last->to_us >= before_us || history->amnesty_count == AMNESTIES_MAX))
        last->to_us = now_us;
    else
        history->amnesties[history->amnesty_count++] = (struct amnesty){.from_us = before_us,
                                                                        .to_us = now_us};
}
