/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Links between engines: what other nodes ask, and what becomes of those that speak garbage, lie,
 * or break off in the middle. Only the link that misbehaves is closed.
 */
#include "config.h" /* memmem */

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/bytes.h"
#include "lib/engine_pair.h"
#include "lib/timeout.h"
#include "node/parts.h"

TestSuite(engine_link, .timeout = TIMEOUT_S(10));

#define OK "+OK\r\n"

static struct pair pair;
static struct pair_client *client;

static void begin(const char *const *options)
{
    const struct pair_setup setup = {.nodes = 3, .ghosts = 4, .options = options};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
}

/* A stranger at node 0 that has done the handshake as node 2. */
static struct pair_cable *greet(enum wire_role role)
{
    struct pair_cable *cable = pair_stranger(&pair, 0);
    struct wire_message message;

    pair_stranger_greets(&pair, 2, role);
    cr_assert(!pair_next(cable, &message));
    return cable;
}

/* The stranger was shown out, and nobody else noticed. */
static void expect_only_it_closed(void)
{
    cr_assert(!pair.stranger.open, "the link is still open");
    cr_assert_eq(pair_metric(&pair, 0, METRIC_PEER_PROTOCOL_ERRORS), 1);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_PEERS_CONNECTED), 2);
    pair_ask(client, "SET still here", OK);
}

static void end(void)
{
    pair_deinit(&pair);
}

static struct wire_message next(struct pair_cable *cable, enum wire_type type)
{
    struct wire_message message;

    cr_assert(pair_next(cable, &message), "nothing was sent");
    cr_assert_eq(message.type, type, "%u and not %u was sent", message.type, type);
    return message;
}

/* ---- garbage ---- */

Test(engine_link, a_stranger_that_sends_garbage_is_shown_out)
{
    begin(NULL);
    pair_stranger(&pair, 0);
    pair_stranger_sends(&pair, "GET / HTTP/1.1\r\n\r\n", 18);
    expect_only_it_closed();
    end();
}

Test(engine_link, a_length_of_256_mb_takes_no_memory)
{
    static const uint8_t length[] = {0, 0, 0, 16};

    begin(NULL);
    pair_stranger(&pair, 0);
    pair_stranger_sends(&pair, length, sizeof length);
    expect_only_it_closed();
    end();
}

Test(engine_link, after_the_handshake_frames_may_be_long_and_no_longer)
{
    static const uint8_t wanted[] = {0, 0, 0, 16}, too_long[] = {0xff, 0xff, 0xff, 0xff};

    begin(NULL);
    greet(WIRE_ROLE_WORKER);
    pair_stranger_sends(&pair, wanted, sizeof wanted);
    cr_assert(pair.stranger.open);
    greet(WIRE_ROLE_WORKER);
    pair_stranger_sends(&pair, too_long, sizeof too_long);
    expect_only_it_closed();
    end();
}

Test(engine_link, every_cut_and_every_changed_byte_of_a_frame_is_survived)
{
    struct buffer frame = {0};
    const struct wire_write write = {
        .id = 1,
        .claim_version = 1,
        .key = SPAN("k"),
        .version = {.dot = {5, 2}, .kind = VALUE_STRING, .deadline_ms = 7, .value = SPAN("v")}};

    begin(NULL);
    const size_t place = wire_frame_begin(&frame, 0, 0);
    wire_put_write(&frame, &write);
    wire_frame_end(&frame, place);
    for (size_t i = 0; i < buffer_size(&frame); i++) {
        uint8_t copy[256];
        memcpy(copy, buffer_content(&frame).data, buffer_size(&frame));
        for (unsigned change = 1; change < 256; change <<= 1) {
            copy[i] ^= (uint8_t)change;
            greet(WIRE_ROLE_WORKER);
            pair_stranger_sends(&pair, copy, buffer_size(&frame));
            copy[i] ^= (uint8_t)change;
        }
        greet(WIRE_ROLE_WORKER);
        pair_stranger_sends(&pair, copy, i);
        cr_assert(pair.stranger.open);
    }
    pair_ask(client, "SET still here", OK);
    buffer_deinit(&frame);
    end();
}

Test(engine_link, an_answer_on_a_link_for_questions_closes_it)
{
    const struct wire_ack ack = {.id = 1};
    struct pair_cable *cable;
    size_t frame;

    begin(NULL);
    cable = greet(WIRE_ROLE_WORKER);
    wire_put_ack(pair_begin(cable, &frame), &ack);
    pair_end(cable, frame);
    expect_only_it_closed();
    end();
}

Test(engine_link, a_question_on_a_link_for_answers_closes_it)
{
    const struct wire_ping ping = {.id = 1};
    struct pair_cable *cable;
    size_t frame;

    begin(NULL);
    cable = pair_cable(&pair, 0, 2);
    wire_put_ping(pair_begin(cable, &frame), &ping);
    pair_end(cable, frame);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_PEER_PROTOCOL_ERRORS), 1);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_PEERS_CONNECTED), 1);
    pair_ask(client, "SET still here", OK);
    pair_pass(&pair, 100);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_PEERS_CONNECTED), 2);
    end();
}

Test(engine_link, a_peer_that_answers_garbage_costs_its_link_and_a_failed_answer)
{
    struct pair_cable *cable;

    begin(NULL);
    cable = pair_cable(&pair, 0, 2);
    pair_silence(&pair, 0, 1, true);
    pair_command(client, "SET k v");
    pair_expect(client, "");
    buffer_append_string(&cable->out, "garbage garbage garbage");
    pair_settle(&pair);
    pair_expect(client, "");
    pair_silence(&pair, 0, 1, false);
    pair_expect(client, OK);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_PEER_PROTOCOL_ERRORS), 1);
    end();
}

/* Who answers at a peer's address and has not proven anything makes us take no memory either. */
Test(engine_link, a_peer_that_does_not_greet_takes_no_memory)
{
    static const uint8_t length[] = {0, 0, 0, 16};
    struct engine *engine;
    const node_number two = 16;

    begin(NULL);
    engine = pair.nodes[0].engine;
    pair_cable(&pair, 0, 2)->silent = true;
    pair_break(&pair, 0, 2);
    pair_pass(&pair, 100);
    cr_assert_eq(pair.nodes[2].number, two);
    cr_assert_eq(peer_find(engine, two)->stage, PEER_GREETING);
    buffer_append(engine_peer_in(engine, two), length, sizeof length);
    engine_peer_input(engine, pair.now, two);
    cr_assert_eq(peer_find(engine, two)->stage, PEER_CLOSED);
    end();
}

/* ---- the handshake ---- */

Test(engine_link, nothing_is_answered_before_the_handshake)
{
    const struct wire_ping ping = {.id = 1};
    struct pair_cable *cable;
    struct wire_message message;
    size_t frame;

    begin(NULL);
    cable = pair_stranger(&pair, 0);
    wire_put_ping(pair_begin(cable, &frame), &ping);
    pair_end(cable, frame);
    cr_assert(!pair_next(cable, &message));
    expect_only_it_closed();
    end();
}

/* With a secret, who has said HELLO and proven nothing is nobody. */
Test(engine_link, nothing_is_answered_before_the_proof)
{
    static const char *const options[] = {"--cluster-secret", "s", NULL};
    const struct wire_ping ping = {.id = 1};
    const struct handshake_self self = {
        .cluster = "dunlin", .secret = "", .ring = {{7}}, .node = {{99}}, .number = 3};
    struct pair_cable *cable;
    struct wire_message message;
    struct rng rng;
    size_t frame;

    begin(options);
    cable = pair_stranger(&pair, 0);
    rng_init(&rng, 1);
    handshake_open(&cable->handshake, &self, WIRE_ROLE_WORKER, NULL, &rng, &cable->out);
    wire_put_ping(pair_begin(cable, &frame), &ping);
    pair_end(cable, frame);
    next(cable, WIRE_HELLO_OK);
    cr_assert(!pair_next(cable, &message));
    expect_only_it_closed();
    end();
}

Test(engine_link, nodes_with_one_secret_talk)
{
    static const char *const options[] = {"--cluster-secret", "s", NULL};

    begin(options);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_PEERS_CONNECTED), 2);
    pair_ask(client, "SET k v", OK);
    greet(WIRE_ROLE_WORKER);
    cr_assert(pair.stranger.open);
    end();
}

/* Anybody can send a frame; its clock counts only from nodes of the ring. */
Test(engine_link, the_clock_of_a_stranger_is_not_followed)
{
    const struct wire_ping ping = {.id = 1};
    const uint64_t ahead = hlc_stamp(PAIR_BEGIN_MS + 2000);
    struct pair_cable *cable;
    size_t frame;

    begin(NULL);
    cable = pair_stranger(&pair, 0);
    frame = wire_frame_begin(&cable->out, ahead, 0);
    wire_put_ping(&cable->out, &ping);
    pair_end(cable, frame);
    cr_assert_lt(pair.nodes[0].engine->replica.hlc.last, ahead);
    cable = greet(WIRE_ROLE_WORKER);
    frame = wire_frame_begin(&cable->out, ahead, 0);
    wire_put_ping(&cable->out, &ping);
    pair_end(cable, frame);
    cr_assert_geq(pair.nodes[0].engine->replica.hlc.last, ahead);
    cable = greet(WIRE_ROLE_WORKER);
    frame = wire_frame_begin(&cable->out, hlc_stamp(PAIR_BEGIN_MS + 60000), 0);
    wire_put_ping(&cable->out, &ping);
    pair_end(cable, frame);
    cr_assert_lt(pair.nodes[0].engine->replica.hlc.last, hlc_stamp(PAIR_BEGIN_MS + 60000));
    end();
}

/* It is not followed there; but what its node stamps is to be taken soon. */
Test(engine_link, a_clock_that_comes_near_the_ceiling_asks_for_a_higher_one)
{
    const struct wire_ping ping = {.id = 1};
    const int64_t distances_ms[] = {-CEILING_AHEAD_MS / 2 - 1, -CEILING_AHEAD_MS / 2 + 1, 500};
    const uint64_t ceiling = hlc_stamp(PAIR_BEGIN_MS + CEILING_AHEAD_MS);
    struct replica_bounds *bounds = &pair.nodes[0].bounds;

    begin(NULL);
    atomic_store(&bounds->ceiling, ceiling);
    atomic_store(&bounds->ahead_max_ms, CEILING_AHEAD_MS + 500);
    for (size_t i = 0; i < 3; i++) {
        const uint64_t stamp = hlc_stamp(hlc_ms(ceiling) + distances_ms[i]);
        struct pair_cable *cable = greet(WIRE_ROLE_WORKER);
        const size_t frame = wire_frame_begin(&cable->out, stamp, 0);
        wire_put_ping(&cable->out, &ping);
        pair_end(cable, frame);
        cr_assert_eq(atomic_load(&bounds->wanted), i == 0 ? 0 : stamp);
    }
    cr_assert_lt(pair.nodes[0].engine->replica.hlc.last, ceiling);
    end();
}

/* ---- questions ---- */

Test(engine_link, a_ping_is_answered_with_its_id)
{
    const struct wire_ping ping = {.id = 4711};
    struct pair_cable *cable;
    size_t frame;

    begin(NULL);
    cable = greet(WIRE_ROLE_WORKER);
    wire_put_ping(pair_begin(cable, &frame), &ping);
    pair_end(cable, frame);
    cr_assert_eq(next(cable, WIRE_PONG).pong.id, 4711);
    end();
}

Test(engine_link, questions_about_partitions_that_are_not_there_are_refused)
{
    const struct wire_write write = {.id = 1, .partition = 16, .key = SPAN("k")};
    const struct wire_read read = {.id = 2, .partition = UINT16_MAX, .key = SPAN("k")};
    struct pair_cable *cable;
    size_t frame;

    begin(NULL);
    cable = greet(WIRE_ROLE_WORKER);
    wire_put_write(pair_begin(cable, &frame), &write);
    wire_put_read(&cable->out, &read);
    pair_end(cable, frame);
    cr_assert_eq(next(cable, WIRE_ACK).ack.status, ACK_STALE_CLAIM);
    cr_assert_eq(next(cable, WIRE_ANSWER).answer.status, ANSWER_STALE_CLAIM);
    end();
}

Test(engine_link, many_questions_in_a_frame_are_answered_in_order)
{
    struct pair_cable *cable;
    size_t frame;

    begin(NULL);
    cable = greet(WIRE_ROLE_WORKER);
    pair_begin(cable, &frame);
    for (uint64_t i = 0; i < 1000; i++)
        wire_put_ping(&cable->out, &(const struct wire_ping){.id = i});
    pair_end(cable, frame);
    for (uint64_t i = 0; i < 1000; i++)
        cr_assert_eq(next(cable, WIRE_PONG).pong.id, i);
    end();
}

static void offer(struct pair_cable *cable, uint64_t id, const char *key)
{
    const struct wire_write write = {
        .id = id,
        .claim_version = ring_version(1, id == 3 ? 1 : 0), /* there is no such claim */
        .partition = (uint16_t)pair_partition_of(&pair, key),
        .key = span_of_string(key),
        .version = {.dot = {hlc_stamp(PAIR_BEGIN_MS) + id, 2},
                    .kind = VALUE_STRING,
                    .deadline_ms = DEADLINE_NEVER,
                    .value = SPAN("v")}};

    wire_put_write(&cable->out, &write);
}

static void expect_acks(struct pair_cable *cable, const uint64_t *ids, size_t count)
{
    const struct wire_message message = next(cable, WIRE_ACKS);

    cr_assert_eq(message.acks.ids.size, count * WIRE_IDS_STEP);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(bytes_get_u64(message.acks.ids.data + i * WIRE_IDS_STEP), ids[i]);
}

/* In one message, as many as come one behind the other: never one of a frame before. */
Test(engine_link, what_is_kept_is_acknowledged_together)
{
    struct pair_cable *cable;
    struct wire_message message;
    size_t frame;

    begin(NULL);
    cable = greet(WIRE_ROLE_WORKER);
    pair_begin(cable, &frame);
    offer(cable, 1, "a");
    offer(cable, 2, "b");
    offer(cable, 3, "c");
    offer(cable, 4, "d");
    wire_put_ping(&cable->out, &(const struct wire_ping){.id = 5});
    offer(cable, 6, "e");
    pair_end(cable, frame);
    expect_acks(cable, (const uint64_t[]){1, 2}, 2);
    message = next(cable, WIRE_ACK);
    cr_assert_eq(message.ack.id, 3);
    cr_assert_eq(message.ack.status, ACK_STALE_CLAIM);
    expect_acks(cable, (const uint64_t[]){4}, 1);
    cr_assert_eq(next(cable, WIRE_PONG).pong.id, 5);
    expect_acks(cable, (const uint64_t[]){6}, 1);
    pair_begin(cable, &frame);
    offer(cable, 7, "f");
    pair_end(cable, frame);
    expect_acks(cable, (const uint64_t[]){7}, 1);
    cr_assert_not(pair_next(cable, &message));
    end();
}

/* No frame gets longer than the asker may take, however much it asks for at once. */
Test(engine_link, large_answers_leave_in_several_frames)
{
    static char value[1 << 20];
    struct pair_cable *cable;
    struct wire_frame first;
    struct wire_read read = {.claim_version = ring_version(1, 0), .key = SPAN("k")};
    size_t frame;

    begin(NULL);
    memset(value, 'v', sizeof value);
    pair_send(client, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048576\r\n", 30);
    pair_send(client, value, sizeof value);
    pair_send(client, "\r\n", 2);
    pair_expect(client, OK);
    read.partition = (uint16_t)pair_partition_of(&pair, "k");
    cable = greet(WIRE_ROLE_WORKER);
    pair_begin(cable, &frame);
    for (read.id = 0; read.id < 16; read.id++)
        wire_put_read(&cable->out, &read);
    pair_end(cable, frame);
    cr_assert_eq(wire_next_frame(buffer_content(&cable->in), SIZE_MAX, &first), WIRE_OK);
    cr_assert_leq(first.size, 6 << 20);
    for (uint64_t i = 0; i < 16; i++) {
        const struct wire_message message = next(cable, WIRE_ANSWER);
        cr_assert_eq(message.answer.id, i);
        cr_assert_eq(message.answer.version.value.size, sizeof value);
    }
    end();
}

Test(engine_link, control_gets_what_is_for_it_and_answers_it)
{
    const struct wire_inquire inquire = {.id = 3};
    const struct wire_pong pong = {.id = 9};
    struct pair_cable *cable;
    struct buffer answer = {0};
    size_t frame;

    begin(NULL);
    cable = greet(WIRE_ROLE_CONTROL);
    wire_put_inquire(pair_begin(cable, &frame), &inquire);
    pair_end(cable, frame);
    cr_assert_eq(buffer_size(&pair.nodes[0].messages), WIRE_HEAD_SIZE + 8);
    wire_put_pong(&answer, &pong);
    engine_link_answer(pair.nodes[0].engine, pair.now, pair.nodes[0].message_link,
                       buffer_content(&answer));
    engine_link_answer(pair.nodes[0].engine, pair.now, pair.nodes[0].message_link + 1,
                       buffer_content(&answer));
    pair_settle(&pair);
    cr_assert_eq(next(cable, WIRE_PONG).pong.id, 9);
    buffer_deinit(&answer);
    end();
}

/* ---- forwarded commands ---- */

static void forward(struct pair_cable *cable, const struct wire_forward *message)
{
    size_t frame;

    wire_put_forward(pair_begin(cable, &frame), message);
    pair_end(cable, frame);
}

static struct wire_forward forwarded(const char *const *words)
{
    static struct span items[8];
    struct wire_forward message = {.id = 1,
                                   .deadline_ms = PAIR_BEGIN_MS + 400,
                                   .claim_version = ring_version(1, 0),
                                   .write_level = LEVEL_ONE,
                                   .args = {.items = items}};

    for (; words[message.args.count] != NULL; message.args.count++)
        items[message.args.count] = span_of_string(words[message.args.count]);
    return message;
}

static void expect_reply(struct pair_cable *cable, enum reply_status status, const char *bytes)
{
    const struct wire_message message = next(cable, WIRE_REPLY);

    cr_assert_eq(message.reply.status, status);
    cr_assert(span_equal(message.reply.bytes, span_of_string(bytes)), "'%.*s' and not '%s'",
              (int)message.reply.bytes.size, (const char *)message.reply.bytes.data, bytes);
}

Test(engine_link, a_forwarded_command_runs)
{
    struct pair_cable *cable;
    struct wire_forward message;

    begin(NULL);
    cable = greet(WIRE_ROLE_WORKER);
    message = forwarded((const char *const[]){"SET", "k", "v", NULL});
    forward(cable, &message);
    expect_reply(cable, REPLY_OK, OK);
    message = forwarded((const char *const[]){"NOSUCH", "k", NULL});
    forward(cable, &message);
    expect_reply(cable, REPLY_OK,
                 "-ERR unknown command 'NOSUCH', with args beginning with: 'k' \r\n");
    end();
}

Test(engine_link, a_forwarded_command_is_refused_for_a_reason)
{
    const char *const words[] = {"SET", "k", "v", NULL};
    struct pair_cable *cable;
    struct wire_forward message;

    begin(NULL);
    cable = greet(WIRE_ROLE_WORKER);
    message = forwarded(words);
    message.claim_version++;
    forward(cable, &message);
    expect_reply(cable, REPLY_STALE_CLAIM, "");
    message = forwarded(words);
    message.deadline_ms = PAIR_BEGIN_MS;
    forward(cable, &message);
    expect_reply(cable, REPLY_LATE, "");
    message = forwarded(words);
    message.deadline_ms = 0;
    forward(cable, &message);
    expect_reply(cable, REPLY_LATE, "");
    message.deadline_ms = UINT64_C(1) << 63;
    forward(cable, &message);
    expect_reply(cable, REPLY_LATE, "");
    pair_see(&pair, 0, 0, false, HEALTH_ALIVE);
    message = forwarded(words);
    forward(cable, &message);
    expect_reply(cable, REPLY_NOT_VOTING, "");
    cr_assert(!pair_has(&pair, 0, "k", "v"));
    end();
}

/* Its clock was set back, and control has not looked at it since. */
Test(engine_link, a_forwarded_command_that_is_late_is_so_by_a_clock_that_was_just_set)
{
    struct pair_cable *cable;
    struct wire_forward message;

    begin(NULL);
    cable = greet(WIRE_ROLE_WORKER);
    message = forwarded((const char *const[]){"SET", "k", "v", NULL});
    atomic_store(&pair.nodes[0].bounds.date_offset_ms, pair.now.wall_ms - pair.now.mono_us / 1000);
    pair.nodes[0].skew_ms = -4000;
    pair_pass(&pair, 400);
    forward(cable, &message);
    expect_reply(cable, REPLY_LATE, "");
    cr_assert(!pair_has(&pair, 0, "k", "v"));
    end();
}

/* What no node of ours forwards. */
Test(engine_link, odd_forwarded_commands_are_answered_with_an_error)
{
    static const char *const odd[][8] = {
        {NULL},         {"AT", NULL},     {"AT", "ONE", NULL},   {"PING", NULL}, {"FLUSHALL", NULL},
        {"QUIT", NULL}, {"CLIENT", "ID"}, {"RING", "STATUS"},    {"HELLO", "3"}, {"AUTH", "x"},
        {"RESET"},      {"MGET"},         {"CONFIG", "GET", "*"}};
    struct pair_cable *cable;

    begin(NULL);
    cable = greet(WIRE_ROLE_WORKER);
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        const struct wire_forward message = forwarded(odd[i]);
        forward(cable, &message);
        cr_assert(cable->open);
        const struct wire_message reply = next(cable, WIRE_REPLY);
        cr_assert(reply.reply.bytes.size > 0 && reply.reply.bytes.data[0] == '-', "row %zu", i);
    }
    cr_assert_eq(buffer_size(&pair.nodes[0].commands), 0);
    end();
}

Test(engine_link, a_link_that_closes_forgets_its_commands)
{
    struct pair_cable *cable;
    struct wire_forward message;

    begin(NULL);
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
    cable = greet(WIRE_ROLE_WORKER);
    message = forwarded((const char *const[]){"SET", "k", "v", NULL});
    message.write_level = LEVEL_QUORUM;
    forward(cable, &message);
    pair_stranger(&pair, 0);
    pair_silence(&pair, 0, 1, false);
    pair_pass(&pair, 600);
    cr_assert(pair_has(&pair, 1, "k", "v"));
    pair_ask(client, "PING", "+PONG\r\n");
    end();
}
