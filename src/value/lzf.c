/* SPDX-License-Identifier: BSD-3-Clause */
#include "value/lzf.h"

/* A repetition may reach into itself: then its bytes come one after the other. */
static void repeat(uint8_t *to, size_t back, size_t count)
{
    if (back >= count) {
        memcpy(to, to - back, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        to[i] = to[(ptrdiff_t)i - (ptrdiff_t)back];
}

bool lzf_unpack(struct span packed, uint8_t *to, size_t size)
{
    const uint8_t *at = packed.data;
    size_t left = packed.size, done = 0;

    while (left > 0) {
        const uint8_t control = *at++;
        left--;
        if (control < 32) {
            const size_t count = control + 1u;
            if (count > left || count > size - done)
                return false;
            memcpy(to + done, at, count);
            done += count;
            at += count;
            left -= count;
            continue;
        }
        size_t count = (control >> 5) + 2u;
        const bool longer = control >> 5 == 7;
        if (left < (longer ? 2u : 1u))
            return false;
        if (longer)
            count += *at++;
        const size_t back = ((size_t)(control & 31) << 8 | *at++) + 1;
        left -= longer ? 2 : 1;
        if (back > done || count > size - done)
            return false;
        repeat(to + done, back, count);
        done += count;
    }
    return done == size;
}
