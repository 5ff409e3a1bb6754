/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/latch.h"

#include <sched.h>

/* Looks between two times that the processor is given away: about a microsecond. */
#define SPINS 32

/* Tells the processor that it spins, so that it leaves its other thread the room. */
static void pause_briefly(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

void latch_wait(struct latch *latch)
{
    for (;;) {
        /* Only looked at: the cache line stays where the holder has it. */
        for (unsigned i = 0; i < SPINS; i++) {
            if (atomic_load_explicit(&latch->taken, memory_order_relaxed) == 0 && latch_try(latch))
                return;
            pause_briefly();
        }
        sched_yield();
    }
}
