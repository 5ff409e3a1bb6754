/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A world that is told what to suffer, for the tests of the faults.
 */
#ifndef DUNLIN_TESTS_SIM_FAULT_SCENE_H
#define DUNLIN_TESTS_SIM_FAULT_SCENE_H

#include "sim/fault/parts.h"

#define SECOND_US INT64_C(1000000)

struct scene {
    struct world *world;
    struct history history;
    struct faults *faults;
    struct sim_node **nodes; /* by number */
};

void scene_open(struct scene *scene, const struct world_settings *settings);
/* Three nodes without a real control: a network to try. */
void scene_open_quiet(struct scene *scene);
/* Three nodes with control, disks and a ring. */
void scene_open_formed(struct scene *scene);
void scene_close(struct scene *scene);

void scene_go_on(struct scene *scene, int64_t for_us);
/* Runs until it is so; false: that took over a minute. */
bool scene_comes(struct scene *scene, bool (*so)(struct scene *scene));
bool scene_route_is_open(const struct scene *scene, unsigned from, unsigned to);

#endif
