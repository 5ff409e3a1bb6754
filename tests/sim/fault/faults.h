/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Faults, drawn from the seed: what goes wrong, where, and for how long. They come one by one and
 * may overlap. One node may be spared, so that what it coordinates has one coordinator throughout.
 *
 * As many replicas of a partition may be forgetful at once as the promises allow: fewer than W.
 * ALL_RESTART breaks that, and tells the history from when to when.
 */
#ifndef DUNLIN_TESTS_SIM_FAULTS_H
#define DUNLIN_TESTS_SIM_FAULTS_H

#include "sim/load/history.h"
#include "sim/world/world.h"

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
    ROW(ALL_RESTART, "allrestart", "all processes are killed, and start again") \
    ROW(MEMORY, "memory", "a store takes nothing more for a while")             \
    ROW(EVICT, "evict", "keys of a node are evicted")                           \
    ROW(LOSS, "loss", "many datagrams from and to a node are lost")             \
    ROW(DISK, "disk", "a disk takes nothing more for a while")

enum fault {
#define ROW(NAME, name, text) FAULT_##NAME,
    FAULTS(ROW)
#undef ROW
        FAULT_COUNT
};

/* How often each comes, beside the others: 0 is never. */
struct fault_settings {
    uint8_t rates[FAULT_COUNT];
};

#define FAULT_RATE_MAX 99

#define FAULT_SETTINGS_TEXT_MAX 1024

struct fault_row {
    const char *name;
    const char *text;
};

extern const struct fault_row fault_rows[FAULT_COUNT];

/* ---- settings.c ---- */

/* All of them, equally often. */
void fault_settings_all(struct fault_settings *settings);
/* What the seed says: some are off altogether, since some things show only when others are quiet.
 */
void fault_settings_draw(struct fault_settings *settings, uint64_t seed);
/* From "all", "none", or names with commas between them, each with or without its rate: "break,
 * loss=5" without the space. False, and nothing changed: it is none of these. */
bool fault_settings_parse(struct fault_settings *settings, const char *text);
/* As that reads it; FAULT_SETTINGS_TEXT_MAX has room for all. */
void fault_settings_print(const struct fault_settings *settings, char *text, size_t size);

/* ---- faults.c ---- */

struct faults;

/* What bears on the promises is told to `history`. */
struct faults *faults_create(struct world *world, const struct fault_settings *settings,
                             struct history *history);
void faults_destroy(struct faults **faults);
void faults_begin(struct faults *faults);
/* Ends those that last, and begins none any more. */
void faults_end(struct faults *faults);
/* Whether all nodes forgot, and have not all recovered since. */
bool faults_amnesty(const struct faults *faults);
/* To be called again and again: gives an amnesty for what nodes have recovered from too few voters
 * since the last call, at `before_us`. */
void faults_note_forced(struct faults *faults, int64_t before_us);
uint64_t faults_made(const struct faults *faults);

#endif
