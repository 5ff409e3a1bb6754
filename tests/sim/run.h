/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One run of the simulator: a calm beginning, faults, the end of the faults, time to be whole
 * again, a calm end; then the checkers. A run is given by its settings: the same give the same, to
 * the byte of the trace.
 */
#ifndef DUNLIN_TESTS_SIM_RUN_H
#define DUNLIN_TESTS_SIM_RUN_H

#include "sim/check/promises.h"
#include "sim/fault/faults.h"
#include "sim/load/load.h"

struct run_settings {
    struct world_settings world;
    struct load_settings load;
    struct fault_settings faults;
    int64_t chaos_us;   /* how long faults come */
    FILE *history_file; /* what was asked and told is written to (history_file.h); NULL: nowhere */
};

struct run_result {
    uint64_t trace_digest, trace_lines;
    uint64_t commands, failed, faults;
    uint64_t events;    /* of the world */
    int64_t virtual_us; /* how long the world was run */
    struct verdict verdicts[CHECK_COUNT];
    struct promises promises; /* which of them the run had to give something to judge */
};

void run_defaults(struct run_settings *settings);
/* Lets the seed draw all: first the ring (nodes, copies, conflict), then what depends on it. */
void run_vary(struct run_settings *settings);
void run_vary_ring(struct run_settings *settings);
void run_vary_rest(struct run_settings *settings);
/* Reports what is wrong to `report`, which may be NULL. */
void run(const struct run_settings *settings, FILE *report, struct run_result *result);
/* Nothing was found wrong, and every checker had something to judge. */
bool run_passed(const struct run_result *result);

#endif
