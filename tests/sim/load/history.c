/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/load/history.h"

#include "base/assert.h"
#include "base/memory.h"

struct record *history_add(struct history *history)
{
    if (history->count == history->capacity) {
        history->capacity = history->capacity > 0 ? history->capacity * 2 : 1024;
        history->records = memory_try_realloc(history->records,
                                              history->capacity * sizeof history->records[0]);
        ensure(history->records != NULL);
    }
    struct record *record = &history->records[history->count++];
    *record = (struct record){.replied_us = HISTORY_NEVER_US, .left_us = -1, .base = HISTORY_NONE};
    return record;
}

void history_add_sibling(struct history *history, size_t record, uint64_t writer)
{
    struct record *r = &history->records[record];

    if (history->siblings_count == history->siblings_capacity) {
        const size_t capacity = history->siblings_capacity > 0 ? history->siblings_capacity * 2
                                                               : 1024;
        history->siblings = memory_try_realloc(history->siblings,
                                               capacity * sizeof history->siblings[0]);
        ensure(history->siblings != NULL);
        history->siblings_capacity = capacity;
    }
    if (r->count == 0)
        r->siblings = history->siblings_count;
    ensure(r->siblings + r->count == history->siblings_count);
    history->siblings[history->siblings_count++] = writer;
    r->count++;
}

void history_deinit(struct history *history)
{
    memory_free(history->records);
    memory_free(history->siblings);
    clocks_deinit(&history->clocks);
    *history = (struct history){0};
}
