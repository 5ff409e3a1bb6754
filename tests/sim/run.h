/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One run of the simulator: a calm beginning, faults, the end of the faults, time to settle, a calm
 * end; then the checkers. A run is given by its settings: the same give the same, to the byte of
 * the trace.
 */
#ifndef DUNLIN_TESTS_SIM_RUN_H
#define DUNLIN_TESTS_SIM_RUN_H

#include "sim/checks.h"
#include "sim/load.h"

struct run_settings {
    struct world_settings world;
    struct load_settings load;
    unsigned faults;  /* a bit for each of enum fault */
    int64_t chaos_us; /* how long faults come */
};

enum rule {
    RULE_KEPT,
    RULE_SESSION,
    RULE_COUNTERS,
    RULE_ANSWERED,
    RULE_LIVENESS,
    RULE_RING,
    RULE_MEMBERS,
    RULE_COUNT
};

extern const char *const rule_names[RULE_COUNT];

struct run_result {
    uint64_t trace_digest, trace_lines;
    uint64_t commands, failed, faults;
    struct verdict verdicts[RULE_COUNT];
};

void run_defaults(struct run_settings *settings);
/* Reports what is wrong to `report`, which may be NULL. */
void run(const struct run_settings *settings, FILE *report, struct run_result *result);
/* Nothing was found wrong, and every checker had something to judge. */
bool run_passed(const struct run_settings *settings, const struct run_result *result);

#endif
