/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How often a byte of a large value is copied in user space on its way through the core: engines of
 * one node and of three, in memory (lib/engine_pair.h), are asked to SET and GET values. What
 * memcpy, memmove and a realloc that moves copy is counted while an engine runs or makes room for
 * what arrives, and not what the fixture does in the place of sockets.
 *
 *   bench_copies [BYTES]      the size of the values (1048576)
 *
 * Prints a line a case, "set-3 0.02": bytes copied for each byte that was stored, on all nodes
 * together, or, of get-*, for each byte that was read. Linked with --wrap of those functions.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "io/connection.h"
#include "lib/engine_pair.h"
#include "lib/flat.h"

#define ROUNDS 8u
#define NODES  3

void *__real_memcpy(void *to, const void *from, size_t size);
void *__real_memmove(void *to, const void *from, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_memcpy(void *to, const void *from, size_t size);
void *__wrap_memmove(void *to, const void *from, size_t size);
void *__wrap_realloc(void *block, size_t size);

static bool counting;
static uint64_t copied;

void *__wrap_memcpy(void *to, const void *from, size_t size)
{
    copied += counting ? size : 0;
    return __real_memcpy(to, from, size);
}

void *__wrap_memmove(void *to, const void *from, size_t size)
{
    copied += counting ? size : 0;
    return __real_memmove(to, from, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    const size_t before = block != NULL ? malloc_usable_size(block) : 0;
    const uintptr_t address = (uintptr_t)block;
    void *after = __real_realloc(block, size);

    if (counting && (uintptr_t)after != address)
        copied += before < size ? before : size;
    return after;
}

/* ---- what sockets would do ---- */

/* The next part of `bytes` is received; returns its size. */
static size_t receive(struct buffer *in, struct span bytes)
{
    const size_t room = connection_room(in), size = bytes.size < room ? bytes.size : room;

    counting = true;
    uint8_t *at = buffer_reserve(in, room);
    counting = false;
    ensure(at != NULL);
    memcpy(at, bytes.data, size);
    buffer_commit(in, size);
    return size;
}

static void end_turn(struct pair_node *node)
{
    counting = true;
    engine_turn_end(node->engine, pair_now(node));
    counting = false;
}

/* All that waits in `out`, in the pieces that it lies in. */
static void carry(struct outbox *out, struct pair_node *to, struct link *link)
{
    struct span next;

    while (outbox_gather(out, &next, 1, SIZE_MAX) > 0) {
        const size_t size = receive(engine_link_in(link), next);
        counting = true;
        outbox_consume(out, size);
        engine_link_input(to->engine, pair_now(to), link);
        counting = false;
        end_turn(to);
    }
}

/* One command, from its first byte to the reply, and the others' last answer. */
static void ask(struct pair *pair, struct client *client, struct span command, struct buffer *reply)
{
    struct pair_node *node = &pair->nodes[0];
    struct outbox *out = engine_client_out(client);
    struct span next;

    while (command.size > 0) {
        const size_t size = receive(engine_client_in(client), command);
        command = span_of(command.data + size, command.size - size);
        counting = true;
        engine_client_input(node->engine, pair_now(node), client);
        counting = false;
        end_turn(node);
    }
    for (size_t i = 1; i < pair->count; i++) {
        struct pair_cable *cable = pair_cable(pair, 0, i);
        carry(engine_peer_out(node->engine, cable->to->number), cable->to, cable->link);
        struct buffer *answers = flat(engine_link_out(cable->link));
        buffer_append_span(engine_peer_in(node->engine, cable->to->number),
                           buffer_content(answers));
        buffer_consume(answers, buffer_size(answers));
        counting = true;
        engine_peer_input(node->engine, pair_now(node), cable->to->number);
        counting = false;
    }
    end_turn(node);
    buffer_reset(reply, SIZE_MAX);
    while (outbox_gather(out, &next, 1, SIZE_MAX) > 0) {
        buffer_append_span(reply, next);
        counting = true;
        outbox_consume(out, next.size);
        counting = false;
    }
}

static void run(size_t nodes, size_t size)
{
    static struct pair pair; /* too large for a stack */
    struct buffer set = {0}, get = {0}, reply = {0};
    uint64_t stored = 0, set_copied, get_copied = 0;

    pair_init(&pair, &(struct pair_setup){.nodes = nodes});
    for (size_t i = 0; i < nodes; i++)
        log_set_level(&pair.nodes[i].log, LOG_WARNING);
    struct client *client = pair_connect(&pair, 0)->client;
    copied = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        buffer_reset(&set, SIZE_MAX);
        buffer_append_format(&set, "*3\r\n$3\r\nSET\r\n$5\r\nkey:%u\r\n$%zu\r\n", i % 10, size);
        memset(buffer_reserve(&set, size), 'v', size);
        buffer_commit(&set, size);
        buffer_append_string(&set, "\r\n");
        ask(&pair, client, buffer_content(&set), &reply);
        ensure(span_equal(buffer_content(&reply), SPAN("+OK\r\n")));
        stored += size * nodes;
        pair_pass(&pair, 1);
    }
    set_copied = copied;
    copied = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        buffer_reset(&get, SIZE_MAX);
        buffer_append_format(&get, "*2\r\n$3\r\nGET\r\n$5\r\nkey:%u\r\n", i % 10);
        ask(&pair, client, buffer_content(&get), &reply);
        ensure(buffer_size(&reply) > size);
        pair_pass(&pair, 1);
    }
    get_copied = copied;
    printf("set-%zu %.3f\n", nodes, (double)set_copied / (double)stored);
    printf("get-%zu %.3f\n", nodes, (double)get_copied / (double)(ROUNDS * size));
    buffer_deinit(&set);
    buffer_deinit(&get);
    buffer_deinit(&reply);
    pair_deinit(&pair);
}

int main(int argc, char **argv)
{
    const size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) : 1 << 20;

    run(1, size);
    run(NODES, size);
    return 0;
}
