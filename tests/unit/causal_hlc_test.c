/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "causal/hlc.h"
#include "lib/timeout.h"

TestSuite(hlc, .timeout = TIMEOUT_S(10));

Test(hlc, a_tick_follows_the_wall_when_nothing_is_ahead_of_it)
{
    struct hlc clock = {0};

    cr_assert_eq(hlc_tick(&clock, 1000, 0), hlc_stamp(1000));
    cr_assert_eq(hlc_tick(&clock, 2000, 0), hlc_stamp(2000));
}

Test(hlc, ticks_of_one_millisecond_differ_in_the_sequence)
{
    struct hlc clock = {0};

    cr_assert_eq(hlc_tick(&clock, 1000, 0), hlc_stamp(1000));
    cr_assert_eq(hlc_tick(&clock, 1000, 0), hlc_stamp(1000) + 1);
    cr_assert_eq(hlc_ms(clock.last), 1000);
}

Test(hlc, a_wall_clock_set_back_does_not_take_the_clock_with_it)
{
    struct hlc clock = {0};
    const uint64_t before = hlc_tick(&clock, 5000, 0);

    cr_assert_gt(hlc_tick(&clock, 10, 0), before);
}

Test(hlc, a_tick_is_above_the_floor_and_above_what_was_observed)
{
    struct hlc clock = {0};

    cr_assert_eq(hlc_tick(&clock, 1000, hlc_stamp(7000) + 9), hlc_stamp(7000) + 10);
    hlc_observe(&clock, hlc_stamp(9000));
    cr_assert_eq(hlc_tick(&clock, 1000, 0), hlc_stamp(9000) + 1);
    hlc_observe(&clock, hlc_stamp(8000));
    cr_assert_eq(hlc_tick(&clock, 1000, 0), hlc_stamp(9000) + 2);
}

Test(hlc, a_sequence_that_overflows_carries_into_the_milliseconds)
{
    struct hlc clock = {.last = hlc_stamp(1000) + UINT16_MAX};

    cr_assert_eq(hlc_tick(&clock, 1000, 0), hlc_stamp(1001));
    cr_assert_eq(hlc_tick(&clock, 1000, 0), hlc_stamp(1001) + 1);
}

Test(hlc, the_first_tick_is_never_the_stamp_that_means_none)
{
    struct hlc clock = {0};

    cr_assert_gt(hlc_tick(&clock, 0, 0), 0);
    cr_assert_gt(hlc_tick(&clock, -5, 0), 0);
}

Test(hlc, times_out_of_range_count_as_the_nearest_end)
{
    cr_assert_eq(hlc_stamp(-1), 0);
    cr_assert_eq(hlc_ms(hlc_stamp(INT64_MAX)), HLC_MS_MAX);
}

Test(hlc, a_stamp_is_too_far_when_it_is_past_the_wall_by_more_than_the_bound)
{
    cr_assert_not(hlc_too_far(hlc_stamp(1500), 1000, 500));
    cr_assert_not(hlc_too_far(hlc_stamp(1500) + UINT16_MAX, 1000, 500));
    cr_assert(hlc_too_far(hlc_stamp(1501), 1000, 500));
    cr_assert(hlc_too_far(UINT64_MAX, 1000, 500));
    cr_assert_not(hlc_too_far(UINT64_MAX, INT64_MAX - 1, 500));
}
