/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Faults, drawn from the seed: what goes wrong, where, and for how long. They come one by one and
 * may overlap. One node may be spared, so that what it coordinates has one coordinator throughout.
 */
#ifndef DUNLIN_TESTS_SIM_FAULTS_H
#define DUNLIN_TESTS_SIM_FAULTS_H

#include "sim/world.h"

/*   name, what it does */
#define FAULTS(ROW)                                                             \
    ROW(BREAK, "break", "connections between two nodes break")                  \
    ROW(PARTITION, "partition", "two nodes do not reach each other")            \
    ROW(ONE_WAY, "oneway", "what one node sends does not arrive at another")    \
    ROW(ISOLATE, "isolate", "one node is cut off from all others")              \
    ROW(PAUSE, "pause", "a process is stopped for a while")                     \
    ROW(SLOW, "slow", "what a node sends takes long")                           \
    ROW(CLOCK, "clock", "a clock is off, and drifts, within max-clock-skew-ms") \
    ROW(SKEW, "skew", "a clock is off by more than max-clock-skew-ms")          \
    ROW(RESTART, "restart", "a process is killed, and starts with no data")     \
    ROW(MEMORY, "memory", "a store takes nothing more for a while")             \
    ROW(LOSS, "loss", "many datagrams from and to a node are lost")             \
    ROW(DISK, "disk", "a disk takes nothing more for a while")

enum fault {
#define ROW(NAME, name, text) FAULT_##NAME,
    FAULTS(ROW)
#undef ROW
        FAULT_COUNT
};

#define FAULTS_ALL ((1u << FAULT_COUNT) - 1)

struct fault_row {
    const char *name;
    const char *text;
};

extern const struct fault_row fault_rows[FAULT_COUNT];

struct faults;

/* `enabled`: a bit for each fault. */
struct faults *faults_create(struct world *world, unsigned enabled);
void faults_destroy(struct faults **faults);
void faults_begin(struct faults *faults);
/* Ends those that last, and begins none any more. */
void faults_end(struct faults *faults);
uint64_t faults_made(const struct faults *faults);

#endif
