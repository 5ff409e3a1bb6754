/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who is entitled to how many copies: weights, under caps. No node can have more than Q copies (one
 * of each partition), and a zone must have at least `low` and at most `high` copies of every
 * partition, so low * Q to high * Q in all. Below the caps all nodes have the same copies per
 * weight.
 *
 * Zones that violate a bound when all is shared out freely are frozen at it, the side first whose
 * violations weigh more: they would stay there whatever the others do, because freezing the others
 * moves the common rate only further their way. (The same reasoning resolves flexible lengths in
 * CSS Flexible Box Layout, section 9.7.)
 *
 * All in whole numbers: units <= 7 * 2^14, a weight < 2^32, a sum of weights < 2^42; at most 7
 * nodes and 7 zones can be at their caps, because there are 7 * Q copies. No product passes 2^60.
 */
#include "ring/planner_work.h"

#include "base/assert.h"
#include "base/memory.h"

enum zone_state { ZONE_FREE, ZONE_LOW, ZONE_HIGH };

struct zone {
    enum zone_state state;
    uint32_t nodes;
    uint32_t low, high;    /* copies of each partition */
    uint64_t open_weight;  /* of the nodes below their cap */
    uint64_t capped_units; /* of the nodes at it */
};

struct shares {
    struct planner_work *work;
    struct zone *zones;
    bool *capped; /* of each node */
};

/* What is being shared out, and among whom. */
struct group {
    bool all_free;  /* all zones that are not frozen */
    uint32_t zone;  /* else this one */
    uint64_t units; /* in the end: what the nodes below their caps share */
    uint64_t weight;
};

static bool in_group(const struct shares *shares, const struct group *group, uint32_t node)
{
    const uint32_t zone = shares->work->zones[node];

    return group->all_free ? shares->zones[zone].state == ZONE_FREE : zone == group->zone;
}

/* Shares group->units out by weight, nobody above Q. */
static void fill(struct shares *shares, struct group *group)
{
    const struct planner_work *work = shares->work;
    const uint64_t cap = work->partition_count;
    bool changed = true;

    group->weight = 0;
    for (uint32_t i = 0; i < work->node_count; i++) {
        if (in_group(shares, group, i)) {
            shares->capped[i] = false;
            group->weight += work->weights[i];
        }
    }
    while (changed) {
        changed = false;
        for (uint32_t i = 0; i < work->node_count; i++) {
            if (!in_group(shares, group, i) || shares->capped[i] ||
                group->units * work->weights[i] < cap * group->weight)
                continue;
            shares->capped[i] = changed = true;
            group->units -= cap;
            group->weight -= work->weights[i];
        }
    }
}

static void set_share(struct planner_share *share, uint64_t numerator, uint64_t denominator)
{
    *share = (struct planner_share){
        .numerator = numerator,
        .denominator = denominator,
        .low = (uint32_t)(numerator / denominator),
        .high = (uint32_t)((numerator + denominator - 1) / denominator),
    };
}

/* Writes down what fill found, for the nodes of the group and their zones. */
static void settle(struct shares *shares, const struct group *group)
{
    struct planner_work *work = shares->work;
    const uint64_t weight = group->weight > 0 ? group->weight : 1;

    for (uint32_t z = 0; z < work->zone_count; z++)
        shares->zones[z].open_weight = shares->zones[z].capped_units = 0;
    for (uint32_t i = 0; i < work->node_count; i++) {
        struct zone *zone = &shares->zones[work->zones[i]];

        if (!in_group(shares, group, i))
            continue;
        if (shares->capped[i]) {
            zone->capped_units += work->partition_count;
            set_share(&work->copy_shares[i], work->partition_count, 1);
        } else {
            zone->open_weight += work->weights[i];
            set_share(&work->copy_shares[i], group->units * work->weights[i], weight);
        }
    }
    for (uint32_t z = 0; z < work->zone_count; z++) {
        const struct zone *zone = &shares->zones[z];

        if (group->all_free ? zone->state == ZONE_FREE : z == group->zone)
            set_share(&work->zone_shares[z],
                      zone->capped_units * weight + group->units * zone->open_weight, weight);
    }
}

/* Freezes zones that are beyond their bounds. False when none is. */
static bool freeze(struct shares *shares, const struct group *group, uint64_t *free_units)
{
    const struct planner_work *work = shares->work;
    const uint64_t weight = group->weight > 0 ? group->weight : 1;
    const uint64_t scale = work->partition_count * weight;
    uint64_t over = 0, under = 0; /* both times `weight` */

    for (uint32_t z = 0; z < work->zone_count; z++) {
        const struct zone *zone = &shares->zones[z];
        const uint64_t value = work->zone_shares[z].numerator;

        if (zone->state == ZONE_FREE && value > zone->high * scale)
            over += value - zone->high * scale;
        if (zone->state == ZONE_FREE && value < zone->low * scale)
            under += zone->low * scale - value;
    }
    for (uint32_t z = 0; z < work->zone_count; z++) {
        struct zone *zone = &shares->zones[z];
        const uint64_t value = work->zone_shares[z].numerator;

        if (zone->state != ZONE_FREE)
            continue;
        if (over >= under && value > zone->high * scale) {
            zone->state = ZONE_HIGH;
            *free_units -= (uint64_t)zone->high * work->partition_count;
        } else if (under >= over && value < zone->low * scale) {
            zone->state = ZONE_LOW;
            *free_units -= (uint64_t)zone->low * work->partition_count;
        }
    }
    return over > 0 || under > 0;
}

static void set_bounds(struct shares *shares)
{
    const struct planner_work *work = shares->work;
    const uint32_t spare = work->copies - work->zone_spread;

    for (uint32_t i = 0; i < work->node_count; i++)
        shares->zones[work->zones[i]].nodes++;
    for (uint32_t z = 0; z < work->zone_count; z++) {
        struct zone *zone = &shares->zones[z];

        zone->high = zone->nodes < 1 + spare ? zone->nodes : 1 + spare;
        zone->low = work->zone_spread == work->zone_count ? 1 : 0;
    }
}

static void share_copies(struct shares *shares)
{
    struct planner_work *work = shares->work;
    uint64_t free_units = (uint64_t)work->copies * work->partition_count;
    bool frozen;

    do {
        struct group group = {.all_free = true, .units = free_units};

        fill(shares, &group);
        settle(shares, &group);
        frozen = freeze(shares, &group, &free_units);
    } while (frozen);
    for (uint32_t z = 0; z < work->zone_count; z++) {
        const struct zone *zone = &shares->zones[z];
        struct group group = {.zone = z};

        if (zone->state == ZONE_FREE)
            continue;
        group.units = (uint64_t)(zone->state == ZONE_LOW ? zone->low : zone->high) *
                      work->partition_count;
        fill(shares, &group);
        settle(shares, &group);
    }
}

static void share_primaries(struct planner_work *work)
{
    uint64_t weight = 0;

    for (uint32_t i = 0; i < work->node_count; i++)
        weight += work->weights[i];
    for (uint32_t i = 0; i < work->node_count; i++)
        set_share(&work->primary_shares[i], (uint64_t)work->partition_count * work->weights[i],
                  weight);
}

void planner_shares(struct planner_work *work)
{
    struct shares shares = {
        .work = work,
        .zones = memory_alloc_array(work->zone_count, sizeof *shares.zones),
        .capped = memory_alloc_array(work->node_count, sizeof *shares.capped),
    };

    set_bounds(&shares);
    share_copies(&shares);
    share_primaries(work);
    memory_free(shares.zones);
    memory_free(shares.capped);
}
