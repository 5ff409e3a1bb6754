/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A swarm: many seeds, some side by side, until all have passed, the time is over, or one failed.
 * One seed is a small swarm.
 */
#ifndef DUNLIN_TESTS_SIM_SWARM_H
#define DUNLIN_TESTS_SIM_SWARM_H

#include "sim/options.h"
#include "sim/tell.h"
#include "sim/trial.h"

/* What a single run writes to; NULL: nowhere. */
struct sim_files {
    FILE *trace, *history;
};

/* Runs what the options say and tells of it. False: something did not pass, which `failure` then
 * holds, for the caller to deinit; others under way are given up. `files` are laid into the
 * settings of each run. */
bool swarm_run(const struct sim_options *options, const struct sim_files *files, struct sums *sums,
               struct trial *failure);

#endif
