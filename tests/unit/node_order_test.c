/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which of one client's requests wait for which, beside the rule itself over all that are in
 * flight.
 */
#include <criterion/criterion.h>

#include "base/rng.h"
#include "lib/timeout.h"
#include "node/parts.h"

TestSuite(order, .timeout = TIMEOUT_S(30));

#define REQUESTS 64
#define STEPS    20000

static struct engine engine;
static struct request requests[REQUESTS];
static struct order order;

static bool ordered(const struct request *earlier, const struct request *later)
{
    if (earlier->kind == COMMAND_READ && later->kind == COMMAND_READ)
        return true;
    return earlier->hash != 0 && later->hash != 0 && earlier->hash != later->hash;
}

static bool must_wait(const struct request *later)
{
    for (size_t i = 0; i < REQUESTS; i++)
        if (requests[i].noted && requests[i].kind != COMMAND_LOCAL && !ordered(&requests[i], later))
            return true;
    return false;
}

/* Few keys, some of which stand in the same place of the table; now and then many or all. */
static void draw(struct rng *rng, struct request *request)
{
    static const enum command_kind kinds[] = {COMMAND_READ,  COMMAND_READ,   COMMAND_READ,
                                              COMMAND_READ,  COMMAND_WRITE,  COMMAND_UPDATE,
                                              COMMAND_LOCAL, COMMAND_CLUSTER};
    const size_t kinds_count = sizeof kinds / sizeof kinds[0];

    request->engine = &engine;
    request->kind = kinds[rng_below(rng, kinds_count)];
    request->hash = rng_below(rng, 8) == 0 || request->kind == COMMAND_CLUSTER
                        ? 0
                        : 1 + rng_below(rng, 8) + ORDER_HASHES * rng_below(rng, 4);
}

Test(order, is_what_the_rule_says_whatever_is_in_flight)
{
    struct rng rng;
    unsigned waits = 0, goes = 0;

    rng_init(&rng, 7);
    for (unsigned step = 0; step < STEPS; step++) {
        const uint64_t in_flight = (uint64_t)step * REQUESTS / STEPS + 1; /* more and more */
        struct request *request = &requests[rng_below(&rng, in_flight)];
        if (request->noted) {
            order_forget(&order, request);
            continue;
        }
        draw(&rng, request);
        if (request->kind != COMMAND_LOCAL) {
            const bool wait = must_wait(request);
            cr_assert_eq(order_must_wait(&order, request), wait, "step %u", step);
            waits += wait;
            goes += !wait;
        }
        order_note(&order, request);
    }
    cr_assert(waits > STEPS / 20 && goes > STEPS / 20, "%u and %u", waits, goes);
    for (size_t i = 0; i < REQUESTS; i++)
        if (requests[i].noted)
            order_forget(&order, &requests[i]);
    cr_assert_null(order.places);
    cr_assert_eq(order.keyed + order.wide + order.wide_writes + order.writes, 0);
    order_tables_deinit(&engine.order_tables);
}
