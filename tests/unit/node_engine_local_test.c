/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CLIENT LIST of so many clients that it takes several turns.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/engine_pair.h"
#include "lib/flat.h"
#include "lib/timeout.h"
#include "node/parts.h"

TestSuite(engine_local, .timeout = TIMEOUT_S(30));

#define SESSIONS 500

static struct pair pair;
static struct pair_client *client, *other;
static struct engine *engine;
static struct session sessions[SESSIONS];
static struct directory *directory;

static void begin(void)
{
    pair_init(&pair, NULL);
    client = pair_connect(&pair, 0);
    engine = pair.nodes[0].engine;
    directory = pair.nodes[0].environment.directory;
    for (unsigned i = 0; i < SESSIONS; i++) {
        session_init(&sessions[i], "10.0.0.1:1", "10.0.0.2:2", pair.now, true);
        directory_add(directory, &sessions[i]);
    }
    other = pair_connect(&pair, 0);
}

static void leave(unsigned i)
{
    directory_remove(directory, &sessions[i]);
    session_deinit(&sessions[i]);
}

static void end(void)
{
    for (unsigned i = 0; i < SESSIONS; i++)
        if (!list_empty(&sessions[i].link))
            leave(i);
    pair_deinit(&pair);
}

static void turn(struct pair_client *from, const char *command)
{
    engine_wake(engine, pair_now(&pair.nodes[0]));
    if (command != NULL) {
        buffer_append_string(engine_client_in(from->client), command);
        engine_client_input(engine, pair_now(&pair.nodes[0]), from->client);
    }
    engine_turn_end(engine, pair_now(&pair.nodes[0]));
}

static size_t answered(struct pair_client *to)
{
    return outbox_size(engine_client_out(to->client));
}

static size_t lines_of(struct span text)
{
    size_t lines = 0;

    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n';
    return lines;
}

Test(engine_local, a_long_list_of_clients_takes_turns)
{
    unsigned turns = 0;

    begin();
    turn(client, "CLIENT LIST\r\n");
    cr_assert_eq(answered(client), 0);
    turn(other, "PING\r\n");
    cr_assert_eq(answered(other), strlen("+PONG\r\n"));
    cr_assert_eq(answered(client), 0);
    leave(300);                                /* was not looked at yet */
    leave(0);                                  /* was */
    for (unsigned i = 256; i < 256 + 128; i++) /* what comes next, and a step behind it */
        if (i != 300)
            leave(i);
    for (; answered(client) == 0; turns++) {
        cr_assert_lt(turns, 10);
        turn(NULL, NULL);
    }
    const struct span got = buffer_content(flat(engine_client_out(client->client)));
    cr_assert_eq(got.data[0], '$');
    const char *end_of_head = memchr(got.data, '\n', got.size);
    cr_assert_eq((size_t)atoi((const char *)got.data + 1) + 2,
                 got.size - (size_t)(end_of_head + 1 - (const char *)got.data));
    /* The head, its end, both clients, and all but those that left before their turn. */
    cr_assert_eq(lines_of(got), 2 + 2 + SESSIONS - 128);
    end();
}

Test(engine_local, a_long_list_is_text_in_resp3)
{
    begin();
    turn(client, "HELLO 3\r\n");
    pair_settle(&pair);
    buffer_reset(&client->got, 0);
    pair_command(client, "CLIENT LIST");
    const struct span got = buffer_content(&client->got);
    cr_assert_eq(got.data[0], '=');
    cr_assert_eq(memcmp(memchr(got.data, '\n', got.size), "\ntxt:id=1 ", 10), 0);
    cr_assert_eq(lines_of(got), 2 + 2 + SESSIONS);
    buffer_reset(&client->got, 0);
    pair_ask(client, "PING", "+PONG\r\n");
    end();
}

Test(engine_local, who_leaves_takes_a_long_list_along)
{
    begin();
    turn(client, "CLIENT LIST\r\n");
    pair_disconnect(client);
    pair_settle(&pair);
    pair_ask(other, "PING", "+PONG\r\n");
    cr_assert_not(tasks_ready(&engine->tasks));
    end();
}
