/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/world/events.h"

#include "base/memory.h"
#include "lib/array.h"

void events_deinit(struct events *events)
{
    memory_free(events->heap);
    *events = (struct events){0};
}

static bool before(const struct event *a, const struct event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void events_add(struct events *events, int64_t at_us, void (*fire)(void *object, uint64_t number),
                void *object, uint64_t number)
{
    events->heap = array_room(events->heap, events->count, &events->capacity,
                              sizeof events->heap[0]);
    const struct event event = {
        .at_us = at_us, .order = events->made++, .fire = fire, .object = object, .number = number};
    size_t at = events->count++;
    while (at > 0 && before(&event, &events->heap[(at - 1) / 2])) {
        events->heap[at] = events->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    events->heap[at] = event;
}

bool events_take(struct events *events, int64_t until_us, struct event *event)
{
    if (events->count == 0 || events->heap[0].at_us > until_us)
        return false;
    *event = events->heap[0];
    const struct event last = events->heap[--events->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= events->count)
            break;
        if (child + 1 < events->count && before(&events->heap[child + 1], &events->heap[child]))
            child++;
        if (!before(&events->heap[child], &last))
            break;
        events->heap[at] = events->heap[child];
        at = child;
    }
    if (events->count > 0)
        events->heap[at] = last;
    return true;
}
