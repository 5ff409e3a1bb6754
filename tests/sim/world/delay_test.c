/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Distributions of delays: what is drawn has the mean, the median and the tail of the formula; the
 * same with every compiler; and a wrong text says what is wrong with it.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "lib/timeout.h"
#include "sim/world/delay.h"

TestSuite(delay, .timeout = TIMEOUT_S(60));

#define DRAWS 400000

static int compare(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left;
    const int64_t b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

/* Sorted. */
static int64_t *draw_many(const char *text, uint64_t seed)
{
    char error[DELAY_ERROR_MAX];
    struct delay *delay = delay_create(text, error);
    int64_t *drawn = calloc(DRAWS, sizeof drawn[0]);
    struct rng rng;

    cr_assert(delay != NULL, "%s: %s", text, error);
    cr_assert_str_eq(delay_text(delay), text);
    rng_init(&rng, seed);
    for (int i = 0; i < DRAWS; i++)
        drawn[i] = delay_draw_us(delay, &rng);
    delay_destroy(&delay);
    cr_assert(delay == NULL);
    qsort(drawn, DRAWS, sizeof drawn[0], compare);
    return drawn;
}

static double mean_ms(const int64_t *drawn)
{
    double sum = 0;

    for (int i = 0; i < DRAWS; i++)
        sum += (double)drawn[i];
    return sum / DRAWS / 1000;
}

/* How much of it is longer. */
static double longer_than(const int64_t *drawn, double ms)
{
    int longer = 0;

    for (int i = 0; i < DRAWS; i++)
        longer += (double)drawn[i] > ms * 1000;
    return (double)longer / DRAWS;
}

/* Five standard deviations of what is measured by counting, and half of the last microsecond. */
static void expect_longer(const int64_t *drawn, double ms, double probability)
{
    const double slack = 5 * sqrt(probability * (1 - probability) / DRAWS) + 1e-9;
    const double measured = longer_than(drawn, ms);

    cr_expect_float_eq(measured, probability, slack, "longer than %g ms: %g, not %g", ms, measured,
                       probability);
}

Test(delay, a_constant_is_what_it_says)
{
    int64_t *drawn = draw_many("const(1.25)", 1);

    cr_expect_eq(drawn[0], 1250);
    cr_expect_eq(drawn[DRAWS - 1], 1250);
    free(drawn);
}

Test(delay, a_uniform_one_fills_its_range)
{
    int64_t *drawn = draw_many("uniform(2,6)", 2);

    cr_expect_geq(drawn[0], 2000);
    cr_expect_leq(drawn[DRAWS - 1], 6000);
    cr_expect_float_eq(mean_ms(drawn), 4, 0.02);
    expect_longer(drawn, 3.0005, 0.749875);
    expect_longer(drawn, 5.9605, 0.009875);
    free(drawn);
}

Test(delay, an_exponential_one_has_its_mean_its_median_and_its_tail)
{
    int64_t *drawn = draw_many("exp(0.1)", 3);

    cr_expect_float_eq(mean_ms(drawn), 10, 0.1);
    cr_expect_float_eq((double)drawn[DRAWS / 2], 6931, 70);
    expect_longer(drawn, 23.0259, 0.1);
    expect_longer(drawn, 69.0776, 0.001);
    expect_longer(drawn, 92.1034, 0.0001);
    free(drawn);
}

Test(delay, a_pareto_has_its_least_its_mean_and_its_heavy_tail)
{
    int64_t *drawn = draw_many("pareto(3,2.5)", 4);

    cr_expect_geq(drawn[0], 3000);
    cr_expect_float_eq(mean_ms(drawn), 5, 0.1); /* alpha xm / (alpha - 1) */
    cr_expect_float_eq((double)drawn[DRAWS / 2], 3000 * pow(2, 1 / 2.5), 20);
    expect_longer(drawn, 3 * pow(100, 1 / 2.5), 0.01);
    expect_longer(drawn, 3 * pow(10000, 1 / 2.5), 0.0001);
    free(drawn);
}

/* The writes of LNKD-DISK (PBS, table 3). */
Test(delay, a_mixture_has_the_tail_of_both)
{
    int64_t *drawn = draw_many("pareto(1.05,1.51):0.38+exp(0.183):0.62", 5);
    const double at_ms[] = {0.5, 2, 10, 40, 400};

    for (size_t i = 0; i < sizeof at_ms / sizeof at_ms[0]; i++) {
        const double ms = at_ms[i];
        const double pareto = ms > 1.05 ? pow(1.05 / ms, 1.51) : 1;
        expect_longer(drawn, ms, 0.38 * pareto + 0.62 * exp(-0.183 * ms));
    }
    free(drawn);
}

Test(delay, no_delay_is_longer_than_an_hour)
{
    int64_t *drawn = draw_many("pareto(1000,0.05)", 6);

    cr_expect_eq(drawn[DRAWS - 1], (int64_t)(DELAY_MAX_MS * 1000));
    free(drawn);
}

/* The digest is that of every compiler: gcc, clang, with sanitizers. */
Test(delay, the_same_seed_draws_the_same_with_every_compiler)
{
    char error[DELAY_ERROR_MAX];
    struct delay *delay = delay_create(
        "pareto(0.235,10):0.4+exp(1.66):0.3+uniform(0.1,70):0.2+pareto(1.05,1.51):0.1", error);
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    struct rng rng;

    cr_assert(delay != NULL, "%s", error);
    rng_init(&rng, 4711);
    for (int i = 0; i < DRAWS; i++)
        digest = (digest ^ (uint64_t)delay_draw_us(delay, &rng)) * UINT64_C(0x100000001b3);
    delay_destroy(&delay);
    cr_expect_eq(digest, UINT64_C(0xb23004a49604ea8e), "%016" PRIx64, digest);
}

static void expect_error(const char *text, const char *error_part)
{
    char error[DELAY_ERROR_MAX] = "";
    struct delay *delay = delay_create(text, error);

    cr_expect(delay == NULL, "%s", text);
    cr_expect(strstr(error, error_part) != NULL, "%s: %s", text, error);
    delay_destroy(&delay);
}

Test(delay, a_wrong_text_says_what_was_found_and_what_is_accepted)
{
    expect_error("", "unknown form of delay 'the end'; accepted are const(x)");
    expect_error("gauss(1,2)", "unknown form of delay 'gauss(1,2)'");
    expect_error("exp", "'(' was expected after exp, found 'the end'");
    expect_error("exp(1", "')' was expected after the arguments, found 'the end'");
    expect_error("exp(-1)", "a number of 0 or more was expected as an argument, found '-1)'");
    expect_error("exp(inf)", "a number of 0 or more was expected as an argument, found 'inf)'");
    expect_error("exp(1e999)", "a number of 0 or more was expected");
    expect_error("exp(0)", "the rate is over 0, found 0");
    expect_error("pareto(3)", "',' was expected after an argument, found ')'");
    expect_error("pareto(3,0)", "both are over 0");
    expect_error("uniform(5,2)", "a is at most b");
    expect_error("const(9e9)", "x is at most 3600000 ms, found 9e+09");
    expect_error("const(1):0", "a weight is over 0 and at most 1, found 0");
    expect_error("const(1):0.5+exp(1):0.3", "the weights add up to 0.8");
    expect_error("const(1)+exp(1)", "the weights add up to 2");
    expect_error("const(1) ", "'+' was expected after a part, found ' '");
    expect_error("const(1):0.5+", "unknown form of delay 'the end'");
}

Test(delay, thirds_may_be_rounded)
{
    char error[DELAY_ERROR_MAX];
    struct delay *delay = delay_create("const(1):0.333+const(2):0.333+const(3):0.333", error);

    cr_expect(delay != NULL, "%s", error);
    delay_destroy(&delay);
}
