/* SPDX-License-Identifier: BSD-3-Clause */
#include "node/window.h"

void window_init(struct window *window)
{
    *window = (struct window){.size = WINDOW_LEAST, .least = WINDOW_LEAST, .full_us = INT64_MAX};
}

static void shrink(struct window *window, int64_t now_us)
{
    window->size = window->size / 2 > window->least ? window->size / 2 : window->least;
    window->shrink_us = now_us + WINDOW_SHRINK_US;
}

static void grow(struct window *window, int64_t now_us)
{
    while (window->size <= window->taken)
        window->size *= WINDOW_GROWTH;
    window->shrink_us = now_us + WINDOW_SHRINK_US;
}

bool window_is_full(struct window *window, int64_t now_us)
{
    if (window->size > window->least && now_us >= window->shrink_us)
        shrink(window, now_us);
    if (window->taken < window->size) {
        window->full_us = INT64_MAX;
        return false;
    }
    if (window->full_us == INT64_MAX)
        window->full_us = now_us;
    if (now_us < window_rests_until(window))
        return true;
    grow(window, now_us);
    window->full_us = INT64_MAX;
    return false;
}
