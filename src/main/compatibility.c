/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "main/compatibility.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/glob.h"
#include "command/command.h"
#include "command/handlers.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LINE_MAX     1024

static const struct redis_command {
    const char *name, *group, *since;
} redis_commands[] = {
#define REDIS_COMMAND(name_, group_, since_) {.name = name_, .group = group_, .since = since_},
#include "main/redis_commands.h"
#undef REDIS_COMMAND
};

static const struct {
    const char *commands, *what, *reason;
} differences[] = {
#define DIFFERS(commands_, command_, redis_, dunlin_, what_, reason_) \
    {.commands = commands_, .what = what_, .reason = reason_},
#include "main/differences.h"
#undef DIFFERS
};

static const struct {
    const char *groups, *names, *plan, *reason;
} absent[] = {
#define ABSENT(groups_, names_, plan_, reason_) \
    {.groups = groups_, .names = names_, .plan = plan_, .reason = reason_},
#include "main/absent.h"
#undef ABSENT
};

static const struct {
    const char *group, *title;
} groups[] = {
    {"string", "Strings"},
    {"generic", "Keys"},
    {"transactions", "Transactions"},
    {"scripting", "Scripts"},
    {"pubsub", "Messages"},
    {"connection", "The connection"},
    {"server", "The server"},
    {"cluster", "The cluster"},
    {"list", "Lists"},
    {"set", "Sets"},
    {"sorted-set", "Sorted sets"},
    {"hash", "Hashes"},
    {"stream", "Streams"},
    {"bitmap", "Bits"},
    {"hyperloglog", "HyperLogLog"},
    {"geo", "Places"},
};

static const char head[] =
    "# Compatibility with Redis\n"
    "\n"
    "<!-- Made by `make compatibility` from the tables of commands and of differences. -->\n"
    "\n"
    "Dunlin answers as Redis 7.0 does, in RESP2 and RESP3, to the byte: `tests/system/compare.c`\n"
    "puts it beside a real redis-server. This page lists every command of Redis up to 7.4, and "
    "what\n"
    "differs on purpose. `CONSISTENCY.md` says what reads and writes promise.\n"
    "\n"
    "| | |\n"
    "|---|---|\n"
    "| works | as in Redis |\n"
    "| differs | works, and is listed under *What differs* |\n"
    "| refused | is known, and answers an error that says why |\n"
    "| not yet, never | an unknown command |\n"
    "\n";

static const char cluster_clients[] =
    "## Clients that know Redis Cluster\n"
    "\n"
    "Every node takes every command for every key. A client that sends each command to the node "
    "that\n"
    "CLUSTER SLOTS, SHARDS or NODES names saves a hop, and nothing else changes. What stays\n"
    "different from a Redis Cluster:\n"
    "\n"
    "- Every node is a `master`. The other nodes of a key are listed with its slots, as replicas, "
    "but\n"
    "  none of them is one in CLUSTER NODES or ROLE.\n"
    "- There is no MOVED, ASK or CROSSSLOT: commands of many keys take keys of any slots.\n"
    "- READONLY, READWRITE and ASKING are accepted and change nothing: the level says what a read\n"
    "  waits for.\n"
    "- DBSIZE, KEYS, SCAN and RANDOMKEY answer for the whole cluster, from any node. On a "
    "connection\n"
    "  that has sent CLUSTER NODES, SLOTS or SHARDS they answer for the node's own primaries, so "
    "that\n"
    "  who walks all masters over such connections, as `redis-cli --cluster`, adds up right. "
    "Client\n"
    "  libraries ask for the slots over one connection and for keys over others: redis-py's\n"
    "  `scan_iter` and a sum over ioredis' `nodes('master')` see each key once a node, and each "
    "once\n"
    "  in all when CLUSTER SLOTS was sent to each of the nodes before.\n"
    "- Slots move only when an operator changes the ring, and not with CLUSTER ADDSLOTS, SETSLOT "
    "and\n"
    "  the like.\n"
    "\n";

/* ---- what is what ---- */

static bool has_word(const char *words, const char *word)
{
    const size_t size = strlen(word);

    for (; *words != '\0'; words += strspn(words, " ")) {
        const size_t length = strcspn(words, " ");
        if (length == size && memcmp(words, word, size) == 0)
            return true;
        words += length;
    }
    return false;
}

static bool differs(const char *name)
{
    for (size_t i = 0; i < COUNT(differences); i++)
        if (has_word(differences[i].commands, name))
            return true;
    return false;
}

static bool fits(const char *pattern, const char *text)
{
    return glob_match(span_of_string(pattern), span_of_string(text), false);
}

/* The row that says why a command is not there; COUNT(absent) when there is none. */
static size_t absent_row(const struct redis_command *redis)
{
    size_t row = 0;

    while (row < COUNT(absent) &&
           !(fits(absent[row].groups, redis->group) && fits(absent[row].names, redis->name)))
        row++;
    return row;
}

enum state { WORKS, DIFFERS, REFUSED, ABSENT, STATES };

static enum state state_of(const struct redis_command *redis)
{
    const struct command *command = command_named(span_of_string(redis->name));

    if (command == NULL)
        return ABSENT;
    if (command->kind == COMMAND_LOCAL && command->run == refused_run)
        return REFUSED;
    return differs(redis->name) ? DIFFERS : WORKS;
}

static bool of_redis(const char *name)
{
    for (size_t i = 0; i < COUNT(redis_commands); i++)
        if (strcmp(redis_commands[i].name, name) == 0)
            return true;
    return false;
}

/* ---- the tables fit together ---- */

static bool complain(const char *what, const char *name)
{
    fprintf(stderr, "dunlin-manual: %s: %s\n", what, name);
    return false;
}

static bool check_absent(void)
{
    bool used[COUNT(absent)] = {false};
    bool whole = true;

    for (size_t i = 0; i < COUNT(redis_commands); i++) {
        if (state_of(&redis_commands[i]) != ABSENT)
            continue;
        const size_t row = absent_row(&redis_commands[i]);
        if (row == COUNT(absent))
            whole = complain("no row of absent.h says why there is none", redis_commands[i].name);
        else
            used[row] = true;
    }
    for (size_t i = 0; i + 1 < COUNT(absent); i++) /* the last one takes what is left */
        if (!used[i])
            whole = complain("a row of absent.h is about nothing", absent[i].names);
    return whole;
}

static bool check_differences(void)
{
    char name[64];
    bool whole = true;

    for (size_t i = 0; i < COUNT(differences); i++)
        for (const char *at = differences[i].commands; *at != '\0'; at += strspn(at, " ")) {
            const size_t size = strcspn(at, " ");
            snprintf(name, sizeof name, "%.*s", (int)size, at);
            if (!of_redis(name))
                whole = complain("differences.h is about no command of Redis", name);
            at += size;
        }
    return whole;
}

/* ---- the page ---- */

static void put(struct buffer *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct buffer *text, const char *format, ...)
{
    char line[LINE_MAX];
    va_list arguments;

    va_start(arguments, format);
    const int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    ensure(size >= 0 && (size_t)size < sizeof line);
    buffer_append_string(text, line);
}

/* "client|kill" is typed CLIENT KILL. */
static void put_name(struct buffer *text, const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const char byte = name[i];
        put(text, "%c", byte == '|' ? ' ' : byte >= 'a' && byte <= 'z' ? byte - 'a' + 'A' : byte);
    }
}

static void put_counts(struct buffer *text)
{
    static const char *const words[STATES] = {"work", "differ", "are refused", "are not there"};
    size_t counts[STATES] = {0};

    for (size_t i = 0; i < COUNT(redis_commands); i++)
        counts[state_of(&redis_commands[i])]++;
    put(text, "Of %zu commands and subcommands", COUNT(redis_commands));
    for (size_t i = 0; i < STATES; i++)
        put(text, "%s %zu %s", i == 0 ? "" : i + 1 < STATES ? "," : " and", counts[i], words[i]);
    put(text, ".\n\n");
}

static void put_differences(struct buffer *text)
{
    put(text, "## What differs\n\n| command | what | why |\n|---|---|---|\n");
    for (size_t i = 0; i < COUNT(differences); i++) {
        const char *at = differences[i].commands;
        put(text, "| %s", *at == '\0' ? "all" : "");
        for (const char *separator = ""; *at != '\0'; at += strspn(at, " "), separator = ", ") {
            const size_t size = strcspn(at, " ");
            put(text, "%s", separator);
            put_name(text, at, size);
            at += size;
        }
        put(text, " | %s | %s |\n", differences[i].what, differences[i].reason);
    }
    put(text, "\n");
}

static void put_command(struct buffer *text, const struct redis_command *redis)
{
    const enum state state = state_of(redis);
    const size_t row = absent_row(redis);

    put(text, "| ");
    put_name(text, redis->name, strlen(redis->name));
    put(text, " | %s | ", redis->since);
    if (state == ABSENT)
        put(text, "%s: %s |\n", absent[row].plan, absent[row].reason);
    else
        put(text, "%s |\n", state == WORKS ? "works" : state == DIFFERS ? "differs" : "refused");
}

static void put_groups(struct buffer *text)
{
    for (size_t i = 0; i < COUNT(groups); i++) {
        put(text, "### %s\n\n| command | since | |\n|---|---|---|\n", groups[i].title);
        for (size_t j = 0; j < COUNT(redis_commands); j++)
            if (strcmp(redis_commands[j].group, groups[i].group) == 0)
                put_command(text, &redis_commands[j]);
        put(text, "\n");
    }
}

static void put_own_commands(struct buffer *text)
{
    size_t count;
    const struct command *table = command_table(&count);

    put(text, "## Dunlin's own\n\n| command | |\n|---|---|\n");
    for (size_t i = 0; i < count; i++) {
        if (of_redis(table[i].name))
            continue;
        put(text, "| ");
        put_name(text, table[i].name, strlen(table[i].name));
        put(text, " | %s |\n", table[i].summary);
    }
}

bool compatibility_print(struct buffer *text)
{
    const bool absent_fit = check_absent(), differences_fit = check_differences();

    if (!absent_fit || !differences_fit)
        return false;
    buffer_append_string(text, head);
    put_counts(text);
    put_differences(text);
    buffer_append_string(text, cluster_clients);
    buffer_append_string(text, "## Commands\n\n");
    put_groups(text);
    put_own_commands(text);
    return true;
}
