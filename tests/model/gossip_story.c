/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Gossip, told as stories: who restarts, who is copied, who does not belong.
 */
#include <criterion/criterion.h>

#include "gossip_net.h"
#include "lib/timeout.h"

TestSuite(gossip_story, .timeout = TIMEOUT_S(30));

#define SECOND INT64_C(1000000)

static const struct node_address seeds[] = {{.host = "node-0", .port = 7000},
                                            {.host = "node-1", .port = 7000}};

/* Options of a node that joins the cluster. */
static struct gossip_options joiner(struct net *net, size_t index)
{
    struct gossip_options options = net_options(net, index);

    options.seeds = seeds;
    options.seed_count = 2;
    return options;
}

static struct net *cluster(size_t count)
{
    struct net *net = net_create(42);

    net_start_cluster(net, count);
    cr_assert(net_run_until(net, net_agrees, 10 * SECOND));
    return net;
}

static const struct gossip_counters *counters(const struct net *net, size_t index)
{
    return gossip_counters(net->nodes[index].gossip);
}

Test(gossip_story, a_node_without_seeds_is_active_at_once)
{
    struct net *net = net_create(1);
    struct gossip_options options = net_options(net, 0);

    net_start(net, 0, &options);
    net_run(net, 1000);
    cr_assert_eq(gossip_phase(net->nodes[0].gossip), GOSSIP_ACTIVE);
    cr_assert_eq(net->nodes[0].events[GOSSIP_EVENT_ACTIVE], 1);
    net_destroy(&net);
}

Test(gossip_story, a_node_whose_only_seed_is_itself_is_active_at_once)
{
    struct net *net = net_create(1);
    struct gossip_options options = joiner(net, 0);

    options.seed_count = 1;
    net_start(net, 0, &options);
    net_run(net, 1000);
    cr_assert_eq(gossip_phase(net->nodes[0].gossip), GOSSIP_ACTIVE);
    net_destroy(&net);
}

Test(gossip_story, a_node_that_restarts_in_place_is_seen_to_restart_and_never_dead)
{
    struct net *net = cluster(4);
    struct gossip_options options;

    net_crash(net, 3);
    net_run(net, SECOND / 5);
    options = joiner(net, 3);
    options.flags = NODE_FORGETFUL;
    net_start(net, 3, &options);
    cr_assert(net_run_until(net, net_agrees, 5 * SECOND));
    net_run(net, SECOND);
    for (size_t i = 0; i < 3; i++) {
        const struct member *member = gossip_find(net->nodes[i].gossip, net_identity(3));

        cr_assert_eq(net->nodes[i].restarts_seen, 1);
        cr_assert_eq(net->nodes[i].events[GOSSIP_EVENT_DEAD], 0);
        cr_assert(member->record.flags & NODE_FORGETFUL);
    }
    cr_assert_eq(net->nodes[3].events[GOSSIP_EVENT_IDENTITY_CLASH], 0);
    net_destroy(&net);
}

Test(gossip_story, a_node_that_moves_keeps_its_identity)
{
    struct net *net = cluster(4);
    struct gossip_options options;

    net_crash(net, 3);
    net_run(net, 10 * SECOND);
    cr_assert(net_all_hold(net, 3, NODE_DEAD));
    options = joiner(net, 3);
    options.host = "elsewhere";
    net_start(net, 3, &options);
    cr_assert(net_run_until(net, net_agrees, 10 * SECOND));
    for (size_t i = 0; i < 3; i++)
        cr_assert_str_eq(gossip_find(net->nodes[i].gossip, net_identity(3))->record.host,
                         "elsewhere");
    cr_assert_eq(net->nodes[3].events[GOSSIP_EVENT_IDENTITY_CLASH], 0);
    net_destroy(&net);
}

/* Node `index` with the identity of `original`, as when its dir was copied. */
static void start_copy(struct net *net, size_t index, size_t original)
{
    struct gossip_options options = joiner(net, index);

    options.identity = net_identity(original);
    net_start(net, index, &options);
}

Test(gossip_story, a_copy_of_a_living_node_does_not_start)
{
    struct net *net = cluster(3);

    start_copy(net, 3, 2);
    net_run(net, 10 * SECOND);
    cr_assert_eq(gossip_phase(net->nodes[3].gossip), GOSSIP_CLASHED);
    cr_assert_eq(net->nodes[3].events[GOSSIP_EVENT_IDENTITY_CLASH], 1);
    cr_assert(net->nodes[3].clash_ours_is_later);
    cr_assert_eq(net->nodes[3].events[GOSSIP_EVENT_ACTIVE], 0);
    for (size_t i = 0; i < 2; i++) { /* and nobody noticed */
        cr_assert_eq(net_state(net, i, 2), NODE_ALIVE);
        cr_assert_eq(net->nodes[i].events[GOSSIP_EVENT_SUSPECT], 0);
        cr_assert_eq(net->nodes[i].events[GOSSIP_EVENT_UPDATED], 0);
    }
    net_destroy(&net);
}

Test(gossip_story, a_copy_whose_seed_is_its_elder_does_not_start)
{
    struct net *net = net_create(1);
    struct gossip_options options = net_options(net, 0);

    net_start(net, 0, &options);
    net_run(net, SECOND);
    start_copy(net, 1, 0);
    net_run(net, 5 * SECOND);
    cr_assert_eq(gossip_phase(net->nodes[1].gossip), GOSSIP_CLASHED);
    cr_assert_eq(gossip_phase(net->nodes[0].gossip), GOSSIP_ACTIVE);
    net_destroy(&net);
}

Test(gossip_story, of_two_copies_that_start_together_the_later_stops)
{
    struct net *net = cluster(1); /* waits for node-1, which will be its copy */

    start_copy(net, 1, 0);
    net_run(net, 5 * SECOND);
    cr_assert_eq(gossip_phase(net->nodes[1].gossip), GOSSIP_CLASHED);
    cr_assert(net->nodes[1].clash_ours_is_later);
    cr_assert_neq(gossip_phase(net->nodes[0].gossip), GOSSIP_CLASHED);
    net_destroy(&net);
}

Test(gossip_story, a_copy_that_started_while_its_elder_slept_stops_and_the_elder_returns)
{
    struct net *net = cluster(4);

    net_pause(net, 3);
    net_run(net, 6 * SECOND);
    start_copy(net, 4, 3);
    net_run(net, 6 * SECOND);
    cr_assert_eq(gossip_phase(net->nodes[4].gossip), GOSSIP_ACTIVE);
    net_resume(net, 3);
    net_run(net, 90 * SECOND);
    cr_assert_eq(gossip_phase(net->nodes[4].gossip), GOSSIP_CLASHED);
    cr_assert_eq(gossip_phase(net->nodes[3].gossip), GOSSIP_ACTIVE);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(net_state(net, i, 3), NODE_ALIVE);
        cr_assert_str_eq(gossip_find(net->nodes[i].gossip, net_identity(3))->record.host, "node-3");
    }
    net_destroy(&net);
}

Test(gossip_story, a_node_that_leaves_is_not_dead)
{
    struct net *net = cluster(4);

    gossip_leave(net->nodes[2].gossip, net_instant(net, 2));
    for (int i = 0; i < 50 && !gossip_farewell_done(net->nodes[2].gossip); i++)
        net_run(net, SECOND / 10);
    cr_assert(gossip_farewell_done(net->nodes[2].gossip));
    net_crash(net, 2);
    net_run(net, 10 * SECOND);
    cr_assert(net_all_hold(net, 2, NODE_LEFT));
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(net->nodes[i].events[GOSSIP_EVENT_DEAD], 0);
    net_destroy(&net);
}

Test(gossip_story, the_dead_stay_listed_while_the_ring_names_them)
{
    struct net *net = cluster(3);

    net_crash(net, 1);
    net_run(net, 2 * 3600 * SECOND);
    cr_assert(net_all_hold(net, 1, NODE_DEAD));
    net->keep_dead = false;
    net_run(net, 100 * SECOND);
    cr_assert_eq(net_state(net, 0, 1), -1);
    cr_assert_eq(net_state(net, 2, 1), -1);
    cr_assert_eq(net->nodes[0].events[GOSSIP_EVENT_FORGOTTEN], 1);
    net_destroy(&net);
}

/* A cluster of two with a secret, and a third node that has `name` and `secret`. */
static struct net *stranger(struct span name, struct span secret)
{
    struct net *net = net_create(7);

    for (size_t i = 0; i < 3; i++) {
        struct gossip_options options = joiner(net, i);

        options.cluster_secret = SPAN("open sesame");
        if (i == 2) {
            options.cluster_secret = secret;
            options.cluster_name = name;
        }
        net_start(net, i, &options);
    }
    net_run(net, 10 * SECOND);
    cr_assert_eq(net_state(net, 0, 1), NODE_ALIVE);
    return net;
}

Test(gossip_story, a_node_with_the_secret_joins)
{
    struct net *net = stranger(SPAN("test"), SPAN("open sesame"));

    cr_assert(net_agrees(net));
    net_destroy(&net);
}

Test(gossip_story, a_node_with_another_secret_does_not_join)
{
    struct net *net = stranger(SPAN("test"), SPAN("open simsim"));

    cr_assert_eq(gossip_member_count(net->nodes[2].gossip), 0);
    cr_assert_eq(net_state(net, 0, 2), -1);
    cr_assert_gt(counters(net, 0)->dropped[GOSSIP_DROP_WRONG_SEAL], 0);
    net_destroy(&net);
}

Test(gossip_story, a_node_without_the_secret_does_not_join)
{
    struct net *net = stranger(SPAN("test"), SPAN(""));

    cr_assert_eq(gossip_member_count(net->nodes[2].gossip), 0);
    cr_assert_eq(net_state(net, 0, 2), -1);
    cr_assert_gt(counters(net, 0)->dropped[GOSSIP_DROP_UNSEALED], 0);
    net_destroy(&net);
}

Test(gossip_story, a_node_of_another_cluster_does_not_join)
{
    struct net *net = stranger(SPAN("production"), SPAN("open sesame"));

    cr_assert_eq(gossip_member_count(net->nodes[2].gossip), 0);
    cr_assert_eq(net_state(net, 0, 2), -1);
    cr_assert_gt(counters(net, 0)->dropped[GOSSIP_DROP_WRONG_CLUSTER], 0);
    net_destroy(&net);
}

Test(gossip_story, rings_of_different_identity_never_mix)
{
    struct net *net = cluster(2);
    struct identity ring = {{1}}, other = {{2}};
    struct gossip_options options;

    gossip_set_ring(net->nodes[0].gossip, net_instant(net, 0), ring, 1, 11);
    gossip_set_ring(net->nodes[1].gossip, net_instant(net, 1), ring, 1, 11);
    options = joiner(net, 2);
    net_start(net, 2, &options);
    gossip_set_ring(net->nodes[2].gossip, net_instant(net, 2), other, 1, 11);
    net_run(net, 10 * SECOND);
    cr_assert_eq(gossip_member_count(net->nodes[2].gossip), 0);
    cr_assert_eq(net_state(net, 0, 2), -1);
    cr_assert_gt(counters(net, 0)->dropped[GOSSIP_DROP_WRONG_RING], 0);
    net_destroy(&net);
}

Test(gossip_story, who_lacks_the_newest_ring_is_told_who_has_it)
{
    struct net *net = cluster(3);
    struct identity ring = {{1}};

    gossip_set_ring(net->nodes[0].gossip, net_instant(net, 0), ring, 5, 55);
    net_run(net, 2 * SECOND);
    cr_assert_geq(net->nodes[1].events[GOSSIP_EVENT_RING_NEWER], 1);
    cr_assert_geq(net->nodes[2].events[GOSSIP_EVENT_RING_NEWER], 1);
    for (size_t i = 1; i < 3; i++)
        gossip_set_ring(net->nodes[i].gossip, net_instant(net, i), ring, 5, 55);
    net_run(net, 2 * SECOND);
    cr_assert_eq(net->nodes[0].events[GOSSIP_EVENT_RING_NEWER], 0);
    gossip_set_ring(net->nodes[2].gossip, net_instant(net, 2), ring, 5, 56);
    net_run(net, 2 * SECOND);
    cr_assert_geq(net->nodes[0].events[GOSSIP_EVENT_RING_CONFLICT], 1);
    net_destroy(&net);
}

Test(gossip_story, each_datagram_brings_a_reading_of_its_senders_clock)
{
    struct net *net = cluster(3);

    net_run(net, 10 * SECOND);
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            const struct member *member = gossip_find(net->nodes[i].gossip, net_identity(j));

            if (i == j)
                continue;
            /* Wall clocks are j - i ms apart, and a datagram takes up to 5 ms. */
            int64_t skew_ms = member->clock.peer_wall_ms - member->clock.received.wall_ms;

            cr_assert_gt(member->clock.received.mono_us, 0);
            cr_assert_leq(skew_ms, (int64_t)j - (int64_t)i);
            cr_assert_geq(skew_ms, (int64_t)j - (int64_t)i - 6);
        }
    }
    net_destroy(&net);
}

Test(gossip_story, a_recorded_datagram_is_taken_once)
{
    struct net *net = cluster(2);

    net_run(net, 5 * SECOND);
    net->duplicate_percent = 100;
    net_run(net, 5 * SECOND);
    cr_assert_gt(counters(net, 0)->dropped[GOSSIP_DROP_REPLAYED], 5);
    cr_assert(net_agrees(net));
    net_destroy(&net);
}

Test(gossip_story, garbage_harms_nobody)
{
    struct net *net = cluster(3);
    struct node_address from = {.host = "mallory", .port = 1};
    uint8_t bytes[300];

    for (int i = 0; i < 20000; i++) {
        size_t size = rng_below(&net->rng, sizeof bytes);
        struct buffer reply = {0};

        for (size_t j = 0; j < size; j++)
            bytes[j] = (uint8_t)rng_next(&net->rng);
        if (size >= 4 && i % 2 == 0)
            memcpy(bytes, "DG\1\1", 4);
        cr_assert_neq(
            gossip_receive(net->nodes[0].gossip, net_instant(net, 0), &from, span_of(bytes, size)),
            GOSSIP_DROP_NONE);
        cr_assert_neq(gossip_exchange_receive(net->nodes[0].gossip, net_instant(net, 0),
                                              span_of(bytes, size), &reply),
                      GOSSIP_DROP_NONE);
        buffer_deinit(&reply);
    }
    net_run(net, 5 * SECOND);
    cr_assert(net_agrees(net));
    net_destroy(&net);
}

Test(gossip_story, the_bound_on_nodes_holds)
{
    struct net *net = net_create(3);

    for (size_t i = 0; i < 8; i++) {
        struct gossip_options options = joiner(net, i);

        options.members_max = 4;
        net_start(net, i, &options);
    }
    net_run(net, 20 * SECOND);
    for (size_t i = 0; i < 8; i++)
        cr_assert_leq(gossip_member_count(net->nodes[i].gossip), 4);
    net_destroy(&net);
}
