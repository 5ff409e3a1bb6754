/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DUMP and RESTORE through an engine: payloads are checked and unpacked where the key is, before
 * its partition is locked.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/memory.h"
#include "lib/engine_pair.h"
#include "lib/timeout.h"

TestSuite(engine_dump, .timeout = TIMEOUT_S(10));

#define OK    "+OK\r\n"
#define WRONG "-ERR DUMP payload version or checksum are wrong\r\n"
/* Of a redis-server 7.0.15: eighty times "a". */
#define PACKED "\"\\x00\\xc3\\t@P\\x01aa\\xe0C\\x00\\x01aa\\n\\x00(\\xee\\xacr\\x91\\xdb\\xc2+\""
#define A20    "aaaaaaaaaaaaaaaaaaaa"

static struct pair pair;
static struct pair_client *client;

static void begin(const struct pair_setup *setup)
{
    pair_init(&pair, setup);
    client = pair_connect(&pair, 0);
}

Test(engine_dump, a_payload_is_checked_and_unpacked)
{
    begin(NULL);
    pair_ask(client, "RESTORE k 0 junk", WRONG);
    pair_ask(client, "RESTORE k 0 " PACKED, OK);
    pair_ask(client, "GET k", "$80\r\n" A20 A20 A20 A20 "\r\n");
    pair_ask(client, "RESTORE k 0 junk", "-BUSYKEY Target key name already exists.\r\n");
    pair_ask(client, "RESTORE k 0 junk REPLACE", WRONG);
    pair_ask(client, "SETRANGE k 1 b", ":80\r\n");
    pair_ask(client, "GETRANGE k 0 2", "$3\r\naba\r\n");
    pair_deinit(&pair);
}

Test(engine_dump, a_payload_is_checked_where_its_key_is)
{
    const struct pair_setup setup = {.nodes = 3, .replicas = 2};
    char key[PAIR_KEY_MAX], line[256];

    begin(&setup);
    pair_key(&pair, 1, 0, key);
    snprintf(line, sizeof line, "RESTORE %s 0 junk", key);
    pair_ask(client, line, WRONG);
    snprintf(line, sizeof line, "RESTORE %s 0 " PACKED, key);
    pair_ask(client, line, OK);
    cr_assert(pair_has(&pair, 1, key, A20 A20 A20 A20));
    cr_assert(pair_has(&pair, 2, key, A20 A20 A20 A20));
    snprintf(line, sizeof line, "STRLEN %s", key);
    pair_ask(client, line, ":80\r\n");
    /* Its key is the second argument, and is found elsewhere as well. */
    snprintf(line, sizeof line, "OBJECT ENCODING %s", key);
    pair_ask(client, line, "$3\r\nraw\r\n");
    snprintf(line, sizeof line, "DUMP %s", key);
    pair_command(client, line);
    cr_assert_eq(buffer_size(&client->got), strlen("$93\r\n") + 93 + 2);
    pair_deinit(&pair);
}

Test(engine_dump, a_transaction_makes_values_one_after_the_other)
{
    begin(NULL);
    pair_pipeline(client, (const char *const[]){"MULTI", "INCRBYFLOAT {k}f 1.5",
                                                "INCRBYFLOAT {k}g 2.5", "SETRANGE {k}z 2 x",
                                                "RESTORE {k}r 0 " PACKED, "RESTORE {k}s 0 junk",
                                                "STRLEN {k}r", "DUMP {k}none", "EXEC", NULL});
    pair_expect(client,
                OK "+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n"
                   "+QUEUED\r\n*7\r\n$3\r\n1.5\r\n$3\r\n2.5\r\n:3\r\n" OK WRONG ":80\r\n$-1\r\n");
    pair_ask(client, "MGET {k}f {k}g", "*2\r\n$3\r\n1.5\r\n$3\r\n2.5\r\n");
    pair_ask(client, "STRLEN {k}z", ":3\r\n");
    pair_deinit(&pair);
}

static void send_bulk(const char *head, struct span bytes)
{
    char text[128];
    const int size = snprintf(text, sizeof text, "%s$%zu\r\n", head, bytes.size);

    pair_send(client, text, (size_t)size);
    pair_send(client, bytes.data, bytes.size);
    pair_send(client, "\r\n", 2);
}

/* It arrives in a block of its own, which the store may share. */
Test(engine_dump, a_large_value_goes_there_and_back)
{
    const size_t size = 300000;
    uint8_t *value = memory_alloc(size);
    struct buffer payload = {0};

    for (size_t i = 0; i < size; i++)
        value[i] = (uint8_t)(i * i >> 3);
    begin(NULL);
    send_bulk("*3\r\n$3\r\nSET\r\n$1\r\na\r\n", span_of(value, size));
    pair_expect(client, OK);
    pair_command(client, "DUMP a");
    const struct span reply = buffer_content(&client->got);
    const uint8_t *end = memchr(reply.data, '\n', reply.size);
    cr_assert_not_null(end);
    buffer_append(&payload, end + 1, (size_t)(reply.data + reply.size - end) - 3);
    buffer_reset(&client->got, SIZE_MAX);
    send_bulk("*4\r\n$7\r\nRESTORE\r\n$1\r\nb\r\n$1\r\n0\r\n", buffer_content(&payload));
    pair_expect(client, OK);
    pair_command(client, "GET b");
    cr_assert_eq(buffer_size(&client->got), strlen("$300000\r\n") + size + 2);
    cr_assert_eq(memcmp(buffer_content(&client->got).data + strlen("$300000\r\n"), value, size), 0);
    buffer_deinit(&payload);
    pair_deinit(&pair);
    memory_free(value);
}
