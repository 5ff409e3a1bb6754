/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What may make a turn of an engine long, for scripts/perf-gate, which counts the instructions of
 * each turn under callgrind: engines of one node and of three, in memory (lib/engine_pair.h). A
 * turn is what an engine is called with until engine_turn_end returns, as a worker has it; of no
 * turn does the host say that it is late, so what ends it are the engine's own bounds alone.
 *
 *   perf_turns                 all cases
 *   perf_turns --compiler      names the compiler that built it
 *
 * Prints a line a case, its name. perf_turns_case_begins and _ends are called around what is
 * counted of it. Ends with an assertion when what it asks for does not happen.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "lib/engine_pair.h"
#include "lib/flat.h"
#include "node/parts.h"
#include "perf/compiler.h"
#include "resp/reply.h"

#define KEYS        16384u
#define CLIENTS     8u
#define BURST       1000u /* commands of a client on their way: two turns' */
#define VALUE       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ROOM        16384u /* bytes of one receive */
#define MANY        10000u /* keys of one command */
#define NODES       3
#define LAST        (NODES - 1)
#define LIFE_MS     5000
#define PATIENCE_MS 60000

/* Named on valgrind's command line, so they must not be inlined, cloned or renamed. */
void perf_turns_case_begins(void);
void perf_turns_case_ends(void);
void perf_turns_turn_ends(void);
void perf_turns_idle_turn_ends(void);

void perf_turns_case_begins(void)
{
    __asm__ volatile("");
}

void perf_turns_case_ends(void)
{
    __asm__ volatile("");
}

void perf_turns_turn_ends(void)
{
    __asm__ volatile("");
}

void perf_turns_idle_turn_ends(void)
{
    __asm__ volatile("");
}

static void (*volatile const case_begins)(void) = perf_turns_case_begins;
static void (*volatile const case_ends)(void) = perf_turns_case_ends;
static void (*volatile const turn_ends)(void) = perf_turns_turn_ends;
static void (*volatile const idle_turn_ends)(void) = perf_turns_idle_turn_ends;

/* The fixture ends turns again and again: of those in which an engine was at nothing no count is
 * kept. */
void __real_engine_turn_end(struct engine *engine, struct instant now);
void __wrap_engine_turn_end(struct engine *engine, struct instant now);

void __wrap_engine_turn_end(struct engine *engine, struct instant now)
{
    __real_engine_turn_end(engine, now);
    (engine_take_doing(engine) != 0 ? turn_ends : idle_turn_ends)();
}

static struct pair pair; /* too large for a stack */
static struct pair_client *clients[CLIENTS];

static void begin(size_t nodes)
{
    static const char *const options[] = {"--hint-rate", "256mb", NULL};

    pair_init(&pair, &(struct pair_setup){.nodes = nodes, .options = options});
    for (size_t i = 0; i < nodes; i++)
        log_set_level(&pair.nodes[i].log, LOG_WARNING);
    for (size_t i = 0; i < CLIENTS; i++)
        clients[i] = pair_connect(&pair, 0);
}

static void end(const char *name)
{
    case_ends();
    printf("%s\n", name);
    pair_deinit(&pair);
}

static uint64_t keys_of(size_t node)
{
    static const uint8_t all[] = {0xff, 0xff};
    uint64_t keys, expiring;

    _Static_assert(sizeof all * 8 == PAIR_PARTITIONS, "a bit for each partition");
    sweep_count(pair.nodes[node].engine, span_of(all, sizeof all), &keys, &expiring);
    return keys;
}

static const char *key_name(unsigned key)
{
    static char name[32];

    snprintf(name, sizeof name, "key:%012u", key);
    return name;
}

static void put_set(struct buffer *out, unsigned key, const char *option, const char *date)
{
    reply_array(out, option != NULL ? 5 : 3);
    reply_bulk_string(out, "SET");
    reply_bulk_string(out, key_name(key));
    reply_bulk_string(out, VALUE);
    if (option == NULL)
        return;
    reply_bulk_string(out, option);
    reply_bulk_string(out, date);
}

/* All clients ask at once, each for keys of its own. */
static void fill(const char *option, const char *date)
{
    const unsigned share = KEYS / CLIENTS;

    for (unsigned done = 0; done < share; done += BURST) {
        for (unsigned c = 0; c < CLIENTS; c++) {
            for (unsigned i = done; i < done + BURST && i < share; i++)
                put_set(engine_client_in(clients[c]->client), c * share + i, option, date);
            engine_client_input(pair.nodes[0].engine, pair_now(&pair.nodes[0]), clients[c]->client);
        }
        pair_settle(&pair);
    }
    for (unsigned c = 0; c < CLIENTS; c++) {
        ensure(buffer_size(&clients[c]->got) == share * strlen("+OK\r\n"));
        buffer_reset(&clients[c]->got, SIZE_MAX);
    }
    ensure(keys_of(0) == KEYS);
}

static void pass_until(bool (*done)(size_t node), size_t node)
{
    for (unsigned ms = 0; !done(node); ms++) {
        ensure(ms < PATIENCE_MS);
        pair_pass(&pair, 1);
    }
}

/* The keys, and their memory. */
static bool all_gone(size_t node)
{
    return keys_of(node) == 0 && !store_reclaim(pair.nodes[node].store, 0);
}

static void run_grow(void)
{
    begin(1);
    case_begins();
    fill(NULL, NULL);
    end("grow");
}

static void run_expire(void)
{
    char date[32];

    begin(1);
    snprintf(date, sizeof date, "%lld", (long long)(PAIR_BEGIN_MS + LIFE_MS));
    fill("PXAT", date);
    case_begins();
    pair_pass(&pair, LIFE_MS);
    pass_until(all_gone, 0);
    end("expire");
}

static void run_flush(void)
{
    begin(1);
    fill(NULL, NULL);
    case_begins();
    pair_ask(clients[0], "FLUSHALL", "+OK\r\n");
    pass_until(all_gone, 0);
    end("flush");
}

/* One command about MANY keys, the first of them. */
static void run_many(const char *name, const char *command, const char *value)
{
    struct buffer line = {0};

    begin(1);
    fill(NULL, NULL);
    reply_array(&line, 1 + MANY * (value != NULL ? 2 : 1));
    reply_bulk_string(&line, command);
    for (unsigned i = 0; i < MANY; i++) {
        reply_bulk_string(&line, key_name(i));
        if (value != NULL)
            reply_bulk_string(&line, value);
    }
    case_begins();
    for (struct span rest = buffer_content(&line); rest.size > 0;) {
        const size_t size = rest.size < ROOM ? rest.size : ROOM;
        pair_send(clients[0], rest.data, size);
        rest = span_of((const uint8_t *)rest.data + size, rest.size - size);
    }
    ensure(buffer_size(&clients[0]->got) > 0);
    end(name);
    buffer_deinit(&line);
}

/* ---- three nodes ---- */

static bool no_hints(size_t node)
{
    return pair_metric(&pair, 0, METRIC_HINTS) == 0 && keys_of(node) == KEYS;
}

static void run_hints(void)
{
    begin(NODES);
    pair.nodes[LAST].unreachable = true;
    for (size_t i = 0; i < LAST; i++)
        pair_break(&pair, i, LAST);
    case_begins();
    fill(NULL, NULL);
    ensure(pair_metric(&pair, 0, METRIC_HINTS) > KEYS / 2);
    case_ends();
    puts("keep-hints");
    pair.nodes[LAST].unreachable = false;
    case_begins();
    pass_until(no_hints, LAST);
    end("send-hints");
}

static bool has_recovered(size_t node)
{
    for (uint32_t p = 0; p < PAIR_PARTITIONS; p++)
        if (store_partition(pair.nodes[node].store, p)->recovering)
            return false;
    return keys_of(node) == KEYS;
}

static void run_recover(void)
{
    begin(NODES);
    fill(NULL, NULL);
    for (uint32_t p = 0; p < PAIR_PARTITIONS; p++)
        partition_clear(store_partition(pair.nodes[LAST].store, p));
    pass_until(all_gone, LAST);
    case_begins();
    pair_forget(&pair, LAST);
    pass_until(has_recovered, LAST);
    end("recover");
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        const bool wanted = strcmp(argv[1], "--compiler") == 0;
        if (wanted)
            printf("%s\n", COMPILER);
        return wanted ? 0 : 2;
    }
    run_grow();
    run_expire();
    run_flush();
    run_many("mget", "MGET", NULL);
    run_many("mset", "MSET", VALUE);
    run_many("del", "DEL", NULL);
    run_hints();
    run_recover();
    return 0;
}
