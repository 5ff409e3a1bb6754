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
    *record = (struct record){.replied_us = HISTORY_NEVER_US, .left_us = -1};
    return record;
}

void history_deinit(struct history *history)
{
    memory_free(history->records);
    clocks_deinit(&history->clocks);
    *history = (struct history){0};
}
