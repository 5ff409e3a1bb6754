/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Large values pass through engines without being copied: what is read, sent to other nodes and
 * kept there refers to the block that a value arrived in.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/engine_pair.h"
#include "lib/timeout.h"

TestSuite(engine_large, .timeout = TIMEOUT_S(10));

#define OK "+OK\r\n"
/* With the frame that carries it, a little less than a buffer that has doubled takes. */
#define SIZE 130800u
#define HEAD "$130800\r\n"

static struct pair pair;
static struct pair_client *client;
static uint8_t value[SIZE];
static char key[PAIR_KEY_MAX];

static void begin(size_t nodes)
{
    const struct pair_setup setup = {.nodes = nodes};

    pair_init(&pair, &setup);
    client = pair_connect(&pair, 0);
    pair_key(&pair, 0, 0, key);
    for (size_t i = 0; i < SIZE; i++)
        value[i] = (uint8_t)('a' + i % 26);
}

static void end(void)
{
    pair_deinit(&pair);
}

/* `words` stand before the value: "*3\r\n$3\r\nSET\r\n". */
static void send_value(const char *words)
{
    struct buffer bytes = {0};

    buffer_append_format(&bytes, "%s$%zu\r\n%s\r\n" HEAD, words, strlen(key), key);
    buffer_append(&bytes, value, SIZE);
    buffer_append_string(&bytes, "\r\n");
    pair_send(client, buffer_content(&bytes).data, buffer_size(&bytes));
    buffer_deinit(&bytes);
}

/* The block that the node keeps the value in, with a share of it; NULL: it has it elsewhere. */
static struct block *block_at(size_t node, struct version *version)
{
    struct store *store = pair.nodes[node].store;
    const struct span name = span_of_string(key);
    struct partition *partition = store_partition(store, pair_partition_of(&pair, key));

    cr_assert(partition_get(partition, store_hash(store, name), name, version));
    cr_assert(span_equal(version->value, span_of(value, SIZE)));
    return partition_share_value(partition, store_hash(store, name), name);
}

static void ask_for_value(const char *line)
{
    pair_command(client, line);
}

static void expect_value(void)
{
    const struct span got = buffer_content(&client->got);
    const size_t head = strlen(HEAD);

    cr_assert_eq(got.size, head + SIZE + 2);
    cr_assert(span_equal(span_of(got.data, head), SPAN(HEAD)));
    cr_assert(span_equal(span_of(got.data + head, SIZE), span_of(value, SIZE)));
    cr_assert(span_equal(span_of(got.data + head + SIZE, 2), SPAN("\r\n")));
    buffer_reset(&client->got, 0);
}

static void command(char line[], size_t size, const char *before, const char *behind)
{
    snprintf(line, size, "%s %s%s", before, key, behind);
}

Test(engine_large, a_reply_refers_to_the_value_where_it_is_kept)
{
    struct version version;
    struct span spans[4];
    char line[64];

    begin(1);
    send_value("*3\r\n$3\r\nSET\r\n");
    pair_expect(client, OK);
    struct block *block = block_at(0, &version);
    cr_assert_not_null(block);
    client->stalled = true;
    command(line, sizeof line, "GET", "");
    ask_for_value(line);
    cr_assert_eq(outbox_gather(engine_client_out(client->client), spans, 4, SIZE_MAX), 3);
    cr_assert_eq(spans[1].data, version.value.data);

    /* What is on its way outlives the key. */
    struct pair_client *other = pair_connect(&pair, 0);
    command(line, sizeof line, "DEL", "");
    pair_ask(other, line, ":1\r\n");
    cr_assert_eq(atomic_load(&block->shares), 2);
    client->stalled = false;
    pair_settle(&pair);
    expect_value();
    cr_assert_eq(atomic_load(&block->shares), 1);
    block_release(&block);
    end();
}

Test(engine_large, every_kind_of_read_answers_the_same_bytes)
{
    static const char *const reads[] = {"GET", "GETEX", "GETSET", "GETDEL"};
    char line[64];

    for (size_t nodes = 1; nodes <= 3; nodes += 2) {
        begin(nodes);
        for (size_t i = 0; i < 4; i++) {
            send_value("*3\r\n$3\r\nSET\r\n");
            pair_expect(client, OK);
            command(line, sizeof line, reads[i], i == 2 ? " small" : "");
            ask_for_value(line);
            expect_value();
        }
        send_value("*3\r\n$3\r\nSET\r\n");
        pair_expect(client, OK);
        command(line, sizeof line, "MGET nothing", "");
        ask_for_value(line);
        cr_assert(span_equal(span_of(buffer_content(&client->got).data, 9), SPAN("*2\r\n$-1\r\n")));
        buffer_consume(&client->got, 9);
        expect_value();
        end();
    }
}

/* At all three nodes it is in the block in which it came; what waits for a slow node refers to it.
 */
Test(engine_large, a_write_is_neither_copied_into_frames_nor_out_of_them)
{
    struct version version;
    struct span spans[8];
    bool refers = false;

    begin(3);
    pair_silence(&pair, 0, 1, true);
    send_value("*3\r\n$3\r\nSET\r\n");
    pair_expect(client, OK);
    struct block *block = block_at(0, &version);
    cr_assert_not_null(block);
    const struct outbox *out = engine_peer_out(pair.nodes[0].engine, pair.nodes[1].number);
    const size_t count = outbox_gather(out, spans, 8, SIZE_MAX);
    for (size_t i = 0; i < count; i++)
        refers |= spans[i].data == version.value.data && spans[i].size == SIZE;
    cr_assert(refers);
    cr_assert_leq(outbox_capacity(out), SIZE + 4096);
    block_release(&block);

    pair_silence(&pair, 0, 1, false);
    pair_settle(&pair);
    for (size_t node = 1; node < 3; node++) {
        block = block_at(node, &version);
        cr_assert_not_null(block, "node %zu has copied it", node);
        block_release(&block);
    }
    end();
}

/* An update keeps its argument as a write does, and others' answers are read from their frames. */
Test(engine_large, an_update_and_a_forwarded_command_carry_it_as_well)
{
    struct version version;
    char line[64];

    begin(3);
    send_value("*3\r\n$5\r\nSETNX\r\n");
    pair_expect(client, ":1\r\n");
    struct block *block = block_at(0, &version);
    cr_assert_not_null(block);
    block_release(&block);
    pair_deinit(&pair);

    const struct pair_setup apart = {.nodes = 3, .replicas = 1};
    pair_init(&pair, &apart);
    client = pair_connect(&pair, 1); /* where the key is not */
    pair_key(&pair, 0, 0, key);
    send_value("*3\r\n$3\r\nSET\r\n");
    pair_expect(client, OK);
    command(line, sizeof line, "GET", "");
    ask_for_value(line);
    expect_value();
    command(line, sizeof line, "GETDEL", "");
    ask_for_value(line);
    expect_value();
    end();
}
