/* SPDX-License-Identifier: BSD-3-Clause */
#include "value/change.h"

static void append_zeros(struct buffer *value, size_t size)
{
    uint8_t *room = buffer_reserve(value, size);

    if (room == NULL)
        return;
    memset(room, 0, size);
    buffer_commit(value, size);
}

void change_value(const struct change *change, struct buffer *value)
{
    for (size_t i = 0; i < change->piece_count; i++) {
        const struct span piece = change->pieces[i];

        if (piece.data == NULL && piece.size > 0)
            append_zeros(value, piece.size);
        else
            buffer_append_span(value, piece);
    }
}
