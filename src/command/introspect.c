/* SPDX-License-Identifier: BSD-3-Clause
 *
 * COMMAND, and the HELP of every container: the table of commands, told to clients.
 */
#include <ctype.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/glob.h"
#include "base/memory.h"
#include "command/arguments.h"
#include "command/handlers.h"
#include "command/table.h"
#include "resp/reply.h"

static const char *const flag_words[] = {
#define X(flag, word) word,
    COMMAND_FLAGS(X)
#undef X
};

/* Whether `word` is among `words`, which blanks part; NULL: there are none. */
static bool has_word(const char *words, const char *word)
{
    const size_t size = strlen(word);

    for (const char *at = words; at != NULL; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, word, size) == 0 && (at[size] == ' ' || at[size] == '\0'))
            return true;
    }
    return false;
}

/* What follows from the rest of the row. */
static bool implied(const struct command *command, const char *category)
{
    const unsigned flags = command->flags;

    if (strcmp(category, "keyspace") == 0) /* SORT is about values */
        return strcmp(command->group, "generic") == 0 && command->first_key > 0 &&
               (flags & FLAG_MOVABLEKEYS) == 0;
    if (strcmp(category, "read") == 0)
        return (flags & FLAG_READONLY) != 0;
    if (strcmp(category, "write") == 0)
        return (flags & FLAG_WRITE) != 0;
    if (strcmp(category, "admin") == 0 || strcmp(category, "dangerous") == 0)
        return (flags & FLAG_ADMIN) != 0;
    if (strcmp(category, "pubsub") == 0)
        return (flags & FLAG_PUBSUB) != 0;
    if (strcmp(category, "fast") == 0)
        return (flags & FLAG_FAST) != 0;
    if (strcmp(category, "slow") == 0)
        return (flags & FLAG_FAST) == 0;
    if (strcmp(category, "connection") == 0)
        return strcmp(command->group, "connection") == 0 && !command_is_container(command);
    return strcmp(category, command->group) == 0;
}

/* Redis' categories of access control, in Redis' order. */
const char *const command_categories[COMMAND_CATEGORIES] = {
    "keyspace", "read",   "write",       "set",       "sortedset",  "list",        "hash",
    "string",   "bitmap", "hyperloglog", "geo",       "stream",     "pubsub",      "admin",
    "fast",     "slow",   "blocking",    "dangerous", "connection", "transaction", "scripting"};

bool command_in_category(const struct command *command, size_t category)
{
    const char *name = command_categories[category];

    return implied(command, name) || has_word(command->categories, name);
}

/* The subcommands of a container: the rows behind it. */
static size_t count_subcommands(const struct command *container)
{
    size_t rows, count = 0;
    const struct command *table = command_table(&rows);

    for (const struct command *row = container + 1;
         row < table + rows && command_is_subcommand(row); row++)
        count++;
    return command_is_subcommand(container) ? 0 : count;
}

static void reply_flags(struct call *call, unsigned flags)
{
    reply_set(call->reply, (size_t)__builtin_popcount(flags), call->protocol);
    for (unsigned bit = 0; bit < COMMAND_FLAG_COUNT; bit++)
        if ((flags & 1u << bit) != 0)
            reply_simple(call->reply, flag_words[bit]);
}

/* Words parted by blanks, as a set of simple or of bulk strings; NULL: none. */
static void reply_words(struct call *call, const char *words, bool bulk)
{
    size_t count = words != NULL;

    for (const char *at = words; at != NULL && *at != '\0'; at++)
        count += *at == ' ';
    reply_set(call->reply, count, call->protocol);
    while (words != NULL && *words != '\0') {
        char word[64];
        const size_t size = strcspn(words, " ");

        ensure(size < sizeof word);
        memcpy(word, words, size);
        word[size] = '\0';
        if (bulk)
            reply_bulk_string(call->reply, word);
        else
            reply_simple(call->reply, word);
        words += size + (words[size] == ' ' ? 1 : 0);
    }
}

static void reply_key_specifications(struct call *call, const struct command *command)
{
    struct buffer *reply = call->reply;
    const int protocol = call->protocol;

    if (command->first_key == 0) {
        reply_set(reply, 0, protocol);
        return;
    }
    reply_set(reply, 1, protocol);
    reply_map(reply, command->key_notes != NULL ? 4 : 3, protocol);
    if (command->key_notes != NULL) {
        reply_bulk_string(reply, "notes");
        reply_bulk_string(reply, command->key_notes);
    }
    reply_bulk_string(reply, "flags");
    reply_words(call, command->key_flags, false);
    reply_bulk_string(reply, "begin_search");
    reply_map(reply, 2, protocol);
    reply_bulk_string(reply, "type");
    reply_bulk_string(reply, "index");
    reply_bulk_string(reply, "spec");
    reply_map(reply, 1, protocol);
    reply_bulk_string(reply, "index");
    reply_integer(reply, command->first_key);
    reply_bulk_string(reply, "find_keys");
    reply_map(reply, 2, protocol);
    reply_bulk_string(reply, "type");
    reply_bulk_string(reply, "range");
    reply_bulk_string(reply, "spec");
    reply_map(reply, 3, protocol);
    reply_bulk_string(reply, "lastkey");
    /* Counted from the first key, where it is not counted from the end. */
    reply_integer(reply, command->last_key < 0 ? command->last_key
                                               : command->last_key - command->first_key);
    reply_bulk_string(reply, "keystep");
    reply_integer(reply, command->key_step);
    reply_bulk_string(reply, "limit");
    reply_integer(reply, 0);
}

static void reply_categories(struct call *call, const struct command *command)
{
    size_t count = 0;

    for (size_t i = 0; i < COMMAND_CATEGORIES; i++)
        count += command_in_category(command, i);
    reply_set(call->reply, count, call->protocol);
    for (size_t i = 0; i < COMMAND_CATEGORIES; i++) {
        char word[32];

        if (!command_in_category(command, i))
            continue;
        snprintf(word, sizeof word, "@%s", command_categories[i]);
        reply_simple(call->reply, word);
    }
}

/* All of COMMAND INFO's entry but the subcommands. */
static void reply_row(struct call *call, const struct command *command)
{
    reply_array(call->reply, 10);
    reply_bulk_string(call->reply, command->name);
    reply_integer(call->reply, command->arity);
    reply_flags(call, command->flags);
    reply_integer(call->reply, command->first_key);
    reply_integer(call->reply, command->last_key);
    reply_integer(call->reply, command->key_step);
    reply_categories(call, command);
    reply_words(call, command->tips, true);
    reply_key_specifications(call, command);
}

static void reply_entry(struct call *call, const struct command *command)
{
    const size_t subcommands = count_subcommands(command);

    reply_row(call, command);
    reply_array(call->reply, subcommands);
    for (size_t i = 1; i <= subcommands; i++) {
        reply_row(call, command + i);
        reply_array(call->reply, 0);
    }
}

static size_t count_commands(void)
{
    size_t rows, count = 0;
    const struct command *table = command_table(&rows);

    for (size_t i = 0; i < rows; i++)
        count += !command_is_subcommand(&table[i]);
    return count;
}

static void for_each_command(struct call *call,
                             void (*reply)(struct call *call, const struct command *command))
{
    size_t rows;
    const struct command *table = command_table(&rows);

    for (size_t i = 0; i < rows; i++)
        if (!command_is_subcommand(&table[i]))
            reply(call, &table[i]);
}

void introspect_all(struct call *call)
{
    reply_array(call->reply, count_commands());
    for_each_command(call, reply_entry);
}

void introspect_count(struct call *call)
{
    reply_integer(call->reply, (int64_t)count_commands());
}

void introspect_info(struct call *call)
{
    if (call->argc == 2) {
        introspect_all(call);
        return;
    }
    reply_array(call->reply, call->argc - 2);
    for (size_t i = 2; i < call->argc; i++) {
        const struct command *command = command_named(call->argv[i]);

        if (command == NULL)
            reply_null(call->reply, call->protocol);
        else
            reply_entry(call, command);
    }
}

static void reply_argument_list(struct call *call, const struct command_argument *list);

static void reply_argument(struct call *call, const struct command_argument *argument)
{
    static const char *const words[] = {"optional", "multiple", "multiple_token"};
    const bool key = strcmp(argument->type, "key") == 0;
    const size_t pairs = 2u + (key ? 1 : 0) + (argument->token != NULL ? 1 : 0) +
                         (argument->flags != 0 ? 1 : 0) + (argument->members != NULL ? 1 : 0);

    reply_map(call->reply, pairs, call->protocol);
    reply_bulk_string(call->reply, "name");
    reply_bulk_string(call->reply, argument->name);
    reply_bulk_string(call->reply, "type");
    reply_bulk_string(call->reply, argument->type);
    if (key) {
        reply_bulk_string(call->reply, "key_spec_index");
        reply_integer(call->reply, 0);
    }
    if (argument->token != NULL) {
        reply_bulk_string(call->reply, "token");
        reply_bulk_string(call->reply, argument->token);
    }
    if (argument->flags != 0) {
        reply_bulk_string(call->reply, "flags");
        reply_set(call->reply, (size_t)__builtin_popcount(argument->flags), call->protocol);
        for (unsigned bit = 0; bit < sizeof words / sizeof words[0]; bit++)
            if ((argument->flags & 1u << bit) != 0)
                reply_simple(call->reply, words[bit]);
    }
    if (argument->members != NULL) {
        reply_bulk_string(call->reply, "arguments");
        reply_argument_list(call, argument->members);
    }
}

/* Goes as deep as the table's rows do. */
static void reply_argument_list(struct call *call, const struct command_argument *list)
{
    size_t count = 0;

    while (list[count].name != NULL)
        count++;
    reply_array(call->reply, count);
    for (size_t i = 0; i < count; i++)
        reply_argument(call, &list[i]);
}

/* The name and the document of a row; a container's has room for its subcommands' at the end. */
static void reply_row_document(struct call *call, const struct command *command, bool more)
{
    reply_bulk_string(call->reply, command->name);
    reply_map(call->reply, 4u + (command->arguments != NULL ? 1 : 0) + (more ? 1 : 0),
              call->protocol);
    reply_bulk_string(call->reply, "summary");
    reply_bulk_string(call->reply, command->summary);
    reply_bulk_string(call->reply, "since");
    reply_bulk_string(call->reply, command->since);
    reply_bulk_string(call->reply, "group");
    reply_bulk_string(call->reply, command->group);
    reply_bulk_string(call->reply, "complexity");
    reply_bulk_string(call->reply, command->complexity);
    if (command->arguments != NULL) {
        reply_bulk_string(call->reply, "arguments");
        reply_argument_list(call, command->arguments);
    }
}

static void reply_document(struct call *call, const struct command *command)
{
    const size_t subcommands = count_subcommands(command);

    reply_row_document(call, command, subcommands > 0);
    if (subcommands == 0)
        return;
    reply_bulk_string(call->reply, "subcommands");
    reply_map(call->reply, subcommands, call->protocol);
    for (size_t i = 1; i <= subcommands; i++)
        reply_row_document(call, command + i, false);
}

void introspect_docs(struct call *call)
{
    size_t known = 0;

    if (call->argc == 2) {
        reply_map(call->reply, count_commands(), call->protocol);
        for_each_command(call, reply_document);
        return;
    }
    for (size_t i = 2; i < call->argc; i++)
        known += command_named(call->argv[i]) != NULL;
    reply_map(call->reply, known, call->protocol);
    for (size_t i = 2; i < call->argc; i++) {
        const struct command *command = command_named(call->argv[i]);

        if (command != NULL)
            reply_document(call, command);
    }
}

/* How SET accesses its key depends on whether it answers the old value (GET). */
static const char *key_flags_of(const struct command *command, const struct span *argv, size_t argc)
{
    if (!has_word(command->key_flags, "variable_flags"))
        return command->key_flags;
    for (size_t i = 3; i < argc; i++)
        if (span_is(argv[i], "get"))
            return "RW access update";
    return "OW update";
}

static void reply_keys(struct call *call, bool flags)
{
    const struct span *argv = call->argv + 2;
    const size_t argc = call->argc - 2;
    const struct command *command = command_row(argv, argc);

    if (command == NULL) {
        reply_error(call->reply, "ERR Invalid command specified");
        return;
    }
    if (!command_names_keys(command) && (command->flags & FLAG_MOVABLEKEYS) == 0) {
        reply_error(call->reply, "ERR The command has no key arguments");
        return;
    }
    if (!command_arity_fits(command, argc)) {
        reply_error(call->reply, "ERR Invalid number of arguments specified for command");
        return;
    }
    size_t *indices = memory_try_alloc(argc * sizeof *indices);
    if (indices == NULL) {
        call->reply->failed = true;
        return;
    }
    const size_t count = command_keys(command, argv, argc, indices);

    if (count == 0 && command->key_count_at == 0) {
        reply_error(call->reply, "ERR The command has no key arguments");
    } else {
        reply_array(call->reply, count);
        for (size_t i = 0; i < count; i++) {
            if (flags)
                reply_array(call->reply, 2);
            reply_bulk(call->reply, argv[indices[i]]);
            if (flags)
                reply_words(call, key_flags_of(command, argv, argc), false);
        }
    }
    memory_free(indices);
}

void introspect_getkeys(struct call *call)
{
    reply_keys(call, false);
}

void introspect_getkeysandflags(struct call *call)
{
    reply_keys(call, true);
}

/* COMMAND LIST FILTERBY what value. Modules there are none. */
enum list_filter {
    LIST_ALL,
    LIST_MODULE,
    LIST_CATEGORY,
    LIST_PATTERN,
};

static bool passes(const struct command *command, enum list_filter filter, struct span value)
{
    if (filter == LIST_PATTERN)
        return glob_match(value, span_of_string(command->name), false);
    if (filter != LIST_CATEGORY)
        return filter == LIST_ALL;
    for (size_t i = 0; i < COMMAND_CATEGORIES; i++)
        if (span_is(value, command_categories[i]))
            return command_in_category(command, i);
    return false;
}

void introspect_list(struct call *call)
{
    enum list_filter filter = LIST_ALL;
    size_t rows, count = 0;
    const struct command *table = command_table(&rows);
    const struct span value = call->argv[call->argc - 1];

    if (call->argc == 5 && span_is(call->argv[2], "filterby")) {
        filter = span_is(call->argv[3], "module")    ? LIST_MODULE
                 : span_is(call->argv[3], "aclcat")  ? LIST_CATEGORY
                 : span_is(call->argv[3], "pattern") ? LIST_PATTERN
                                                     : LIST_ALL;
    }
    if (call->argc != 2 && filter == LIST_ALL) {
        argument_syntax_error(call);
        return;
    }
    for (size_t i = 0; i < rows; i++)
        count += passes(&table[i], filter, value);
    reply_array(call->reply, count);
    for (size_t i = 0; i < rows; i++)
        if (passes(&table[i], filter, value))
            reply_bulk_string(call->reply, table[i].name);
}

/* A container without a subcommand never passes its arity. */
void introspect_container(struct call *call)
{
    argument_syntax_error(call);
}

static void upper(const char *name, size_t size, char *text)
{
    for (size_t i = 0; i < size; i++)
        text[i] = (char)toupper((unsigned char)name[i]);
    text[size] = '\0';
}

/* CONTAINER HELP: two lines a subcommand, from its row. */
void introspect_help(struct call *call)
{
    const struct command *container = call->command;
    char line[160], name[32];

    while (command_is_subcommand(container))
        container--;
    const size_t subcommands = count_subcommands(container);
    const size_t prefix = strlen(container->name) + 1;

    reply_array(call->reply, 1 + 2 * subcommands);
    ensure(prefix < sizeof name);
    upper(container->name, prefix - 1, name);
    snprintf(line, sizeof line,
             "%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", name);
    reply_simple(call->reply, line);
    for (size_t i = 1; i <= subcommands; i++) {
        const char *word = container[i].name + prefix;

        ensure(strlen(word) < sizeof name);
        upper(word, strlen(word), name);
        reply_simple(call->reply, name);
        snprintf(line, sizeof line, "    %s", container[i].summary);
        reply_simple(call->reply, line);
    }
}
