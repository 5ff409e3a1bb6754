/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Gossip against a virtual network: what must hold of membership through crashes, loss, pauses and
 * partitions, over many seeds.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/mesh.h"
#include "lib/runs.h"
#include "lib/timeout.h"

TestSuite(gossip_model, .timeout = TIMEOUT_S(60));

#define SECOND INT64_C(1000000)

/* The seeds of a test: 1 to `count`, or the one in DUNLIN_SEED. */
#define for_each_seed(seed, count) \
    for (uint64_t seed = seed_first(), seed##_end = seed_last(count); seed <= seed##_end; seed++)

static uint64_t seed_first(void)
{
    const char *text = getenv("DUNLIN_SEED");

    return text ? strtoull(text, NULL, 10) : 1;
}

static uint64_t seed_last(uint64_t count)
{
    return getenv("DUNLIN_SEED") ? seed_first() : RUNS_OF(count);
}

/* Says how to run this one again when `condition` does not hold. */
#define EXPECT(condition)                                                            \
    cr_assert(condition, "seed %llu: %s\n  replay: DUNLIN_SEED=%llu ./model_gossip", \
              (unsigned long long)mesh->seed, #condition, (unsigned long long)mesh->seed)

static struct mesh *converged(uint64_t seed, size_t count)
{
    struct mesh *mesh = mesh_create(seed);

    mesh_start_cluster(mesh, count);
    cr_assert(mesh_run_until(mesh, mesh_agrees, 20 * SECOND),
              "seed %llu: %zu nodes did not converge", (unsigned long long)seed, count);
    return mesh;
}

Test(gossip_model, nodes_that_join_find_each_other)
{
    static const size_t counts[] = {2, 3, 5, 16, 50, 100};

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for_each_seed(seed, 3)
        {
            struct mesh *mesh = mesh_create(seed);

            mesh_start_cluster(mesh, counts[i]);
            EXPECT(mesh_run_until(mesh, mesh_agrees, 5 * SECOND));
            EXPECT(mesh->false_deaths == 0);
            mesh_destroy(&mesh);
        }
    }
}

Test(gossip_model, a_quiet_cluster_stays_quiet)
{
    struct mesh *mesh = converged(1, 10);
    size_t before;

    mesh_run(mesh, 10 * SECOND);
    before = mesh->datagrams;
    mesh_run(mesh, 60 * SECOND);
    /* a ping and an ack for each node and second */
    EXPECT(mesh->datagrams - before <= 2 * 10 * 61);
    for (size_t i = 0; i < 10; i++) {
        EXPECT(mesh->nodes[i].events[GOSSIP_EVENT_SUSPECT] == 0);
        EXPECT(gossip_health_score(mesh->nodes[i].gossip) == 0);
    }
    mesh_destroy(&mesh);
}

struct found {
    int64_t first_us;
    int64_t last_us;
};

static struct found time_crash(uint64_t seed, size_t count)
{
    struct mesh *mesh = converged(seed, count);
    struct found found = {INT64_MAX, 0};
    int64_t crash_us;
    size_t victim;

    mesh_run(mesh, (int64_t)rng_below(&mesh->rng, 5 * SECOND));
    victim = rng_below(&mesh->rng, count);
    mesh_crash(mesh, victim);
    crash_us = mesh->now_us;
    mesh_run_until(mesh, mesh_agrees, 30 * SECOND);
    EXPECT(mesh_all_hold(mesh, victim, NODE_DEAD));
    EXPECT(mesh->false_deaths == 0);
    for (size_t i = 0; i < count; i++) {
        int64_t took_us = mesh->death_seen_us[i] - crash_us;

        if (i == victim)
            continue;
        found.first_us = took_us < found.first_us ? took_us : found.first_us;
        found.last_us = took_us > found.last_us ? took_us : found.last_us;
    }
    mesh_destroy(&mesh);
    return found;
}

static void crashes_are_found(size_t count, uint64_t seeds, double mean_max_s, double worst_max_s)
{
    double sum_s = 0, worst_s = 0, runs = 0;

    for_each_seed(seed, seeds)
    {
        double last_s = (double)time_crash(seed, count).last_us / SECOND;

        sum_s += last_s;
        worst_s = last_s > worst_s ? last_s : worst_s;
        runs++;
    }
    fprintf(stderr, "%zu nodes: all know of a crash after %.2f s on average, %.2f s at worst\n",
            count, sum_s / runs, worst_s);
    if (runs > 1) /* one seed alone says nothing of the mean */
        cr_assert_leq(sum_s / runs, mean_max_s);
    cr_assert_leq(worst_s, worst_max_s);
}

Test(gossip_model, a_crash_among_three_is_found_within_three_seconds)
{
    crashes_are_found(3, 60, 2.8, 5.0);
}

Test(gossip_model, a_crash_among_ten_is_found)
{
    crashes_are_found(10, 40, 3.5, 8.0);
}

Test(gossip_model, a_crash_among_a_hundred_is_found)
{
    crashes_are_found(100, 2, 7.0, 15.0); /* at worst nobody confirms for 12 s */
}

/* Lifeguard: the slow node blames itself. Others may hold it for dead, and take it back. */
Test(gossip_model, a_paused_node_declares_nobody_dead)
{
    static const size_t counts[] = {3, 5, 20};

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for_each_seed(seed, 20)
        {
            struct mesh *mesh = converged(seed, counts[i]);

            for (int pauses = 0; pauses < 3; pauses++) {
                size_t slow = rng_below(&mesh->rng, counts[i]);

                mesh_run(mesh, (int64_t)rng_below(&mesh->rng, 3 * SECOND));
                mesh_pause(mesh, slow);
                mesh_run(mesh, 2 * SECOND);
                mesh_resume(mesh, slow);
                mesh_run(mesh, 2 * SECOND);
            }
            EXPECT(mesh->false_deaths == 0);
            EXPECT(mesh_run_until(mesh, mesh_agrees, 10 * SECOND));
            mesh_destroy(&mesh);
        }
    }
}

/* Longer pauses than the protocol's own reaction, again and again. */
Test(gossip_model, a_stuttering_node_declares_nobody_dead)
{
    for_each_seed(seed, 10)
    {
        struct mesh *mesh = converged(seed, 6);

        for (int i = 0; i < 40; i++) {
            mesh_pause(mesh, 2);
            mesh_run(mesh, 700000);
            mesh_resume(mesh, 2);
            mesh_run(mesh, 100000);
        }
        EXPECT(mesh->false_deaths == 0);
        EXPECT(mesh_run_until(mesh, mesh_agrees, 20 * SECOND));
        mesh_destroy(&mesh);
    }
}

static void partition_heals(size_t count, size_t cut, uint64_t seeds)
{
    for_each_seed(seed, seeds)
    {
        struct mesh *mesh = converged(seed, count);

        for (size_t i = 0; i < cut; i++)
            mesh->nodes[i].group = 1;
        mesh_run(mesh, 60 * SECOND);
        for (size_t i = 0; i < count; i++) {
            for (size_t j = 0; j < count; j++) {
                if (i != j)
                    EXPECT(mesh_state(mesh, i, j) ==
                           ((i < cut) == (j < cut) ? NODE_ALIVE : NODE_DEAD));
            }
        }
        for (size_t i = 0; i < cut; i++)
            mesh->nodes[i].group = 0;
        EXPECT(mesh_run_until(mesh, mesh_agrees, 15 * SECOND));
        EXPECT(mesh->false_deaths == 0);
        mesh_destroy(&mesh);
    }
}

Test(gossip_model, one_of_three_cut_off_comes_back)
{
    partition_heals(3, 1, 10);
}

Test(gossip_model, the_halves_of_a_cluster_find_each_other_again)
{
    partition_heals(10, 5, 5);
    partition_heals(40, 20, 1);
}

Test(gossip_model, a_fifth_of_all_datagrams_lost_kills_hardly_anybody)
{
    size_t deaths = 0, runs = 0;

    for_each_seed(seed, 100)
    {
        struct mesh *mesh = converged(seed, seed % 2 ? 3 : 8);

        mesh->loss_percent = 20;
        mesh_run(mesh, 60 * SECOND);
        deaths += mesh->false_deaths;
        runs++;
        mesh->loss_percent = 0;
        EXPECT(mesh_run_until(mesh, mesh_agrees, 20 * SECOND));
        mesh_destroy(&mesh);
    }
    fprintf(stderr, "%zu false deaths in %zu minutes at 20%% loss\n", deaths, runs);
    if (runs > 1)
        cr_assert_leq(deaths * 20, runs); /* one in twenty minutes */
}

Test(gossip_model, crashes_are_found_through_loss)
{
    for_each_seed(seed, 10)
    {
        struct mesh *mesh = converged(seed, 8);

        mesh->loss_percent = 20;
        mesh_crash(mesh, 5);
        mesh_run(mesh, 20 * SECOND);
        EXPECT(mesh_all_hold(mesh, 5, NODE_DEAD));
        mesh_destroy(&mesh);
    }
}

Test(gossip_model, the_same_seed_gives_the_same_run)
{
    uint64_t traces[2];

    for_each_seed(seed, 3)
    {
        for (int i = 0; i < 2; i++) {
            struct mesh *mesh = converged(seed, 7);

            mesh->loss_percent = 10;
            mesh_run(mesh, 5 * SECOND);
            mesh_crash(mesh, 3);
            mesh_pause(mesh, 4);
            mesh_run(mesh, 3 * SECOND);
            mesh_resume(mesh, 4);
            mesh_run(mesh, 10 * SECOND);
            traces[i] = mesh->trace;
            mesh_destroy(&mesh);
        }
        cr_assert_eq(traces[0], traces[1], "seed %llu", (unsigned long long)seed);
    }
}
