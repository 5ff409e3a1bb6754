/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A long turn among many, linked in place of tasks_proceed, which an engine calls when it wakes:
 * what scripts/perf-gate must not let pass.
 */
#include "node/task.h"

#define NTH   100
#define TIMES 1000000

void __real_tasks_proceed(struct engine *engine);
void __wrap_tasks_proceed(struct engine *engine);

void __wrap_tasks_proceed(struct engine *engine)
{
    static unsigned calls;

    __real_tasks_proceed(engine);
    for (int i = ++calls % NTH == 0 ? TIMES : 0; i > 0; i--)
        __asm__ volatile("");
}
