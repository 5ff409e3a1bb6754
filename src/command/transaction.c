/* SPDX-License-Identifier: BSD-3-Clause */
#include "command/transaction.h"

#include "base/memory.h"

/* Commands that it has room for at first. */
#define CAPACITY_MIN 16

struct transaction *transaction_create(void)
{
    struct transaction *transaction = memory_alloc(sizeof *transaction);

    transaction->bytes = sizeof *transaction;
    return transaction;
}

void transaction_unwatch(struct transaction *transaction)
{
    for (size_t i = 0; i < transaction->watched_count; i++)
        memory_free(transaction->watched[i]);
    memory_free(transaction->watched);
    transaction->watched = NULL;
    transaction->watched_count = 0;
}

void transaction_destroy(struct transaction **transaction)
{
    struct transaction *t = *transaction;

    *transaction = NULL;
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->count; i++)
        memory_free(t->commands[i]);
    memory_free(t->commands);
    transaction_unwatch(t);
    memory_free(t);
}

static bool make_room(struct transaction *transaction)
{
    const size_t capacity = transaction->capacity > 0 ? transaction->capacity * 2 : CAPACITY_MIN;
    struct queued **commands;

    if (transaction->count < transaction->capacity)
        return true;
    commands = memory_try_realloc(transaction->commands, capacity * sizeof commands[0]);
    if (commands == NULL)
        return false;
    transaction->commands = commands;
    transaction->capacity = capacity;
    return true;
}

bool transaction_queue(struct transaction *transaction, const struct command *command,
                       const struct span *argv, size_t argc, size_t bytes_max)
{
    size_t size = sizeof(struct queued) + argc * sizeof argv[0];
    struct queued *queued;

    for (size_t i = 0; i < argc; i++)
        size += argv[i].size + 1; /* no argument is at NULL */
    if (transaction->count == QUEUED_MAX || transaction->bytes + size > bytes_max ||
        !make_room(transaction))
        return false;
    queued = memory_try_alloc(size);
    if (queued == NULL)
        return false;
    *queued = (struct queued){.command = command, .argc = argc};
    uint8_t *at = (uint8_t *)(queued->argv + argc);
    for (size_t i = 0; i < argc; i++) {
        if (argv[i].size > 0)
            memcpy(at, argv[i].data, argv[i].size);
        queued->argv[i] = span_of(at, argv[i].size);
        at += argv[i].size + 1;
    }
    transaction->commands[transaction->count++] = queued;
    transaction->bytes += size + sizeof queued;
    return true;
}

bool transaction_watch(struct transaction *transaction, struct span key, bool visible,
                       struct dot dot)
{
    struct watched **all;

    for (size_t i = 0; i < transaction->watched_count; i++)
        if (span_equal(transaction->watched[i]->key, key))
            return true;
    if (transaction->watched_count == WATCHED_MAX)
        return false;
    all = memory_try_realloc(transaction->watched,
                             (transaction->watched_count + 1) * sizeof all[0]);
    if (all == NULL)
        return false;
    transaction->watched = all;
    struct watched *watched = memory_try_alloc(sizeof *watched + key.size + 1);
    if (watched == NULL)
        return false;
    uint8_t *copy = (uint8_t *)(watched + 1);
    if (key.size > 0)
        memcpy(copy, key.data, key.size);
    *watched = (struct watched){.visible = visible, .dot = dot, .key = span_of(copy, key.size)};
    all[transaction->watched_count++] = watched;
    transaction->bytes += sizeof *watched + key.size + sizeof watched;
    return true;
}

bool watched_holds(const struct watched *watched, const struct version *version, int64_t now_ms)
{
    const bool visible = version_visible(version, now_ms);

    if (watched->visible != visible)
        return false;
    return visible ? dot_equal(version->dot, watched->dot)
                   : dot_compare(version->dot, watched->dot) <= 0;
}

bool transaction_passes(const struct command *command)
{
    static const char *const names[] = {"exec", "discard", "multi", "watch", "quit", "reset"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(command->name, names[i]) == 0)
            return true;
    return false;
}
