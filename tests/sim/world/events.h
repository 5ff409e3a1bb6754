/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The events to come, in the order of their times, and of their making where times are equal: the
 * same calls give the same order on every machine.
 */
#ifndef DUNLIN_TESTS_SIM_EVENTS_H
#define DUNLIN_TESTS_SIM_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event {
    int64_t at_us;
    uint64_t order;
    void (*fire)(void *object, uint64_t number);
    void *object; /* must live until then */
    uint64_t number;
};

struct events {
    struct event *heap;
    size_t count, capacity;
    uint64_t made;
};

void events_deinit(struct events *events);
void events_add(struct events *events, int64_t at_us, void (*fire)(void *object, uint64_t number),
                void *object, uint64_t number);
/* The next event, if it is at or before `until_us`. */
bool events_take(struct events *events, int64_t until_us, struct event *event);

#endif
