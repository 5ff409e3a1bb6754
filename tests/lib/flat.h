/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For hosts that move bytes and not references (the simulator, pairs of engines): all that an
 * outbox holds, in its head. `failed`: it lacks bytes.
 */
#ifndef DUNLIN_TESTS_FLAT_H
#define DUNLIN_TESTS_FLAT_H

#include "base/outbox.h"

static inline struct buffer *flat(struct outbox *outbox)
{
    struct buffer all = {0};
    struct span next;

    if (list_empty(&outbox->behind))
        return &outbox->head;
    while (!outbox_failed(outbox) && outbox_gather(outbox, &next, 1, SIZE_MAX) > 0) {
        buffer_append_span(&all, next);
        outbox_consume(outbox, next.size);
    }
    all.failed |= outbox_failed(outbox);
    outbox_deinit(outbox);
    outbox->head = all;
    return &outbox->head;
}

#endif
