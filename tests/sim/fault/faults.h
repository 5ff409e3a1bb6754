/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Faults, drawn from the seed: what goes wrong, where, and for how long. They come one by one and
 * may overlap. One node may be spared, so that what it coordinates has one coordinator throughout.
 *
 * As many replicas of a partition may be forgetful at once as the promises allow: fewer than W.
 * ALL_RESTART breaks that, and tells the history from when to when.
 *
 *   faults.c     the schedule: which one next, and when all end
 *   settings.c   rates: from text, as text, from a seed
 *   net.c        links and lines
 *   process.c    processes that stop, end and move
 *   clock.c      clocks that are wrong
 *   memory.c     memory that is short
 *   disk.c       disks that are full, and files that are torn
 */
#ifndef DUNLIN_TESTS_SIM_FAULTS_H
#define DUNLIN_TESTS_SIM_FAULTS_H

#include "sim/load/history.h"
#include "sim/world/world.h"

/* Name, what it is called, its rate where nothing else is said, in how many of twelve runs it is,
 * the function that begins it (parts.h), what it does. Those after which little can be told from a
 * history are in few. */
#define FAULTS(ROW)                                                                              \
    ROW(BREAK, "break", 1, 9, break, "connections between two nodes break")                      \
    ROW(PARTITION, "partition", 1, 9, partition, "two nodes do not reach each other")            \
    ROW(ONE_WAY, "oneway", 1, 9, one_way, "what one node sends does not arrive at another")      \
    ROW(ISOLATE, "isolate", 1, 9, isolate, "one node is cut off from all others")                \
    ROW(FLAP, "flap", 1, 9, flap, "two nodes reach each other, and do not, again and again")     \
    ROW(CLOG, "clog", 1, 9, clog, "few bytes a second pass between two nodes")                   \
    ROW(PAUSE, "pause", 1, 9, pause, "a process is stopped for a while")                         \
    ROW(SLOW, "slow", 1, 9, slow, "what a node sends takes long")                                \
    ROW(DELAY, "delay", 1, 9, delay, "what a node sends takes as long as a distribution says")   \
    ROW(CLOCK, "clock", 1, 9, clock, "a clock is off, and drifts, within max-clock-skew-ms")     \
    ROW(SKEW, "skew", 1, 6, skew, "a clock is off by more than max-clock-skew-ms")               \
    ROW(JUMP, "jump", 1, 6, jump, "a clock steps forwards and backwards, by little and by much") \
    ROW(RESTART, "restart", 1, 9, restart, "a process is killed, and starts with no data")       \
    ROW(MOVE, "move", 1, 6, move, "a process is killed, and starts at another address")          \
    ROW(ALL_RESTART, "allrestart", 1, 2, all_restart, "all processes are killed, and restart")   \
    ROW(MEMORY, "memory", 1, 3, memory, "a store takes nothing more for a while")                \
    ROW(EVICT, "evict", 1, 4, evict, "keys of a node are evicted")                               \
    ROW(ALLOC, "alloc", 1, 3, alloc, "allocations that may fail do, for a while")                \
    ROW(HINTS, "hints", 1, 4, hints, "a node has no room for hints for a while")                 \
    ROW(LOSS, "loss", 1, 9, loss, "many datagrams from and to a node are lost")                  \
    ROW(DUPLICATE, "duplicate", 1, 9, duplicate, "many datagrams from a node arrive twice")      \
    ROW(REORDER, "reorder", 1, 9, reorder, "many datagrams from a node arrive late")             \
    ROW(DISK, "disk", 1, 9, disk, "a disk takes nothing more for a while")                       \
    ROW(TORN, "torn", 1, 9, torn, "a process is killed while it writes a state file")

enum fault {
#define ROW(NAME, name, rate, of_12, begin, text) FAULT_##NAME,
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
    uint8_t rate;
    uint8_t of_12;
    const char *text;
};

extern const struct fault_row fault_rows[FAULT_COUNT];

/* ---- settings.c ---- */

/* All of them, at their own rates. */
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
/* Begins one, here and now, whatever the rates are: between two nodes, or of the first, for so
 * long. What the promises do not stand for does not begin. */
void faults_make(struct faults *faults, enum fault fault, unsigned node, unsigned other,
                 int64_t length_us);
/* Ends those that last, and begins none any more. */
void faults_end(struct faults *faults);
uint64_t faults_made(const struct faults *faults);

/* ---- process.c ---- */

/* Whether all nodes forgot, and have not all recovered since. */
bool faults_amnesty(const struct faults *faults);
/* To be called again and again: gives an amnesty for what nodes have recovered from too few voters
 * since the last call, at `before_us`. */
void faults_note_forced(struct faults *faults, int64_t before_us);

#endif
