/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every command of the table, called by a script, with as many arguments as it takes at the least:
 * a script has no connection, and no handler may count on one.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "command/command.h"
#include "lib/engine_pair.h"
#include "lib/timeout.h"

TestSuite(engine_script_table, .timeout = TIMEOUT_S(60));

static void ask(struct pair_client *client, const struct command *row, const char *argument)
{
    static const char begin[] = "EVAL \"return redis.pcall(unpack(ARGV))\" 0";
    const int least = row->arity < 0 ? -row->arity : row->arity;
    char line[512];
    size_t size = (size_t)snprintf(line, sizeof line, "%s ", begin);

    for (const char *at = row->name; *at != '\0'; at++)
        line[size++] = *at == '|' ? ' ' : *at;
    for (int i = command_is_subcommand(row) ? 2 : 1; i < least; i++)
        size += (size_t)snprintf(line + size, sizeof line - size, " %s", argument);
    line[size] = '\0';
    pair_command(client, line);
    pair_pass(client->node->pair, 5);
}

Test(engine_script_table, no_command_counts_on_a_connection)
{
    static const char *const arguments[] = {"k", "1"};
    struct pair pair;
    size_t rows;
    const struct command *table = command_table(&rows);

    for (size_t nodes = 1; nodes <= 3; nodes += 2) {
        pair_init(&pair, &(struct pair_setup){.nodes = nodes});
        struct pair_client *client = pair_connect(&pair, 0);
        for (size_t row = 0; row < rows; row++)
            for (size_t i = 0; i < 2; i++)
                ask(client, &table[row], arguments[i]);
        pair_disconnect(client);
        client = pair_connect(&pair, 0);
        pair_ask(client, "PING", "+PONG\r\n");
        pair_deinit(&pair);
    }
}
