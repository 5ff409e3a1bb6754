/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The library of the system tests, on a server that only pretends (fake_server.c). Cases named
 * planted_* must fail; tests/self/cluster runs all.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/cluster.h"
#include "lib/process.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct cluster_options three = {.nodes = 3, .server = "./fake_server"};

static bool pongs(const struct cluster *cluster, int node)
{
    redisReply *reply = cluster_command(cluster, node, "PING");
    const bool pong = reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "PONG") == 0;

    freeReplyObject(reply);
    return pong;
}

static void nodes_start_and_stop(void)
{
    struct cluster *cluster = cluster_create(&three);

    check_that(cluster_nodes(cluster) == 3, "three nodes");
    for (int node = 1; node <= 3; node++)
        check_that(pongs(cluster, node), "node %d answers", node);
    cluster_stop(cluster, 2);
    check_that(!cluster_running(cluster, 2), "node 2 has ended");
    check_that(cluster_running(cluster, 1), "node 1 goes on");
    cluster_start(cluster, 2);
    check_that(pongs(cluster, 2), "node 2 is back on its port");
    cluster_destroy(&cluster);
    check_that(cluster == NULL, "the destroyer clears the pointer");
}

static void a_killed_node_comes_back(void)
{
    struct cluster *cluster = cluster_create(&three);

    cluster_kill(cluster, 3);
    check_that(!cluster_running(cluster, 3), "node 3 has ended");
    cluster_wait_ok(cluster);
    cluster_start(cluster, 3);
    check_that(pongs(cluster, 3), "node 3 is back on its port");
    cluster_destroy(&cluster);
}

static void a_paused_node_is_silent(void)
{
    struct cluster *cluster = cluster_create(&three);
    const struct timeval moment = {.tv_usec = 50000};
    redisContext *context = cluster_connect(cluster, 1);

    cluster_pause(cluster, 1);
    redisSetTimeout(context, moment);
    check_that(redisCommand(context, "PING") == NULL, "no answer");
    redisFree(context);
    cluster_wait_ok(cluster);
    cluster_resume(cluster, 1);
    cluster_wait_answering(cluster, 1);
    cluster_pause(cluster, 2);
    cluster_destroy(&cluster);
}

static void nodes_apart_have_no_ring(void)
{
    struct cluster *cluster = cluster_create_apart(&three);
    redisReply *reply = cluster_command(cluster, 1, "CLUSTER INFO");

    check_that(strcmp(reply->str, "cluster_state:fail") == 0, "%s", reply->str);
    freeReplyObject(reply);
    cluster_destroy(&cluster);
}

static void ports_are_given_once(void)
{
    uint16_t ports[20];

    for (size_t i = 0; i < COUNT(ports); i++) {
        ports[i] = port_reserve();
        for (size_t j = 0; j < i; j++)
            check_that(ports[i] != ports[j], "port %u twice", ports[i]);
    }
}

static void planted_failure_with_nodes_running(void)
{
    struct cluster *cluster = cluster_create(&three);

    for (int node = 1; node <= 3; node++)
        printf("port %u\n", cluster_port(cluster, node));
    cluster_pause(cluster, 2);
    check_that(false, "planted");
}

static void planted_hang_with_nodes_running(void)
{
    struct cluster *cluster = cluster_create(&three);

    for (int node = 1; node <= 3; node++)
        printf("port %u\n", cluster_port(cluster, node));
    fflush(stdout);
    for (;;)
        pause();
}

static void planted_server_that_ends(void)
{
    const char *const directives[] = {"--refuse", NULL};
    const struct cluster_options options = {
        .nodes = 1, .server = "./fake_server", .directives = directives};

    cluster_create(&options);
}

static void planted_server_that_is_not_there(void)
{
    const struct cluster_options options = {.nodes = 1, .server = "./absent"};

    cluster_create(&options);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"nodes_start_and_stop", 30, nodes_start_and_stop},
        {"a_killed_node_comes_back", 30, a_killed_node_comes_back},
        {"a_paused_node_is_silent", 30, a_paused_node_is_silent},
        {"nodes_apart_have_no_ring", 30, nodes_apart_have_no_ring},
        {"ports_are_given_once", 30, ports_are_given_once},
        {"planted_failure_with_nodes_running", 30, planted_failure_with_nodes_running},
        {"planted_hang_with_nodes_running", 2, planted_hang_with_nodes_running},
        {"planted_server_that_ends", 30, planted_server_that_ends},
        {"planted_server_that_is_not_there", 30, planted_server_that_is_not_there},
    };

    return check_main(argc, argv, cases, COUNT(cases));
}
