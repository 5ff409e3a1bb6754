/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/control_net.h"
#include "lib/timeout.h"
#include "ring/ring_codec.h"

TestSuite(control, .timeout = TIMEOUT_S(60));

#define SEEDS "127.0.0.1:7001 127.0.0.1:7002"
#define INIT3 "RING INIT 127.0.0.1:7001 127.0.0.1:7002 127.0.0.1:7003"

/* Nodes with seeds, running for a moment. */
static struct net *cluster(uint64_t seed, unsigned count)
{
    struct net *net = net_create(seed);

    for (unsigned i = 0; i < count; i++)
        net_start(net_add(net, SEEDS, NULL, 0));
    net_run(net, 3000);
    return net;
}

static struct net *formed(uint64_t seed, unsigned count)
{
    struct net *net = cluster(seed, count);
    char words[512] = "RING INIT";

    for (unsigned i = 0; i < count; i++)
        snprintf(words + strlen(words), sizeof words - strlen(words), " 127.0.0.1:%u", 7001 + i);
    cr_assert_str_eq(net_ask(&net->nodes[0], words), "+OK\r\n");
    net_run(net, 3000);
    return net;
}

static bool header_votes(const struct net_node *node, uint32_t p)
{
    return partition_votes(store_partition(node->store, p));
}

static uint64_t header_claim(const struct net_node *node, uint32_t p)
{
    return store_partition(node->store, p)->claim_version;
}

#define HAS(text, part) \
    cr_assert(strstr((text), (part)) != NULL, "'%s' is not in:\n%s", (part), (text))

/* ---- alone ---- */

Test(control, a_node_without_seeds_is_a_ring_of_one_at_once)
{
    struct net *net = net_create(1);
    struct net_node *node = net_add(net, NULL, NULL, 0);

    net_start(node);
    cr_assert_not_null(node->view);
    cr_assert_not_null(node->view->ring);
    cr_assert(node->view->implicit);
    cr_assert_eq(node->view->self, 1);
    cr_assert_eq(node->view->node_count, 1);
    cr_assert(node->view->nodes[0].votes);
    cr_assert_eq(node->view->nodes[0].health, HEALTH_ALIVE);
    for (uint32_t p = 0; p < NET_PARTITIONS; p++) {
        cr_assert(header_votes(node, p));
        cr_assert_eq(header_claim(node, p), ring_version(0, 1));
    }
    cr_assert_eq(buffer_size(&node->disk_ring), 0);
    HAS(net_ask(node, "RING STATUS"), "whole: yes\n");
    net_destroy(&net);
}

Test(control, status_tells_what_the_node_remembers)
{
    struct net *net = net_create(1);
    struct net_node *node = net_add(net, NULL, NULL, 0);

    net_start(node);
    HAS(net_ask(node, "RING STATUS"), "settled: nothing yet\n");
    for (uint32_t p = 0; p < NET_PARTITIONS; p++) {
        struct partition *partition = store_partition(node->store, p);
        partition_lock(partition);
        partition_settle(partition, hlc_stamp(net_now(node).wall_ms - (p == 7 ? 5000 : 52)), 1);
        if (p < 3)
            partition_raise_floor(partition, hlc_stamp(net_now(node).wall_ms));
        partition_unlock(partition);
    }
    HAS(net_ask(node, "RING STATUS"), "settled: 500");
    HAS(net_reply(node), "marks: 0, tombstones: 0, floors: 3 of 64 partitions\n");
    net_destroy(&net);
}

Test(control, a_node_with_seeds_waits_for_a_ring)
{
    struct net *net = net_create(1);
    struct net_node *node = net_add(net, "127.0.0.1:7009", NULL, 0);

    net_start(node);
    net_run(net, 5000);
    cr_assert_null(node->view->ring);
    cr_assert_eq(header_claim(node, 0), 0);
    cr_assert_not(header_votes(node, 0));
    HAS(net_ask(node, "RING STATUS"), "ring: none");
    net_destroy(&net);
}

Test(control, the_ceiling_is_on_disk_ahead_of_the_clock)
{
    struct net *net = net_create(1);
    struct net_node *node = net_add(net, NULL, NULL, 0);

    net_start(node);
    for (unsigned i = 0; i < 20; i++) {
        cr_assert_eq(node->bounds.ceiling, node->disk_ceiling);
        const int64_t ahead_ms = hlc_ms(node->disk_ceiling) - net_now(node).wall_ms;
        cr_assert_geq(ahead_ms, CEILING_AHEAD_MS / 2 - 500);
        cr_assert_leq(ahead_ms, CEILING_AHEAD_MS);
        net_run(net, 500);
    }
    cr_assert_eq(node->bounds.ahead_max_ms, 500 + CEILING_AHEAD_MS);
    net_destroy(&net);
}

Test(control, a_ceiling_that_the_disk_refuses_stays_and_is_told)
{
    struct net *net = net_create(1);
    struct net_node *node = net_add(net, NULL, NULL, 0);

    net_start(node);
    const uint64_t before = node->disk_ceiling;
    node->disk_full = true;
    net_run(net, 10000);
    cr_assert_eq(node->bounds.ceiling, before);
    HAS(net_ask(node, "RING STATUS"), "cannot be kept on disk");
    node->disk_full = false;
    net_run(net, 1000);
    cr_assert_gt(node->bounds.ceiling, before);
    cr_assert_null(strstr(net_ask(node, "RING STATUS"), "cannot be kept on disk"));
    net_destroy(&net);
}

Test(control, after_a_restart_with_the_clock_set_back_the_ceiling_is_above_the_old_one)
{
    struct net *net = net_create(1);
    struct net_node *node = net_add(net, NULL, NULL, 0);

    net_start(node);
    const uint64_t before = node->disk_ceiling;
    net_crash(node);
    node->skew_ms = -3600000;
    net_start(node);
    cr_assert_eq(node->bounds.ceiling_at_start, before);
    cr_assert_geq(hlc_ms(node->bounds.ceiling), hlc_ms(before) + CEILING_AHEAD_MS / 2);
    net_destroy(&net);
}

/* Others have stamps from when their clocks were ahead: what is made above those is to fit in. */
Test(control, the_ceiling_rises_above_a_stamp_that_others_have)
{
    struct net *net = net_create(1);
    struct net_node *node = net_add(net, NULL, NULL, 0);

    net_start(node);
    const uint64_t stamp = hlc_stamp(net_now(node).wall_ms + CEILING_AHEAD_MS + 400);
    replica_want_ceiling(&node->bounds, stamp - 1);
    replica_want_ceiling(&node->bounds, stamp);
    replica_want_ceiling(&node->bounds, stamp - 2);
    net_run(net, 600);
    cr_assert_geq(hlc_ms(node->bounds.ceiling), hlc_ms(stamp) + CEILING_AHEAD_MS / 2);
    cr_assert_eq(node->bounds.ceiling, node->disk_ceiling);
    net_destroy(&net);
}

/* ---- RING INIT ---- */

Test(control, init_of_three_gives_all_the_same_ring)
{
    struct net *net = formed(1, 3);
    const struct ring *ring = net_ring(&net->nodes[0]);

    cr_assert_not_null(ring);
    cr_assert_eq(net_rings(net), 1);
    cr_assert_eq(ring->content.version, ring_version(1, 1));
    cr_assert_eq(ring->content.member_count, 3);
    cr_assert_eq(ring_draft_copies(&ring->content), 3);
    for (unsigned i = 0; i < 3; i++) {
        const struct net_node *node = &net->nodes[i];
        cr_assert_eq(ring_digest(net_ring(node)), ring_digest(ring));
        cr_assert_eq(node->view->self, i + 1);
        cr_assert_gt(buffer_size(&node->disk_ring), 0);
        for (unsigned j = 0; j < 3; j++) {
            cr_assert_eq(node->view->nodes[j].health, HEALTH_ALIVE);
            cr_assert(node->view->nodes[j].votes);
        }
        for (uint32_t p = 0; p < NET_PARTITIONS; p++) {
            cr_assert(header_votes(node, p));
            cr_assert_eq(header_claim(node, p), ring_version(1, 1));
        }
    }
    HAS(net_ask(&net->nodes[1], "RING STATUS"), "whole: yes\n");
    net_destroy(&net);
}

Test(control, init_without_seeds_introduces_the_nodes)
{
    struct net *net = net_create(1);

    for (unsigned i = 0; i < 3; i++)
        net_start(net_add(net, NULL, NULL, 0));
    net_run(net, 1000);
    cr_assert_str_eq(net_ask(&net->nodes[2], INIT3), "+OK\r\n");
    net_run(net, 3000);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_not(net->nodes[i].view->implicit);
        HAS(net_ask(&net->nodes[i], "RING STATUS"), "whole: yes\n");
    }
    net_destroy(&net);
}

Test(control, rules_of_the_ring_are_those_of_the_node_that_forms_it)
{
    const char *const rules[] = {
        "--replicas", "2", "--keyspace", "session:", "replicas", "1", "conflict", "siblings"};
    struct net *net = net_create(1);

    net_start(net_add(net, NULL, NULL, 0));
    net_start(net_add(net, NULL, rules, 8));
    cr_assert_str_eq(net_ask(&net->nodes[1], "RING INIT 127.0.0.1:7001 127.0.0.1:7002"), "+OK\r\n");
    const struct ring *ring = net_ring(&net->nodes[0]);
    cr_assert_eq(ring->content.base.replicas, 2);
    cr_assert_eq(ring->content.rule_count, 1);
    cr_assert_eq(ring->content.rules[0].replicas, 1);
    cr_assert_eq(ring->content.rules[0].conflict, RING_CONFLICT_SIBLINGS);
    net_destroy(&net);
}

Test(control, init_with_one_node_down_names_it_and_leaves_nothing)
{
    struct net *net = cluster(1, 3);

    net_crash(&net->nodes[1]);
    HAS(net_ask(&net->nodes[0], INIT3),
        "-ERR RING INIT: 127.0.0.1:7002 cannot be reached: connection refused");
    cr_assert_eq(net_rings(net), 0);
    net_start(&net->nodes[1]);
    cr_assert_str_eq(net_ask(&net->nodes[0], INIT3), "+OK\r\n");
    net_destroy(&net);
}

Test(control, init_again_says_that_the_ring_is_there)
{
    struct net *net = formed(1, 3);

    HAS(net_ask(&net->nodes[0], INIT3), "-ERR RING INIT: this node is in ring ");
    HAS(net_ask(&net->nodes[2], INIT3), "already");
    net_destroy(&net);
}

Test(control, init_of_a_node_in_another_ring_is_refused)
{
    struct net *net = net_create(1);

    for (unsigned i = 0; i < 3; i++)
        net_start(net_add(net, NULL, NULL, 0));
    cr_assert_str_eq(net_ask(&net->nodes[0], "RING INIT 127.0.0.1:7001 127.0.0.1:7002"), "+OK\r\n");
    HAS(net_ask(&net->nodes[2], "RING INIT 127.0.0.1:7003 127.0.0.1:7002"),
        "-ERR RING INIT: 127.0.0.1:7002 is in ring ");
    cr_assert(net->nodes[2].view->implicit);
    net_destroy(&net);
}

Test(control, init_of_a_node_with_data_is_refused_and_the_data_stays_served)
{
    struct net *net = net_create(1);

    net_start(net_add(net, NULL, NULL, 0));
    net_start(net_add(net, NULL, NULL, 0));
    net_put(&net->nodes[1], 3);
    HAS(net_ask(&net->nodes[0], "RING INIT 127.0.0.1:7001 127.0.0.1:7002"),
        "-ERR RING INIT: 127.0.0.1:7002: it has data");
    net_run(net, 100);
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_eq(header_claim(&net->nodes[i], 3), ring_version(0, 1));
        cr_assert(header_votes(&net->nodes[i], 3));
    }
    net_destroy(&net);
}

Test(control, init_with_other_partitions_is_refused)
{
    const char *const more[] = {"--partitions", "128"};
    struct net *net = net_create(1);

    net_start(net_add(net, NULL, NULL, 0));
    net_start(net_add(net, NULL, more, 2));
    HAS(net_ask(&net->nodes[0], "RING INIT 127.0.0.1:7001 127.0.0.1:7002"),
        "-ERR RING INIT: 127.0.0.1:7002: its directive partitions is 128, not 64");
    net_destroy(&net);
}

Test(control, bad_arguments_of_init_are_told)
{
    struct net *net = net_create(1);
    struct net_node *node = net_add(net, NULL, NULL, 0);

    net_start(node);
    HAS(net_ask(node, "RING INIT 127.0.0.1"), "-ERR RING INIT: '127.0.0.1' is no host:port");
    HAS(net_ask(node, "RING INIT 127.0.0.1:0"), "is no host:port");
    HAS(net_ask(node, "RING INIT 127.0.0.1:60000"), "a port up to 55535");
    HAS(net_ask(node, "RING INIT :7001"), "is no host:port");
    HAS(net_ask(node, "RING INIT 127.0.0.1:7002"), "this node is not among those named");
    HAS(net_ask(node, "RING INIT 127.0.0.1:7001 127.0.0.1:7001"), "127.0.0.1:7001 is named twice");
    HAS(net_ask(node, "RING INIT 127.0.0.1:7001 localhost:7001"), "this node is named twice");
    cr_assert_str_eq(net_ask(node, "ring init localhost:7001"), "+OK\r\n");
    cr_assert_eq(net_rings(net), 1);
    net_destroy(&net);
}

Test(control, two_names_of_one_node_are_found_out)
{
    struct net *net = net_create(1);

    net_start(net_add(net, NULL, NULL, 0));
    net_start(net_add(net, NULL, NULL, 0));
    HAS(net_ask(&net->nodes[0], "RING INIT 127.0.0.1:7001 127.0.0.1:7002 localhost:7002"),
        "are the same node");
    net_destroy(&net);
}

Test(control, a_full_disk_ends_init_before_anything_is_decided)
{
    struct net *net = cluster(1, 3);

    net->nodes[0].disk_full = true;
    HAS(net_ask(&net->nodes[0], INIT3), "-ERR RING INIT: this node: the ring could not be kept");
    net_run(net, 100);
    cr_assert_eq(net_rings(net), 0);
    net->nodes[0].disk_full = false;
    cr_assert_str_eq(net_ask(&net->nodes[1], INIT3), "+OK\r\n");
    net_destroy(&net);
}

Test(control, a_full_disk_elsewhere_is_told_and_that_node_follows_later)
{
    struct net *net = cluster(1, 3);

    net->nodes[2].disk_full = true;
    HAS(net_ask(&net->nodes[0], INIT3),
        "+OK the ring is formed, but 127.0.0.1:7003 has not taken it yet: the ring could not be");
    cr_assert_null(net_ring(&net->nodes[2]));
    net->nodes[2].disk_full = false;
    net_run(net, 60000);
    cr_assert_not_null(net_ring(&net->nodes[2]));
    cr_assert_eq(net_rings(net), 1);
    net_destroy(&net);
}

Test(control, a_node_that_no_commit_reaches_learns_of_the_ring)
{
    struct net *net = cluster(1, 3);

    net_command(&net->nodes[0], INIT3);
    while (net_ring(&net->nodes[0]) == NULL && net_step(net, INT64_MAX))
        continue;
    net->nodes[2].group = 1; /* it has promised, and is cut off */
    while (net->nodes[0].replies == 0 && net_step(net, INT64_MAX))
        continue;
    HAS(net_reply(&net->nodes[0]), "+OK the ring is formed, but 127.0.0.1:7003 has not taken it");
    cr_assert_null(net_ring(&net->nodes[2]));
    net->nodes[2].group = 0;
    net_run(net, 60000);
    cr_assert_not_null(net_ring(&net->nodes[2]));
    cr_assert_eq(net_rings(net), 1);
    cr_assert(net->nodes[2].view->nodes[2].votes);
    net_destroy(&net);
}

Test(control, a_promise_lapses_when_its_proposer_dies)
{
    struct net *net = cluster(1, 3);

    /* The lowest identity is node 3's: it promises first. */
    net_command(&net->nodes[0], INIT3);
    while (strstr(net_ask(&net->nodes[2], "RING STATUS"), "RING INIT is going on") == NULL)
        cr_assert(net_step(net, INT64_MAX));
    net_crash(&net->nodes[0]);
    HAS(net_ask(&net->nodes[1], "RING INIT 127.0.0.1:7002 127.0.0.1:7003"),
        "it takes part in another RING INIT");
    net_run(net, 11000);
    cr_assert_str_eq(net_ask(&net->nodes[1], "RING INIT 127.0.0.1:7002 127.0.0.1:7003"), "+OK\r\n");
    net_destroy(&net);
}

Test(control, nothing_is_written_here_while_a_promise_stands)
{
    struct net *net = net_create(1);

    net_start(net_add(net, NULL, NULL, 0));
    net_start(net_add(net, NULL, NULL, 0));
    net_command(&net->nodes[0], "RING INIT 127.0.0.1:7001 127.0.0.1:7002");
    while (header_claim(&net->nodes[1], 0) != 0)
        cr_assert(net_step(net, INT64_MAX));
    net_crash(&net->nodes[0]);
    net_run(net, 11000);
    cr_assert_eq(header_claim(&net->nodes[1], 0), ring_version(0, 1));
    net_destroy(&net);
}

/* ---- two at once ---- */

static bool refused(struct net_node *node)
{
    return strncmp(net_reply(node), "-ERR RING INIT: ", 16) == 0;
}

static bool succeeded(struct net_node *node)
{
    return strcmp(net_reply(node), "+OK\r\n") == 0;
}

/* The second INIT is sent once `events` were delivered after the first. False when the first was
 * answered before that. */
static bool init_twice(unsigned first, unsigned second, uint64_t events)
{
    struct net *net = cluster(1, 3);
    struct net_node *one = &net->nodes[first], *two = &net->nodes[second];
    const uint64_t until = net->delivered + events;

    net_command(one, INIT3);
    while (net->delivered < until && one->replies == 0)
        cr_assert(net_step(net, INT64_MAX));
    const bool before = one->replies == 0;
    net_command(two, INIT3);
    while (one->replies == 0 || two->replies == 0)
        cr_assert(net_step(net, INT64_MAX));
    cr_assert_eq(succeeded(one) + succeeded(two), 1, "after %d events: %s%s", (int)events,
                 net_reply(one), net_reply(two));
    cr_assert(refused(one) || refused(two));
    net_run(net, 100);
    cr_assert_eq(net_rings(net), 1);
    for (unsigned i = 0; i < 3; i++)
        cr_assert_not_null(net_ring(&net->nodes[i]));
    net_destroy(&net);
    return before;
}

Test(control, of_two_inits_at_once_one_wins_wherever_they_meet)
{
    for (unsigned first = 0; first < 3; first++) {
        for (unsigned second = 0; second < 3; second++) {
            uint64_t events = 0;
            while (first != second && init_twice(first, second, events))
                events++;
        }
    }
}

Test(control, of_two_inits_with_drawn_delays_and_losses_there_are_never_two_rings)
{
    const char *given = getenv("DUNLIN_SEED");
    const uint64_t begin = given != NULL ? strtoull(given, NULL, 10) : 1;

    for (uint64_t seed = begin; seed < begin + (given != NULL ? 1 : 60); seed++) {
        struct net *net = cluster(seed, 3);
        net->delay_max_us = 200000;
        net->loss_percent = seed % 3 == 0 ? 0 : 20;
        net_command(&net->nodes[0], INIT3);
        net_run(net, (int64_t)rng_below(&net->rng, 300));
        net_command(&net->nodes[1], INIT3);
        net_run(net, 30000);
        cr_assert_eq(net->nodes[0].replies, 1);
        cr_assert_eq(net->nodes[1].replies, 1);
        const unsigned rings = net_rings(net);
        cr_assert_leq(rings, 1, "two rings; replay with DUNLIN_SEED=%d ./unit_control", (int)seed);
        cr_assert(rings == 1 || (refused(&net->nodes[0]) && refused(&net->nodes[1])),
                  "an INIT that failed silently; replay with DUNLIN_SEED=%d ./unit_control",
                  (int)seed);
        net->loss_percent = 0;
        net_run(net, 60000);
        for (unsigned i = 0; i < 3; i++)
            cr_assert_eq(net_ring(&net->nodes[i]) != NULL, rings == 1,
                         "a node without the ring; replay with DUNLIN_SEED=%d ./unit_control",
                         (int)seed);
        net_destroy(&net);
    }
}

/* The scenario "two nodes asked to INIT at once", message by message. Node 2's identity is the
 * lower one, so its promise is asked for first. */
Test(control, the_trace_of_two_inits_at_once)
{
    static const char expected[] = "  1 ms  1 to 2  INQUIRE\n"
                                   "  1 ms  2 to 1  INQUIRE\n"
                                   "  2 ms  2 to 1  DESCRIPTION\n"
                                   "  2 ms  1 to 2  DESCRIPTION\n"
                                   "  3 ms  1 to 2  PREPARE\n"
                                   "  3 ms  2 to 1  PREPARE\n"
                                   "  4 ms  2 to 1  PROMISE other\n"
                                   "  4 ms  1 to 2  PROMISE ok\n"
                                   "  5 ms  2 to 1  COMMIT\n"
                                   "  6 ms  1 to 2  PROMISE ok\n";
    struct net *net = net_create(1);

    net_start(net_add(net, NULL, NULL, 0));
    net_start(net_add(net, NULL, NULL, 0));
    net->tracing = true;
    net_command(&net->nodes[0], "RING INIT 127.0.0.1:7001 127.0.0.1:7002");
    net_command(&net->nodes[1], "RING INIT 127.0.0.1:7001 127.0.0.1:7002");
    net_run(net, 400);
    cr_assert_str_eq(net->trace, expected);
    HAS(net_reply(&net->nodes[0]),
        "-ERR RING INIT: 127.0.0.1:7002: it takes part in another RING INIT, of node 63000000");
    cr_assert_str_eq(net_reply(&net->nodes[1]), "+OK\r\n");
    net_destroy(&net);
}

/* ---- later ---- */

Test(control, a_restarted_node_has_forgotten_and_does_not_vote)
{
    struct net *net = formed(1, 3);
    struct net_node *node = &net->nodes[1];

    net_crash(node);
    net_start(node);
    cr_assert_eq(node->view->self, 2);
    cr_assert_not(node->view->nodes[1].votes);
    cr_assert_not(header_votes(node, 0));
    cr_assert_eq(header_claim(node, 0), ring_version(1, 1));
    net_run(net, 5000);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(net->nodes[i].view->nodes[1].health, HEALTH_ALIVE);
        cr_assert_not(net->nodes[i].view->nodes[1].votes);
        cr_assert(net->nodes[i].view->nodes[0].votes);
    }
    HAS(net_ask(&net->nodes[0], "RING STATUS"),
        "does not vote: it restarted and has not recovered");
    HAS(net_ask(&net->nodes[0], "RING STATUS"), "whole: no\n");
    net_destroy(&net);
}

/* Its stamps are above that ceiling, and those of the others need not be much ahead of their
 * clocks: they would refuse what it stamps (dunlin-sim --seed 1004, --seed 2020). */
Test(control, a_restarted_node_waits_until_its_clock_has_passed_its_old_ceiling)
{
    struct net *net = formed(1, 3);
    struct net_node *node = &net->nodes[1];

    net_crash(node);
    node->disk_ceiling = hlc_stamp(net_now(node).wall_ms + 9000); /* its clock was ahead */
    net_start(node);
    for (uint32_t p = 0; p < NET_PARTITIONS; p++)
        store_partition(node->store, p)->recovering = false;
    net_run(net, 8800);
    cr_assert_not(net->nodes[0].view->nodes[1].votes);
    net_run(net, 1200);
    cr_assert(net->nodes[0].view->nodes[1].votes);
    net_destroy(&net);
}

Test(control, a_restarted_ring_of_one_votes)
{
    struct net *net = net_create(1);
    struct net_node *node = net_add(net, NULL, NULL, 0);

    net_start(node);
    cr_assert_str_eq(net_ask(node, "RING INIT 127.0.0.1:7001"), "+OK\r\n");
    net_crash(node);
    net_start(node);
    cr_assert_not(node->view->implicit);
    cr_assert(node->view->nodes[0].votes);
    cr_assert(header_votes(node, 0));
    net_destroy(&net);
}

Test(control, a_dead_node_is_seen_in_the_views_of_the_others)
{
    struct net *net = formed(1, 3);

    net_crash(&net->nodes[2]);
    net_run(net, 20000);
    cr_assert_eq(net->nodes[0].view->nodes[2].health, HEALTH_DEAD);
    cr_assert_eq(net->nodes[1].view->nodes[2].health, HEALTH_DEAD);
    HAS(net_ask(&net->nodes[0], "RING STATUS"),
        "partitions with all replicas: 0, with a quorum: 64, of 64");
    net_destroy(&net);
}

Test(control, a_quiet_cluster_publishes_no_views)
{
    struct net *net = formed(1, 3);
    const unsigned before = net->nodes[0].views;

    net_run(net, 60000);
    cr_assert_eq(net->nodes[0].views, before);
    net_destroy(&net);
}

Test(control, a_node_that_moved_is_found_at_its_new_address)
{
    struct net *net = formed(1, 3);

    net_crash(&net->nodes[2]);
    net->nodes[2].port = 7033;
    net_start(&net->nodes[2]);
    net_run(net, 30000);
    cr_assert_eq(net->nodes[0].view->nodes[2].port, 7033);
    cr_assert_eq(net->nodes[0].view->nodes[2].bus_port, 17033);
    cr_assert_eq(net->nodes[0].view->nodes[2].health, HEALTH_ALIVE);
    net_destroy(&net);
}

Test(control, a_copied_dir_stops_the_copy)
{
    struct net *net = formed(1, 3);
    struct net_node *copy = net_add(net, SEEDS, NULL, 0);

    copy->identity = net->nodes[1].identity;
    buffer_append_span(&copy->disk_ring, buffer_content(&net->nodes[1].disk_ring));
    net_start(copy);
    net_run(net, 20000);
    cr_assert(copy->fatal);
    HAS(copy->fatal_text, "a node with this node's identity is alive at 127.0.0.1:17002");
    cr_assert_not(net->nodes[1].fatal);
    net_destroy(&net);
}

Test(control, a_ring_on_disk_that_names_others_is_fatal)
{
    struct net *net = formed(1, 3);
    struct net_node *stranger = net_add(net, SEEDS, NULL, 0);

    buffer_append_span(&stranger->disk_ring, buffer_content(&net->nodes[1].disk_ring));
    net_start(stranger);
    cr_assert(stranger->fatal);
    HAS(stranger->fatal_text, "does not name this node");
    net_destroy(&net);
}

Test(control, a_node_that_the_ring_does_not_name_waits_and_says_so)
{
    struct net *net = formed(1, 3);
    struct net_node *late = net_add(net, SEEDS, NULL, 0);

    net_start(late);
    net_run(net, 10000);
    cr_assert_null(late->view->ring);
    HAS(net_ask(late, "RING STATUS"), "does not name this node");
    net_destroy(&net);
}

Test(control, a_node_with_data_does_not_take_the_ring_that_names_it)
{
    struct net *net = cluster(1, 3);

    net_command(&net->nodes[0], INIT3);
    while (net_ring(&net->nodes[0]) == NULL && net_step(net, INT64_MAX))
        continue;
    net_crash(&net->nodes[2]); /* after its promise */
    while (net->nodes[0].replies == 0 && net_step(net, INT64_MAX))
        continue;
    net_start(&net->nodes[2]);
    net_put(&net->nodes[2], 5);
    net_run(net, 30000);
    cr_assert_null(net_ring(&net->nodes[2]));
    HAS(net_ask(&net->nodes[2], "RING STATUS"), "was not taken: it has data");
    net_destroy(&net);
}

/* ---- clocks ---- */

/* How far its dates are ahead of what the others' clocks say, ms. */
static int64_t date_ahead_ms(const struct net_node *node)
{
    const struct instant others = net_now(&node->net->nodes[0]);

    return atomic_load(&node->bounds.date_offset_ms) + others.mono_us / 1000 - others.wall_ms;
}

Test(control, a_clock_out_of_line_is_excluded_and_comes_back)
{
    struct net *net = formed(1, 3);
    struct net_node *node = &net->nodes[2];

    node->skew_ms = 10000;
    cr_assert_lt(llabs(date_ahead_ms(node)), 50, "it was not looked at yet");
    net_run(net, 10000);
    cr_assert_lt(llabs(date_ahead_ms(node)), 50);
    cr_assert_not(node->view->self_in_line);
    cr_assert_not(node->view->nodes[2].votes);
    cr_assert_not(header_votes(node, 0));
    cr_assert(net->nodes[0].view->self_in_line);
    cr_assert(net->nodes[1].view->self_in_line);
    cr_assert_not(net->nodes[0].view->nodes[2].votes);
    HAS(net_ask(node, "RING STATUS"), "out of line: this node neither coordinates nor votes");
    HAS(net_ask(&net->nodes[0], "RING STATUS"), "does not vote: its clock is out of line");
    node->skew_ms = 450; /* not near enough yet */
    net_run(net, 10000);
    cr_assert_not(node->view->self_in_line);
    node->skew_ms = 100;
    net_run(net, 10000);
    cr_assert(node->view->self_in_line);
    cr_assert(header_votes(node, 0));
    cr_assert(net->nodes[0].view->nodes[2].votes);
    cr_assert_eq(date_ahead_ms(node), 100);
    net_destroy(&net);
}

Test(control, two_nodes_whose_clocks_differ_cannot_know_and_go_on)
{
    struct net *net = formed(1, 2);

    net->nodes[1].skew_ms = 10000;
    net_run(net, 10000);
    cr_assert(net->nodes[0].view->self_in_line);
    cr_assert(net->nodes[1].view->self_in_line);
    net_destroy(&net);
}

/* ---- hostile input ---- */

static void feed(struct net_node *node, struct span bytes)
{
    const struct control_asker asker = {.worker = node, .id = 7};
    const struct node_address from = {.host = "127.0.0.1", .port = 17001};

    buffer_reset(&node->answer, SIZE_MAX);
    control_message(node->control, net_now(node), &asker, bytes);
    control_datagram(node->control, net_now(node), &from, bytes);
}

Test(control, garbage_changes_nothing)
{
    struct net *net = formed(1, 3);
    struct net_node *node = &net->nodes[1];
    const struct ring *ring = net_ring(node);
    struct buffer bytes = {0};
    uint8_t noise[200];

    for (unsigned round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (uint8_t)rng_next(&net->rng);
        feed(node, span_of(noise, rng_below(&net->rng, sizeof noise)));
    }
    /* Well-formed messages with senseless fields, and each cut at every byte. */
    const struct wire_commit commit = {.id = 1, .ring = span_of(noise, sizeof noise)};
    const struct wire_prepare prepare = {.id = 1, .partitions = 3};
    const struct wire_exchange exchange = {.records = span_of(noise, sizeof noise)};
    wire_put_commit(&bytes, &commit);
    feed(node, buffer_content(&bytes));
    buffer_reset(&bytes, SIZE_MAX);
    wire_put_exchange(&bytes, &exchange);
    feed(node, buffer_content(&bytes));
    buffer_reset(&bytes, SIZE_MAX);
    wire_put_prepare(&bytes, &prepare);
    for (size_t size = 0; size <= buffer_size(&bytes); size++)
        feed(node, span_of(buffer_content(&bytes).data, size));
    buffer_deinit(&bytes);
    net_run(net, 1000);
    cr_assert_eq(net_ring(node), ring);
    cr_assert_not(node->fatal);
    net_destroy(&net);
}

Test(control, answers_that_make_no_sense_fail_the_init)
{
    struct net *net = net_create(1);
    struct net_node *node = net_add(net, NULL, NULL, 0);
    uint8_t noise[64] = {0};

    net_start(node);
    net_command(node, "RING INIT 127.0.0.1:7001 127.0.0.1:7002");
    control_call_answer(node->control, net_now(node), 999, span_of(noise, 64), NULL);
    cr_assert_eq(node->replies, 0);
    control_call_answer(node->control, net_now(node), 1, span_of(noise, 64), NULL);
    cr_assert_eq(node->replies, 1);
    HAS(net_reply(node), "-ERR RING INIT: 127.0.0.1:7002 cannot be reached: ");
    control_call_answer(node->control, net_now(node), 1, span_of(noise, 64), NULL);
    cr_assert_eq(node->replies, 1);
    net_destroy(&net);
}
