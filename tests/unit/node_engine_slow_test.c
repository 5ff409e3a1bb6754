/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who does not read, or slowly: a client is stopped at its soft limit, dropped at its hard one; a
 * peer's queue stays at its bound, and what does not fit becomes hints.
 */
#include "config.h"

#include <criterion/criterion.h>

#include "lib/engine_pair.h"
#include "lib/timeout.h"
#include "node/parts.h"

TestSuite(engine_slow, .timeout = TIMEOUT_S(30));

#define OK "+OK\r\n"

static struct pair pair;
static struct pair_client *client;

static void begin(void)
{
    pair_init(&pair, NULL);
    client = pair_connect(&pair, 0);
}

static void end(void)
{
    pair_deinit(&pair);
}

/* ---- clients ---- */

#define LARGE (64 * 1024)

static void set_large(void)
{
    static const char head[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$65536\r\n";
    static char value[LARGE + 2];

    memset(value, 'x', LARGE);
    memcpy(value + LARGE, "\r\n", 2);
    pair_send(client, head, sizeof head - 1);
    pair_send(client, value, sizeof value);
    pair_expect(client, OK);
}

static void ask_large(struct pair_client *who, unsigned count)
{
    struct buffer bytes = {0};

    for (unsigned i = 0; i < count; i++)
        buffer_append_string(&bytes, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    pair_send(who, buffer_content(&bytes).data, buffer_size(&bytes));
    buffer_deinit(&bytes);
}

Test(engine_slow, who_does_not_read_is_stopped_at_the_soft_limit)
{
    struct pair_client *slow;
    const size_t reply = LARGE + 10; /* "$65536\r\n" and "\r\n" */

    begin();
    set_large();
    pair_configure(&pair, 0, "client-output-buffer-limit", "normal 0 256kb 60");
    slow = pair_connect(&pair, 0);
    slow->stalled = true;
    ask_large(slow, 100);
    cr_assert(slow->held, "it is not read any further");
    cr_assert_eq(outbox_size(engine_client_out(slow->client)), 4 * reply);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_CLIENT_LIMIT_STOPS), 1);
    pair_pass(&pair, 1000);
    cr_assert_eq(outbox_size(engine_client_out(slow->client)), 4 * reply, "it waits");
    pair_ask(client, "STRLEN k", ":65536\r\n");

    slow->stalled = false;
    pair_settle(&pair);
    cr_assert(!slow->held);
    cr_assert_eq(buffer_size(&slow->got), 100 * reply, "it gets all once it reads");
    cr_assert_eq(pair_metric(&pair, 0, METRIC_CLIENT_LIMIT_CLOSES), 0);
    end();
}

/* Nothing is taken back of an inline command: it is not begun. */
Test(engine_slow, inline_commands_wait_for_their_client_to_read_as_well)
{
    struct pair_client *slow;

    begin();
    set_large();
    pair_configure(&pair, 0, "client-output-buffer-limit", "normal 0 100kb 60");
    slow = pair_connect(&pair, 0);
    slow->stalled = true;
    pair_send(slow, SPAN("GET k\r\nGET k\r\nGET k\r\nPING\r\n").data, 27);
    cr_assert(slow->held);
    cr_assert_eq(outbox_size(engine_client_out(slow->client)), 2 * (LARGE + 10));
    slow->stalled = false;
    pair_settle(&pair);
    cr_assert_eq(buffer_size(&slow->got), 3 * (LARGE + 10) + 7);
    end();
}

Test(engine_slow, without_a_soft_limit_who_does_not_read_meets_the_hard_one)
{
    struct pair_client *slow;

    begin();
    set_large();
    pair_configure(&pair, 0, "client-output-buffer-limit", "normal 1mb 0 0");
    slow = pair_connect(&pair, 0);
    slow->stalled = true;
    ask_large(slow, 100);
    pair_pass(&pair, 10); /* some turns */
    cr_assert(slow->closing);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_CLIENT_LIMIT_CLOSES), 1);
    cr_assert_eq(pair_metric(&pair, 0, METRIC_CLIENT_LIMIT_STOPS), 0);
    slow->stalled = false;
    pair_settle(&pair);
    cr_assert_null(slow->client);
    pair_ask(client, "STRLEN k", ":65536\r\n");
    end();
}

/* Ten thousand that are idle are to cost little. */
Test(engine_slow, who_has_nothing_in_flight_holds_no_table)
{
    const struct pair_setup setup = {.nodes = 3}; /* where commands wait */

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    pair_ask(client, "SET k v", OK);
    const struct order_tables *tables = &pair.nodes[0].engine->order_tables;
    cr_assert_null(client->client->order.places);
    cr_assert_eq(tables->count, 1);
    for (size_t i = 0; i < ORDER_HASHES; i++) {
        cr_assert_null(tables->kept[0][i].reads);
        cr_assert_null(tables->kept[0][i].others);
    }
    cr_assert_leq(sizeof *client->client, 640, "the next class of the allocator is 768");
    end();
}

/* One turn is one call into the engine and its end: pair_send would go on until all is done. */
Test(engine_slow, one_client_does_not_take_a_whole_turn)
{
    struct pair_client *greedy;
    struct engine *engine;
    struct buffer *in;
    size_t out;

    begin();
    set_large();
    engine = pair.nodes[0].engine;
    greedy = pair_connect(&pair, 0);
    in = engine_client_in(greedy->client);
    /* So that the turn does not end where a batch does. */
    buffer_append_string(in, "*1\r\n$4\r\nPING\r\n");
    for (unsigned i = 0; i < 40; i++)
        buffer_append_string(in, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    engine_client_input(engine, pair.now, greedy->client);
    engine_turn_end(engine, pair.now);
    out = outbox_size(engine_client_out(greedy->client));
    cr_assert_gt(out, LARGE);
    cr_assert_leq(out, CLIENT_BYTES_A_TURN + LARGE + 10);
    cr_assert(greedy->held);
    cr_assert_leq(pair.nodes[0].wake_at_us, pair.now.mono_us, "the next turn is to come at once");
    pair_settle(&pair);
    cr_assert_eq(buffer_size(&greedy->got), 7 + 40 * (LARGE + 10));
    cr_assert(!greedy->held);
    end();
}

/* ---- large values ---- */

/* SET k and a value of LARGE, then `behind`. */
static void send_large(const char *behind)
{
    struct buffer bytes = {0};

    buffer_append_string(&bytes, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$65536\r\n");
    memset(buffer_reserve(&bytes, LARGE), 'x', LARGE);
    buffer_commit(&bytes, LARGE);
    buffer_append_string(&bytes, "\r\n");
    buffer_append_string(&bytes, behind);
    pair_send(client, buffer_content(&bytes).data, buffer_size(&bytes));
    buffer_deinit(&bytes);
}

static void begin_three(void)
{
    const struct pair_setup setup = {.nodes = 3};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    pair_silence(&pair, 0, 1, true);
    pair_silence(&pair, 0, 2, true);
}

static void carry_again(void)
{
    pair_silence(&pair, 0, 1, false);
    pair_silence(&pair, 0, 2, false);
    pair_settle(&pair);
}

Test(engine_slow, a_long_command_that_waits_takes_its_input_and_is_not_copied)
{
    begin_three();
    send_large("");
    cr_assert_null(engine_client_in(client->client)->block, "the request has it");
    pair_expect(client, "");
    pair_command(client, "PING"); /* the parser has forgotten what was taken */
    carry_again();
    pair_expect(client, OK "+PONG\r\n");
    pair_ask(client, "STRLEN k", ":65536\r\n");
    end();
}

Test(engine_slow, a_long_command_with_others_behind_it_is_copied)
{
    begin_three();
    send_large("*1\r\n$4\r\nPING\r\n*2\r\n$6\r\nSTRLEN");
    cr_assert_not_null(engine_client_in(client->client)->block);
    carry_again();
    pair_expect(client, OK "+PONG\r\n");
    pair_send(client, "\r\n$1\r\nk\r\n", 9);
    pair_expect(client, ":65536\r\n");
    end();
}

/* What is only claimed takes little; once a part of it is there, room is made for all, so that no
 * more than that part is moved, and counts only as it is filled. */
Test(engine_slow, room_is_made_at_once_and_not_for_any_claim)
{
    static char part[3 << 20];
    struct buffer *in;

    begin();
    in = engine_client_in(client->client);
    pair_send(client, SPAN("*2\r\n$4\r\nECHO\r\n$1000000\r\n").data, 24);
    cr_assert_geq(in->capacity, 1000000);
    const uint8_t *block = in->block;
    memset(part, 'x', sizeof part);
    pair_send(client, part, 1000000);
    cr_assert_eq(in->block, block);
    pair_send(client, "\r\n", 2);
    cr_assert_eq(buffer_size(&client->got), 1000012);
    buffer_reset(&client->got, 0);
    buffer_reset(in, 0);

    pair_send(client, SPAN("*2\r\n$4\r\nECHO\r\n$500000000\r\n").data, 26);
    cr_assert_leq(in->capacity, 2 * ROOM_PROOF);
    pair_send(client, part, ROOM_PROOF / 2);
    cr_assert_leq(in->capacity, 2 * ROOM_PROOF);
    pair_send(client, part, ROOM_PROOF / 2);
    cr_assert_geq(in->capacity, 500000000);
    block = in->block;
    pair_send(client, part, sizeof part);
    cr_assert_eq(in->block, block, "it is moved");
    pair_pass(&pair, 1000);
    cr_assert_geq(pair_metric(&pair, 0, METRIC_CLIENT_BYTES), sizeof part);
    cr_assert_leq(pair_metric(&pair, 0, METRIC_CLIENT_BYTES), 2 * sizeof part);
    end();
}

/* ---- peers ---- */

#define MB (1u << 20)

static void set_huge(const char *key)
{
    static uint8_t value[MB + 2];
    struct buffer bytes = {0};

    memset(value, 'x', MB);
    memcpy(value + MB, "\r\n", 2);
    buffer_append_format(&bytes, "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%u\r\n", strlen(key), key, MB);
    buffer_append(&bytes, value, sizeof value);
    pair_send(client, buffer_content(&bytes).data, buffer_size(&bytes));
    buffer_deinit(&bytes);
}

/* With values of 1 MB, so that what a message is counted as is what it takes. */
Test(engine_slow, a_peer_that_does_not_read_gets_hints_and_not_memory)
{
    const struct pair_setup setup = {.nodes = 3};
    const size_t most = 4 * MB;
    char keys[12][PAIR_KEY_MAX];
    const struct peer *peer;

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    pair_configure(&pair, 0, "peer-queue-bytes", "4mb");
    pair_configure(&pair, 0, "hint-bytes", "16mb");
    peer = peer_find(pair.nodes[0].engine, pair.nodes[1].number);
    pair_silence(&pair, 0, 1, true);
    for (unsigned i = 0; i < 12; i++) {
        set_huge(pair_key(&pair, 0, i, keys[i]));
        pair_expect(client, OK);
        cr_assert_leq(outbox_size(&peer->out), most);
        cr_assert_leq(peer->out.head.capacity, 2 * MB, "what is queued is moved as it grows");
    }
    cr_assert_geq(outbox_size(&peer->out), 3 * MB, "the queue was used");
    cr_assert_geq(pair_metric(&pair, 0, METRIC_PEER_QUEUE_REFUSALS), 9);
    pair_pass(&pair, 2 * PAIR_TIMEOUT_MS);
    cr_assert_leq(outbox_size(&peer->out), most);
    cr_assert_geq(pair_metric(&pair, 0, METRIC_HINTS), 9);
    cr_assert_leq(pair_metric(&pair, 0, METRIC_HINT_BYTES), 16 * MB);

    pair_silence(&pair, 0, 1, false);
    pair_pass(&pair, 5000);
    for (unsigned i = 0; i < 12; i++) {
        char length[] = "AT ONE STRLEN                 ";
        struct pair_client *other = pair.client_count < 2 ? pair_connect(&pair, 1)
                                                          : &pair.clients[1];
        memcpy(length + 14, keys[i], strlen(keys[i]));
        pair_ask(other, length, ":1048576\r\n");
    }
    cr_assert_eq(pair_metric(&pair, 0, METRIC_CLIENT_LIMIT_CLOSES), 0);
    end();
}
