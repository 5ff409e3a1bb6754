/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One run of the simulator: a calm beginning, faults, the end of the faults, time to be whole
 * again, a calm end; then the checkers. A run is given by its settings: the same give the same, to
 * the byte of the trace.
 */
#ifndef DUNLIN_TESTS_SIM_RUN_H
#define DUNLIN_TESTS_SIM_RUN_H

#include "sim/check/checks.h"
#include "sim/fault/faults.h"
#include "sim/load/load.h"

struct run_settings {
    struct world_settings world;
    struct load_settings load;
    struct fault_settings faults;
    int64_t chaos_us; /* how long faults come */
};

/* The checkers: name, whether its finding is one of safety (else of liveness), what it finds. */
#define CHECKS(ROW)                                                                   \
    ROW(KEPT, "kept", true, "an acknowledged write that is not seen")                 \
    ROW(DELETED, "deleted", true, "a value that is back after a DEL or FLUSHALL")     \
    ROW(ORDER, "order", true, "a value that was read, replaced, and read again")      \
    ROW(DATES, "dates", true, "a value past its deadline, or without the one it had") \
    ROW(SESSION, "session", true, "a connection that does not see its own writes")    \
    ROW(COUNTERS, "counters", true, "an increment that is lost, or counts twice")     \
    ROW(VOTES, "votes", true, "a vote of one who forgot")                             \
    ROW(CONVERGED, "converged", true, "replicas that differ when all is over")        \
    ROW(MEMORY, "memory", true, "a node that holds more than it may")                 \
    ROW(RING, "ring", true, "rings or headers that differ")                           \
    ROW(ANSWERED, "answered", false, "a command that was answered late, or never")    \
    ROW(LIVENESS, "liveness", false, "a command that failed with no fault about")     \
    ROW(MEMBERS, "members", false, "a node that does not see another as it is")       \
    ROW(WHOLE, "whole", false, "something not recovered, owed or unsettled long after")

enum check {
#define ROW(NAME, name, safety, text) CHECK_##NAME,
    CHECKS(ROW)
#undef ROW
        CHECK_COUNT
};

struct check_row {
    const char *name;
    bool safety;
    const char *text;
};

extern const struct check_row check_rows[CHECK_COUNT];

struct run_result {
    uint64_t trace_digest, trace_lines;
    uint64_t commands, failed, faults;
    uint64_t events;    /* of the world */
    int64_t virtual_us; /* how long the world was run */
    struct verdict verdicts[CHECK_COUNT];
    bool judged[CHECK_COUNT]; /* whether the run had to give it something to judge */
};

void run_defaults(struct run_settings *settings);
/* Lets the seed draw nodes, levels, bounds and faults. */
void run_vary(struct run_settings *settings);
/* Reports what is wrong to `report`, which may be NULL. */
void run(const struct run_settings *settings, FILE *report, struct run_result *result);
/* Nothing was found wrong, and every checker had something to judge. */
bool run_passed(const struct run_result *result);

#endif
