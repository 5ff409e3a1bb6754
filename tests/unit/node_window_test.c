/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How many requests may wait at once: alone, and in an engine.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/engine_pair.h"
#include "lib/timeout.h"
#include "node/parts.h"

TestSuite(window, .timeout = TIMEOUT_S(20));

#define REST_MS (WINDOW_REST_US / 1000)

static struct window window;

static void begin(void)
{
    window_init(&window);
}

/* ---- alone ---- */

Test(window, it_is_full_until_answers_make_room, .init = begin)
{
    window.taken = WINDOW_LEAST - 1;
    cr_assert_not(window_is_full(&window, 1000));
    window.taken = WINDOW_LEAST;
    cr_assert(window_is_full(&window, 1000));
    cr_assert_eq(window_rests_until(&window), 1000 + WINDOW_REST_US);
    cr_assert(window_is_full(&window, 1000 + WINDOW_REST_US - 1), "the rest began then");
    window.taken = WINDOW_LEAST - 1;
    cr_assert_not(window_is_full(&window, 1000 + WINDOW_REST_US - 1));
    cr_assert_not(window_rests(&window));
    cr_assert_eq(window.size, WINDOW_LEAST);
    window.taken = WINDOW_LEAST; /* another rest */
    cr_assert(window_is_full(&window, 1000 + 2 * WINDOW_REST_US));
    cr_assert(window_is_full(&window, 1000 + 3 * WINDOW_REST_US - 1));
}

Test(window, where_no_room_comes_it_grows, .init = begin)
{
    window.taken = WINDOW_LEAST;
    cr_assert(window_is_full(&window, 0));
    cr_assert_not(window_is_full(&window, WINDOW_REST_US));
    cr_assert_eq(window.size, WINDOW_LEAST * WINDOW_GROWTH);
    /* Far beyond it, at once. */
    window.taken = REQUESTS_MAX;
    cr_assert(window_is_full(&window, 10000));
    cr_assert_not(window_is_full(&window, 10000 + WINDOW_REST_US));
    cr_assert_gt(window.size, REQUESTS_MAX);
}

Test(window, it_shrinks_again_step_by_step, .init = begin)
{
    int64_t now_us = WINDOW_REST_US;

    window.taken = WINDOW_LEAST;
    cr_assert(window_is_full(&window, 0));
    cr_assert_not(window_is_full(&window, now_us));
    window.taken = 0;
    cr_assert_not(window_is_full(&window, now_us + WINDOW_SHRINK_US - 1));
    cr_assert_eq(window.size, WINDOW_LEAST * WINDOW_GROWTH);
    for (size_t size = window.size; size > WINDOW_LEAST; size /= 2) {
        now_us += WINDOW_SHRINK_US;
        cr_assert_not(window_is_full(&window, now_us));
        cr_assert_eq(window.size, size / 2);
    }
    cr_assert_not(window_is_full(&window, now_us + 10 * WINDOW_SHRINK_US));
    cr_assert_eq(window.size, WINDOW_LEAST);
}

/* ---- in an engine ---- */

#define GETS 1000

static struct pair pair;
static struct pair_client *client;

/* Two nodes, the second of which is not heard of; the first is sent GETs at ALL. */
static void begin_pair(void)
{
    const struct pair_setup setup = {.nodes = 2};
    struct buffer commands = {0};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    pair_silence(&pair, 0, 1, true);
    for (unsigned i = 0; i < GETS; i++)
        buffer_append_format(&commands,
                             "*4\r\n$2\r\nAT\r\n$3\r\nALL\r\n$3\r\nGET\r\n$4\r\nk%03u\r\n", i);
    pair_send(client, buffer_content(&commands).data, buffer_size(&commands));
    buffer_deinit(&commands);
}

static size_t waiting(void)
{
    return pair.nodes[0].engine->window.taken;
}

Test(window, past_it_clients_rest_until_it_has_grown)
{
    struct pair_client *other;

    begin_pair();
    cr_assert_geq(waiting(), WINDOW_LEAST);
    cr_assert_lt(waiting(), WINDOW_LEAST + BATCH_COMMANDS_MAX);
    cr_assert_geq(pair_metric(&pair, 0, METRIC_CLIENT_RESTS), 1);
    other = pair_connect(&pair, 0);
    pair_command(other, "PING");
    pair_expect(other, "");
    pair_pass(&pair, REST_MS);
    pair_expect(other, "+PONG\r\n");
    cr_assert_eq(waiting(), GETS);
    pair_silence(&pair, 0, 1, false);
    pair_settle(&pair);
    cr_assert_eq(waiting(), 0);
    cr_assert_eq(buffer_size(&client->got), GETS * strlen("$-1\r\n"));
    pair_deinit(&pair);
}

Test(window, answers_make_room_for_the_next)
{
    begin_pair();
    pair_silence(&pair, 0, 1, false);
    pair_settle(&pair);
    cr_assert_eq(buffer_size(&client->got), GETS * strlen("$-1\r\n"));
    cr_assert_eq(pair.nodes[0].engine->window.size, WINDOW_LEAST);
    cr_assert_eq(waiting(), 0);
    pair_deinit(&pair);
}

/* What nobody wants any more leaves it as well. */
Test(window, it_is_empty_when_all_are_gone)
{
    begin_pair();
    pair_disconnect(client);
    pair_pass(&pair, PAIR_TIMEOUT_MS + 100);
    cr_assert_eq(waiting(), 0);
    pair_silence(&pair, 0, 1, false);
    client = pair_connect(&pair, 0);
    pair_ask(client, "SET k v", "+OK\r\n");
    pair_settle(&pair);
    cr_assert_eq(waiting(), 0, "nor what lingered");
    pair_deinit(&pair);
}

/* They are begun in steps, and are not in the way of others. */
Test(window, of_a_command_of_many_keys_the_parts_do_not_count)
{
    const struct pair_setup setup = {.nodes = 2};
    struct buffer command = {0};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    pair_silence(&pair, 0, 1, true);
    buffer_append_format(&command, "*%d\r\n$2\r\nAT\r\n$3\r\nALL\r\n$4\r\nMGET\r\n", 3 + GETS);
    for (unsigned i = 0; i < GETS; i++)
        buffer_append_format(&command, "$4\r\nk%03u\r\n", i);
    pair_send(client, buffer_content(&command).data, buffer_size(&command));
    buffer_deinit(&command);
    cr_assert_eq(waiting(), 1);
    pair_ask(pair_connect(&pair, 0), "PING", "+PONG\r\n");
    pair_silence(&pair, 0, 1, false);
    pair_settle(&pair);
    cr_assert_eq(waiting(), 0);
    pair_deinit(&pair);
}

/* Its own window is that of the node that forwards. */
Test(window, what_is_forwarded_counts_where_it_came_from)
{
    const struct pair_setup setup = {.nodes = 2};
    char key[PAIR_KEY_MAX], line[64];

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    snprintf(line, sizeof line, "INCR %s", pair_key(&pair, 1, 0, key));
    pair_silence(&pair, 1, 0, true);
    pair_command(client, line);
    pair_expect(client, "");
    cr_assert_eq(waiting(), 1);
    cr_assert_eq(pair.nodes[1].engine->window.taken, 0);
    pair_silence(&pair, 1, 0, false);
    pair_settle(&pair);
    pair_expect(client, ":1\r\n");
    cr_assert_eq(waiting(), 0);
    pair_deinit(&pair);
}
