/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages: who hears of what is published through which node, in which order, what PUBLISH counts,
 * and what becomes of it where a node does not answer.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/memory.h"
#include "lib/engine_pair.h"
#include "lib/timeout.h"
#include "node/parts.h"

TestSuite(engine_publish, .timeout = TIMEOUT_S(20));

#define OK "+OK\r\n"

static struct pair pair;
static struct pair_client *publisher, *listener, *third;

static void begin(const struct pair_setup *setup)
{
    const struct pair_setup three = {.nodes = 3};

    pair_init(&pair, setup != NULL ? setup : &three);
    publisher = pair_connect(&pair, 0);
    listener = pair_connect(&pair, 1);
    third = pair_connect(&pair, 2);
}

static void end(void)
{
    pair_deinit(&pair);
}

#define SUBSCRIBED(name)    "*3\r\n$9\r\nsubscribe\r\n$1\r\n" name "\r\n:1\r\n"
#define MESSAGE(name, text) "*3\r\n$7\r\nmessage\r\n$1\r\n" name "\r\n$1\r\n" text "\r\n"

static void speak_resp3(struct pair_client *client)
{
    pair_command(client, "HELLO 3");
    buffer_reset(&client->got, SIZE_MAX);
}

Test(engine_publish, a_message_through_any_node_reaches_the_listeners_of_all)
{
    begin(NULL);
    struct pair_client *beside = pair_connect(&pair, 0);
    speak_resp3(third);
    pair_ask(listener, "SUBSCRIBE a", SUBSCRIBED("a"));
    pair_ask(third, "PSUBSCRIBE ?", ">3\r\n$10\r\npsubscribe\r\n$1\r\n?\r\n:1\r\n");
    pair_ask(beside, "SUBSCRIBE a", SUBSCRIBED("a"));
    pair_ask(publisher, "PUBLISH a x", ":3\r\n");
    pair_expect(listener, MESSAGE("a", "x"));
    pair_expect(beside, MESSAGE("a", "x"));
    pair_expect(third, ">4\r\n$8\r\npmessage\r\n$1\r\n?\r\n$1\r\na\r\n$1\r\nx\r\n");
    pair_ask(publisher, "PUBLISH b x", ":1\r\n");
    pair_ask(publisher, "PUBLISH bb x", ":0\r\n");
    pair_expect(listener, "");

    /* Who publishes may listen, too. */
    pair_expect(third, ">4\r\n$8\r\npmessage\r\n$1\r\n?\r\n$1\r\nb\r\n$1\r\nx\r\n");
    pair_ask(third, "PUBLISH a y",
             ">4\r\n$8\r\npmessage\r\n$1\r\n?\r\n$1\r\na\r\n$1\r\ny\r\n:3\r\n");
    end();
}

Test(engine_publish, shard_channels_are_others_and_any_node_serves_them)
{
    begin(NULL);
    pair_ask(listener, "SSUBSCRIBE a", "*3\r\n$10\r\nssubscribe\r\n$1\r\na\r\n:1\r\n");
    pair_ask(publisher, "PUBLISH a x", ":0\r\n");
    pair_ask(publisher, "SPUBLISH a y", ":1\r\n");
    pair_expect(listener, "*3\r\n$8\r\nsmessage\r\n$1\r\na\r\n$1\r\ny\r\n");
    pair_ask(listener, "SUNSUBSCRIBE", "*3\r\n$12\r\nsunsubscribe\r\n$1\r\na\r\n:0\r\n");
    pair_ask(publisher, "SPUBLISH a y", ":0\r\n");
    end();
}

/* ---- order ---- */

Test(engine_publish, what_one_client_publishes_arrives_in_its_order_and_does_not_wait)
{
    begin(NULL);
    pair_ask(listener, "SUBSCRIBE a", SUBSCRIBED("a"));
    pair_silence(&pair, 0, 1, true);
    pair_pipeline(publisher, (const char *const[]){"PUBLISH a 1", "PUBLISH a 2", "PUBLISH a 3",
                                                   "PUBLISH a 4", "PING", NULL});
    pair_expect(listener, "");
    pair_expect(publisher, "");
    pair_silence(&pair, 0, 1, false);
    pair_settle(&pair);
    pair_expect(publisher, ":1\r\n:1\r\n:1\r\n:1\r\n+PONG\r\n");
    pair_expect(listener, MESSAGE("a", "1") MESSAGE("a", "2") MESSAGE("a", "3") MESSAGE("a", "4"));
    end();
}

/* A write is there before the message behind it tells of it. */
Test(engine_publish, a_message_waits_for_what_its_publisher_wrote_before)
{
    char key[PAIR_KEY_MAX], set[64];

    begin(NULL);
    pair_ask(listener, "SUBSCRIBE a", SUBSCRIBED("a"));
    snprintf(set, sizeof set, "SET %s v", pair_key(&pair, 0, 0, key));
    pair_silence(&pair, 0, 2, true);
    pair_silence(&pair, 0, 1, true);
    pair_pipeline(publisher, (const char *const[]){set, "PUBLISH a 1", NULL});
    pair_silence(&pair, 0, 2, false);
    pair_settle(&pair);
    pair_silence(&pair, 0, 1, false);
    pair_settle(&pair);
    pair_expect(publisher, OK ":1\r\n");
    pair_expect(listener, MESSAGE("a", "1"));
    end();
}

Test(engine_publish, a_subscription_is_confirmed_before_it_is_heard_of)
{
    char key[PAIR_KEY_MAX], get[64];

    begin(NULL);
    speak_resp3(listener);
    snprintf(get, sizeof get, "GET %s", pair_key(&pair, 1, 0, key));
    pair_silence(&pair, 1, 2, true);
    pair_pipeline(listener, (const char *const[]){get, "SUBSCRIBE a", NULL});
    pair_ask(publisher, "PUBLISH a 1", ":0\r\n");
    pair_silence(&pair, 1, 2, false);
    pair_settle(&pair);
    pair_expect(listener, "_\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    pair_ask(publisher, "PUBLISH a 2", ":1\r\n");
    pair_expect(listener, ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n2\r\n");
    end();
}

Test(engine_publish, a_message_may_come_between_replies_and_not_within_one)
{
    char key[PAIR_KEY_MAX], get[64];

    begin(NULL);
    speak_resp3(listener);
    pair_ask(listener, "SUBSCRIBE a", ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    snprintf(get, sizeof get, "MGET here %s", pair_key(&pair, 1, 0, key));
    pair_silence(&pair, 1, 2, true);
    pair_pipeline(listener, (const char *const[]){"PING", get, "PING", NULL});
    pair_ask(publisher, "PUBLISH a 1", ":1\r\n");
    pair_expect(listener, "+PONG\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n1\r\n");
    pair_silence(&pair, 1, 2, false);
    pair_settle(&pair);
    pair_expect(listener, "*2\r\n_\r\n_\r\n+PONG\r\n");
    end();
}

/* ---- RESP2 ---- */

#define ONLY(name)                                                                                 \
    "-ERR Can't execute '" name "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET " \
    "are allowed in this context\r\n"

Test(engine_publish, a_listener_in_resp2_may_run_little_else)
{
    begin(NULL);
    pair_ask(listener, "SUBSCRIBE a", SUBSCRIBED("a"));
    pair_ask(listener, "GET k", ONLY("get"));
    pair_ask(listener, "PUBLISH a x", ONLY("publish"));
    pair_ask(listener, "CLIENT ID", ONLY("client|id"));
    pair_ask(listener, "HELLO 3", ONLY("hello"));
    pair_ask(listener, "MULTI", ONLY("multi"));
    pair_ask(listener, "NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: \r\n");
    pair_ask(listener, "GET", "-ERR wrong number of arguments for 'get' command\r\n");
    pair_ask(listener, "PING x", "*2\r\n$4\r\npong\r\n$1\r\nx\r\n");
    pair_ask(listener, "UNSUBSCRIBE a", "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n");
    pair_ask(listener, "GET k", "$-1\r\n");
    pair_ask(listener, "SUBSCRIBE a", SUBSCRIBED("a"));
    pair_ask(listener, "RESET", "+RESET\r\n");
    pair_ask(listener, "GET k", "$-1\r\n");
    pair_ask(publisher, "PUBLISH a x", ":0\r\n");
    end();
}

Test(engine_publish, client_reply_off_does_not_keep_back_messages)
{
    begin(NULL);
    speak_resp3(listener);
    pair_pipeline(listener, (const char *const[]){"CLIENT REPLY OFF", "SUBSCRIBE a", "PING", NULL});
    pair_expect(listener, ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    pair_ask(publisher, "PUBLISH a x", ":1\r\n");
    pair_expect(listener, ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n");
    end();
}

Test(engine_publish, transactions_may_publish_and_subscribe)
{
    begin(NULL);
    pair_ask(listener, "SUBSCRIBE a", SUBSCRIBED("a"));
    pair_pipeline(publisher,
                  (const char *const[]){"MULTI", "SET k v", "PUBLISH a 1", "GET k", "SSUBSCRIBE b",
                                        "SUBSCRIBE b", "EXEC", "GET k", NULL});
    pair_expect(publisher,
                OK "+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n"
                   "*5\r\n" OK ":1\r\n$1\r\nv\r\n"
                   "-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client\r\n" SUBSCRIBED("b")
                       ONLY("get"));
    pair_expect(listener, MESSAGE("a", "1"));
    end();
}

/* What runs at once behind a transaction would do so before it. */
Test(engine_publish, nothing_passes_a_transaction_that_subscribes)
{
    char key[PAIR_KEY_MAX], set[64];

    begin(NULL);
    snprintf(set, sizeof set, "SET %s v", pair_key(&pair, 0, 0, key));
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    pair_pipeline(publisher, (const char *const[]){"MULTI", set, "SUBSCRIBE a", "EXEC", "PING",
                                                   "GET k", "UNSUBSCRIBE", "PING", NULL});
    pair_silence(&pair, 0, 1, false);
    pair_silence(&pair, 0, 2, false);
    pair_settle(&pair);
    pair_expect(
        publisher,
        OK "+QUEUED\r\n+QUEUED\r\n*2\r\n" OK SUBSCRIBED("a") "*2\r\n$4\r\npong\r\n$0\r\n\r\n" ONLY(
            "get") "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n+PONG\r\n");
    end();
}

/* ---- nodes that do not answer ---- */

Test(engine_publish, those_are_counted_that_answer_in_time)
{
    begin(NULL);
    pair_ask(listener, "SUBSCRIBE a", SUBSCRIBED("a"));
    pair_ask(third, "SUBSCRIBE a", SUBSCRIBED("a"));
    pair_silence(&pair, 0, 1, true);
    pair_command(publisher, "PUBLISH a x");
    pair_expect(third, MESSAGE("a", "x"));
    pair_expect(publisher, "");
    pair_pass(&pair, PAIR_TIMEOUT_MS + 100);
    pair_expect(publisher, ":1\r\n");

    /* The breaker is open: nobody waits for it again, and that one gets nothing more. */
    pair_ask(publisher, "PUBLISH a y", ":1\r\n");
    cr_assert_eq(pair_metric(&pair, 0, METRIC_MESSAGES_LOST), 1);
    pair_expect(third, MESSAGE("a", "y"));
    pair_silence(&pair, 0, 1, false);
    pair_pass(&pair, 1000);
    pair_expect(listener, MESSAGE("a", "x"));
    pair_ask(publisher, "PUBLISH a z", ":2\r\n");
    pair_expect(listener, MESSAGE("a", "z"));
    end();
}

Test(engine_publish, a_link_that_breaks_ends_the_wait_for_its_count)
{
    begin(NULL);
    pair_ask(third, "SUBSCRIBE a", SUBSCRIBED("a"));
    pair_silence(&pair, 0, 1, true);
    pair_command(publisher, "PUBLISH a x");
    pair_expect(publisher, "");
    pair.nodes[1].unreachable = true;
    pair_break(&pair, 0, 1);
    pair_expect(publisher, ":1\r\n");
    pair_ask(publisher, "PUBLISH a y", ":1\r\n");
    end();
}

Test(engine_publish, what_a_full_queue_has_no_room_for_is_lost_and_counted)
{
    begin(NULL);
    pair_configure(&pair, 0, "peer-queue-bytes", "1mb");
    pair_ask(third, "SUBSCRIBE a", SUBSCRIBED("a"));
    pair_silence(&pair, 0, 1, true);
    char *line = memory_alloc(700 * 1024 + 64);
    const int head = sprintf(line, "*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$%d\r\n", 600 * 1024);
    memset(line + head, 'x', 600 * 1024);
    memcpy(line + head + 600 * 1024, "\r\n", 2);
    for (unsigned i = 0; i < 3; i++)
        pair_send(publisher, line, (size_t)head + 600 * 1024 + 2);
    memory_free(line);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_MESSAGES_LOST), 2);
    cr_assert_eq(pair_metric(&pair, 2, METRIC_MESSAGES_DELIVERED), 3);
    end();
}

Test(engine_publish, a_message_that_fits_no_frame_is_refused)
{
    static const char *const options[] = {"--proto-max-bulk-len", "1mb", "--peer-frame-max", "2mb",
                                          NULL};
    const struct pair_setup setup = {.nodes = 3, .options = options};
    struct buffer line = {0};

    begin(&setup);
    buffer_append_string(&line, "*3\r\n$7\r\nPUBLISH\r\n");
    for (unsigned i = 0; i < 2; i++) {
        buffer_append_format(&line, "$%d\r\n", 1 << 20);
        memset(buffer_reserve(&line, 1 << 20), 'x', 1 << 20);
        buffer_commit(&line, 1 << 20);
        buffer_append_string(&line, "\r\n");
    }
    pair_send(publisher, buffer_content(&line).data, buffer_size(&line));
    buffer_deinit(&line);
    pair_expect(publisher,
                "-ERR the channel and the message together are longer than peer-frame-max\r\n");
    end();
}

/* ---- another node's messages ---- */

static void send_message(struct pair_cable *cable, uint64_t number, const char *text)
{
    const struct wire_publish message = {.id = number,
                                         .number = number,
                                         .kind = CHANNEL_PLAIN,
                                         .name = SPAN("a"),
                                         .message = span_of_string(text)};
    size_t frame;

    wire_put_publish(pair_begin(cable, &frame), &message);
    pair_end(cable, frame);
    pair_settle(&pair);
}

static void expect_published(struct pair_cable *cable, uint64_t receivers)
{
    struct wire_message message;

    cr_assert(pair_next(cable, &message));
    cr_assert_eq(message.type, WIRE_PUBLISHED);
    cr_assert_eq(message.published.receivers, receivers);
}

Test(engine_publish, what_is_left_of_a_closed_link_does_not_come_behind_what_is_newer)
{
    const struct pair_setup setup = {.nodes = 3, .ghosts = 4};

    begin(NULL);
    end();
    pair_init(&pair, &setup);
    listener = pair_connect(&pair, 0);
    pair_ask(listener, "SUBSCRIBE a", SUBSCRIBED("a"));
    struct pair_cable *cable = pair_stranger(&pair, 0);
    pair_stranger_greets(&pair, 2, WIRE_ROLE_WORKER);
    send_message(cable, 8, "8");
    expect_published(cable, 1);
    pair_expect(listener, MESSAGE("a", "8"));
    send_message(cable, 7, "7");
    expect_published(cable, 0);
    pair_expect(listener, "");
    send_message(cable, 9, "9");
    expect_published(cable, 1);
    pair_expect(listener, MESSAGE("a", "9"));
    end();
}

/* ---- many ---- */

static size_t count_messages(struct pair_client *client)
{
    const struct span got = buffer_content(&client->got);
    size_t count = 0;

    for (size_t i = 0; i + 8 <= got.size; i++)
        count += memcmp(got.data + i, "pmessage", 8) == 0;
    buffer_reset(&client->got, SIZE_MAX);
    return count;
}

/* Patterns that all fit what begins with x. */
static void listen_by(struct pair_client *client, unsigned count)
{
    struct buffer line = {0};

    buffer_append_format(&line, "*%u\r\n$10\r\nPSUBSCRIBE\r\n", count + 1);
    for (unsigned i = 0; i < count; i++)
        buffer_append_format(&line, "$8\r\n[x%04u]*\r\n", i);
    pair_send(client, buffer_content(&line).data, buffer_size(&line));
    buffer_reset(&client->got, SIZE_MAX);
    buffer_deinit(&line);
}

Test(engine_publish, many_receivers_take_many_turns_and_each_gets_it_once)
{
    begin(NULL);
    struct pair_client *other = pair_connect(&pair, 1);

    listen_by(listener, 700);
    listen_by(other, 700);
    pair_ask(publisher, "PUBLISH xyz m", ":1400\r\n");
    cr_assert_eq(count_messages(listener), 700);
    cr_assert_eq(count_messages(other), 700);
    pair_pipeline(publisher, (const char *const[]){"PUBLISH x 1", "PUBLISH x 2", NULL});
    pair_expect(publisher, ":1400\r\n:1400\r\n");
    cr_assert_eq(count_messages(listener), 1400);
    end();
}

Test(engine_publish, a_flood_takes_more_than_a_turn_and_loses_nothing)
{
    begin(NULL);
    struct buffer lines = {0}, expected = {0};

    pair_ask(listener, "SUBSCRIBE a", SUBSCRIBED("a"));
    for (unsigned i = 0; i < 1000; i++) {
        buffer_append_string(&lines, "*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$4\r\n");
        buffer_append_format(&lines, "%04u\r\n", i);
        buffer_append_format(&expected, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$4\r\n%04u\r\n", i);
    }
    pair_send(publisher, buffer_content(&lines).data, buffer_size(&lines));
    cr_assert(span_equal(buffer_content(&listener->got), buffer_content(&expected)));
    buffer_deinit(&lines);
    buffer_deinit(&expected);
    end();
}

/* ---- PUBSUB ---- */

Test(engine_publish, pubsub_tells_of_the_whole_cluster)
{
    begin(NULL);
    pair_ask(listener, "SUBSCRIBE a", SUBSCRIBED("a"));
    pair_ask(third, "SUBSCRIBE a", SUBSCRIBED("a"));
    pair_command(third, "PSUBSCRIBE p* q*");
    pair_command(listener, "PSUBSCRIBE q*");
    pair_command(listener, "SSUBSCRIBE s");
    pair_ask(publisher, "PUBSUB CHANNELS", "*1\r\n$1\r\na\r\n");
    pair_ask(publisher, "PUBSUB CHANNELS b*", "*0\r\n");
    pair_ask(publisher, "PUBSUB NUMSUB a b a",
             "*6\r\n$1\r\na\r\n:2\r\n$1\r\nb\r\n:0\r\n$1\r\na\r\n:2\r\n");
    pair_ask(publisher, "PUBSUB NUMSUB", "*0\r\n");
    pair_ask(publisher, "PUBSUB NUMPAT", ":2\r\n");
    pair_ask(publisher, "PUBSUB SHARDCHANNELS", "*1\r\n$1\r\ns\r\n");
    pair_ask(publisher, "PUBSUB SHARDNUMSUB s a", "*4\r\n$1\r\ns\r\n:1\r\n$1\r\na\r\n:0\r\n");
    pair_silence(&pair, 0, 2, true);
    pair_command(publisher, "PUBSUB NUMSUB a");
    pair_pass(&pair, PAIR_TIMEOUT_MS + 100);
    pair_expect(publisher, "*2\r\n$1\r\na\r\n:1\r\n");
    end();
}

/* ---- connections that end ---- */

Test(engine_publish, who_left_or_was_killed_is_not_counted)
{
    begin(NULL);
    struct pair_client *beside = pair_connect(&pair, 1);
    pair_ask(listener, "SUBSCRIBE a", SUBSCRIBED("a"));
    pair_ask(third, "SUBSCRIBE a", SUBSCRIBED("a"));
    pair_ask(publisher, "PUBLISH a x", ":2\r\n");
    pair_disconnect(third);
    pair_ask(publisher, "PUBLISH a x", ":1\r\n");
    pair_ask(beside, "CLIENT KILL TYPE normal SKIPME yes", ":0\r\n");
    pair_ask(beside, "CLIENT KILL TYPE pubsub", ":1\r\n");
    cr_assert_null(listener->client);
    pair_ask(publisher, "PUBLISH a x", ":0\r\n");
    end();
}

/* It published, and does not stay for the count. */
Test(engine_publish, a_publisher_may_leave_at_once)
{
    begin(NULL);
    pair_ask(listener, "SUBSCRIBE a", SUBSCRIBED("a"));
    pair_silence(&pair, 0, 1, true);
    pair_command(publisher, "PUBLISH a x");
    pair_disconnect(publisher);
    pair_silence(&pair, 0, 1, false);
    pair_settle(&pair);
    pair_expect(listener, MESSAGE("a", "x"));
    end();
}

/* What waits for one that subscribes is bounded by itself: others may have more. */
Test(engine_publish, a_listener_that_does_not_read_is_closed_at_the_limit_of_its_class)
{
    char line[600];
    size_t told = 0;

    begin(NULL);
    struct pair_client *ordinary = pair_connect(&pair, 1);
    pair_configure(&pair, 1, "client-output-buffer-limit", "normal 1mb 0 0 pubsub 4kb 0 0");
    pair_ask(listener, "SUBSCRIBE a", SUBSCRIBED("a"));
    listener->stalled = ordinary->stalled = true;
    snprintf(line, sizeof line, "PUBLISH a %0500d", 0);
    for (int i = 0; i < 20 && !listener->closing; i++) {
        pair_command(ordinary, line);
        pair_command(publisher, line);
        told++;
    }
    cr_assert(listener->closing);
    cr_assert(told > 3 && told < 10, "after %zu times two messages", told);
    snprintf(line, sizeof line, "ECHO %0500d", 0);
    for (int i = 0; i < 20; i++)
        pair_command(ordinary, line);
    cr_assert_not(ordinary->closing);
    cr_assert_gt(outbox_size(engine_client_out(ordinary->client)), 10000);
    listener->stalled = false;
    pair_settle(&pair);
    cr_assert_null(listener->client);
    buffer_reset(&publisher->got, SIZE_MAX);
    pair_ask(publisher, "PUBLISH a x", ":0\r\n");
    end();
}
