/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CLUSTER, over a ring of three nodes and four partitions.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "command_fixture.h"
#include "lib/timeout.h"
#include "ring/ring.h"

TestSuite(command_cluster, .timeout = TIMEOUT_S(10));

#define ID(n) "0" #n "02030405060708090a0b0c0d0e0f0000000000"
/* A node in CLUSTER SLOTS. */
#define NODE(n) "*4\r\n$8\r\n10.0.0." #n "\r\n:700" #n "\r\n$40\r\n" ID(n) "\r\n*0\r\n"

static struct ring *make_ring(uint32_t epoch)
{
    struct ring_member members[3];
    struct ring_claim claims[4] = {{.version = 1, .nodes = {1, 2}, .count = 2},
                                   {.version = 1, .nodes = {1, 2}, .count = 2},
                                   {.version = 1, .nodes = {2, 3}, .count = 2},
                                   {.version = 1, .nodes = {1, 3}, .count = 2}};
    struct ring_draft draft = {
        .identity = {{9}},
        .version = ring_version(epoch, 0),
        .partition_count = 4,
        .last_number = 3,
        .base = {.replicas = 2},
        .members = members,
        .member_count = 3,
        .claims = claims,
    };
    char error[RING_ERROR_MAX];

    for (uint8_t i = 0; i < 3; i++) {
        members[i] = (struct ring_member){.number = (node_number)(i + 1),
                                          .client_port = (uint16_t)(7001 + i),
                                          .bus_port = (uint16_t)(17001 + i),
                                          .weight = 100};
        for (uint8_t at = 0; at < IDENTITY_SIZE; at++)
            members[i].identity.bytes[at] = at == 0 ? (uint8_t)(i + 1) : (uint8_t)(at + 1);
        members[i].identity.bytes[IDENTITY_SIZE - 1] = 0;
        snprintf(members[i].host, sizeof members[i].host, "10.0.0.%d", i + 1);
    }
    struct ring *ring = ring_create(&draft, error);
    cr_assert_not_null(ring, "%s", error);
    return ring;
}

struct cluster {
    struct fixture fixture;
    struct ring *ring;
};

static void setup(struct cluster *cluster)
{
    fixture_init(&cluster->fixture);
    cluster->ring = make_ring(1);
    cluster->fixture.environment.ring = cluster->ring;
}

static void teardown(struct cluster *cluster)
{
    ring_release(&cluster->ring);
    fixture_deinit(&cluster->fixture);
}

Test(command_cluster, slots_lists_each_run_with_all_its_replicas)
{
    struct cluster cluster;

    setup(&cluster);
    fixture_expect(&cluster.fixture, "CLUSTER SLOTS", NULL,
                   "*4\r\n*3\r\n:0\r\n:4095\r\n" NODE(1) "*3\r\n:8192\r\n:12287\r\n" NODE(
                       2) "*4\r\n:4096\r\n:8191\r\n" NODE(1)
                       NODE(2) "*4\r\n:12288\r\n:16383\r\n" NODE(1) NODE(3));
    session_set_protocol(&cluster.fixture.session, 3);
    fixture_expect_part(&cluster.fixture, "CLUSTER SLOTS", ID(1) "\r\n%0\r\n");
    teardown(&cluster);
}

Test(command_cluster, slots_puts_a_dead_node_behind_those_that_answer)
{
    struct cluster cluster;

    setup(&cluster);
    fixture_run(&cluster.fixture, "CLUSTER SLOTS", NULL);
    cluster.fixture.states[1] = MEMBER_DOWN;
    fixture_expect(&cluster.fixture, "CLUSTER SLOTS", NULL,
                   "*4\r\n*3\r\n:0\r\n:4095\r\n" NODE(2) "*3\r\n:12288\r\n:16383\r\n" NODE(
                       3) "*4\r\n:4096\r\n:8191\r\n" NODE(2)
                       NODE(1) "*4\r\n:8192\r\n:12287\r\n" NODE(2) NODE(3));
    teardown(&cluster);
}

Test(command_cluster, nodes_lists_masters_with_the_slots_that_they_lead)
{
    struct cluster cluster;

    setup(&cluster);
    cluster.fixture.states[2] = MEMBER_SUSPECT;
    cluster.fixture.states[3] = MEMBER_DOWN;
    fixture_expect_part(
        &cluster.fixture, "CLUSTER NODES",
        ID(1) " 10.0.0.1:7001@17001 myself,master - 0 0 1 connected 0-8191 "
              "12288-16383\n" ID(2) " 10.0.0.2:7002@17002 master,fail? - 0 0 1 connected "
                                    "8192-12287\n" ID(3) " 10.0.0.3:7003@17003 master,fail - 0 0 1 "
                                                         "disconnected\n");
    cluster.fixture.states[3] = MEMBER_MUTE;
    fixture_expect_part(&cluster.fixture, "CLUSTER NODES",
                        ID(3) " 10.0.0.3:7003@17003 master - 0 0 1 connected\n");
    teardown(&cluster);
}

/* Whichever of them a client asks, it learns the same leaders. */
Test(command_cluster, the_slots_of_a_dead_node_are_led_by_the_next_in_slots_shards_and_nodes)
{
    struct cluster cluster;

    setup(&cluster);
    cluster.fixture.states[1] = MEMBER_DOWN;
    fixture_expect_part(&cluster.fixture, "CLUSTER SLOTS", ":4096\r\n:8191\r\n" NODE(2) NODE(1));
    fixture_expect_part(
        &cluster.fixture, "CLUSTER NODES",
        ID(1) " 10.0.0.1:7001@17001 myself,master,fail - 0 0 1 disconnected\n" ID(
            2) " 10.0.0.2:7002@17002 master - 0 0 1 connected 0-12287\n" ID(3) " "
                                                                               "10.0.0.3:7003@"
                                                                               "17003 master - 0 0 "
                                                                               "1 connected "
                                                                               "12288-16383\n");
    fixture_expect_part(&cluster.fixture, "CLUSTER SHARDS",
                        "*3\r\n*4\r\n$5\r\nslots\r\n*0\r\n$5\r\nnodes\r\n*1\r\n*14\r\n");
    fixture_expect_part(&cluster.fixture, "CLUSTER SHARDS",
                        "slots\r\n*2\r\n:0\r\n:12287\r\n$5\r\nnodes\r\n*1\r\n");
    fixture_expect_part(&cluster.fixture, "CLUSTER SHARDS",
                        "slots\r\n*2\r\n:12288\r\n:16383\r\n$5\r\nnodes\r\n*1\r\n");
    teardown(&cluster);
}

Test(command_cluster, a_node_that_moved_is_listed_where_it_is_now)
{
    struct cluster cluster;

    setup(&cluster);
    fixture_expect_part(&cluster.fixture, "CLUSTER NODES", " 10.0.0.2:7002@17002 ");
    cluster.fixture.moved = 2;
    fixture_expect_part(&cluster.fixture, "CLUSTER NODES", " 192.0.2.77:7777@17777 ");
    fixture_expect_part(&cluster.fixture, "CLUSTER SLOTS", "$10\r\n192.0.2.77\r\n:7777\r\n");
    fixture_expect_part(&cluster.fixture, "CLUSTER SHARDS", ":7777\r\n$2\r\nip\r\n");
    teardown(&cluster);
}

Test(command_cluster, shards_lists_a_node_with_the_slots_that_it_leads)
{
    struct cluster cluster;

    setup(&cluster);
    cluster.fixture.states[3] = MEMBER_DOWN;
    fixture_expect_part(&cluster.fixture, "CLUSTER SHARDS",
                        "*3\r\n*4\r\n$5\r\nslots\r\n*4\r\n:0\r\n:8191\r\n:12288\r\n:16383\r\n$5\r\n"
                        "nodes\r\n*1\r\n*14\r\n$2\r\nid\r\n$40\r\n" ID(1));
    fixture_expect_part(&cluster.fixture, "CLUSTER SHARDS",
                        "$5\r\nslots\r\n*0\r\n$5\r\nnodes\r\n*1\r\n*14\r\n$2\r\nid\r\n$40\r\n" ID(
                            3) "\r\n$4\r\nport\r\n:7003\r\n$2\r\nip\r\n$8\r\n10.0.0.3\r\n$8\r\n"
                               "endpoint\r\n$8\r\n10.0.0.3\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$18\r\n"
                               "replication-offset\r\n:0\r\n$6\r\nhealth\r\n$4\r\nfail\r\n");
    teardown(&cluster);
}

Test(command_cluster, what_was_encoded_does_not_outlive_its_ring)
{
    struct cluster cluster;

    setup(&cluster);
    fixture_expect_part(&cluster.fixture, "CLUSTER NODES", "master - 0 0 1 connected");
    ring_release(&cluster.ring);
    cluster.ring = make_ring(2);
    cluster.fixture.environment.ring = cluster.ring;
    fixture_expect_part(&cluster.fixture, "CLUSTER NODES", "master - 0 0 2 connected");
    teardown(&cluster);
}

Test(command_cluster, info_says_whether_slots_are_without_a_quorum)
{
    struct cluster cluster;

    setup(&cluster);
    fixture_expect_part(&cluster.fixture, "CLUSTER INFO",
                        "cluster_state:ok\r\ncluster_slots_assigned:16384\r\n"
                        "cluster_slots_ok:16384\r\ncluster_slots_pfail:0\r\n"
                        "cluster_slots_fail:0\r\ncluster_known_nodes:3\r\ncluster_size:3\r\n"
                        "cluster_current_epoch:1\r\n");
    for (int i = 1; i <= 3; i++)
        cluster.fixture.states[i] = MEMBER_SUSPECT;
    fixture_expect_part(&cluster.fixture, "CLUSTER INFO",
                        "cluster_state:ok\r\ncluster_slots_assigned:16384\r\n"
                        "cluster_slots_ok:0\r\ncluster_slots_pfail:16384\r\n"
                        "cluster_slots_fail:0\r\n");
    for (int i = 1; i <= 3; i++)
        cluster.fixture.states[i] = MEMBER_MUTE;
    fixture_expect_part(&cluster.fixture, "CLUSTER INFO",
                        "cluster_state:fail\r\ncluster_slots_assigned:16384\r\n"
                        "cluster_slots_ok:0\r\ncluster_slots_pfail:0\r\n"
                        "cluster_slots_fail:16384\r\n");
    cluster.fixture.environment.ring = NULL;
    fixture_expect_part(&cluster.fixture, "CLUSTER INFO",
                        "cluster_state:fail\r\ncluster_slots_assigned:0\r\n");
    fixture_expect(&cluster.fixture, "CLUSTER SLOTS", NULL, "*0\r\n");
    fixture_expect(&cluster.fixture, "CLUSTER SHARDS", NULL, "*0\r\n");
    fixture_expect(&cluster.fixture, "CLUSTER NODES", NULL, "$0\r\n\r\n");
    teardown(&cluster);
}

Test(command_cluster, who_asks_for_the_nodes_of_the_slots_is_taken_to_walk_them)
{
    static const char *const lines[] = {"CLUSTER NODES", "CLUSTER SLOTS", "CLUSTER SHARDS"};

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct cluster cluster;

        setup(&cluster);
        cr_assert_not(cluster.fixture.session.walks_primaries);
        fixture_run(&cluster.fixture, "CLUSTER INFO", NULL);
        cr_assert_not(cluster.fixture.session.walks_primaries);
        fixture_run(&cluster.fixture, lines[i], NULL);
        cr_assert(cluster.fixture.session.walks_primaries);
        teardown(&cluster);
    }
}

Test(command_cluster, tells_slots_of_keys)
{
    struct cluster cluster;

    setup(&cluster);
    fixture_expect(&cluster.fixture, "CLUSTER KEYSLOT 123456789", NULL, ":12739\r\n");
    fixture_expect(&cluster.fixture, "CLUSTER KEYSLOT {123456789}x", NULL, ":12739\r\n");
    fixture_expect(&cluster.fixture, "CLUSTER MYID", NULL, "$40\r\n" ID(1) "\r\n");
    teardown(&cluster);
}

Test(command_cluster, links_are_listed_as_redis_lists_them)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_expect(&fixture, "CLUSTER LINKS", NULL,
                   "*1\r\n*12\r\n$9\r\ndirection\r\n$2\r\nto\r\n$4\r\nnode\r\n$40\r\n"
                   "0102000000000000000000000000000000000000\r\n$11\r\ncreate-time\r\n"
                   ":1699999999997\r\n$6\r\nevents\r\n$2\r\nrw\r\n"
                   "$21\r\nsend-buffer-allocated\r\n:10\r\n$16\r\nsend-buffer-used\r\n:5\r\n");
    fixture_deinit(&fixture);
}

Test(command_cluster, a_node_is_asked_about_by_its_identity)
{
    struct cluster cluster;

    setup(&cluster);
    fixture_expect(&cluster.fixture, "CLUSTER REPLICAS nosuch", NULL,
                   "-ERR Unknown node nosuch\r\n");
    cluster.fixture.states[2] = MEMBER_DOWN;
    fixture_expect(&cluster.fixture, "CLUSTER REPLICAS " ID(2), NULL, "*0\r\n");
    fixture_expect(&cluster.fixture, "CLUSTER COUNT-FAILURE-REPORTS " ID(1), NULL, ":0\r\n");
    fixture_expect(&cluster.fixture, "CLUSTER COUNT-FAILURE-REPORTS " ID(2), NULL, ":1\r\n");
    fixture_expect(&cluster.fixture, "CLUSTER SAVECONFIG", NULL, "+OK\r\n");
    fixture_expect_part(&cluster.fixture, "CLUSTER FORGET x", "-ERR slots belong to the ring");
    teardown(&cluster);
}
