/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The command line of dunlin-admin:
 *
 *     dunlin-admin [option ...] command [argument ...] [option ...]
 */
#ifndef DUNLIN_MAIN_ADMIN_OPTIONS_H
#define DUNLIN_MAIN_ADMIN_OPTIONS_H

#include "base/buffer.h"

#define ADMIN_LIST_MAX 16

/* Exit statuses. */
enum admin_exit {
    ADMIN_DONE = 0,
    ADMIN_FAILED = 1,     /* could not begin or go on; an import can be gone on with */
    ADMIN_USE = 2,        /* wrong use */
    ADMIN_INCOMPLETE = 3, /* came to its end, but something is amiss: keys that did not come over */
    ADMIN_INTERRUPTED = 130,
};

enum admin_command {
    ADMIN_COMMAND_NONE,
    ADMIN_COMMAND_IMPORT,
    ADMIN_COMMAND_STATUS,
};

struct admin_list {
    const char *items[ADMIN_LIST_MAX];
    size_t count;
};

#define ADMIN_TYPE_TEXT   const char *
#define ADMIN_TYPE_NUMBER int64_t
#define ADMIN_TYPE_FLAG   bool
#define ADMIN_TYPE_LIST   struct admin_list

struct admin_options {
    enum admin_command command;
    struct admin_list arguments; /* behind the command */
#define ADMIN_OPTION(command, field, letter, name, KIND, initial, min, max, form, text) \
    ADMIN_TYPE_##KIND field;
#include "main/admin_options_list.h"
};

/* Reads the words behind the program's name; the values point into them. On false `error` says what
 * was found and what is accepted. */
bool admin_options_parse(struct admin_options *options, const char *const *words, size_t count,
                         struct buffer *error);

/* --help, of all or of one command. */
void admin_options_print_help(enum admin_command command, struct buffer *text);
/* The sections COMMANDS and OPTIONS of dunlin-admin(1). */
void admin_options_print_manual(struct buffer *text);

#endif
