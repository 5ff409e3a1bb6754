/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The staleness report: what is measured with the real code is what the formula says, where both
 * assume the same; legs take exactly what was drawn; and the formula is that of the paper.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "lib/timeout.h"
#include "sim/report/report.h"
#include "sim/report/staleness.h"

TestSuite(staleness, .timeout = TIMEOUT_S(120));

#define SSD  "pareto(0.235,10):0.9122+exp(1.66):0.0878"
#define DISK "pareto(1.05,1.51):0.38+exp(0.183):0.62"

/* A plan and the delays that it points to. */
struct made {
    struct staleness_plan plan;
    struct delay *delays[LEG_COUNT];
};

static void make(struct made *made, unsigned copies, uint8_t read_level, uint8_t write_level,
                 const char *const texts[LEG_COUNT])
{
    static const int64_t times_us[] = {0, 500, 1500, 6000, 30000};
    char error[DELAY_ERROR_MAX];

    *made = (struct made){.plan = {.seed = 7,
                                   .copies = copies,
                                   .read_level = read_level,
                                   .write_level = write_level,
                                   .trials = 1500,
                                   .time_count = sizeof times_us / sizeof times_us[0],
                                   .interval_us = 1000}};
    memcpy(made->plan.times_us, times_us, sizeof times_us);
    for (int leg = 0; leg < LEG_COUNT; leg++) {
        made->delays[leg] = delay_create(texts[leg], error);
        cr_assert(made->delays[leg] != NULL, "%s", error);
        made->plan.delays[leg] = made->delays[leg];
    }
}

static void unmake(struct made *made)
{
    for (int leg = 0; leg < LEG_COUNT; leg++)
        delay_destroy(&made->delays[leg]);
}

/* Two parts that are the same but for chance: five standard deviations of their difference. */
static void expect_same(uint64_t hits, uint64_t trials, uint64_t others, uint64_t other_trials,
                        const char *what, size_t at)
{
    const double part = (double)hits / (double)trials;
    const double other = (double)others / (double)other_trials;
    const double pooled = (double)(hits + others) / (double)(trials + other_trials);
    const double slack =
        5 * sqrt(pooled * (1 - pooled) * (1 / (double)trials + 1 / (double)other_trials)) + 1e-9;

    cr_expect_float_eq(part, other, slack, "%s %zu: %g, not %g", what, at, part, other);
}

static uint64_t within(const struct staleness_result *result, unsigned k)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < k; i++)
        sum += result->behind[i];
    return sum;
}

static void expect_the_formula(struct made *made)
{
    struct staleness_result measured, model;

    staleness_measure(&made->plan, &measured);
    staleness_model(&made->plan, MODEL_DUNLIN, 60000, &model);
    cr_expect_eq(measured.failed, 0);
    for (size_t t = 0; t < made->plan.time_count; t++)
        expect_same(measured.seen[t], measured.trials, model.seen[t], model.trials, "time", t);
    for (unsigned k = 1; k <= STALENESS_VERSIONS; k++)
        expect_same(within(&measured, k), measured.trials, within(&model, k), model.trials,
                    "newest", k);
    staleness_result_deinit(&measured);
    staleness_result_deinit(&model);
}

/* ---- what reads see ---- */

Test(staleness, at_quorum_every_read_sees_what_was_written_before)
{
    const char *const texts[] = {DISK, SSD, SSD, SSD};
    struct staleness_result result;
    struct made made;

    make(&made, 3, LEVEL_QUORUM, LEVEL_QUORUM, texts);
    staleness_measure(&made.plan, &result);
    cr_expect_eq(result.failed, 0);
    for (size_t t = 0; t < made.plan.time_count; t++)
        cr_expect_eq(result.seen[t], made.plan.trials);
    cr_expect_eq(result.behind[0], made.plan.trials);
    cr_expect_gt(result.repaired, 0, "no read ever met a replica that was behind");
    staleness_result_deinit(&result);
    unmake(&made);
}

Test(staleness, with_one_of_three_reads_are_as_stale_as_the_formula_says)
{
    const char *const texts[] = {DISK, SSD, SSD, SSD};
    struct made made;

    make(&made, 3, LEVEL_ONE, LEVEL_ONE, texts);
    expect_the_formula(&made);
    unmake(&made);
}

Test(staleness, with_two_of_five_reads_are_as_stale_as_the_formula_says)
{
    const char *const texts[] = {"exp(0.5)", "uniform(0.1,2)", "pareto(0.3,4)", "const(0.4)"};
    struct made made;

    make(&made, 5, 2, 2, texts);
    expect_the_formula(&made);
    unmake(&made);
}

Test(staleness, distance_keeps_replicas_behind_as_the_formula_says)
{
    const char *const texts[] = {DISK, SSD, SSD, SSD};
    struct made made;

    make(&made, 3, LEVEL_ONE, LEVEL_ONE, texts);
    made.plan.distance_us = 5000;
    expect_the_formula(&made);
    unmake(&made);
}

Test(staleness, one_coordinator_for_all_sees_what_it_wrote)
{
    const char *const texts[] = {DISK, SSD, SSD, SSD};
    struct staleness_result result;
    struct made made;

    for (int i = 0; i < 2; i++) {
        make(&made, 3, LEVEL_ONE, LEVEL_ONE, texts);
        made.plan.coordinator = i == 0 ? COORDINATOR_SAME : COORDINATOR_OUTSIDE;
        staleness_measure(&made.plan, &result);
        cr_expect_eq(result.failed, 0);
        for (size_t t = 0; t < made.plan.time_count; t++)
            cr_expect_eq(result.seen[t], made.plan.trials);
        cr_expect_eq(result.behind[0], made.plan.trials);
        staleness_result_deinit(&result);
        unmake(&made);
    }
}

/* ---- how long operations take ---- */

static const char *const constants[] = {"const(7)", "const(2)", "const(3)", "const(5)"};

static void expect_sums(const struct made *made, int64_t write_us, int64_t read_us)
{
    struct staleness_result result;

    staleness_measure(&made->plan, &result);
    cr_expect_eq(result.failed, 0);
    cr_expect_eq(result.writes.us[0], write_us, "%lld", (long long)result.writes.us[0]);
    cr_expect_eq(result.writes.us[result.writes.count - 1], write_us);
    cr_expect_eq(result.reads.us[0], read_us, "%lld", (long long)result.reads.us[0]);
    cr_expect_eq(result.reads.us[result.reads.count - 1], read_us, "%lld",
                 (long long)result.reads.us[result.reads.count - 1]);
    staleness_result_deinit(&result);
}

/* Trials whose writes have reached all replicas when the read begins, and none of 8 writes. */
static void make_constant(struct made *made, uint8_t read_level, uint8_t write_level)
{
    make(made, 3, read_level, write_level, constants);
    made->plan.trials = 200;
    made->plan.time_count = 1;
    made->plan.times_us[0] = 20000;
    made->plan.interval_us = 20000;
}

Test(staleness, a_write_takes_its_two_legs_and_a_read_its_own)
{
    struct made made;

    make_constant(&made, LEVEL_ALL, LEVEL_ALL);
    expect_sums(&made, 7000 + 2000, 3000 + 5000);
    made.plan.distance_us = 10000;
    expect_sums(&made, 7000 + 2000 + 20000, 3000 + 5000 + 20000);
    unmake(&made);
}

Test(staleness, the_coordinators_own_copy_takes_no_time)
{
    const char *const slow_to_arrive[] = {"const(0)", "const(2)", "const(3)", "const(5)"};
    struct made made;

    make(&made, 3, LEVEL_ONE, LEVEL_ONE, slow_to_arrive);
    made.plan.trials = 200;
    expect_sums(&made, 0, 0);
    unmake(&made);
}

Test(staleness, a_forwarded_command_takes_a_leg_there_and_one_back)
{
    struct made made;

    make_constant(&made, LEVEL_ALL, LEVEL_ALL);
    made.plan.coordinator = COORDINATOR_OUTSIDE;
    expect_sums(&made, 3000 + 7000 + 2000 + 5000, 3000 + 3000 + 5000 + 5000);
    unmake(&made);
}

Test(staleness, a_read_that_repairs_waits_for_a_write_as_well)
{
    struct made made;

    make_constant(&made, 2, LEVEL_ONE);
    made.plan.coordinator = COORDINATOR_SAME;
    made.plan.times_us[0] = 0; /* the read is there at 3 ms, the write at 7 */
    made.plan.interval_us = 1000;
    expect_sums(&made, 0, 3000 + 5000 + 7000 + 2000);
    unmake(&made);
}

/* ---- the formula ---- */

/* Bailis et al., "Quantifying Eventual Consistency with PBS" (CACM 2014), the section on production
 * latencies and its table; the same as in VLDB 2012. The t for 99.9 % were read off 50,000 trials.
 */
Test(staleness, the_formula_gives_what_the_paper_says)
{
    static const struct {
        const char *texts[LEG_COUNT];
        unsigned copies;
        int64_t t_us;
        double seen, slack;
    } said[] = {
        {{SSD, SSD, SSD, SSD}, 3, 0, 0.974, 0.002},
        {{SSD, SSD, SSD, SSD}, 3, 1850, 0.999, 0.0005},
        {{SSD, SSD, SSD, SSD}, 3, 5000, 0.99999, 0.00002},
        {{DISK, SSD, SSD, SSD}, 3, 0, 0.439, 0.005},
        {{DISK, SSD, SSD, SSD}, 3, 10000, 0.925, 0.002},
        {{DISK, SSD, SSD, SSD}, 3, 45500, 0.999, 0.0005},
        {{DISK, SSD, SSD, SSD}, 2, 0, 0.575, 0.005},
    };

    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        struct staleness_result result;
        struct made made;
        make(&made, said[i].copies, LEVEL_ONE, LEVEL_ONE, said[i].texts);
        made.plan.time_count = 1;
        made.plan.times_us[0] = said[i].t_us;
        staleness_model(&made.plan, MODEL_PBS, 200000, &result);
        const double seen = (double)result.seen[0] / (double)result.trials;
        cr_expect_float_eq(seen, said[i].seen, said[i].slack, "%zu: %g", i, seen);
        staleness_result_deinit(&result);
        unmake(&made);
    }
}

/* The same: medians and 99.9th percentiles. */
Test(staleness, the_formula_takes_as_long_as_the_paper_says)
{
    const char *const texts[] = {SSD, SSD, SSD, SSD};
    struct staleness_result result;
    struct made made;
    int64_t low, high;

    make(&made, 3, LEVEL_ONE, LEVEL_ONE, texts);
    staleness_model(&made.plan, MODEL_PBS, 200000, &result);
    cr_expect_float_eq((double)staleness_quantile(&result.writes, 0.5, &low, &high), 489, 2);
    cr_expect_float_eq((double)staleness_quantile(&result.writes, 0.999, &low, &high), 657, 6);
    staleness_result_deinit(&result);
    made.plan.read_level = 2;
    made.plan.write_level = LEVEL_ALL;
    staleness_model(&made.plan, MODEL_PBS, 200000, &result);
    cr_expect_float_eq((double)staleness_quantile(&result.writes, 0.999, &low, &high), 4090, 100);
    cr_expect_float_eq((double)staleness_quantile(&result.reads, 0.999, &low, &high), 1630, 100);
    staleness_result_deinit(&result);
    unmake(&made);
}

Test(staleness, quorums_that_do_not_grow_miss_as_often_as_equation_2_says)
{
    const char *const texts[] = {SSD, SSD, SSD, SSD};
    struct made made;

    make(&made, 3, LEVEL_ONE, LEVEL_ONE, texts);
    cr_expect_float_eq(staleness_fixed(&made.plan, 1), 1 / 3.0, 1e-9);
    cr_expect_float_eq(staleness_fixed(&made.plan, 2), 5 / 9.0, 1e-9);
    made.plan.read_level = 2;
    cr_expect_float_eq(staleness_fixed(&made.plan, 1), 2 / 3.0, 1e-9);
    made.plan.write_level = 2;
    cr_expect_float_eq(staleness_fixed(&made.plan, 1), 1, 1e-9);
    unmake(&made);
}

/* ---- what is printed of it ---- */

Test(staleness, an_interval_holds_what_was_measured)
{
    double low, high;

    staleness_interval(0, 1000, &low, &high);
    cr_expect_eq(low, 0);
    cr_expect_float_eq(high, 0.003827, 1e-5);
    staleness_interval(500, 1000, &low, &high);
    cr_expect_float_eq(low, 0.469069, 1e-5);
    cr_expect_float_eq(high, 0.530931, 1e-5);
    staleness_interval(1000, 1000, &low, &high);
    cr_expect_eq(high, 1);
}

Test(staleness, a_quantile_is_between_two_that_were_measured)
{
    struct staleness_latencies latencies = {0};
    struct staleness_result result = {0};
    int64_t low, high;

    for (int64_t i = 0; i < 10000; i++)
        staleness_note(&latencies, 9999 - i);
    result.writes = latencies;
    staleness_sort(&result);
    cr_expect_eq(staleness_quantile(&result.writes, 0.5, &low, &high), 5000);
    cr_expect_eq(low, 4902);
    cr_expect_eq(high, 5098);
    cr_expect_eq(staleness_quantile(&result.writes, 0.999, &low, &high), 9990);
    staleness_result_deinit(&result);
}

Test(staleness, the_same_seed_measures_the_same)
{
    const char *const texts[] = {DISK, SSD, SSD, SSD};
    struct staleness_result first, second;
    struct made made;

    make(&made, 3, 2, LEVEL_ONE, texts);
    made.plan.trials = 200;
    staleness_measure(&made.plan, &first);
    staleness_measure(&made.plan, &second);
    cr_expect_arr_eq(first.seen, second.seen, sizeof first.seen);
    cr_expect_arr_eq(first.behind, second.behind, sizeof first.behind);
    cr_assert_eq(first.reads.count, second.reads.count);
    cr_expect_arr_eq(first.reads.us, second.reads.us, first.reads.count * sizeof first.reads.us[0]);
    cr_expect_eq(first.lasted_us, second.lasted_us);
    staleness_result_deinit(&first);
    staleness_result_deinit(&second);
    unmake(&made);
}

Test(staleness, wrong_options_are_refused)
{
    static const char *const wrong[][2] = {
        {"--read", "4"},      {"--write", "EACH"},     {"--latency", "SSD"},
        {"--w", "gauss(1)"},  {"--times", "1,,2"},     {"--interval", "0.5"},
        {"--replicas", "8"},  {"--trials", "10"},      {"--coordinator", "none"},
        {"--distance", "-1"}, {"--w", "const(70000)"}, {"--distance", "70000"},
        {"--times", "0,nan"},
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char name[] = "staleness", option[32], value[32];
        char *argv[] = {name, option, value};
        snprintf(option, sizeof option, "%s", wrong[i][0]);
        snprintf(value, sizeof value, "%s", wrong[i][1]);
        cr_expect_eq(report_main(3, argv), REPORT_WRONG, "%s %s", option, value);
    }
}
