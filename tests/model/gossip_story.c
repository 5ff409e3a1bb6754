/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Gossip, told as stories: who restarts, who is copied, who does not belong.
 */
#include <criterion/criterion.h>

#include "lib/mesh.h"
#include "lib/timeout.h"

TestSuite(gossip_story, .timeout = TIMEOUT_S(30));

#define SECOND INT64_C(1000000)

static const struct node_address seeds[] = {{.host = "node-0", .port = 7000},
                                            {.host = "node-1", .port = 7000}};

/* Options of a node that joins the cluster. */
static struct gossip_options joiner(struct mesh *mesh, size_t index)
{
    struct gossip_options options = mesh_options(mesh, index);

    options.seeds = seeds;
    options.seed_count = 2;
    return options;
}

static struct mesh *cluster(size_t count)
{
    struct mesh *mesh = mesh_create(42);

    mesh_start_cluster(mesh, count);
    cr_assert(mesh_run_until(mesh, mesh_agrees, 10 * SECOND));
    return mesh;
}

static const struct gossip_counters *counters(const struct mesh *mesh, size_t index)
{
    return gossip_counters(mesh->nodes[index].gossip);
}

Test(gossip_story, a_node_without_seeds_is_active_at_once)
{
    struct mesh *mesh = mesh_create(1);
    struct gossip_options options = mesh_options(mesh, 0);

    mesh_start(mesh, 0, &options);
    mesh_run(mesh, 1000);
    cr_assert_eq(gossip_phase(mesh->nodes[0].gossip), GOSSIP_ACTIVE);
    cr_assert_eq(mesh->nodes[0].events[GOSSIP_EVENT_ACTIVE], 1);
    mesh_destroy(&mesh);
}

Test(gossip_story, a_node_whose_only_seed_is_itself_is_active_at_once)
{
    struct mesh *mesh = mesh_create(1);
    struct gossip_options options = joiner(mesh, 0);

    options.seed_count = 1;
    mesh_start(mesh, 0, &options);
    mesh_run(mesh, 1000);
    cr_assert_eq(gossip_phase(mesh->nodes[0].gossip), GOSSIP_ACTIVE);
    mesh_destroy(&mesh);
}

Test(gossip_story, a_node_that_restarts_in_place_is_seen_to_restart_and_never_dead)
{
    struct mesh *mesh = cluster(4);
    struct gossip_options options;

    mesh_crash(mesh, 3);
    mesh_run(mesh, SECOND / 5);
    options = joiner(mesh, 3);
    options.flags = NODE_FORGETFUL;
    mesh_start(mesh, 3, &options);
    cr_assert(mesh_run_until(mesh, mesh_agrees, 5 * SECOND));
    mesh_run(mesh, SECOND);
    for (size_t i = 0; i < 3; i++) {
        const struct member *member = gossip_find(mesh->nodes[i].gossip, mesh_identity(3));

        cr_assert_eq(mesh->nodes[i].restarts_seen, 1);
        cr_assert_eq(mesh->nodes[i].events[GOSSIP_EVENT_DEAD], 0);
        cr_assert(member->record.flags & NODE_FORGETFUL);
    }
    cr_assert_eq(mesh->nodes[3].events[GOSSIP_EVENT_IDENTITY_CLASH], 0);
    mesh_destroy(&mesh);
}

Test(gossip_story, a_node_that_moves_keeps_its_identity)
{
    struct mesh *mesh = cluster(4);
    struct gossip_options options;

    mesh_crash(mesh, 3);
    mesh_run(mesh, 10 * SECOND);
    cr_assert(mesh_all_hold(mesh, 3, NODE_DEAD));
    options = joiner(mesh, 3);
    options.host = "elsewhere";
    mesh_start(mesh, 3, &options);
    cr_assert(mesh_run_until(mesh, mesh_agrees, 10 * SECOND));
    for (size_t i = 0; i < 3; i++)
        cr_assert_str_eq(gossip_find(mesh->nodes[i].gossip, mesh_identity(3))->record.host,
                         "elsewhere");
    cr_assert_eq(mesh->nodes[3].events[GOSSIP_EVENT_IDENTITY_CLASH], 0);
    mesh_destroy(&mesh);
}

/* Node `index` with the identity of `original`, as when its dir was copied. */
static void start_copy(struct mesh *mesh, size_t index, size_t original)
{
    struct gossip_options options = joiner(mesh, index);

    options.identity = mesh_identity(original);
    mesh_start(mesh, index, &options);
}

Test(gossip_story, a_copy_of_a_living_node_does_not_start)
{
    struct mesh *mesh = cluster(3);

    start_copy(mesh, 3, 2);
    mesh_run(mesh, 10 * SECOND);
    cr_assert_eq(gossip_phase(mesh->nodes[3].gossip), GOSSIP_CLASHED);
    cr_assert_eq(mesh->nodes[3].events[GOSSIP_EVENT_IDENTITY_CLASH], 1);
    cr_assert(mesh->nodes[3].clash_ours_is_later);
    cr_assert_eq(mesh->nodes[3].events[GOSSIP_EVENT_ACTIVE], 0);
    for (size_t i = 0; i < 2; i++) { /* and nobody noticed */
        cr_assert_eq(mesh_state(mesh, i, 2), NODE_ALIVE);
        cr_assert_eq(mesh->nodes[i].events[GOSSIP_EVENT_SUSPECT], 0);
        cr_assert_eq(mesh->nodes[i].events[GOSSIP_EVENT_UPDATED], 0);
    }
    mesh_destroy(&mesh);
}

Test(gossip_story, a_copy_whose_seed_is_its_elder_does_not_start)
{
    struct mesh *mesh = mesh_create(1);
    struct gossip_options options = mesh_options(mesh, 0);

    mesh_start(mesh, 0, &options);
    mesh_run(mesh, SECOND);
    start_copy(mesh, 1, 0);
    mesh_run(mesh, 5 * SECOND);
    cr_assert_eq(gossip_phase(mesh->nodes[1].gossip), GOSSIP_CLASHED);
    cr_assert_eq(gossip_phase(mesh->nodes[0].gossip), GOSSIP_ACTIVE);
    mesh_destroy(&mesh);
}

Test(gossip_story, of_two_copies_that_start_together_the_later_stops)
{
    struct mesh *mesh = cluster(1); /* waits for node-1, which will be its copy */

    start_copy(mesh, 1, 0);
    mesh_run(mesh, 5 * SECOND);
    cr_assert_eq(gossip_phase(mesh->nodes[1].gossip), GOSSIP_CLASHED);
    cr_assert(mesh->nodes[1].clash_ours_is_later);
    cr_assert_neq(gossip_phase(mesh->nodes[0].gossip), GOSSIP_CLASHED);
    mesh_destroy(&mesh);
}

Test(gossip_story, a_copy_that_started_while_its_elder_slept_stops_and_the_elder_returns)
{
    struct mesh *mesh = cluster(4);

    mesh_pause(mesh, 3);
    mesh_run(mesh, 6 * SECOND);
    start_copy(mesh, 4, 3);
    mesh_run(mesh, 6 * SECOND);
    cr_assert_eq(gossip_phase(mesh->nodes[4].gossip), GOSSIP_ACTIVE);
    mesh_resume(mesh, 3);
    mesh_run(mesh, 90 * SECOND);
    cr_assert_eq(gossip_phase(mesh->nodes[4].gossip), GOSSIP_CLASHED);
    cr_assert_eq(gossip_phase(mesh->nodes[3].gossip), GOSSIP_ACTIVE);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(mesh_state(mesh, i, 3), NODE_ALIVE);
        cr_assert_str_eq(gossip_find(mesh->nodes[i].gossip, mesh_identity(3))->record.host,
                         "node-3");
    }
    mesh_destroy(&mesh);
}

Test(gossip_story, a_node_that_leaves_is_not_dead)
{
    struct mesh *mesh = cluster(4);

    gossip_leave(mesh->nodes[2].gossip, mesh_instant(mesh, 2));
    for (int i = 0; i < 50 && !gossip_farewell_done(mesh->nodes[2].gossip); i++)
        mesh_run(mesh, SECOND / 10);
    cr_assert(gossip_farewell_done(mesh->nodes[2].gossip));
    mesh_crash(mesh, 2);
    mesh_run(mesh, 10 * SECOND);
    cr_assert(mesh_all_hold(mesh, 2, NODE_LEFT));
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(mesh->nodes[i].events[GOSSIP_EVENT_DEAD], 0);
    mesh_destroy(&mesh);
}

Test(gossip_story, the_dead_stay_listed_while_the_ring_names_them)
{
    struct mesh *mesh = cluster(3);

    mesh_crash(mesh, 1);
    mesh_run(mesh, 2 * 3600 * SECOND);
    cr_assert(mesh_all_hold(mesh, 1, NODE_DEAD));
    mesh->keep_dead = false;
    mesh_run(mesh, 100 * SECOND);
    cr_assert_eq(mesh_state(mesh, 0, 1), -1);
    cr_assert_eq(mesh_state(mesh, 2, 1), -1);
    cr_assert_eq(mesh->nodes[0].events[GOSSIP_EVENT_FORGOTTEN], 1);
    mesh_destroy(&mesh);
}

/* A cluster of two with a secret, and a third node that has `name` and `secret`. */
static struct mesh *stranger(struct span name, struct span secret)
{
    struct mesh *mesh = mesh_create(7);

    for (size_t i = 0; i < 3; i++) {
        struct gossip_options options = joiner(mesh, i);

        options.cluster_secret = SPAN("open sesame");
        if (i == 2) {
            options.cluster_secret = secret;
            options.cluster_name = name;
        }
        mesh_start(mesh, i, &options);
    }
    mesh_run(mesh, 10 * SECOND);
    cr_assert_eq(mesh_state(mesh, 0, 1), NODE_ALIVE);
    return mesh;
}

Test(gossip_story, a_node_with_the_secret_joins)
{
    struct mesh *mesh = stranger(SPAN("test"), SPAN("open sesame"));

    cr_assert(mesh_agrees(mesh));
    mesh_destroy(&mesh);
}

Test(gossip_story, a_node_with_another_secret_does_not_join)
{
    struct mesh *mesh = stranger(SPAN("test"), SPAN("open simsim"));

    cr_assert_eq(gossip_member_count(mesh->nodes[2].gossip), 0);
    cr_assert_eq(mesh_state(mesh, 0, 2), -1);
    cr_assert_gt(counters(mesh, 0)->dropped[GOSSIP_DROP_WRONG_SEAL], 0);
    mesh_destroy(&mesh);
}

Test(gossip_story, a_node_without_the_secret_does_not_join)
{
    struct mesh *mesh = stranger(SPAN("test"), SPAN(""));

    cr_assert_eq(gossip_member_count(mesh->nodes[2].gossip), 0);
    cr_assert_eq(mesh_state(mesh, 0, 2), -1);
    cr_assert_gt(counters(mesh, 0)->dropped[GOSSIP_DROP_UNSEALED], 0);
    mesh_destroy(&mesh);
}

Test(gossip_story, a_node_of_another_cluster_does_not_join)
{
    struct mesh *mesh = stranger(SPAN("production"), SPAN("open sesame"));

    cr_assert_eq(gossip_member_count(mesh->nodes[2].gossip), 0);
    cr_assert_eq(mesh_state(mesh, 0, 2), -1);
    cr_assert_gt(counters(mesh, 0)->dropped[GOSSIP_DROP_WRONG_CLUSTER], 0);
    mesh_destroy(&mesh);
}

Test(gossip_story, rings_of_different_identity_never_mix)
{
    struct mesh *mesh = cluster(2);
    struct identity ring = {{1}}, other = {{2}};
    struct gossip_options options;

    gossip_set_ring(mesh->nodes[0].gossip, mesh_instant(mesh, 0), ring, 1, 11);
    gossip_set_ring(mesh->nodes[1].gossip, mesh_instant(mesh, 1), ring, 1, 11);
    options = joiner(mesh, 2);
    mesh_start(mesh, 2, &options);
    gossip_set_ring(mesh->nodes[2].gossip, mesh_instant(mesh, 2), other, 1, 11);
    mesh_run(mesh, 10 * SECOND);
    cr_assert_eq(gossip_member_count(mesh->nodes[2].gossip), 0);
    cr_assert_eq(mesh_state(mesh, 0, 2), -1);
    cr_assert_gt(counters(mesh, 0)->dropped[GOSSIP_DROP_WRONG_RING], 0);
    mesh_destroy(&mesh);
}

Test(gossip_story, who_lacks_the_newest_ring_is_told_who_has_it)
{
    struct mesh *mesh = cluster(3);
    struct identity ring = {{1}};

    gossip_set_ring(mesh->nodes[0].gossip, mesh_instant(mesh, 0), ring, 5, 55);
    mesh_run(mesh, 2 * SECOND);
    cr_assert_geq(mesh->nodes[1].events[GOSSIP_EVENT_RING_NEWER], 1);
    cr_assert_geq(mesh->nodes[2].events[GOSSIP_EVENT_RING_NEWER], 1);
    for (size_t i = 1; i < 3; i++)
        gossip_set_ring(mesh->nodes[i].gossip, mesh_instant(mesh, i), ring, 5, 55);
    mesh_run(mesh, 2 * SECOND);
    cr_assert_eq(mesh->nodes[0].events[GOSSIP_EVENT_RING_NEWER], 0);
    gossip_set_ring(mesh->nodes[2].gossip, mesh_instant(mesh, 2), ring, 5, 56);
    mesh_run(mesh, 2 * SECOND);
    cr_assert_geq(mesh->nodes[0].events[GOSSIP_EVENT_RING_CONFLICT], 1);
    mesh_destroy(&mesh);
}

Test(gossip_story, each_datagram_brings_a_reading_of_its_senders_clock)
{
    struct mesh *mesh = cluster(3);

    mesh_run(mesh, 10 * SECOND);
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            const struct member *member = gossip_find(mesh->nodes[i].gossip, mesh_identity(j));

            if (i == j)
                continue;
            /* Wall clocks are j - i ms apart, and a datagram takes up to 5 ms. */
            int64_t skew_ms = member->clock.peer_wall_ms - member->clock.received.wall_ms;

            cr_assert_gt(member->clock.received.mono_us, 0);
            cr_assert_leq(skew_ms, (int64_t)j - (int64_t)i);
            cr_assert_geq(skew_ms, (int64_t)j - (int64_t)i - 6);
        }
    }
    mesh_destroy(&mesh);
}

Test(gossip_story, a_recorded_datagram_is_taken_once)
{
    struct mesh *mesh = cluster(2);

    mesh_run(mesh, 5 * SECOND);
    mesh->duplicate_percent = 100;
    mesh_run(mesh, 5 * SECOND);
    cr_assert_gt(counters(mesh, 0)->dropped[GOSSIP_DROP_REPLAYED], 5);
    cr_assert(mesh_agrees(mesh));
    mesh_destroy(&mesh);
}

Test(gossip_story, garbage_harms_nobody)
{
    struct mesh *mesh = cluster(3);
    struct node_address from = {.host = "mallory", .port = 1};
    uint8_t bytes[300];

    for (int i = 0; i < 20000; i++) {
        size_t size = rng_below(&mesh->rng, sizeof bytes);
        struct buffer reply = {0};

        for (size_t j = 0; j < size; j++)
            bytes[j] = (uint8_t)rng_next(&mesh->rng);
        if (size >= 4 && i % 2 == 0)
            memcpy(bytes, "DG\1\1", 4);
        cr_assert_neq(gossip_receive(mesh->nodes[0].gossip, mesh_instant(mesh, 0), &from,
                                     span_of(bytes, size)),
                      GOSSIP_DROP_NONE);
        cr_assert_neq(gossip_exchange_receive(mesh->nodes[0].gossip, mesh_instant(mesh, 0),
                                              span_of(bytes, size), &reply),
                      GOSSIP_DROP_NONE);
        buffer_deinit(&reply);
    }
    mesh_run(mesh, 5 * SECOND);
    cr_assert(mesh_agrees(mesh));
    mesh_destroy(&mesh);
}

Test(gossip_story, the_bound_on_nodes_holds)
{
    struct mesh *mesh = mesh_create(3);

    for (size_t i = 0; i < 8; i++) {
        struct gossip_options options = joiner(mesh, i);

        options.members_max = 4;
        mesh_start(mesh, i, &options);
    }
    mesh_run(mesh, 20 * SECOND);
    for (size_t i = 0; i < 8; i++)
        cr_assert_leq(gossip_member_count(mesh->nodes[i].gossip), 4);
    mesh_destroy(&mesh);
}
