/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The timing wheel: stories, and then random histories against a plain array of deadlines.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/rng.h"
#include "base/wheel.h"
#include "lib/timeout.h"

#define NOW INT64_C(1700000000000)

TestSuite(wheel, .timeout = TIMEOUT_S(30));

/* What a timer lives in. */
struct alarm {
    struct wheel_timer timer;
    int64_t time;
};

static int64_t alarm_time(const struct wheel_timer *timer)
{
    return ((const struct alarm *)timer)->time;
}

static void set(struct wheel *wheel, struct alarm *alarm, int64_t time)
{
    alarm->time = time;
    wheel_insert(wheel, &alarm->timer);
}

static const uint32_t plenty = 1000000;

/* Pops all that is due, with work without end. */
static uint32_t pop_all(struct wheel *wheel, int64_t now)
{
    uint32_t work = plenty;
    uint32_t popped = 0;

    for (struct wheel_timer *timer; (timer = wheel_pop(wheel, now, &work)) != NULL; popped++)
        cr_assert_leq(alarm_time(timer), now);
    cr_assert_gt(work, 0);
    return popped;
}

Test(wheel, a_timer_is_due_at_its_deadline_and_not_one_tick_before)
{
    static const int64_t distances[] = {1, 31, 32, 33, 1023, 1024, 1000000, INT64_C(1) << 40};
    struct wheel wheel;
    struct alarm timer;

    for (size_t i = 0; i < sizeof distances / sizeof distances[0]; i++) {
        wheel_init(&wheel, NOW, alarm_time);
        set(&wheel, &timer, NOW + distances[i]);
        cr_assert_eq(pop_all(&wheel, NOW + distances[i] - 1), 0);
        cr_assert_eq(pop_all(&wheel, NOW + distances[i]), 1);
        cr_assert_eq(wheel.count, 0);
        wheel_deinit(&wheel);
    }
}

Test(wheel, a_deadline_in_the_past_is_due_at_once)
{
    struct wheel wheel;
    struct alarm timers[2];

    wheel_init(&wheel, NOW, alarm_time);
    set(&wheel, &timers[0], NOW);
    set(&wheel, &timers[1], INT64_MIN);
    cr_assert_eq(pop_all(&wheel, NOW), 2);
    wheel_deinit(&wheel);
}

Test(wheel, the_ends_of_time_are_times_like_others)
{
    struct wheel wheel;
    struct alarm timers[3];

    wheel_init(&wheel, INT64_MIN, alarm_time);
    set(&wheel, &timers[0], INT64_MAX);
    set(&wheel, &timers[1], 0);
    set(&wheel, &timers[2], -1);
    cr_assert_eq(pop_all(&wheel, -2), 0);
    cr_assert_eq(pop_all(&wheel, -1), 1);
    cr_assert_eq(pop_all(&wheel, INT64_MAX - 1), 1);
    cr_assert_eq(pop_all(&wheel, INT64_MAX), 1);
    wheel_deinit(&wheel);
}

Test(wheel, when_the_clock_goes_back_timers_wait_again)
{
    struct wheel wheel;
    struct alarm timers[3];

    wheel_init(&wheel, NOW, alarm_time);
    set(&wheel, &timers[0], NOW + 10);
    set(&wheel, &timers[1], NOW + 100000);
    cr_assert_eq(pop_all(&wheel, NOW - 5000000), 0);
    set(&wheel, &timers[2], NOW - 4000000);
    cr_assert_eq(pop_all(&wheel, NOW - 4000000), 1);
    cr_assert_eq(pop_all(&wheel, NOW + 9), 0);
    cr_assert_eq(pop_all(&wheel, NOW + 10), 1);
    cr_assert_eq(pop_all(&wheel, NOW + 99999), 0);
    cr_assert_eq(pop_all(&wheel, NOW + 100000), 1);
    wheel_deinit(&wheel);
}

Test(wheel, a_call_does_no_more_than_its_work_and_the_next_goes_on)
{
    enum { COUNT = 1000 };
    struct wheel wheel;
    struct alarm *timers = memory_alloc_array(COUNT, sizeof *timers);
    uint32_t popped = 0;
    uint32_t calls = 0;

    wheel_init(&wheel, NOW, alarm_time);
    for (int i = 0; i < COUNT; i++)
        set(&wheel, &timers[i], NOW + 3600000 + i);
    for (;; calls++) {
        uint32_t work = 7;

        while (wheel_pop(&wheel, NOW + 3600000 + COUNT, &work) != NULL)
            popped++;
        if (work > 0)
            break;
    }
    cr_assert_eq(popped, COUNT);
    cr_assert_lt(calls, 5 * COUNT / 7);
    wheel_deinit(&wheel);
    memory_free(timers);
}

Test(wheel, a_removed_timer_never_comes_even_half_way_through_a_slot)
{
    struct wheel wheel;
    struct alarm timers[4];
    uint32_t work = 1;

    wheel_init(&wheel, NOW, alarm_time);
    for (int i = 0; i < 4; i++)
        set(&wheel, &timers[i], NOW + 5000);
    struct wheel_timer *first = wheel_pop(&wheel, NOW + 5000, &work);
    cr_assert_not_null(first);
    for (int i = 0; i < 4; i++)
        if (&timers[i].timer != first)
            wheel_remove(&wheel, &timers[i].timer);
    cr_assert_eq(pop_all(&wheel, NOW + 1000000), 0);
    wheel_deinit(&wheel);
}

Test(wheel, slots_are_there_only_while_they_are_needed)
{
    enum { COUNT = 300 };
    struct wheel wheel;
    struct alarm timers[COUNT];
    uint64_t memory = 0;

    wheel_init(&wheel, NOW, alarm_time);
    cr_assert_eq(wheel_memory(&wheel), 0);
    for (int i = 0; i < COUNT; i++)
        set(&wheel, &timers[i], NOW + 1000000);
    cr_assert_eq(wheel_memory(&wheel), 8);
    for (int i = 0; i < COUNT; i++)
        wheel_remove(&wheel, &timers[i].timer);
    for (int i = 0; i < COUNT; i++)
        set(&wheel, &timers[i], NOW + (INT64_C(1) << (i % 60)) + i);
    memory = wheel_memory(&wheel);
    cr_assert_gt(wheel.slot_count, 60);
    cr_assert_lt(memory, sizeof(uint64_t) * wheel.slot_count * 5 / 4);
    for (int i = 0; i < COUNT; i++)
        wheel_remove(&wheel, &timers[i].timer);
    cr_assert_eq(wheel.slot_count, 0);
    cr_assert_leq(wheel_memory(&wheel), 64);
    wheel_deinit(&wheel);
    cr_assert_eq(wheel_memory(&wheel), 0);
}

Test(wheel, it_tells_when_to_look_again)
{
    struct wheel wheel;
    struct alarm timer;
    int wakes = 0;

    wheel_init(&wheel, NOW, alarm_time);
    cr_assert_eq(wheel_next(&wheel), INT64_MAX);
    set(&wheel, &timer, NOW + 123456);
    for (int64_t now = NOW; wheel.count > 0; wakes++) {
        cr_assert_gt(wheel_next(&wheel), now);
        now = wheel_next(&wheel);
        cr_assert_leq(now, NOW + 123456);
        cr_assert_eq(pop_all(&wheel, now), now == NOW + 123456);
    }
    cr_assert_leq(wakes, 4);
    cr_assert_eq(wheel_next(&wheel), INT64_MAX);
    wheel_deinit(&wheel);
}

/* ------------------------------------------------------------------------- random histories */

enum { MODEL_TIMERS = 300, MODEL_STEPS = 20000 };

struct history {
    struct wheel wheel;
    struct alarm timers[MODEL_TIMERS];
    bool inside[MODEL_TIMERS];
    int64_t deadline[MODEL_TIMERS];
    int64_t now;
    struct rng rng;
};

static int64_t draw_distance(struct rng *rng)
{
    const int64_t distance = (int64_t)(rng_next(rng) >> (20 + rng_below(rng, 44)));

    return rng_chance(rng, 1, 4) ? -distance : distance;
}

static void check_pop(struct history *history)
{
    uint32_t work = rng_chance(&history->rng, 1, 2) ? plenty
                                                    : (uint32_t)rng_below(&history->rng, 20);
    const uint32_t before = work;
    uint32_t popped = 0;

    for (struct wheel_timer *timer;
         (timer = wheel_pop(&history->wheel, history->now, &work)) != NULL; popped++) {
        const size_t i = (size_t)((struct alarm *)timer - history->timers);

        cr_assert(history->inside[i]);
        cr_assert_leq(history->deadline[i], history->now);
        history->inside[i] = false;
    }
    cr_assert_leq(popped, before - work);
    if (work == 0)
        return;
    for (size_t i = 0; i < MODEL_TIMERS; i++)
        cr_assert(!history->inside[i] || history->deadline[i] > history->now);
}

static void check_next(struct history *history)
{
    const int64_t next = wheel_next(&history->wheel);

    for (size_t i = 0; i < MODEL_TIMERS; i++)
        cr_assert(!history->inside[i] || next <= history->deadline[i] ||
                  history->deadline[i] <= history->wheel.now);
}

static void play(uint64_t seed)
{
    struct history *history = memory_alloc(sizeof *history);
    struct rng *rng = &history->rng;

    rng_init(rng, seed);
    history->now = NOW;
    wheel_init(&history->wheel, NOW, alarm_time);
    for (int step = 0; step < MODEL_STEPS; step++) {
        const size_t i = rng_below(rng, MODEL_TIMERS);

        if (history->inside[i]) {
            wheel_remove(&history->wheel, &history->timers[i].timer);
            history->inside[i] = false;
        } else {
            history->deadline[i] = history->now + draw_distance(rng);
            history->inside[i] = true;
            set(&history->wheel, &history->timers[i], history->deadline[i]);
        }
        if (rng_chance(rng, 1, 8)) {
            history->now += draw_distance(rng);
            check_pop(history);
        }
        if (rng_chance(rng, 1, 16))
            check_next(history);
    }
    while (pop_all(&history->wheel, INT64_MAX) > 0)
        continue;
    cr_assert_eq(history->wheel.count, 0);
    cr_assert_leq(wheel_memory(&history->wheel), 64);
    wheel_deinit(&history->wheel);
    memory_free(history);
}

Test(wheel, random_histories_give_what_an_array_of_deadlines_gives)
{
    const char *given = getenv("DUNLIN_SEED");

    for (uint64_t seed = 1; seed <= 8; seed++) {
        const uint64_t used = given != NULL ? strtoull(given, NULL, 0) : seed;

        fprintf(stderr, "seed %" PRIu64 "; replay: DUNLIN_SEED=%" PRIu64 " ./unit_wheel\n", used,
                used);
        play(used);
        if (given != NULL)
            break;
    }
}
