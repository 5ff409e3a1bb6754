/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Each fault of the network does what its text says.
 */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "sim/fault/scene.h"

TestSuite(fault_net, .timeout = TIMEOUT_S(60));

Test(fault_net, a_partition_is_both_ways_and_one_way_is_one)
{
    struct scene scene;

    scene_open_quiet(&scene);
    faults_make(scene.faults, FAULT_PARTITION, 1, 2, SECOND_US);
    faults_make(scene.faults, FAULT_ONE_WAY, 2, 3, SECOND_US);
    cr_assert(!scene_route_is_open(&scene, 1, 2) && !scene_route_is_open(&scene, 2, 1));
    cr_assert(!scene_route_is_open(&scene, 2, 3) && scene_route_is_open(&scene, 3, 2));
    scene_go_on(&scene, SECOND_US);
    cr_assert(scene_route_is_open(&scene, 1, 2) && scene_route_is_open(&scene, 2, 1) &&
              scene_route_is_open(&scene, 2, 3));
    scene_close(&scene);
}

Test(fault_net, a_partition_that_flaps_closes_and_opens_many_times)
{
    struct scene scene;
    unsigned changes = 0;

    scene_open_quiet(&scene);
    faults_make(scene.faults, FAULT_FLAP, 3, 1, 10 * SECOND_US);
    cr_assert(!scene_route_is_open(&scene, 1, 3) && !scene_route_is_open(&scene, 3, 1));
    for (int i = 0; i < 10000; i++) {
        const bool before = scene_route_is_open(&scene, 1, 3);
        scene_go_on(&scene, 1000);
        changes += before != scene_route_is_open(&scene, 1, 3);
    }
    cr_assert_gt(changes, 10);
    scene_go_on(&scene, SECOND_US);
    cr_assert(scene_route_is_open(&scene, 1, 3) && scene_route_is_open(&scene, 3, 1));
    scene_close(&scene);
}

/* Bytes that pass from a node to another within a second, when there is always more to send. */
static size_t pass(struct scene *scene, struct sim_connection *connection)
{
    static const uint8_t bytes[NET_SOCKET_BYTES];
    struct net_lane *lane = &connection->lanes[NET_OPENER];
    size_t sent = 0;
    const size_t before = lane->bytes;

    for (int i = 0; i < 1000; i++) {
        const size_t room = net_room(connection, NET_OPENER);
        net_send(connection, NET_OPENER, span_of(bytes, room));
        sent += room;
        scene_go_on(scene, 1000);
    }
    return before + sent - lane->bytes;
}

Test(fault_net, a_clogged_link_carries_no_more_than_its_rate_and_holds_the_sender_back)
{
    struct scene scene;

    scene_open_quiet(&scene);
    struct sim_connection *connection = net_open(scene.world, 1, 2, 0);
    scene_go_on(&scene, 10000);
    /* Nobody reads it as messages: the link's end is taken away. */
    connection->open[NET_ACCEPTOR] = false;
    const size_t freely = pass(&scene, connection);
    faults_make(scene.faults, FAULT_CLOG, 1, 2, 3 * SECOND_US);
    const unsigned bytes_s = scene.world->routes[1][2].bytes_s;
    cr_assert(bytes_s > 0 && bytes_s < freely / 10);
    scene_go_on(&scene, SECOND_US / 2);
    const size_t passed = pass(&scene, connection);
    cr_assert_leq(passed, bytes_s + NET_SOCKET_BYTES);
    cr_assert_leq(connection->lanes[NET_OPENER].bytes, NET_SOCKET_BYTES);
    scene_go_on(&scene, 3 * SECOND_US);
    cr_assert_eq(scene.world->routes[1][2].bytes_s, 0);
    scene_close(&scene);
}

static unsigned on_their_way(const struct world *world)
{
    unsigned count = 0;

    list_for_each(at, &world->datagrams) count++;
    return count;
}

/* How many are on their way of 1000 that node 1 sends to node 2. */
static unsigned sent_of_1000(struct scene *scene)
{
    unsigned sum = 0;

    for (int i = 0; i < 1000; i++) {
        const unsigned before = on_their_way(scene->world);
        net_send_datagram(scene->world, 1, 2, 0, span_of_string("?"));
        sum += on_their_way(scene->world) - before;
    }
    scene_go_on(scene, 2 * SECOND_US);
    return sum;
}

Test(fault_net, datagrams_are_lost_or_come_twice_only_where_a_fault_says_so)
{
    struct scene scene;

    scene_open_quiet(&scene);
    cr_assert_eq(sent_of_1000(&scene), 1000);
    faults_make(scene.faults, FAULT_LOSS, 1, 2, SECOND_US);
    cr_assert_lt(sent_of_1000(&scene), 1000);
    cr_assert_eq(sent_of_1000(&scene), 1000);
    faults_make(scene.faults, FAULT_LOSS, 2, 3, SECOND_US);
    cr_assert_lt(sent_of_1000(&scene), 1000); /* those to it as well */
    faults_make(scene.faults, FAULT_DUPLICATE, 1, 2, SECOND_US);
    cr_assert_gt(sent_of_1000(&scene), 1000);
    cr_assert_eq(sent_of_1000(&scene), 1000);
    scene_close(&scene);
}

/* How many of 1000 datagrams arrive behind a later one. */
static unsigned overtaken_of_1000(struct scene *scene)
{
    struct events *events = &scene->world->events;
    int64_t latest_us = 0;
    unsigned overtaken = 0;

    for (int i = 0; i < 1000; i++) {
        const uint64_t made = events->made;
        net_send_datagram(scene->world, 1, 2, 0, span_of_string("?"));
        for (size_t j = 0; j < events->count; j++)
            if (events->heap[j].order == made) {
                overtaken += events->heap[j].at_us < latest_us;
                if (events->heap[j].at_us > latest_us)
                    latest_us = events->heap[j].at_us;
            }
    }
    scene_go_on(scene, 2 * SECOND_US);
    return overtaken;
}

Test(fault_net, datagrams_overtake_each_other_only_where_a_fault_says_so)
{
    struct scene scene;

    scene_open_quiet(&scene);
    cr_assert_eq(overtaken_of_1000(&scene), 0);
    faults_make(scene.faults, FAULT_SLOW, 1, 2, SECOND_US);
    cr_assert_eq(overtaken_of_1000(&scene), 0);
    faults_make(scene.faults, FAULT_REORDER, 1, 2, SECOND_US);
    cr_assert_gt(overtaken_of_1000(&scene), 0);
    cr_assert_eq(overtaken_of_1000(&scene), 0);
    scene_close(&scene);
}

/* The mean delay of what node 1 sends. */
static int64_t mean_delay_us(struct scene *scene)
{
    int64_t sum_us = 0;

    for (int i = 0; i < 1000; i++)
        sum_us += net_delay_us(scene->world, 1);
    return sum_us / 1000;
}

Test(fault_net, a_node_sends_slowly_or_by_a_distribution_until_the_fault_is_over)
{
    struct scene scene;

    scene_open_quiet(&scene);
    const int64_t usual_us = mean_delay_us(&scene);
    faults_make(scene.faults, FAULT_SLOW, 1, 2, SECOND_US);
    cr_assert_gt(mean_delay_us(&scene), usual_us * 3 / 2);
    scene_go_on(&scene, SECOND_US);
    cr_assert_lt(mean_delay_us(&scene), usual_us * 3 / 2);
    for (unsigned i = 0; i < 32; i++) {
        faults_make(scene.faults, FAULT_DELAY, 1, 2, SECOND_US);
        cr_assert(scene.world->lines[1].delay != NULL);
        cr_assert_gt(mean_delay_us(&scene), usual_us * 5 / 4, "%s",
                     delay_text(scene.world->lines[1].delay));
        scene_go_on(&scene, SECOND_US);
        cr_assert(scene.world->lines[1].delay == NULL);
    }
    scene_close(&scene);
}

static size_t lost_connections(const struct scene *scene)
{
    size_t count = 0;

    for (const struct sim_connection *c = scene->world->connections; c != NULL; c = c->next)
        count += c->lost;
    return count;
}

Test(fault_net, connections_between_two_nodes_break)
{
    struct scene scene;

    scene_open_formed(&scene);
    const size_t before = lost_connections(&scene);
    for (int i = 0; i < 8; i++)
        faults_make(scene.faults, FAULT_BREAK, 1, 2, SECOND_US);
    cr_assert_gt(lost_connections(&scene), before);
    scene_close(&scene);
}
