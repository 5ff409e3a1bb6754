/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A latch: a lock of one word, for what is held for some hundred nanoseconds and hardly ever wanted
 * by two threads at once. To take it is one exchange and to release it one store, where a mutex
 * takes two calls, two locked instructions and 40 bytes.
 *
 * Who finds it taken spins for about a microsecond and then gives the processor away, again and
 * again, so that a holder which was preempted comes to run. It is not fair, and not for threads of
 * real-time priorities. What a holder wrote is seen by the next one. A zeroed latch is free.
 */
#ifndef DUNLIN_BASE_LATCH_H
#define DUNLIN_BASE_LATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct latch {
    _Atomic uint32_t taken;
};

/* For latch_take, where somebody else has it. */
void latch_wait(struct latch *latch);

/* False: somebody has it. */
static inline bool latch_try(struct latch *latch)
{
    return atomic_exchange_explicit(&latch->taken, 1, memory_order_acquire) == 0;
}

static inline void latch_take(struct latch *latch)
{
    if (!latch_try(latch))
        latch_wait(latch);
}

static inline void latch_release(struct latch *latch)
{
    atomic_store_explicit(&latch->taken, 0, memory_order_release);
}

#endif
