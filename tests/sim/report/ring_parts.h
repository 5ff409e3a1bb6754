/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The ring report's experiment: a ring that the real planner (src/ring/planner.h) lays out for a
 * cluster, and then changes as nodes join and leave.
 */
#ifndef DUNLIN_TESTS_SIM_REPORT_RING_PARTS_H
#define DUNLIN_TESTS_SIM_REPORT_RING_PARTS_H

#include "base/rng.h"
#include "ring/planner.h"
#include "ring/slot.h"
#include "sim/report/sample.h"

/* A kind of cluster. With zones, a partition has one copy in each: zones are as many as copies. */
struct ring_kind {
    const char *key;
    const char *text;
    bool zones;
    bool weights; /* 1, 2 or 4, drawn for each node; otherwise all weigh the same */
};
#define RING_KINDS 4
extern const struct ring_kind ring_kinds[RING_KINDS];

/* What happens to it, in this order, so that it is as large as it was in the end. `part` of the
 * nodes go or come, at least one: 0 is one. */
struct ring_change {
    const char *key;
    const char *text;
    bool join;
    double part;
};
#define RING_CHANGES 4
extern const struct ring_change ring_changes[RING_CHANGES];

struct ring_shape {
    size_t nodes;
    uint32_t partitions;
    uint32_t replicas;
};

/* Over all plans of a run. A node's share is what its weight entitles it to (planner.h). */
struct ring_balance {
    double share;           /* the mean node's, in copies */
    double least, largest;  /* copies over share, of the worst nodes */
    double low, high;       /* the same if each share were only rounded, down and up */
    double primary_largest; /* primaries over the share of them */
    uint64_t plans;
    uint64_t primaries_loose; /* plans whose primaries are not within one of the share */
};

/* Of one kind of change, over all of a run. */
struct ring_movement {
    struct sample moved;   /* copies */
    struct sample least;   /* what no plan could do without */
    struct sample over;    /* moved over least */
    struct sample formula; /* the shares of those who came or went */
};

void ring_measure(uint64_t seed, const struct ring_shape *shape, const struct ring_kind *kind,
                  unsigned rounds, struct ring_balance *balance,
                  struct ring_movement movements[RING_CHANGES]);
void ring_movement_deinit(struct ring_movement *movement);

#endif
