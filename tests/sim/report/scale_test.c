/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the reports must find whatever the seed: the facts, not the figures.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/timeout.h"
#include "sim/report/gossip_parts.h"
#include "sim/report/report.h"
#include "sim/report/ring_parts.h"

TestSuite(scale, .timeout = TIMEOUT_S(120));

static struct mesh *cluster(size_t nodes, int variant)
{
    return gossip_cluster(7, nodes, &gossip_variants[variant]);
}

Test(scale, a_crash_is_found_in_as_many_periods_as_swim_expects)
{
    struct mesh *mesh = cluster(30, VARIANT_LIFEGUARD);
    struct gossip_found found;

    gossip_found_measure(mesh, 40, &found);
    cr_expect_eq(found.missed, 0);
    cr_expect_eq(found.known.count, 40);
    cr_expect_geq(sample_mean(&found.suspected), 0.8); /* 1.58, give or take */
    cr_expect_leq(sample_mean(&found.suspected), 2.4);
    cr_expect_geq(sample_quantile(&found.dead, 0), 1); /* it had time to refute */
    cr_expect_leq(sample_mean(&found.known), 5.5);
    gossip_found_deinit(&found);
    mesh_destroy(&mesh);
}

static double rounds_to_all(size_t nodes)
{
    struct mesh *mesh = cluster(nodes, VARIANT_LIFEGUARD);
    struct gossip_news news;
    double mean;

    gossip_news_measure(mesh, 20, &news);
    cr_expect_eq(news.missed, 0);
    mean = sample_mean(&news.all);
    gossip_news_deinit(&news);
    mesh_destroy(&mesh);
    return mean;
}

Test(scale, news_is_everywhere_after_a_multiple_of_log_n)
{
    cr_expect_leq(rounds_to_all(10), log(10) / 3 + 1);
    cr_expect_leq(rounds_to_all(100), log(100) / 3 + 1);
}

Test(scale, nobody_is_accused_where_nothing_is_lost)
{
    struct mesh *mesh = cluster(30, VARIANT_LIFEGUARD);
    struct gossip_false result;

    gossip_loss_measure(mesh, 0, 600 * SECOND_US, &result);
    cr_expect_eq(result.suspicions, 0);
    cr_expect_eq(result.deaths, 0);
    mesh_destroy(&mesh);
}

Test(scale, as_many_are_suspected_for_lost_datagrams_as_chance_has_it)
{
    struct mesh *mesh = cluster(30, VARIANT_LIFEGUARD);
    struct gossip_false result;

    gossip_loss_measure(mesh, 10, 2000 * SECOND_US, &result);
    cr_expect_geq(result.suspicions, 40); /* 88 */
    cr_expect_leq(result.suspicions, 180);
    cr_expect_leq(result.deaths, 1);
    mesh_destroy(&mesh);
}

static struct gossip_traffic traffic(size_t nodes)
{
    struct mesh *mesh = cluster(nodes, VARIANT_LIFEGUARD);
    struct gossip_traffic traffic;

    gossip_traffic_measure(mesh, 300 * SECOND_US, &traffic);
    mesh_destroy(&mesh);
    return traffic;
}

Test(scale, what_a_node_sends_does_not_grow_with_the_cluster)
{
    const struct gossip_traffic ten = traffic(10), hundred = traffic(100), more = traffic(160);

    cr_expect_leq(hundred.datagram_bytes, 1.1 * ten.datagram_bytes);
    cr_expect_leq(more.datagram_bytes, 1.1 * ten.datagram_bytes);
    cr_expect_leq(more.exchange_bytes, 1.25 * hundred.exchange_bytes);
    cr_expect_gt(hundred.exchange_bytes, 0);
}

/* Two of the worst. */
static struct gossip_false slow(int variant)
{
    struct mesh *mesh = cluster(30, variant);
    struct gossip_false result = {0};

    gossip_slow_measure(mesh, 3, &gossip_slownesses[3], &result);
    gossip_slow_measure(mesh, 3, &gossip_slownesses[6], &result);
    mesh_destroy(&mesh);
    return result;
}

/* Where so many datagrams are lost that suspicions run out: each node that buries a living one. */
static uint64_t deaths_of_the_unheard(int variant)
{
    struct mesh *mesh = cluster(100, variant);
    struct gossip_false result;

    gossip_loss_measure(mesh, 40, 20 * SECOND_US, &result);
    mesh_destroy(&mesh);
    return result.deaths;
}

Test(scale, a_suspect_that_is_told_first_refutes_more_often)
{
    const uint64_t off = deaths_of_the_unheard(VARIANT_SWIM);

    cr_expect_geq(off, 100);
    cr_expect_leq(deaths_of_the_unheard(VARIANT_BUDDIES) * 2, off);
}

Test(scale, lifeguard_removes_nearly_all_false_deaths)
{
    const struct gossip_false off = slow(VARIANT_SWIM), on = slow(VARIANT_LIFEGUARD);

    cr_expect_geq(off.deaths, 20);
    cr_expect_leq(on.deaths * 50, off.deaths);
}

Test(scale, the_planner_is_even_and_moves_no_more_than_it_must)
{
    for (size_t kind = 0; kind < RING_KINDS; kind++) {
        const struct ring_shape shape = {.nodes = 40, .partitions = 1024, .replicas = 3};
        struct ring_movement movements[RING_CHANGES];
        struct ring_balance balance;

        ring_measure(7, &shape, &ring_kinds[kind], 3, &balance, movements);
        cr_expect_eq(balance.plans, 13);
        cr_expect_geq(balance.least, balance.low - 1e-9);
        cr_expect_leq(balance.largest, balance.high + 1e-9);
        for (size_t i = 0; i < RING_CHANGES; i++) {
            cr_expect_eq(movements[i].moved.count, 3);
            cr_expect_geq(sample_quantile(&movements[i].over, 0), 1);
            cr_expect_leq(sample_quantile(&movements[i].over, 1), 1.05);
            ring_movement_deinit(&movements[i]);
        }
    }
}

/* Every tag ends, in the right order, and every & begins an entity. */
static bool well_formed(const char *text)
{
    int depth = 0;

    for (const char *at = strchr(text, '<'); at != NULL; at = strchr(at, '<')) {
        const char *end = strchr(at, '>');

        if (end == NULL)
            return false;
        if (at[1] == '/')
            depth--;
        else if (at[1] != '?' && end[-1] != '/')
            depth++;
        if (depth < 0)
            return false;
        at = end;
    }
    for (const char *at = strchr(text, '&'); at != NULL; at = strchr(at + 1, '&')) {
        if (strncmp(at, "&lt;", 4) != 0 && strncmp(at, "&gt;", 4) != 0 &&
            strncmp(at, "&amp;", 5) != 0)
            return false;
    }
    return depth == 0;
}

/* Runs a report, and gives what it wrote as its figure; to be freed. */
static char *figure_of(const char *report, const char *nodes)
{
    static const char name[] = "figures_are_well_formed.svg";
    char words[7][40];
    const char *line[] = {report, "--nodes", nodes, "--svg", name, "--seed", "3"};
    char *arguments[7];
    FILE *in;
    char *text = calloc(1, 1 << 20);

    for (size_t i = 0; i < 7; i++) {
        snprintf(words[i], sizeof words[i], "%s", line[i]);
        arguments[i] = words[i];
    }
    cr_assert_eq(report_main(7, arguments), 0);
    in = fopen(name, "r");
    cr_assert_not_null(in);
    cr_assert_gt(fread(text, 1, (1 << 20) - 1, in), 0);
    fclose(in);
    remove(name);
    return text;
}

Test(scale, figures_are_well_formed)
{
    char *text = figure_of("ring", "10,20");

    cr_expect(well_formed(text));
    cr_expect_not_null(strstr(text, "equal nodes"));
    cr_expect_not(well_formed("<svg><g></svg>"));
    cr_expect_not(well_formed("<svg>a & b</svg>"));
    free(text);
}
