/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dunlin-admin: a client of the commands that redis-cli can send as well, with tables, progress and
 * JSON.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "main/admin_import.h"

static int print_help(const struct admin_options *options)
{
    struct buffer text = {0};

    admin_options_print_help(options->command, &text);
    return admin_print(&text) ? ADMIN_DONE : ADMIN_FAILED;
}

int main(int count, char **words)
{
    struct admin_options options;
    struct buffer error = {0};

    if (!admin_options_parse(&options, (const char *const *)(words + 1), (size_t)count - 1,
                             &error)) {
        fprintf(stderr, "dunlin-admin: %.*s\nTry: dunlin-admin --help\n", (int)buffer_size(&error),
                (const char *)buffer_content(&error).data);
        buffer_deinit(&error);
        return ADMIN_USE;
    }
    if (options.help)
        return print_help(&options);
    if (options.version) {
        puts("dunlin-admin " PACKAGE_VERSION);
        return ADMIN_DONE;
    }
    return options.command == ADMIN_COMMAND_STATUS ? (int)admin_status(&options)
                                                   : (int)admin_import(&options, words);
}
