/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An engine whose allocations fail. Each story is told again and again, with one allocation more
 * granted at each try, so that each is once the first to fail. Whatever fails, the server goes on,
 * and no client takes the reply to one command for that to another.
 */
#include <criterion/criterion.h>

#include "lib/allocator.h"
#include "lib/engine_pair.h"
#include "lib/timeout.h"
#include "node/parts.h"

#define FORGET_ALL ">2\r\n$10\r\ninvalidate\r\n_\r\n"

TestSuite(engine_starved, .timeout = TIMEOUT_S(20));

/* More than any buffer keeps: it has to be allocated anew each time. */
#define LARGE (3 * BUFFER_KEEP)

#define OK         "+OK\r\n"
#define NO_REQUEST "-OOM out of memory for the request\r\n"
#define NO_REPLY   "-OOM out of memory for the reply\r\n"

static struct pair pair;
static struct pair_client *client;
static struct allocator allocator;
static char large[LARGE + 1];

static void begin(const struct pair_setup *setup)
{
    memset(large, 'x', LARGE);
    pair_init(&pair, setup);
    client = pair_connect(&pair, 0);
}

static void add_word(struct buffer *out, const char *word)
{
    buffer_append_format(out, "$%zu\r\n", strlen(word));
    buffer_append_string(out, word);
    buffer_append_string(out, "\r\n");
}

static void add_command(struct buffer *out, const char *const *words)
{
    size_t count = 0;

    while (words[count] != NULL)
        count++;
    buffer_append_format(out, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++)
        add_word(out, words[i]);
}

#define COMMAND(out, ...) add_command(out, (const char *const[]){__VA_ARGS__, NULL})

/* A command that more follows is copied to be kept; one alone takes the block that it came in. */
static void add_nothing(struct buffer *out)
{
    buffer_append_string(out, "\r\n");
}

static void send_all(struct buffer *bytes)
{
    const struct span content = buffer_content(bytes);

    pair_send(client, content.data, content.size);
    buffer_deinit(bytes);
}

/* The engine takes up what was sent with so many allocations of at least so many bytes; those of
 * the pair itself succeed. */
static void send_starved(struct buffer *bytes, size_t least, uint64_t granted)
{
    struct pair_node *node = client->node;

    buffer_append_span(engine_client_in(client->client), buffer_content(bytes));
    buffer_deinit(bytes);
    allocator_grant(&allocator, granted);
    allocator.least = least;
    engine_client_input(node->engine, pair_now(node), client->client);
    engine_turn_end(node->engine, pair_now(node));
    allocator_use(NULL);
    pair_settle(&pair);
}

/* The time of what the node coordinates is up, and it has so many allocations to say so. */
static void time_out_starved(size_t index, uint64_t granted)
{
    struct pair_node *node = &pair.nodes[index];

    pair.now.mono_us += 2 * PAIR_TIMEOUT_MS * 1000;
    pair.now.wall_ms += 2 * PAIR_TIMEOUT_MS;
    allocator_grant(&allocator, granted);
    engine_wake(node->engine, pair_now(node));
    allocator_use(NULL);
    pair_settle(&pair);
}

static bool got(const char *text)
{
    return span_equal(buffer_content(&client->got), span_of_string(text));
}

static bool got_error(void)
{
    const struct span bytes = buffer_content(&client->got);

    return bytes.size > 0 && bytes.data[0] == '-' &&
           memchr(bytes.data, '\n', bytes.size) == bytes.data + bytes.size - 1;
}

static void forget_replies(void)
{
    buffer_reset(&client->got, SIZE_MAX);
}

/* Replies are not taken for one another: the next command gets its own, if there is a connection.
 */
static void expect_order(void)
{
    if (client->client == NULL)
        return;
    forget_replies();
    pair_ask(client, "ECHO order", "$5\r\norder\r\n");
}

static const struct pair_setup three = {.nodes = 3};

Test(engine_starved, a_command_that_cannot_be_kept_is_refused_before_any_of_it_runs)
{
    unsigned refused = 0;

    for (uint64_t granted = 0; granted == 0 || allocator.refused > 0; granted++) {
        struct buffer bytes = {0};
        begin(&three);
        COMMAND(&bytes, "SET", "k", large);
        add_nothing(&bytes);
        send_starved(&bytes, LARGE, granted);
        pair_pass(&pair, 2 * PAIR_TIMEOUT_MS); /* a link whose bytes had no room breaks */
        cr_assert(client->client == NULL || got(OK) || got_error(), "granted %zu", (size_t)granted);
        if (got(NO_REQUEST)) {
            refused++;
            forget_replies();
            pair_ask(client, "GET k", "$-1\r\n");
        }
        expect_order();
        pair_deinit(&pair);
    }
    cr_assert_gt(refused, 0);
}

Test(engine_starved, a_command_of_many_keys_is_refused_whole)
{
    unsigned refused = 0;

    for (uint64_t granted = 0; granted == 0 || allocator.refused > 0; granted++) {
        struct buffer bytes = {0};
        begin(&three);
        COMMAND(&bytes, "MSET", "a", large, "b", large, "a", "1");
        add_nothing(&bytes);
        send_starved(&bytes, LARGE, granted);
        pair_pass(&pair, 2 * PAIR_TIMEOUT_MS); /* a link whose bytes had no room breaks */
        cr_assert(client->client == NULL || got(OK) || got_error(), "granted %zu", (size_t)granted);
        if (got(NO_REQUEST)) {
            refused++;
            forget_replies();
            pair_ask(client, "MGET a b", "*2\r\n$-1\r\n$-1\r\n");
        }
        expect_order();
        pair_deinit(&pair);
    }
    cr_assert_geq(refused, 3); /* two parts; the whole */
}

Test(engine_starved, of_many_keys_all_are_told_or_none)
{
    unsigned told = 0, withheld = 0;

    for (uint64_t granted = 0; granted == 0 || allocator.refused > 0; granted++) {
        struct buffer bytes = {0};
        begin(NULL);
        pair_ask(client, "SET a 1", OK); /* one after the other: only the whole's reply has room */
        pair_ask(client, "SET b 2", OK);
        COMMAND(&bytes, "MGET", "a", "b");
        send_starved(&bytes, 0, granted);
        const bool whole = got("*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
        cr_assert(client->client == NULL || whole || got_error(), "granted %zu", (size_t)granted);
        told += whole;
        withheld += client->client != NULL && got(NO_REPLY);
        expect_order();
        pair_deinit(&pair);
    }
    cr_assert_gt(told, 0);
    cr_assert_gt(withheld, 0);
}

/* The second command is done long before the first, whose reply has no room, or no room in the
 * output: the second's reply, which is large and moves as it is, must not take its place. */
Test(engine_starved, a_client_whose_reply_has_no_room_is_closed)
{
    unsigned closed = 0, answered = 0;

    for (uint64_t granted = 0; granted == 0 || allocator.refused > 0; granted++) {
        struct buffer bytes = {0};
        begin(&three);
        pair_silence(&pair, 0, 1, true);
        pair_silence(&pair, 0, 2, true);
        COMMAND(&bytes, "AT", "ALL", "GET", "k");
        COMMAND(&bytes, "ECHO", large);
        send_all(&bytes);
        cr_assert_eq(buffer_size(&client->got), 0);
        time_out_starved(0, granted);
        if (client->client == NULL) {
            cr_assert_eq(buffer_size(&client->got), 0);
            closed++;
        } else {
            const struct span all = buffer_content(&client->got);
            cr_assert_gt(all.size, (size_t)LARGE);
            cr_assert_eq(all.data[0], '-', "granted %zu", (size_t)granted);
            answered++;
            expect_order();
        }
        pair_deinit(&pair);
    }
    cr_assert_geq(closed, 2); /* the reply; its place in the output */
    cr_assert_gt(answered, 0);
}

/* Node 0 keeps nothing of the key and forwards; node 1 has no room for its reply. */
Test(engine_starved, a_reply_without_room_elsewhere_is_an_error_here)
{
    static const struct pair_setup two_of_three = {.nodes = 3, .replicas = 2};
    unsigned withheld = 0;

    for (uint64_t granted = 0; granted == 0 || allocator.refused > 0; granted++) {
        char key[PAIR_KEY_MAX];
        struct buffer bytes = {0};
        begin(&two_of_three);
        pair_silence(&pair, 1, 2, true);
        COMMAND(&bytes, "AT", "ALL", "GET", pair_key(&pair, 1, 0, key));
        send_all(&bytes);
        cr_assert_eq(buffer_size(&client->got), 0);
        time_out_starved(1, granted);
        pair_pass(&pair, 2 * PAIR_TIMEOUT_MS);
        cr_assert(client->client == NULL || got_error(), "granted %zu", (size_t)granted);
        withheld += got(NO_REPLY);
        expect_order();
        pair_deinit(&pair);
    }
    cr_assert_gt(withheld, 0);
}

/* A copy that it kept of what it was told would never be taken back. */
Test(engine_starved, who_is_not_noted_to_have_read_a_key_forgets_all_behind_the_reply)
{
    for (uint64_t granted = 0; granted < 2; granted++) {
        struct buffer bytes = {0};
        begin(NULL);
        pair_command(client, "HELLO 3");
        forget_replies();
        pair_ask(client, "CLIENT TRACKING ON", OK);
        COMMAND(&bytes, "GET", "k");
        send_starved(&bytes, 0, granted);
        pair_pass(&pair, PAIR_TIMEOUT_MS);
        cr_assert_gt(allocator.refused, 0);
        cr_assert(got("-OOM out of memory for the request\r\n" FORGET_ALL) ||
                  got("_\r\n" FORGET_ALL));
        pair_deinit(&pair);
    }
}
