/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Clients of a pair: commands as lines, replies as text.
 */
#include "lib/engine_pair.h"

#include <criterion/criterion.h>

#include "base/word.h"

#define WORDS_MAX 64

struct pair_client *pair_connect(struct pair *pair, size_t node)
{
    struct pair_client *client = &pair->clients[pair->client_count++];
    const struct engine_client about = {.address = "127.0.0.1:4711",
                                        .local_address = "127.0.0.1:7001",
                                        .descriptor = 9,
                                        .local = true};
    struct buffer refusal = {0};

    cr_assert_leq(pair->client_count, PAIR_CLIENTS_MAX);
    client->node = &pair->nodes[node];
    client->client = engine_client_open(client->node->engine, pair_now(client->node), client,
                                        &about, &refusal);
    buffer_append_span(&client->got, buffer_content(&refusal));
    buffer_deinit(&refusal);
    return client;
}

void pair_disconnect(struct pair_client *client)
{
    struct pair_node *node = client->node;

    engine_client_closed(node->engine, pair_now(node), client->client);
    client->client = NULL;
    pair_settle(node->pair);
}

void pair_send(struct pair_client *client, const void *bytes, size_t size)
{
    struct pair_node *node = client->node;

    cr_assert_not_null(client->client, "the client was closed");
    buffer_append(engine_client_in(client->client), bytes, size);
    engine_client_input(node->engine, pair_now(node), client->client);
    pair_settle(node->pair);
}

static void compose(struct buffer *out, const char *line)
{
    uint8_t text[1024];
    struct span words[WORDS_MAX];
    struct word word = {0};
    const size_t size = strlen(line);
    size_t count = 0;

    cr_assert_leq(size, sizeof text);
    memcpy(text, line, size);
    while (word_next(text, size, &word) == WORD_FOUND) {
        cr_assert_lt(count, WORDS_MAX);
        words[count++] = span_of(text + word.offset, word.size);
    }
    buffer_append_format(out, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) {
        buffer_append_format(out, "$%zu\r\n", words[i].size);
        buffer_append_span(out, words[i]);
        buffer_append_string(out, "\r\n");
    }
}

void pair_pipeline(struct pair_client *client, const char *const *lines)
{
    struct buffer bytes = {0};

    for (; *lines != NULL; lines++)
        compose(&bytes, *lines);
    pair_send(client, buffer_content(&bytes).data, buffer_size(&bytes));
    buffer_deinit(&bytes);
}

void pair_command(struct pair_client *client, const char *line)
{
    pair_pipeline(client, (const char *const[]){line, NULL});
}

void pair_expect(struct pair_client *client, const char *reply)
{
    const struct span got = buffer_content(&client->got);

    cr_assert(span_equal(got, span_of_string(reply)), "got '%.*s' and not '%s'", (int)got.size,
              (const char *)got.data, reply);
    buffer_reset(&client->got, SIZE_MAX);
}

void pair_expect_begin(struct pair_client *client, const char *begin)
{
    const struct span got = buffer_content(&client->got);
    const size_t size = strlen(begin);

    cr_assert(got.size >= size && memcmp(got.data, begin, size) == 0 &&
                  memchr(got.data, '\n', got.size) == got.data + got.size - 1,
              "got '%.*s' and not one line '%s...'", (int)got.size, (const char *)got.data, begin);
    buffer_reset(&client->got, SIZE_MAX);
}

void pair_ask(struct pair_client *client, const char *line, const char *reply)
{
    pair_command(client, line);
    pair_expect(client, reply);
}
