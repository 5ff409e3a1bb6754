/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Counting. Each worker has a block of its own and is the only one to write it, with relaxed loads
 * and stores: no locked instruction, and no cache line that two workers write. Whoever reads sums
 * over the blocks, from any thread.
 *
 * A reset writes no block: it keeps what the counters were, and sums are told from there.
 *
 *   block: | values[METRIC_COUNT] | latencies[METRIC_LATENCY_COUNT][HISTOGRAM_BUCKETS] |
 *          | commands[command_count]: calls, microseconds, errors, slower calls by power of two |
 *          | longest turn
 *          | pad to MEMORY_APART |
 *
 *   longest turn: | microseconds 40 bits | mask of enum work 16 | resets 8 |
 *                 of an earlier number of resets: none
 */
#ifndef DUNLIN_BASE_METRICS_H
#define DUNLIN_BASE_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/assert.h"
#include "base/histogram.h"

enum metric {
#define METRIC(id, name, type, unit, help) METRIC_##id,
#define METRIC_LATENCY(id, name, help)
#include "base/metrics_list.h"
    METRIC_COUNT
};

enum metric_latency {
#define METRIC(id, name, type, unit, help)
#define METRIC_LATENCY(id, name, help) METRIC_##id,
#include "base/metrics_list.h"
    METRIC_LATENCY_COUNT
};

enum metric_type {
    METRIC_COUNTER,
    METRIC_GAUGE,
};

struct metric_description {
    const char *name; /* as in INFO */
    enum metric_type type;
    const char *unit;
    const char *help;
};

/* Calls of a command by how long they took: bucket i has those of at most 2^i us and over half of
 * that, the first one those of 0 as well, the last one all that took longer. */
#define METRICS_COMMAND_BUCKETS 28

struct metric_command {
    uint64_t calls;
    uint64_t usec;
    uint64_t errors; /* of the calls */
    uint64_t buckets[METRICS_COMMAND_BUCKETS];
};

struct metrics;

/* What one worker writes; the cells lie as drawn above. */
struct metrics_block {
    const struct metrics *metrics;
    _Atomic uint64_t *cells;
    uint32_t longest_cell; /* behind those of the last command */
};

/* Where the commands' cells begin, and how many each has. */
#define METRICS_COMMAND_FIRST (METRIC_COUNT + METRIC_LATENCY_COUNT * HISTOGRAM_BUCKETS)
#define METRICS_COMMAND_CELLS (3 + METRICS_COMMAND_BUCKETS - 1)

/* `blocks` blocks, counted from 0, with room for `commands` commands. */
struct metrics *metrics_create(uint32_t blocks, uint32_t commands);
void metrics_destroy(struct metrics **metrics);

/* The block of one worker; it lives as long as the metrics. */
struct metrics_block *metrics_block(struct metrics *metrics, uint32_t index);

static inline void metrics_add_cell(struct metrics_block *block, uint32_t cell, uint64_t amount)
{
    _Atomic uint64_t *at = &block->cells[cell];
    const uint64_t before = atomic_load_explicit(at, memory_order_relaxed);

    atomic_store_explicit(at, before + amount, memory_order_relaxed);
}

/* These are for the block's own worker. */
static inline void metrics_add(struct metrics_block *block, enum metric metric, uint64_t amount)
{
    metrics_add_cell(block, metric, amount);
}
/* Of a gauge: a block's part may go below zero, when one worker closes what another opened. */
static inline void metrics_subtract(struct metrics_block *block, enum metric metric,
                                    uint64_t amount)
{
    metrics_add_cell(block, metric, 0 - amount);
}
static inline void metrics_observe(struct metrics_block *block, enum metric_latency latency,
                                   uint64_t usec)
{
    metrics_add_cell(block, METRIC_COUNT + latency * HISTOGRAM_BUCKETS + histogram_bucket(usec), 1);
}
/* `usec` is over 1. */
static inline uint32_t metrics_command_bucket(uint64_t usec)
{
    const uint32_t bucket = 64 - (uint32_t)__builtin_clzll(usec - 1);

    return bucket < METRICS_COMMAND_BUCKETS ? bucket : METRICS_COMMAND_BUCKETS - 1;
}
/* One call of the command with this number took `usec`. */
static inline void metrics_command_called(struct metrics_block *block, uint32_t command,
                                          uint64_t usec, bool error)
{
    const uint32_t cell = METRICS_COMMAND_FIRST + command * METRICS_COMMAND_CELLS;

    ensure(cell < block->longest_cell);
    metrics_add_cell(block, cell, 1);
    metrics_add_cell(block, cell + 1, usec);
    if (error)
        metrics_add_cell(block, cell + 2, 1);
    if (usec > 1) /* the first bucket has the other calls */
        metrics_add_cell(block, cell + 2 + metrics_command_bucket(usec), 1);
}

/* A turn of the worker's loop took `usec`, with the kinds of work of the mask. */
void metrics_turn_took(struct metrics_block *block, uint64_t usec, uint32_t doing);

/* These are for any thread; each value is exact for some moment, two values need not be of one. */
uint64_t metrics_sum(const struct metrics *metrics, enum metric metric);
void metrics_sum_command(const struct metrics *metrics, uint32_t command,
                         struct metric_command *sum);
void metrics_sum_latency(const struct metrics *metrics, enum metric_latency latency,
                         struct histogram *sum);
/* The longest turn of all workers since the last reset, 0 when there was none, and a mask of what
 * it did. */
uint64_t metrics_longest_turn(const struct metrics *metrics, uint32_t *doing);
/* CONFIG RESETSTAT: counters, latencies and commands begin anew at 0. Not by two threads at once.
 */
void metrics_reset(struct metrics *metrics);

const struct metric_description *metric_describe(enum metric metric);
/* Its unit is microseconds. */
const struct metric_description *metric_latency_describe(enum metric_latency latency);

#endif
