/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <string.h>

#include "base/metrics.h"
#include "base/rng.h"
#include "base/work.h"
#include "lib/timeout.h"

TestSuite(metrics, .timeout = TIMEOUT_S(10));

Test(metrics, a_sum_is_over_all_blocks)
{
    struct metrics *metrics = metrics_create(3, 0);

    for (uint32_t i = 0; i < 3; i++)
        metrics_add(metrics_block(metrics, i), METRIC_COMMANDS, i + 1);
    cr_assert_eq(metrics_sum(metrics, METRIC_COMMANDS), 6);
    cr_assert_eq(metrics_sum(metrics, METRIC_ERRORS), 0);
    metrics_destroy(&metrics);
    cr_assert_null(metrics);
}

Test(metrics, tell_the_longest_turn_of_all_workers_until_a_reset)
{
    struct metrics *metrics = metrics_create(3, 2);
    uint32_t doing = 1;

    cr_assert_eq(metrics_longest_turn(metrics, &doing), 0);
    cr_assert_eq(doing, 0);
    metrics_turn_took(metrics_block(metrics, 0), 700, work_bit(WORK_CLIENTS));
    metrics_turn_took(metrics_block(metrics, 2), 900,
                      work_bit(WORK_EXPIRY) | work_bit(WORK_OUTPUT));
    metrics_turn_took(metrics_block(metrics, 2), 800, work_bit(WORK_HINTS));
    cr_assert_eq(metrics_longest_turn(metrics, &doing), 900);
    cr_assert_eq(doing, work_bit(WORK_EXPIRY) | work_bit(WORK_OUTPUT));
    cr_assert_eq(metrics_sum(metrics, METRIC_COMMANDS), 0);
    metrics_reset(metrics);
    cr_assert_eq(metrics_longest_turn(metrics, &doing), 0);
    metrics_turn_took(metrics_block(metrics, 2), 5, work_bit(WORK_COUNT - 1));
    cr_assert_eq(metrics_longest_turn(metrics, &doing), 5);
    cr_assert_eq(doing, work_bit(WORK_COUNT - 1));
    metrics_destroy(&metrics);
}

Test(metrics, a_reset_forgets_counters_and_not_gauges)
{
    struct metrics *metrics = metrics_create(2, 1);
    struct metrics_block *block = metrics_block(metrics, 1);
    struct metric_command command;
    struct histogram latency;

    metrics_add(block, METRIC_COMMANDS, 5);
    metrics_add(block, METRIC_CONNECTIONS, 4);
    metrics_observe(block, METRIC_READ_LATENCY, 100);
    metrics_command_called(block, 0, 7, true);
    metrics_reset(metrics);
    metrics_add(block, METRIC_COMMANDS, 2);
    metrics_observe(block, METRIC_READ_LATENCY, 10);
    metrics_command_called(block, 0, 9, false);
    cr_assert_eq(metrics_sum(metrics, METRIC_COMMANDS), 2);
    cr_assert_eq(metrics_sum(metrics, METRIC_CONNECTIONS), 4);
    metrics_sum_latency(metrics, METRIC_READ_LATENCY, &latency);
    cr_assert_eq(histogram_count(&latency), 1);
    cr_assert_eq(histogram_percentile(&latency, 1000), 10);
    metrics_sum_command(metrics, 0, &command);
    cr_assert_eq(command.calls, 1);
    cr_assert_eq(command.usec, 9);
    cr_assert_eq(command.errors, 0);
    metrics_destroy(&metrics);
}

Test(metrics, calls_are_told_apart_by_how_long_they_took)
{
    struct metrics *metrics = metrics_create(2, 2);
    const uint64_t times[] = {0, 1, 2, 3, 4, 5, 1024, 1025, UINT64_C(1) << 27, UINT64_C(1) << 60};
    struct metric_command command;

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        metrics_command_called(metrics_block(metrics, i % 2), 1, times[i], false);
    metrics_sum_command(metrics, 1, &command);
    cr_assert_eq(command.calls, 10);
    cr_assert_eq(command.buckets[0], 2); /* 0 and 1 */
    cr_assert_eq(command.buckets[1], 1);
    cr_assert_eq(command.buckets[2], 2); /* 3 and 4 */
    cr_assert_eq(command.buckets[3], 1);
    cr_assert_eq(command.buckets[10], 1);
    cr_assert_eq(command.buckets[11], 1);
    cr_assert_eq(command.buckets[27], 2);
    metrics_sum_command(metrics, 0, &command);
    cr_assert_eq(command.calls, 0);
    cr_assert_eq(command.buckets[0], 0);
    metrics_destroy(&metrics);
}

Test(metrics, a_gauge_may_go_up_on_one_worker_and_down_on_another)
{
    struct metrics *metrics = metrics_create(2, 0);

    metrics_add(metrics_block(metrics, 0), METRIC_CONNECTIONS, 3);
    metrics_subtract(metrics_block(metrics, 1), METRIC_CONNECTIONS, 2);
    cr_assert_eq(metrics_sum(metrics, METRIC_CONNECTIONS), 1);
    metrics_destroy(&metrics);
}

Test(metrics, no_two_blocks_share_a_cache_line)
{
    struct metrics *metrics = metrics_create(4, 7);

    for (uint32_t i = 0; i < 3; i++) {
        const uintptr_t here = (uintptr_t)metrics_block(metrics, i)->cells;
        const uintptr_t next = (uintptr_t)metrics_block(metrics, i + 1)->cells;
        cr_assert_eq(here % 128, 0);
        cr_assert_geq(next - here, sizeof(uint64_t) * (METRIC_COUNT + 21 +
                                                       METRIC_LATENCY_COUNT * HISTOGRAM_BUCKETS));
    }
    metrics_destroy(&metrics);
}

Test(metrics, every_row_has_a_name_of_its_own)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_description *row = metric_describe((enum metric)i);
        cr_assert(strlen(row->name) > 0 && strlen(row->unit) > 0 && strlen(row->help) > 0);
        cr_assert_eq(strspn(row->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(row->name));
        for (int j = 0; j < i; j++)
            cr_assert_str_neq(row->name, metric_describe((enum metric)j)->name);
    }
    cr_assert_str_eq(metric_describe(METRIC_COMMANDS)->name, "total_commands_processed");
    cr_assert_eq(metric_describe(METRIC_CONNECTIONS)->type, METRIC_GAUGE);
    cr_assert_str_eq(metric_latency_describe(METRIC_WRITE_LATENCY)->name, "write_latency");
}

TestSuite(histogram, .timeout = TIMEOUT_S(10));

Test(histogram, buckets_cover_all_values_in_order_without_a_gap)
{
    uint64_t lowest = 0;

    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        const uint64_t highest = histogram_bucket_max(bucket);
        cr_assert_eq(histogram_bucket(lowest), bucket);
        cr_assert_eq(histogram_bucket(highest), bucket);
        cr_assert_leq((highest - lowest) * 32, lowest, "a value is known to 1 in 32");
        lowest = highest + 1;
    }
    cr_assert_eq(lowest, UINT64_C(1) << 32);
    cr_assert_eq(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

Test(histogram, percentiles_are_the_sorted_values_rounded_up_to_their_bucket)
{
    struct histogram histogram = {0};
    struct rng rng;
    uint64_t values[1000];

    rng_init(&rng, 4);
    for (int i = 0; i < 1000; i++) {
        uint64_t value = rng_below(&rng, UINT64_C(1) << rng_below(&rng, 33));
        int at = i;
        histogram.counts[histogram_bucket(value)]++;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
    cr_assert_eq(histogram_count(&histogram), 1000);
    for (unsigned per_mille = 1; per_mille <= 1000; per_mille++)
        cr_assert_eq(histogram_percentile(&histogram, per_mille),
                     histogram_bucket_max(histogram_bucket(values[per_mille - 1])));
    cr_assert_eq(histogram_percentile(&histogram, 0), histogram_percentile(&histogram, 1));
}

Test(histogram, an_empty_one_answers_zero_and_one_value_answers_all)
{
    struct histogram histogram = {0};

    cr_assert_eq(histogram_percentile(&histogram, 999), 0);
    histogram.counts[histogram_bucket(17)] = 1;
    cr_assert_eq(histogram_percentile(&histogram, 1), 17);
    cr_assert_eq(histogram_percentile(&histogram, 999), 17);
}
