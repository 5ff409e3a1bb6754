/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Faults of disks. A process that is killed while it writes a state file finds the old file, the
 * new one, or a torn one: that it refuses, until an operator has put the old one back.
 */
#include "sim/fault/parts.h"

/* A ceiling is good for some seconds. */
#define WRITES_TIMES 3
#define TORN_STEP_US 20000

static void free_disk(void *object, uint64_t number)
{
    struct faults *faults = object;

    faults->world->nodes[number]->disk.full = false;
}

void fault_disk(struct faults *faults, const struct fault_place *at)
{
    faults->world->nodes[at->node]->disk.full = true;
    fault_after(faults, WRITES_TIMES * at->length_us, free_disk, at->node);
}

/* Waits for the write, or for the time to be over. */
static void watch_torn(void *object, uint64_t number)
{
    struct faults *faults = object;
    struct sim_node *node = faults->world->nodes[number];
    const bool waits = node->disk.next != DISK_UNCUT;

    if (!faults->doomed[number])
        return;
    if (sim_node_runs(node) && waits && faults->world->now_us < faults->torn_us[number]) {
        fault_after(faults, TORN_STEP_US, watch_torn, number);
        return;
    }
    faults->doomed[number] = false;
    node->disk.next = DISK_UNCUT;
    if (!waits)
        fault_after(faults, fault_draw_us(faults, RESTART_US_MIN, 6 * RESTART_US_MIN),
                    fault_start_again, number);
}

void fault_torn(struct faults *faults, const struct fault_place *at)
{
    struct sim_node *node = faults->world->nodes[at->node];

    if (faults->doomed[at->node] || !sim_node_runs(node) || !fault_may_forget(faults, node))
        return;
    node->disk.next = (enum disk_cut)(DISK_OLD + fault_draw(faults, 3));
    node->disk.torn_percent = (unsigned)fault_draw(faults, 100);
    faults->doomed[at->node] = true;
    faults->torn_us[at->node] = faults->world->now_us + WRITES_TIMES * at->length_us;
    watch_torn(faults, at->node);
}

void fault_mend_disk(struct faults *faults, unsigned number)
{
    struct sim_disk *disk = &faults->world->nodes[number]->disk;

    free_disk(faults, number);
    disk->next = DISK_UNCUT;
    faults->doomed[number] = false;
    sim_disk_mend(disk);
}
