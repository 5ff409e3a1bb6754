/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The bound that follows from what is owed, through random histories: writes, answers that are
 * lost, links that break, clients that leave.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "lib/engine_pair.h"
#include "lib/timeout.h"

TestSuite(engine_bound, .timeout = TIMEOUT_S(10));

#define KEYS 6

static struct pair pair;
static struct pair_client *client;

/* The dots that each ghost has answered for, by key. */
static struct dot answered[PAIR_NODES_MAX][KEYS];

static uint64_t bound(void)
{
    return atomic_load(&pair.nodes[0].bounds.ledger.bounds[0].stamp);
}

static struct dot stored(const char *key)
{
    const struct span name = span_of_string(key);
    struct store *store = pair.nodes[0].store;
    struct version version;

    partition_get(store_partition(store, pair_partition_of(&pair, key)), store_hash(store, name),
                  name, &version);
    return version.dot;
}

/* What check_bound saw before. */
static struct {
    uint64_t seed;
    uint64_t highest; /* bound */
    struct dot dots[KEYS];
} seen;

#define REPLAY "(replay: DUNLIN_SEED=%ju ./unit_engine --filter 'engine_bound/*')"

/* Nothing that node 0 stored and a ghost has not answered for is at or below the bound, and what
 * it stamps is above all that it has told. */
static void check_bound(void)
{
    for (unsigned k = 0; k < KEYS; k++) {
        const struct dot dot = stored((const char[]){(char)('a' + k), 0});
        if (dot.node != pair.nodes[0].number)
            continue; /* none, or another's */
        if (!dot_equal(dot, seen.dots[k]))
            cr_assert_gt(dot.stamp, seen.highest, REPLAY, (uintmax_t)seen.seed);
        seen.dots[k] = dot;
        for (size_t node = 1; node < pair.count; node++)
            if (dot_compare(answered[node][k], dot) < 0)
                cr_assert_lt(bound(), dot.stamp, REPLAY, (uintmax_t)seen.seed);
    }
    if (bound() > seen.highest)
        seen.highest = bound();
}

/* The ghost answers what it was sent, or does not. */
static void ghost_answers(struct rng *rng, size_t node)
{
    struct pair_cable *cable = pair_cable(&pair, 0, node);
    struct wire_message message;
    size_t frame;

    while (cable->open && pair_next(cable, &message)) {
        if (message.type == WIRE_PING) {
            wire_put_pong(pair_begin(cable, &frame), &(const struct wire_pong){.id = 0});
            pair_end(cable, frame);
            continue;
        }
        cr_assert_eq(message.type, WIRE_WRITE);
        static const enum ack_status statuses[] = {ACK_OK,          ACK_OK,     ACK_OK,
                                                   ACK_NEWER,       ACK_FULL,   ACK_FORGETFUL,
                                                   ACK_STALE_CLAIM, ACK_TOO_FAR};
        const enum ack_status status = statuses[rng_below(rng, 8)];
        const struct dot dot = message.write.version.dot;
        struct wire_ack ack = {.id = message.write.id, .status = (uint8_t)status};
        if (status == ACK_NEWER)
            ack.known = (struct dot){.stamp = dot.stamp + rng_below(rng, 3), .node = 99};
        if (rng_chance(rng, 1, 5))
            continue; /* it is lost */
        if (status == ACK_OK || status == ACK_NEWER || status == ACK_FULL) {
            struct dot *known = &answered[node][message.write.key.data[0] - 'a'];
            *known = dot_max(*known, dot);
        }
        wire_put_ack(pair_begin(cable, &frame), &ack);
        pair_end(cable, frame);
    }
}

static void act(struct rng *rng)
{
    const size_t node = 1 + (size_t)rng_below(rng, 2);
    char line[64];

    switch (rng_below(rng, 8)) {
    case 0:
        if (pair_cable(&pair, 0, node)->open)
            pair_break(&pair, 0, node);
        return;
    case 1:
        pair.nodes[node].unreachable = rng_chance(rng, 1, 3);
        return;
    case 2:
    case 3:
        pair_pass(&pair, (int64_t)rng_below(rng, 300));
        return;
    case 4:
        pair_disconnect(client);
        pair.client_count = 0;
        buffer_deinit(&pair.clients[0].got);
        pair.clients[0] = (struct pair_client){0};
        client = pair_connect(&pair, 0);
        return;
    default:
        snprintf(line, sizeof line, "AT %s SET %c %d", rng_chance(rng, 1, 3) ? "ALL" : "ONE",
                 (char)('a' + rng_below(rng, KEYS)), (int)rng_below(rng, 100));
        pair_command(client, line);
        return;
    }
}

Test(engine_bound, the_bound_never_passes_what_is_owed)
{
    const char *wanted = getenv("DUNLIN_SEED");
    const uint64_t first = wanted != NULL ? strtoull(wanted, NULL, 10) : 1;
    const uint64_t last = wanted != NULL ? first : 40;

    for (uint64_t seed = first; seed <= last; seed++) {
        struct rng rng;

        rng_init(&rng, seed);
        memset(answered, 0, sizeof answered);
        memset(&seen, 0, sizeof seen);
        seen.seed = seed;
        pair_init(&pair, &(const struct pair_setup){.nodes = 3, .ghosts = 6});
        client = pair_connect(&pair, 0);
        for (unsigned step = 0; step < 200; step++) {
            act(&rng);
            check_bound();
            if (rng_chance(&rng, 2, 3)) {
                ghost_answers(&rng, 1 + (size_t)rng_below(&rng, 2));
                check_bound();
            }
        }
        pair_deinit(&pair);
    }
}
