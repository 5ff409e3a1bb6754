/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Many answers at once, and many that will not come: both take several turns.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/engine_pair.h"
#include "lib/flat.h"
#include "lib/timeout.h"
#include "node/parts.h"

TestSuite(engine_answers, .timeout = TIMEOUT_S(30));

#define WRITES   900
#define OK       "+OK\r\n"
#define NOQUORUM "-NOQUORUM"

static struct pair pair;
static struct pair_client *client;
static struct engine *engine; /* of node 0 */
static node_number other;

static void turn(void)
{
    engine_wake(engine, pair_now(&pair.nodes[0]));
    engine_turn_end(engine, pair_now(&pair.nodes[0]));
}

/* Two nodes; the second has been asked to acknowledge WRITES writes of as many keys. */
static void begin(void)
{
    const struct pair_setup setup = {.nodes = 2};
    struct buffer commands = {0};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    engine = pair.nodes[0].engine;
    other = pair.nodes[1].number;
    pair_silence(&pair, 0, 1, true);
    engine->window.size = engine->window.least = WRITES + 1; /* all may wait at once */
    for (unsigned i = 0; i < WRITES; i++)
        buffer_append_format(
            &commands, "*5\r\n$2\r\nAT\r\n$3\r\nALL\r\n$3\r\nSET\r\n$4\r\nk%03u\r\n$1\r\nv\r\n", i);
    pair_send(client, buffer_content(&commands).data, buffer_size(&commands));
    buffer_deinit(&commands);
    while (client->client->in_flight < WRITES)
        turn();
    pair_expect(client, "");
}

static size_t replied(const char *with)
{
    const struct span got = buffer_content(flat(engine_client_out(client->client)));
    const size_t size = strlen(with);
    size_t count = 0;

    for (size_t at = 0; at + size <= got.size; at++)
        count += memcmp(got.data + at, with, size) == 0;
    return count;
}

/* All that the other answers, as it came. */
static void carry_answers(struct buffer *answers)
{
    struct pair_cable *cable = pair_cable(&pair, 0, 1);
    struct buffer *asked = flat(engine_peer_out(engine, other));
    struct engine *answerer = pair.nodes[1].engine;

    buffer_append_span(engine_link_in(cable->link), buffer_content(asked));
    buffer_consume(asked, buffer_size(asked));
    engine_link_input(answerer, pair_now(&pair.nodes[1]), cable->link);
    engine_turn_end(answerer, pair_now(&pair.nodes[1]));
    struct buffer *out = flat(engine_link_out(cable->link));
    buffer_append_span(answers, buffer_content(out));
    buffer_consume(out, buffer_size(out));
}

Test(engine_answers, beyond_a_turns_share_are_the_next_turns)
{
    struct buffer answers = {0};

    begin();
    carry_answers(&answers);
    buffer_append_span(engine_peer_in(engine, other), buffer_content(&answers));
    engine_peer_input(engine, pair_now(&pair.nodes[0]), other);
    engine_turn_end(engine, pair_now(&pair.nodes[0]));
    const size_t first = replied(OK);
    cr_assert(first > 0 && first < WRITES, "%zu in the first turn", first);
    cr_assert_leq(first, PEER_ANSWERS_PER_TURN + 128); /* what one message may have */
    cr_assert_leq(pair.nodes[0].wake_at_us, pair.now.mono_us, "it asks for another turn");
    turn();
    cr_assert_eq(replied(OK), WRITES);
    cr_assert_eq(buffer_size(engine_peer_in(engine, other)), 0);
    buffer_deinit(&answers);
    pair_deinit(&pair);
}

/* They end soon, and so do the commands behind them; and yet all are taken in time. */
Test(engine_answers, of_a_turn_that_is_late_are_the_next_turns)
{
    struct buffer answers = {0};
    size_t turns = 1;

    begin();
    carry_answers(&answers);
    pair.nodes[0].late = true;
    buffer_append_span(engine_peer_in(engine, other), buffer_content(&answers));
    engine_peer_input(engine, pair_now(&pair.nodes[0]), other);
    engine_turn_end(engine, pair_now(&pair.nodes[0]));
    cr_assert(replied(OK) > 0 && replied(OK) <= 2 * PEER_ANSWERS_UNASKED + 64, "%zu", replied(OK));
    for (; replied(OK) < WRITES; turns++) {
        cr_assert_leq(pair.nodes[0].wake_at_us, pair.now.mono_us);
        cr_assert_lt(turns, WRITES);
        turn();
    }
    cr_assert_geq(turns, WRITES / 128);
    cr_assert_eq(buffer_size(engine_peer_in(engine, other)), 0);
    buffer_deinit(&answers);
    pair_deinit(&pair);
}

Test(engine_answers, that_came_before_the_link_broke_count)
{
    struct buffer answers = {0};

    begin();
    carry_answers(&answers);
    buffer_append_span(engine_peer_in(engine, other), buffer_content(&answers));
    engine_peer_input(engine, pair_now(&pair.nodes[0]), other);
    engine_peer_closed(engine, pair_now(&pair.nodes[0]), other);
    engine_turn_end(engine, pair_now(&pair.nodes[0]));
    cr_assert_eq(replied(OK), WRITES);
    pair_cable_drop(pair_cable(&pair, 0, 1));
    buffer_deinit(&answers);
    pair_deinit(&pair);
}

/* And the link is not opened again before all know: they would take its answers for theirs. */
Test(engine_answers, that_will_not_come_are_told_in_steps)
{
    struct pair_node *node = &pair.nodes[0];
    size_t told, turns = 1;

    begin();
    engine_peer_closed(engine, pair_now(node), other);
    engine_turn_end(engine, pair_now(node));
    told = replied(NOQUORUM);
    cr_assert(told > 0 && told <= TASKS_WORK_PER_TURN / 8, "%zu in the first turn", told);
    pair.now.mono_us += 300000; /* it would be opened by now */
    while (told < WRITES) {
        const size_t before = told;
        cr_assert_eq(peer_find(engine, other)->stage, PEER_CLOSED);
        cr_assert_not(peer_promising(engine, other));
        turn();
        turns++;
        told = replied(NOQUORUM);
        cr_assert(told > before && told - before <= TASKS_WORK_PER_TURN / 8 + 1);
    }
    cr_assert_geq(turns, WRITES * 8 / TASKS_WORK_PER_TURN);
    pair_cable_drop(pair_cable(&pair, 0, 1));
    pair_silence(&pair, 0, 1, false);
    pair_pass(&pair, 1000);
    cr_assert_eq(peer_find(engine, other)->stage, PEER_OPEN);
    pair_deinit(&pair);
}
