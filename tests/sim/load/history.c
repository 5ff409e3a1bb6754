/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/load/history.h"

#include "base/assert.h"
#include "base/memory.h"
#include "lib/array.h"

struct record *history_add(struct history *history)
{
    history->records = array_room(history->records, history->count, &history->capacity,
                                  sizeof history->records[0]);
    struct record *record = &history->records[history->count++];
    *record = (struct record){.replied_us = HISTORY_NEVER_US, .left_us = -1, .base = HISTORY_NONE};
    return record;
}

void history_add_sibling(struct history *history, size_t record, uint64_t writer)
{
    struct record *r = &history->records[record];

    history->siblings = array_room(history->siblings, history->siblings_count,
                                   &history->siblings_capacity, sizeof history->siblings[0]);
    if (r->count == 0)
        r->siblings = history->siblings_count;
    ensure(r->siblings + r->count == history->siblings_count);
    history->siblings[history->siblings_count++] = writer;
    r->count++;
}

struct walk *history_add_walk(struct history *history, uint32_t keys)
{
    history->walks = array_room(history->walks, history->walk_count, &history->walk_capacity,
                                sizeof history->walks[0]);
    struct walk *walk = &history->walks[history->walk_count++];
    *walk = (struct walk){.keys = keys, .seen = memory_alloc(keys / 8 + 1)};
    return walk;
}

size_t history_add_trio_act(struct history *history)
{
    history->trio_acts = array_room(history->trio_acts, history->trio_act_count,
                                    &history->trio_act_capacity, sizeof history->trio_acts[0]);
    history->trio_acts[history->trio_act_count] = (struct trio_act){0};
    return history->trio_act_count++;
}

const struct subscribed_kind subscribed_kinds[SUBSCRIBED_KINDS] = {
#define ROW(name, channels) {name, channels},
    SUBSCRIBED(ROW)
#undef ROW
};

struct subscribed *history_add_subscribed(struct history *history)
{
    history->subscriptions = array_room(history->subscriptions, history->subscription_count,
                                        &history->subscription_capacity,
                                        sizeof history->subscriptions[0]);
    struct subscribed *subscribed = &history->subscriptions[history->subscription_count++];
    *subscribed = (struct subscribed){.confirmed_us = HISTORY_NEVER_US,
                                      .ending_us = HISTORY_NEVER_US,
                                      .ended_us = HISTORY_NEVER_US};
    return subscribed;
}

struct said *history_add_said(struct history *history)
{
    history->said = array_room(history->said, history->said_count, &history->said_capacity,
                               sizeof history->said[0]);
    struct said *said = &history->said[history->said_count++];
    *said = (struct said){.replied_us = HISTORY_NEVER_US};
    return said;
}

struct hearing *history_add_heard(struct history *history)
{
    history->heard = array_room(history->heard, history->heard_count, &history->heard_capacity,
                                sizeof history->heard[0]);
    struct hearing *heard = &history->heard[history->heard_count++];
    *heard = (struct hearing){0};
    return heard;
}

bool history_forgives(const struct history *history, int64_t from_us, int64_t to_us)
{
    for (size_t i = 0; i < history->amnesty_count; i++)
        if (from_us < history->amnesties[i].to_us && to_us >= history->amnesties[i].from_us)
            return true;
    return false;
}

void history_deinit(struct history *history)
{
    memory_free(history->records);
    memory_free(history->siblings);
    for (size_t i = 0; i < history->walk_count; i++)
        memory_free(history->walks[i].seen);
    memory_free(history->walks);
    memory_free(history->trio_acts);
    memory_free(history->subscriptions);
    memory_free(history->said);
    memory_free(history->heard);
    clocks_deinit(&history->clocks);
    *history = (struct history){0};
}
