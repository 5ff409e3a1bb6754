/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/metrics.h"

#include "base/assert.h"
#include "base/memory.h"

#define APART_CELLS (MEMORY_APART / sizeof(uint64_t))

#define COMMAND_CELLS METRICS_COMMAND_CELLS
#define LATENCY_FIRST METRIC_COUNT
#define COMMAND_FIRST METRICS_COMMAND_FIRST

#define LONGEST_USEC_SHIFT  24
#define LONGEST_USEC_MAX    ((UINT64_C(1) << 40) - 1)
#define LONGEST_DOING_SHIFT 8
#define LONGEST_DOING_MASK  0xffffu
#define LONGEST_RESETS_MASK 0xffu

struct metrics {
    uint32_t block_count;
    uint32_t command_count;
    uint32_t cell_count; /* of a block, without the longest turn and the pad */
    _Atomic uint32_t resets;
    struct metrics_block *blocks;
    _Atomic uint64_t *cells;     /* of all blocks */
    _Atomic uint64_t *forgotten; /* by cell: the sum at the last reset */
};

struct metrics *metrics_create(uint32_t blocks, uint32_t commands)
{
    struct metrics *metrics = memory_alloc(sizeof *metrics);
    const uint32_t cells = COMMAND_FIRST + commands * COMMAND_CELLS;
    const size_t stride = (cells + 1 + APART_CELLS - 1) / APART_CELLS * APART_CELLS;

    ensure(blocks > 0 && commands < 1000000);
    metrics->block_count = blocks;
    metrics->command_count = commands;
    metrics->cell_count = cells;
    metrics->blocks = memory_alloc_array(blocks, sizeof *metrics->blocks);
    metrics->forgotten = memory_alloc_array(cells, sizeof *metrics->forgotten);
    metrics->cells = memory_alloc_apart(blocks * stride * sizeof(uint64_t));
    for (uint32_t i = 0; i < blocks; i++)
        metrics->blocks[i] = (struct metrics_block){
            .metrics = metrics, .cells = metrics->cells + i * stride, .longest_cell = cells};
    return metrics;
}

void metrics_destroy(struct metrics **metrics)
{
    if (*metrics == NULL)
        return;
    memory_free((*metrics)->blocks);
    memory_free((*metrics)->cells);
    memory_free((*metrics)->forgotten);
    memory_free(*metrics);
    *metrics = NULL;
}

struct metrics_block *metrics_block(struct metrics *metrics, uint32_t index)
{
    ensure(index < metrics->block_count);
    return &metrics->blocks[index];
}

void metrics_turn_took(struct metrics_block *block, uint64_t usec, uint32_t doing)
{
    _Atomic uint64_t *cell = &block->cells[block->longest_cell];
    const uint64_t before = atomic_load_explicit(cell, memory_order_relaxed);
    const uint32_t resets = atomic_load_explicit(&block->metrics->resets, memory_order_relaxed) &
                            LONGEST_RESETS_MASK;

    if ((before & LONGEST_RESETS_MASK) == resets && usec <= before >> LONGEST_USEC_SHIFT)
        return;
    if (usec > LONGEST_USEC_MAX)
        usec = LONGEST_USEC_MAX;
    atomic_store_explicit(cell,
                          usec << LONGEST_USEC_SHIFT |
                              (uint64_t)(doing & LONGEST_DOING_MASK) << LONGEST_DOING_SHIFT |
                              resets,
                          memory_order_relaxed);
}

uint64_t metrics_longest_turn(const struct metrics *metrics, uint32_t *doing)
{
    const uint32_t resets = atomic_load_explicit(&metrics->resets, memory_order_relaxed) &
                            LONGEST_RESETS_MASK;
    uint64_t longest = 0;

    *doing = 0;
    for (uint32_t i = 0; i < metrics->block_count; i++) {
        const struct metrics_block *block = &metrics->blocks[i];
        const uint64_t cell = atomic_load_explicit(&block->cells[block->longest_cell],
                                                   memory_order_relaxed);

        if ((cell & LONGEST_RESETS_MASK) != resets || cell >> LONGEST_USEC_SHIFT <= longest)
            continue;
        longest = cell >> LONGEST_USEC_SHIFT;
        *doing = cell >> LONGEST_DOING_SHIFT & LONGEST_DOING_MASK;
    }
    return longest;
}

static uint64_t sum_since_start(const struct metrics *metrics, uint32_t cell)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < metrics->block_count; i++)
        sum += atomic_load_explicit(&metrics->blocks[i].cells[cell], memory_order_relaxed);
    return sum;
}

/* The load pairs with the store in metrics_reset: the cells are then at least what was summed
 * there, and the difference is never below zero. */
static uint64_t sum_since_reset(const struct metrics *metrics, uint32_t cell)
{
    const uint64_t forgotten = atomic_load_explicit(&metrics->forgotten[cell],
                                                    memory_order_acquire);

    return sum_since_start(metrics, cell) - forgotten;
}

uint64_t metrics_sum(const struct metrics *metrics, enum metric metric)
{
    ensure(metric < METRIC_COUNT);
    return sum_since_reset(metrics, metric);
}

void metrics_sum_command(const struct metrics *metrics, uint32_t command,
                         struct metric_command *sum)
{
    const uint32_t cell = COMMAND_FIRST + command * COMMAND_CELLS;

    ensure(command < metrics->command_count);
    sum->calls = sum_since_reset(metrics, cell);
    sum->usec = sum_since_reset(metrics, cell + 1);
    sum->errors = sum_since_reset(metrics, cell + 2);
    sum->buckets[0] = sum->calls;
    for (uint32_t bucket = 1; bucket < METRICS_COMMAND_BUCKETS; bucket++) {
        const uint64_t calls = sum_since_reset(metrics, cell + 2 + bucket);
        sum->buckets[bucket] = calls;
        /* The sums are not of one moment. */
        sum->buckets[0] -= calls < sum->buckets[0] ? calls : sum->buckets[0];
    }
}

void metrics_sum_latency(const struct metrics *metrics, enum metric_latency latency,
                         struct histogram *sum)
{
    ensure(latency < METRIC_LATENCY_COUNT);
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        sum->counts[i] = sum_since_reset(metrics, LATENCY_FIRST + latency * HISTOGRAM_BUCKETS + i);
}

void metrics_reset(struct metrics *metrics)
{
    for (uint32_t cell = 0; cell < metrics->cell_count; cell++)
        if (cell >= METRIC_COUNT || metric_describe(cell)->type == METRIC_COUNTER)
            atomic_store_explicit(&metrics->forgotten[cell], sum_since_start(metrics, cell),
                                  memory_order_release);
    atomic_fetch_add_explicit(&metrics->resets, 1, memory_order_relaxed);
}

const struct metric_description *metric_describe(enum metric metric)
{
    static const struct metric_description descriptions[] = {
#define METRIC(id, name, type, unit, help) {name, METRIC_##type, unit, help},
#define METRIC_LATENCY(id, name, help)
#include "base/metrics_list.h"
    };

    ensure(metric < METRIC_COUNT);
    return &descriptions[metric];
}

const struct metric_description *metric_latency_describe(enum metric_latency latency)
{
    static const struct metric_description descriptions[] = {
#define METRIC(id, name, type, unit, help)
#define METRIC_LATENCY(id, name, help) {name, METRIC_COUNTER, "microseconds", help},
#include "base/metrics_list.h"
    };

    ensure(latency < METRIC_LATENCY_COUNT);
    return &descriptions[latency];
}
