/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Engines of one ring: quorums, forwarding, and what clients see when nodes are slow, silent, gone,
 * or of another mind.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/engine_pair.h"
#include "lib/timeout.h"
#include "node/window.h"

TestSuite(engine_quorum, .timeout = TIMEOUT_S(10));

#define OK "+OK\r\n"

static struct pair pair;
static struct pair_client *client;

/* Three nodes, three copies, a client at the first. */
static void begin(void)
{
    const struct pair_setup setup = {.nodes = 3};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
}

/* Three nodes with one copy of each key. */
static void begin_apart(void)
{
    const struct pair_setup setup = {.nodes = 3, .replicas = 1};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
}

/* Of three nodes the two others are ghosts. */
static void begin_with_ghosts(void)
{
    const struct pair_setup setup = {.nodes = 3, .ghosts = 6};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
}

static void end(void)
{
    pair_deinit(&pair);
}

static void acknowledge(struct pair_cable *cable, uint64_t id, enum ack_status status,
                        struct dot known)
{
    const struct wire_ack ack = {.id = id, .status = (uint8_t)status, .known = known};
    size_t frame;

    wire_put_ack(pair_begin(cable, &frame), &ack);
    pair_end(cable, frame);
}

static void answer(struct pair_cable *cable, uint64_t id, enum answer_status status)
{
    const struct wire_answer message = {.id = id, .status = (uint8_t)status};
    size_t frame;

    wire_put_answer(pair_begin(cable, &frame), &message);
    pair_end(cable, frame);
}

static struct wire_message next(struct pair_cable *cable, enum wire_type type)
{
    struct wire_message message;

    cr_assert(pair_next(cable, &message), "nothing was sent");
    cr_assert_eq(message.type, type, "%u and not %u was sent", message.type, type);
    return message;
}

static void expect_nothing(struct pair_cable *cable)
{
    struct wire_message message;

    cr_assert(!pair_next(cable, &message));
}

/* ---- three that agree ---- */

Test(engine_quorum, what_one_node_takes_every_node_has)
{
    struct pair_client *others[2];

    begin();
    others[0] = pair_connect(&pair, 1);
    others[1] = pair_connect(&pair, 2);
    pair_ask(client, "SET k v", OK);
    for (size_t i = 0; i < 3; i++)
        cr_assert(pair_has(&pair, i, "k", "v"));
    pair_ask(others[0], "GET k", "$1\r\nv\r\n");
    pair_ask(others[1], "APPEND k w", ":2\r\n");
    pair_ask(client, "GET k", "$2\r\nvw\r\n");
    pair_ask(others[1], "DEL k", ":1\r\n");
    pair_ask(others[0], "GET k", "$-1\r\n");
    end();
}

Test(engine_quorum, every_level_is_served)
{
    static const char *const levels[] = {"ONE", "TWO", "THREE", "QUORUM", "ALL"};
    char line[64];

    begin();
    for (size_t i = 0; i < 5; i++) {
        snprintf(line, sizeof line, "AT %s SET k %zu", levels[i], i);
        pair_ask(client, line, OK);
        snprintf(line, sizeof line, "AT %s INCR k", levels[i]);
        pair_command(client, line);
        pair_expect_begin(client, ":");
        snprintf(line, sizeof line, "AT %s GET k", levels[i]);
        pair_command(client, line);
        buffer_reset(&client->got, SIZE_MAX);
    }
    pair_ask(client, "AT 4 GET k", "-NOQUORUM needed 4 of 3, got 0 in 0 ms\r\n");
    end();
}

Test(engine_quorum, increments_from_all_nodes_count)
{
    struct pair_client *clients[3];
    char reply[16];

    begin();
    clients[0] = client;
    clients[1] = pair_connect(&pair, 1);
    clients[2] = pair_connect(&pair, 2);
    for (unsigned i = 0; i < 30; i++) {
        snprintf(reply, sizeof reply, ":%u\r\n", i + 1);
        pair_ask(clients[i % 3], "INCR k", reply);
    }
    end();
}

Test(engine_quorum, many_keys_are_gathered_from_all_nodes)
{
    begin_apart();
    pair_ask(client, "MSET a 1 b 2 c 3 d 4 e 5 f 6 g 7 h 8", OK);
    pair_ask(client, "MGET h x g f e d c b a",
             "*9\r\n$1\r\n8\r\n$-1\r\n$1\r\n7\r\n$1\r\n6\r\n$1\r\n5\r\n$1\r\n4\r\n$1\r\n3\r\n"
             "$1\r\n2\r\n$1\r\n1\r\n");
    pair_ask(client, "EXISTS a b c d e f g h x a", ":9\r\n");
    cr_assert_gt(pair_metric(&pair, 0, METRIC_REQUESTS_FORWARDED), 0);
    pair_ask(client, "DEL a b c d e f g h x", ":8\r\n");
    end();
}

Test(engine_quorum, wait_tells_how_many_replicas_have_it)
{
    char key[PAIR_KEY_MAX], line[64];

    begin();
    snprintf(line, sizeof line, "SET %s v", pair_key(&pair, 0, 0, key));
    pair_ask(client, line, OK);
    pair_ask(client, "WAIT 2 100", ":2\r\n");
    pair_silence(&pair, 0, 2, true);
    pair_ask(client, line, OK);
    pair_command(client, "WAIT 2 100");
    pair_expect(client, "");
    pair_pass(&pair, 100);
    pair_expect(client, ":1\r\n");
    end();
}

/* What came with the write has long been consumed when its turn to be answered comes. */
Test(engine_quorum, a_write_that_was_done_at_once_may_be_answered_late_and_linger)
{
    enum { SIZE = 100000 };
    static char bytes[SIZE + 200];
    int at;

    begin();
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    at = snprintf(bytes, sizeof bytes,
                  "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"
                  "*5\r\n$2\r\nAT\r\n$3\r\nONE\r\n$3\r\nSET\r\n$1\r\nb\r\n$%d\r\n",
                  SIZE);
    memset(bytes + at, 'v', SIZE);
    memcpy(bytes + at + SIZE, "\r\n", 2);
    pair_send(client, bytes, (size_t)at + SIZE + 2);
    pair_expect(client, "");
    /* Half a command more, for which the input moves. */
    pair_send(client, "*2\r\n$3\r\nGET\r\n$300000\r\n", 23);
    for (int i = 0; i < 3; i++)
        pair_send(client, bytes + at, SIZE);
    pair_silence(&pair, 0, 1, false);
    pair_expect(client, "$-1\r\n+OK\r\n");
    pair_send(client, "\r\n", 2);
    pair_expect(client, "$-1\r\n");
    pair_silence(&pair, 0, 2, false);
    pair_ask(client, "WAIT 2 100", ":2\r\n");
    end();
}

/* A coordinator elsewhere that has nothing to tell is no reason to tell more than there are. */
Test(engine_quorum, wait_after_an_update_elsewhere_that_wrote_nothing_counts_no_phantoms)
{
    char key[PAIR_KEY_MAX], line[64];

    begin();
    pair_key(&pair, 1, 0, key);
    snprintf(line, sizeof line, "SET %s v", key);
    pair_ask(client, line, OK);
    pair_ask(client, "WAIT 2 100", ":2\r\n");
    snprintf(line, sizeof line, "SETNX %s w", key);
    pair_ask(client, line, ":0\r\n");
    pair_ask(client, "WAIT 0 100", ":2\r\n");
    end();
}

/* They share a link to the coordinator, and what it knows of their writes. */
Test(engine_quorum, the_wait_of_one_connection_takes_nothing_from_anothers)
{
    struct pair_client *other;
    char key[PAIR_KEY_MAX], line[64];

    begin();
    other = pair_connect(&pair, 0);
    pair_key(&pair, 1, 0, key);
    snprintf(line, sizeof line, "INCR %s", key);
    pair.nodes[2].unreachable = true;
    pair_break(&pair, 1, 2);
    pair_ask(client, line, ":1\r\n");
    pair_ask(other, line, ":2\r\n");
    pair_ask(other, "WAIT 1 100", ":1\r\n");
    pair_ask(client, "WAIT 1 100", ":1\r\n");
    end();
}

/* The link's trail goes with it. */
Test(engine_quorum, wait_counts_nothing_that_a_broken_link_has_forgotten)
{
    char key[PAIR_KEY_MAX], line[64];

    begin();
    snprintf(line, sizeof line, "INCR %s", pair_key(&pair, 1, 0, key));
    pair.nodes[2].unreachable = true;
    pair_break(&pair, 1, 2);
    pair_ask(client, line, ":1\r\n");
    pair_break(&pair, 0, 1);
    pair_pass(&pair, 1000);
    pair_ask(client, "WAIT 0 100", ":0\r\n");
    end();
}

Test(engine_quorum, who_leaves_during_a_wait_is_forgotten)
{
    begin();
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    pair_pipeline(client, (const char *const[]){"AT ONE SET k v", "WAIT 2 100", NULL});
    pair_disconnect(client);
    pair_silence(&pair, 0, 1, false);
    pair_silence(&pair, 0, 2, false);
    pair_pass(&pair, 1000);
    end();
}

/* ---- forwarding ---- */

Test(engine_quorum, a_key_that_lives_elsewhere_is_served_there)
{
    char key[PAIR_KEY_MAX], line[64];

    begin_apart();
    pair_key(&pair, 2, 0, key);
    snprintf(line, sizeof line, "SET %s v PX 100000", key);
    pair_ask(client, line, OK);
    cr_assert(!pair_has(&pair, 0, key, "v"));
    cr_assert(pair_has(&pair, 2, key, "v"));
    snprintf(line, sizeof line, "GET %s", key);
    pair_ask(client, line, "$1\r\nv\r\n");
    snprintf(line, sizeof line, "AT TWO GET %s", key);
    pair_ask(client, line, "-NOQUORUM needed 2 of 1, got 0 in 0 ms\r\n");
    snprintf(line, sizeof line, "SET %s", key);
    pair_ask(client, line, "-ERR wrong number of arguments for 'set' command\r\n");
    snprintf(line, sizeof line, "PTTL %s", key);
    pair_ask(client, line, ":100000\r\n");
    end();
}

Test(engine_quorum, a_forwarded_reply_speaks_the_clients_protocol)
{
    char key[PAIR_KEY_MAX], line[64];

    begin_apart();
    snprintf(line, sizeof line, "GET %s", pair_key(&pair, 1, 0, key));
    pair_ask(client, line, "$-1\r\n");
    pair_command(client, "HELLO 3");
    buffer_reset(&client->got, SIZE_MAX);
    pair_ask(client, line, "_\r\n");
    end();
}

Test(engine_quorum, commands_on_one_key_keep_their_order_whatever_their_route)
{
    char key[PAIR_KEY_MAX], lines[6][64];

    begin();
    pair_key(&pair, 1, 0, key); /* updates of it go to node 1, writes stay at node 0 */
    snprintf(lines[0], 64, "SET %s 1", key);
    snprintf(lines[1], 64, "INCR %s", key);
    snprintf(lines[2], 64, "SET %s 7", key);
    snprintf(lines[3], 64, "GET %s", key);
    snprintf(lines[4], 64, "INCR %s", key);
    snprintf(lines[5], 64, "MGET %s %s", key, key);
    for (unsigned i = 0; i < 3; i++) {
        pair_pipeline(client, (const char *const[]){lines[0], lines[1], lines[2], lines[3],
                                                    lines[4], lines[5], lines[1], NULL});
        pair_expect(client, "+OK\r\n:2\r\n+OK\r\n$1\r\n7\r\n:8\r\n*2\r\n$1\r\n8\r\n$1\r\n8\r\n"
                            ":9\r\n");
    }
    end();
}

Test(engine_quorum, a_command_waits_for_an_earlier_one_on_its_key)
{
    char key[PAIR_KEY_MAX], lines[3][64];
    struct pair_cable *one;

    begin_with_ghosts();
    one = pair_cable(&pair, 0, 1);
    pair_key(&pair, 1, 0, key);
    snprintf(lines[0], 64, "INCR %s", key);
    snprintf(lines[1], 64, "GET %s", key);
    pair_pipeline(client, (const char *const[]){lines[0], lines[1], "PING", NULL});
    const struct wire_message forward = next(one, WIRE_FORWARD);
    cr_assert(client->held);
    expect_nothing(one);
    const struct wire_reply reply = {.id = forward.forward.id, .bytes = SPAN(":1\r\n")};
    size_t frame;
    wire_put_reply(pair_begin(one, &frame), &reply);
    pair_end(one, frame);
    const struct wire_message read = next(one, WIRE_READ);
    cr_assert(!client->held);
    answer(one, read.read.id, ANSWER_SAME);
    pair_expect(client, ":1\r\n$-1\r\n+PONG\r\n");
    end();
}

Test(engine_quorum, a_replica_that_does_not_coordinate_has_it_done_elsewhere)
{
    char key[PAIR_KEY_MAX], line[64];

    begin();
    pair_forget(&pair, 0);
    snprintf(line, sizeof line, "SET %s v", pair_key(&pair, 0, 0, key));
    pair_ask(client, line, OK);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_REQUESTS_FORWARDED), 1);
    snprintf(line, sizeof line, "GET %s", key);
    pair_ask(client, line, "$1\r\nv\r\n");
    cr_assert(pair_has(&pair, 0, key, "v"), "who forgot takes writes");
    end();
}

Test(engine_quorum, a_coordinator_that_refuses_is_replaced)
{
    char key[PAIR_KEY_MAX], line[64];

    begin();
    pair_see(&pair, 0, 0, false, HEALTH_ALIVE);
    pair_see(&pair, 1, 1, false, HEALTH_ALIVE); /* which node 0 has not heard of */
    snprintf(line, sizeof line, "SET %s v", pair_key(&pair, 1, 0, key));
    pair_ask(client, line, OK);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_REQUESTS_FORWARDED), 2);
    pair_see(&pair, 2, 2, false, HEALTH_ALIVE);
    pair_ask(client, line,
             "-NOQUORUM needed 2 of 3, got 0: no replica of the key can be reached\r\n");
    end();
}

Test(engine_quorum, a_read_whose_coordinator_leaves_is_sent_to_another_and_a_write_is_not)
{
    const struct pair_setup setup = {.nodes = 4, .replicas = 2, .ghosts = 6};
    char key[PAIR_KEY_MAX], get[64], set[64];

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    pair_key(&pair, 1, 0, key); /* at the nodes 1 and 2 */
    snprintf(get, sizeof get, "GET %s", key);
    snprintf(set, sizeof set, "SET %s v", key);
    pair_command(client, get);
    next(pair_cable(&pair, 0, 1), WIRE_FORWARD);
    pair_break(&pair, 0, 1);
    const struct wire_message again = next(pair_cable(&pair, 0, 2), WIRE_FORWARD);
    const struct wire_reply reply = {.id = again.forward.id, .bytes = SPAN("$1\r\nx\r\n")};
    size_t frame;
    wire_put_reply(pair_begin(pair_cable(&pair, 0, 2), &frame), &reply);
    pair_end(pair_cable(&pair, 0, 2), frame);
    pair_expect(client, "$1\r\nx\r\n");
    pair_command(client, set);
    next(pair_cable(&pair, 0, 2), WIRE_FORWARD);
    pair_break(&pair, 0, 2);
    pair_expect(client,
                "-NOQUORUM needed 2 of 2, got 0 in 0 ms; the write may still take effect\r\n");
    end();
}

Test(engine_quorum, a_coordinator_that_says_nothing_costs_the_time_out)
{
    char key[PAIR_KEY_MAX], line[64];

    begin_apart();
    pair_silence(&pair, 0, 1, true);
    snprintf(line, sizeof line, "GET %s", pair_key(&pair, 1, 0, key));
    pair_command(client, line);
    pair_pass(&pair, PAIR_TIMEOUT_MS - 1);
    pair_expect(client, "");
    pair_pass(&pair, 1);
    pair_expect(client, "-NOQUORUM needed 1 of 1, got 0 in 500 ms\r\n");
    cr_assert_eq(pair_metric(&pair, 0, METRIC_TIMEOUTS), 1);
    end();
}

/* What was forwarded does not run once its time is up. */
Test(engine_quorum, a_forwarded_write_that_comes_late_does_not_run)
{
    char key[PAIR_KEY_MAX], line[64];

    begin_apart();
    pair_silence(&pair, 0, 1, true);
    snprintf(line, sizeof line, "SET %s v", pair_key(&pair, 1, 0, key));
    pair_command(client, line);
    pair_pass(&pair, PAIR_TIMEOUT_MS);
    pair_expect(client, "-NOQUORUM needed 1 of 1, got 0 in 500 ms; the write may still take "
                        "effect\r\n");
    pair_silence(&pair, 0, 1, false);
    cr_assert(!pair_has(&pair, 1, key, "v"));
    pair_expect(client, "");
    end();
}

/* ---- faults ---- */

Test(engine_quorum, one_silent_replica_of_three_is_not_noticed)
{
    begin();
    pair_silence(&pair, 0, 1, true);
    pair_ask(client, "SET k v", OK);
    pair_command(client, "GET k");
    pair_pass(&pair, 5); /* the hedge */
    pair_expect(client, "$1\r\nv\r\n");
    end();
}

/* The timer of the one before is still running. */
Test(engine_quorum, a_request_has_all_its_time_whoever_had_its_place_before)
{
    begin();
    pair_ask(client, "SET k v", OK);
    pair_pass(&pair, PAIR_TIMEOUT_MS / 2);
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    pair_command(client, "SET k w");
    pair_pass(&pair, PAIR_TIMEOUT_MS * 3 / 4);
    pair_expect(client, "");
    pair_pass(&pair, PAIR_TIMEOUT_MS / 4);
    pair_expect(client, "-NOQUORUM needed 2 of 3, got 1 in 500 ms; the write may still take "
                        "effect\r\n");
    end();
}

/* A read that was slow once goes on asking. */
Test(engine_quorum, two_silent_replicas_of_five_are_not_noticed)
{
    const struct pair_setup setup = {.nodes = 5};
    char key[PAIR_KEY_MAX], line[64];

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    pair_key(&pair, 0, 0, key);
    snprintf(line, sizeof line, "SET %s v", key);
    pair_ask(client, line, OK);
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    snprintf(line, sizeof line, "GET %s", key);
    pair_command(client, line);
    pair_pass(&pair, PAIR_TIMEOUT_MS / 2);
    pair_expect(client, "$1\r\nv\r\n");
    end();
}

Test(engine_quorum, two_silent_replicas_are)
{
    begin();
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    pair_command(client, "SET k v");
    pair_pass(&pair, PAIR_TIMEOUT_MS);
    pair_expect(client, "-NOQUORUM needed 2 of 3, got 1 in 500 ms; the write may still take "
                        "effect\r\n");
    pair_ask(client, "AT ONE GET k", "$1\r\nv\r\n");
    cr_assert_eq(pair_metric(&pair, 0, METRIC_QUORUM_FAILURES), 1);
    end();
}

Test(engine_quorum, a_read_of_a_silent_cluster_says_so)
{
    begin();
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    pair_command(client, "GET k");
    pair_pass(&pair, PAIR_TIMEOUT_MS);
    pair_expect(client, "-NOQUORUM needed 2 of 3, got 1 in 500 ms\r\n");
    end();
}

Test(engine_quorum, replicas_that_are_gone_cost_no_time)
{
    begin();
    pair.nodes[1].unreachable = pair.nodes[2].unreachable = true;
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    pair_command(client, "SET k v");
    pair_expect(client, "");
    pair_break(&pair, 0, 1);
    pair_break(&pair, 0, 2);
    pair_expect(client, "-NOQUORUM needed 2 of 3, got 1 in 0 ms; the write may still take "
                        "effect\r\n");
    pair_ask(client, "SET k w",
             "-NOQUORUM needed 2 of 3, got 1 in 0 ms; the write may still take "
             "effect\r\n");
    pair_ask(client, "GET k", "-NOQUORUM needed 2 of 3, got 1 in 0 ms\r\n");
    end();
}

Test(engine_quorum, a_closed_link_is_opened_again)
{
    begin();
    pair_break(&pair, 0, 1);
    pair_break(&pair, 0, 2);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_PEERS_CONNECTED), 0);
    pair_command(client, "GET k");
    pair_expect(client, "-NOQUORUM needed 2 of 3, got 1 in 0 ms\r\n");
    pair_pass(&pair, 100);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_PEERS_CONNECTED), 2);
    pair_ask(client, "GET k", "$-1\r\n");
    end();
}

Test(engine_quorum, an_unreachable_node_is_tried_less_and_less_often)
{
    begin();
    pair.nodes[1].unreachable = true;
    pair_break(&pair, 0, 1);
    pair_pass(&pair, 5000);
    pair.nodes[1].unreachable = false;
    cr_assert_eq(pair_metric(&pair, 0, METRIC_PEERS_CONNECTED), 1);
    pair_pass(&pair, 1100);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_PEERS_CONNECTED), 2);
    end();
}

/* One time-out, then the breaker, not a time-out for each request; and back without one. */
Test(engine_quorum, the_breaker_opens_and_a_ping_closes_it)
{
    struct wire_message message;
    struct pair_cable *one;
    size_t frame;

    begin_with_ghosts();
    one = pair_cable(&pair, 0, 1);
    pair_command(client, "SET k v");
    const struct wire_message write = next(pair_cable(&pair, 0, 2), WIRE_WRITE);
    acknowledge(pair_cable(&pair, 0, 2), write.write.id, ACK_OK, DOT_NONE);
    pair_expect(client, OK);
    next(one, WIRE_WRITE);
    pair_pass(&pair, PAIR_TIMEOUT_MS + 50);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_CIRCUIT_OPENS), 1);
    next(one, WIRE_PING);
    pair_command(client, "SET k w");
    expect_nothing(one);
    next(pair_cable(&pair, 0, 2), WIRE_PING); /* its link was idle */
    const struct wire_message second = next(pair_cable(&pair, 0, 2), WIRE_WRITE);
    acknowledge(pair_cable(&pair, 0, 2), second.write.id, ACK_OK, DOT_NONE);
    pair_expect(client, OK);
    pair_pass(&pair, 300);
    next(one, WIRE_PING);
    wire_put_pong(pair_begin(one, &frame), &(const struct wire_pong){.id = 0});
    pair_end(one, frame);
    pair_command(client, "SET k x");
    while (pair_next(one, &message) && message.type == WIRE_PING)
        continue;
    cr_assert_eq(message.type, WIRE_WRITE);
    acknowledge(one, message.write.id, ACK_OK, DOT_NONE);
    pair_expect(client, OK);
    end();
}

Test(engine_quorum, a_node_that_is_dead_or_does_not_vote_is_not_read)
{
    begin_with_ghosts();
    pair_see(&pair, 0, 1, true, HEALTH_DEAD);
    pair_see(&pair, 0, 2, false, HEALTH_ALIVE);
    pair_ask(client, "GET k", "-NOQUORUM needed 2 of 3, got 1 in 0 ms\r\n");
    expect_nothing(pair_cable(&pair, 0, 1));
    expect_nothing(pair_cable(&pair, 0, 2));
    pair_see(&pair, 0, 2, true, HEALTH_ALIVE);
    pair_command(client, "GET k");
    const struct wire_message read = next(pair_cable(&pair, 0, 2), WIRE_READ);
    answer(pair_cable(&pair, 0, 2), read.read.id, ANSWER_NONE);
    pair_expect(client, "$-1\r\n");
    end();
}

Test(engine_quorum, late_answers_are_ignored)
{
    begin_with_ghosts();
    pair_command(client, "GET k");
    const struct wire_message first = next(pair_cable(&pair, 0, 1), WIRE_READ);
    pair_pass(&pair, PAIR_TIMEOUT_MS);
    pair_expect(client, "-NOQUORUM needed 2 of 3, got 1 in 500 ms\r\n");
    answer(pair_cable(&pair, 0, 1), first.read.id, ANSWER_SAME);
    pair_expect(client, "");
    pair_command(client, "AT ONE SET k v");
    pair_expect(client, OK);
    acknowledge(pair_cable(&pair, 0, 1), first.read.id, ACK_NEWER,
                (struct dot){.stamp = UINT64_MAX, .node = 1});
    acknowledge(pair_cable(&pair, 0, 1), UINT64_MAX, ACK_OK, DOT_NONE);
    answer(pair_cable(&pair, 0, 1), UINT64_MAX, ANSWER_SAME);
    pair_expect(client, "");
    end();
}

/* Its clock is 4 s ahead, and control knows: what it forwards is not to run 4 s later, when the
 * client was told long since that it failed. */
Test(engine_quorum, a_clock_that_is_known_to_be_wrong_gives_no_later_deadlines)
{
    const struct pair_setup setup = {.nodes = 3, .replicas = 1, .ghosts = 6};
    char key[PAIR_KEY_MAX], line[64];

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    snprintf(line, sizeof line, "GET %s", pair_key(&pair, 1, 0, key));
    pair.nodes[0].skew_ms = 4000;
    const uint64_t deadline_ms = (uint64_t)(pair.now.wall_ms + PAIR_TIMEOUT_MS);
    pair_command(client, line);
    cr_assert_eq(next(pair_cable(&pair, 0, 1), WIRE_FORWARD).forward.deadline_ms,
                 deadline_ms + 4000, "nothing is known of it");
    atomic_store(&pair.nodes[0].bounds.date_offset_ms, pair.now.wall_ms - pair.now.mono_us / 1000);
    client = pair_connect(&pair, 0);
    pair_command(client, line);
    cr_assert_eq(next(pair_cable(&pair, 0, 1), WIRE_FORWARD).forward.deadline_ms, deadline_ms);
    end();
}

Test(engine_quorum, an_answer_is_taken_only_from_who_was_asked)
{
    const struct pair_setup setup = {.nodes = 3, .replicas = 1, .ghosts = 6};
    char key[PAIR_KEY_MAX], line[64];
    size_t frame;

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    snprintf(line, sizeof line, "GET %s", pair_key(&pair, 1, 0, key));
    pair_command(client, line);
    const struct wire_message forward = next(pair_cable(&pair, 0, 1), WIRE_FORWARD);
    const struct wire_reply reply = {.id = forward.forward.id, .bytes = SPAN("+no\r\n")};
    wire_put_reply(pair_begin(pair_cable(&pair, 0, 2), &frame), &reply);
    pair_end(pair_cable(&pair, 0, 2), frame);
    pair_expect(client, "");
    end();
}

/* An earlier one that is stamped again would pass a later one. With fewer keys they are one step.
 */
Test(engine_quorum, of_many_writes_to_one_key_in_one_command_the_last_is_made)
{
    struct wire_message message;
    struct buffer line = {0};

    begin_with_ghosts();
    buffer_append_string(&line, "MSET b 2");
    for (unsigned i = 0; i < 128; i++) /* MANY_PER_TURN (node/parts.h) */
        buffer_append_string(&line, " a 3");
    buffer_append_string(&line, " a 4\r\n");
    pair_send(client, buffer_content(&line).data, buffer_size(&line));
    buffer_deinit(&line);
    message = next(pair_cable(&pair, 0, 1), WIRE_WRITE);
    cr_assert(span_equal(message.write.version.value, SPAN("2")));
    acknowledge(pair_cable(&pair, 0, 1), message.write.id, ACK_OK, DOT_NONE);
    message = next(pair_cable(&pair, 0, 1), WIRE_WRITE);
    cr_assert(span_equal(message.write.version.value, SPAN("4")));
    acknowledge(pair_cable(&pair, 0, 1), message.write.id, ACK_OK, DOT_NONE);
    expect_nothing(pair_cable(&pair, 0, 1));
    pair_expect(client, OK);
    cr_assert(pair_has(&pair, 0, "a", "4"));
    end();
}

Test(engine_quorum, newer_is_answered_with_a_stamp_above)
{
    struct dot known;

    begin_with_ghosts();
    pair_command(client, "SET k v");
    const struct wire_message first = next(pair_cable(&pair, 0, 1), WIRE_WRITE);
    known = (struct dot){.stamp = first.write.version.dot.stamp + 1000, .node = 13};
    acknowledge(pair_cable(&pair, 0, 1), first.write.id, ACK_NEWER, known);
    expect_nothing(pair_cable(&pair, 0, 1)); /* node 2 may acknowledge it yet */
    pair_pass(&pair, 10);
    const struct wire_message second = next(pair_cable(&pair, 0, 1), WIRE_WRITE);
    cr_assert_gt(dot_compare(second.write.version.dot, known), 0);
    cr_assert(span_equal(second.write.version.value, SPAN("v")));
    cr_assert_neq(first.write.id, second.write.id);
    acknowledge(pair_cable(&pair, 0, 1), first.write.id, ACK_OK, DOT_NONE); /* of the old stamp */
    pair_expect(client, "");
    acknowledge(pair_cable(&pair, 0, 1), second.write.id, ACK_OK, DOT_NONE);
    pair_expect(client, OK);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_RESTAMPS), 1);
    end();
}

/* Its keys are to be read again, and cannot be: that is known at once, in the same turn. */
Test(engine_quorum, a_transaction_that_is_overtaken_fails_once)
{
    char key[PAIR_KEY_MAX], line[64];

    begin_with_ghosts();
    snprintf(line, sizeof line, "INCR %s", pair_key(&pair, 0, 0, key));
    pair_ask(client, "CONSISTENCY READ ALL WRITE TWO", OK);
    pair_ask(client, "MULTI", OK);
    pair_ask(client, line, "+QUEUED\r\n");
    pair_command(client, "EXEC");
    for (size_t node = 1; node <= 2; node++)
        answer(pair_cable(&pair, 0, node), next(pair_cable(&pair, 0, node), WIRE_READ).read.id,
               ANSWER_NONE);
    const struct wire_message offer = next(pair_cable(&pair, 0, 1), WIRE_WRITE);
    const struct dot known = {.stamp = offer.write.version.dot.stamp + 1000, .node = 13};
    pair.nodes[2].unreachable = true;
    pair_break(&pair, 0, 2);
    acknowledge(pair_cable(&pair, 0, 1), offer.write.id, ACK_NEWER, known);
    pair_expect_begin(client, "-NOQUORUM ");
    pair_ask(client, "PING", "+PONG\r\n");
    end();
}

/* Each is taken out of the counter and added again: then it comes to what the last one came to. */
Test(engine_quorum, of_additions_that_are_made_again_no_two_tell_the_same)
{
    struct pair_client *other;
    char key[PAIR_KEY_MAX], line[64];
    uint64_t ids[2];
    struct dot known;

    begin_with_ghosts();
    other = pair_connect(&pair, 0);
    snprintf(line, sizeof line, "INCR %s", pair_key(&pair, 0, 0, key));
    for (size_t i = 0; i < 2; i++) {
        pair_command(i == 0 ? client : other, line);
        answer(pair_cable(&pair, 0, 1), next(pair_cable(&pair, 0, 1), WIRE_READ).read.id,
               ANSWER_NONE);
        const struct wire_message offer = next(pair_cable(&pair, 0, 1), WIRE_WRITE);
        ids[i] = offer.write.id;
        known = (struct dot){.stamp = offer.write.version.dot.stamp + 1000, .node = 13};
        next(pair_cable(&pair, 0, 2), WIRE_WRITE);
    }
    for (size_t node = 1; node <= 2; node++)
        for (size_t i = 0; i < 2; i++)
            acknowledge(pair_cable(&pair, 0, node), ids[i], ACK_NEWER, known);
    for (size_t i = 0; i < 2; i++)
        ids[i] = next(pair_cable(&pair, 0, 1), WIRE_READ).read.id;
    for (size_t i = 0; i < 2; i++)
        answer(pair_cable(&pair, 0, 1), ids[i], ANSWER_NONE);
    for (size_t i = 0; i < 2; i++)
        ids[i] = next(pair_cable(&pair, 0, 1), WIRE_WRITE).write.id;
    for (size_t i = 0; i < 2; i++)
        acknowledge(pair_cable(&pair, 0, 1), ids[i], ACK_OK, DOT_NONE);
    pair_expect(client,
                "-NOQUORUM newer versions kept coming; the write may still take effect\r\n");
    pair_expect(other, ":2\r\n");
    cr_assert(pair_has(&pair, 0, key, "2"));
    end();
}

Test(engine_quorum, newer_is_nothing_to_a_write_that_enough_acknowledge)
{
    begin_with_ghosts();
    pair_command(client, "SET k v");
    const struct wire_message one = next(pair_cable(&pair, 0, 1), WIRE_WRITE);
    const struct wire_message two = next(pair_cable(&pair, 0, 2), WIRE_WRITE);
    const struct dot known = {.stamp = one.write.version.dot.stamp + 1000, .node = 13};
    acknowledge(pair_cable(&pair, 0, 1), one.write.id, ACK_NEWER, known);
    acknowledge(pair_cable(&pair, 0, 2), two.write.id, ACK_OK, DOT_NONE);
    pair_expect(client, OK);
    pair_pass(&pair, 10);
    expect_nothing(pair_cable(&pair, 0, 1));
    end();
}

Test(engine_quorum, a_write_goes_on_at_once_when_no_more_can_acknowledge_it)
{
    begin_with_ghosts();
    pair_command(client, "SET k v");
    const struct wire_message one = next(pair_cable(&pair, 0, 1), WIRE_WRITE);
    const struct wire_message two = next(pair_cable(&pair, 0, 2), WIRE_WRITE);
    const struct dot known = {.stamp = one.write.version.dot.stamp + 1000, .node = 13};
    acknowledge(pair_cable(&pair, 0, 1), one.write.id, ACK_NEWER, known);
    expect_nothing(pair_cable(&pair, 0, 1));
    acknowledge(pair_cable(&pair, 0, 2), two.write.id, ACK_NEWER, known);
    const struct wire_message again = next(pair_cable(&pair, 0, 1), WIRE_WRITE);
    cr_assert_gt(dot_compare(again.write.version.dot, known), 0);
    end();
}

/* Its clock is behind by less than is allowed; its writes still come after what was there. */
Test(engine_quorum, a_lagging_clock_writes_over_what_is_newer)
{
    struct pair_client *late;

    begin();
    pair.nodes[2].skew_ms = -400;
    late = pair_connect(&pair, 2);
    pair_silence(&pair, 0, 2, true);
    pair_ask(client, "SET k v", OK);
    pair_break(&pair, 0, 2);
    pair_ask(late, "SET k w", OK);
    for (size_t i = 0; i < 3; i++)
        cr_assert(pair_has(&pair, i, "k", "w"));
    end();
}

Test(engine_quorum, an_old_claim_makes_no_quorum)
{
    begin();
    for (uint32_t p = 0; p < PAIR_PARTITIONS; p++) {
        store_partition(pair.nodes[1].store, p)->claim_version++;
        store_partition(pair.nodes[2].store, p)->claim_version++;
    }
    pair_ask(client, "SET k v",
             "-NOQUORUM needed 2 of 3, got 1 in 0 ms; the write may still take "
             "effect\r\n");
    pair_ask(client, "GET k", "-NOQUORUM needed 2 of 3, got 1 in 0 ms\r\n");
    cr_assert_geq(pair_metric(&pair, 1, METRIC_CLAIM_REFUSALS), 1);
    store_partition(pair.nodes[0].store, pair_partition_of(&pair, "k"))->claim_version++;
    pair_ask(client, "SET k v", "-TRYAGAIN the ring has changed meanwhile\r\n");
    pair_ask(client, "GET k", "-TRYAGAIN the ring has changed meanwhile\r\n");
    end();
}

Test(engine_quorum, a_stamp_too_far_ahead_is_refused)
{
    struct pair_client *ahead;

    begin();
    pair.nodes[2].skew_ms = 60000;
    ahead = pair_connect(&pair, 2);
    pair_ask(ahead, "SET k v",
             "-NOQUORUM needed 2 of 3, got 1 in 0 ms; the write may still take "
             "effect\r\n");
    cr_assert(!pair_has(&pair, 0, "k", "v"));
    pair_ask(client, "SET l v", OK);
    end();
}

/* ---- clients ---- */

Test(engine_quorum, a_client_that_leaves_does_not_stop_its_requests)
{
    begin();
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    pair_pipeline(client, (const char *const[]){"SET k v", "MGET a b c", "GET a", "INCR b",
                                                "FLUSHALL", NULL});
    pair_disconnect(client);
    pair_silence(&pair, 0, 1, false);
    pair_silence(&pair, 0, 2, false);
    pair_pass(&pair, 600);
    cr_assert(pair_has(&pair, 1, "k", "v"));
    client = pair_connect(&pair, 0);
    pair_ask(client, "GET k", "$1\r\nv\r\n");
    end();
}

Test(engine_quorum, a_killed_client_with_requests_in_flight_is_closed)
{
    struct pair_client *other;

    begin();
    other = pair_connect(&pair, 0);
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    pair_pipeline(client, (const char *const[]){"SET k v", "MGET a b", NULL});
    pair_ask(other, "CLIENT KILL ID 1", ":1\r\n");
    cr_assert_null(client->client);
    pair_pass(&pair, 600);
    pair_ask(other, "PING", "+PONG\r\n");
    end();
}

Test(engine_quorum, replies_keep_their_order_whichever_is_done_first)
{
    begin_with_ghosts();
    pair_pipeline(client, (const char *const[]){"GET a", "AT ONE SET b 1", "PING", "GET c", NULL});
    const struct wire_message first = next(pair_cable(&pair, 0, 1), WIRE_READ);
    pair_expect(client, "");
    next(pair_cable(&pair, 0, 1), WIRE_WRITE);
    const struct wire_message second = next(pair_cable(&pair, 0, 1), WIRE_READ);
    answer(pair_cable(&pair, 0, 1), second.read.id, ANSWER_NONE);
    pair_expect(client, "");
    answer(pair_cable(&pair, 0, 1), first.read.id, ANSWER_NONE);
    pair_expect(client, "$-1\r\n+OK\r\n+PONG\r\n$-1\r\n");
    end();
}

/* More than CLIENT_IN_FLIGHT_MAX in one go: the client is held, goes on, and loses nothing. */
Test(engine_quorum, a_pipeline_that_is_too_deep_is_held_and_goes_on)
{
    struct buffer bytes = {0}, wanted = {0};

    begin();
    pair_ask(client, "SET k v", OK);
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    for (unsigned i = 0; i < 3000; i++) {
        buffer_append_string(&bytes, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
        buffer_append_string(&wanted, "$1\r\nv\r\n");
    }
    pair_send(client, buffer_content(&bytes).data, buffer_size(&bytes));
    pair_pass(&pair, 3 * WINDOW_REST_US / 1000); /* the window grows: nobody answers */
    cr_assert(client->held);
    pair_expect(client, "");
    pair_silence(&pair, 0, 1, false);
    cr_assert(!client->held);
    cr_assert(span_equal(buffer_content(&client->got), buffer_content(&wanted)));
    buffer_deinit(&bytes);
    buffer_deinit(&wanted);
    end();
}

/* What waits for one peer is bounded. */
Test(engine_quorum, a_full_queue_is_done_without)
{
    static const char head[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$614400\r\n";
    static char line[600 * 1024];

    begin();
    pair_configure(&pair, 0, "peer-queue-bytes", "1mb");
    pair_silence(&pair, 0, 1, true);
    memset(line, 'x', sizeof line);
    for (unsigned i = 0; i < 4; i++) {
        pair_send(client, head, sizeof head - 1);
        pair_send(client, line, sizeof line);
        pair_send(client, "\r\n", 2);
        pair_expect(client, OK);
    }
    cr_assert_geq(pair_metric(&pair, 0, METRIC_PEER_QUEUE_REFUSALS), 2);
    end();
}

/* ---- siblings ---- */

Test(engine_quorum, concurrent_writes_of_siblings_are_both_kept)
{
    const struct pair_setup setup = {.nodes = 3, .siblings = true};
    struct pair_client *other;

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    other = pair_connect(&pair, 1);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++)
            pair_silence(&pair, i, j, true);
    pair_ask(client, "AT ONE SET k v", OK);
    pair_ask(other, "AT ONE SET k w", OK);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++)
            pair_silence(&pair, i, j, false);
    pair_ask(client, "GET k", "$1\r\nw\r\n");
    pair_command(client, "CGET k");
    cr_assert(buffer_size(&client->got) > 20);
    buffer_reset(&client->got, SIZE_MAX);
    pair_ask(client, "SET k x", OK);
    pair_ask(other, "GET k", "$1\r\nx\r\n");
    pair_ask(other, "DEL k", ":1\r\n");
    pair_ask(client, "GET k", "$-1\r\n");
    end();
}
