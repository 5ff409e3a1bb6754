/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SIGINT, SIGTERM and SIGHUP ask a long command to end in order; a second one ends it at once.
 */
#ifndef DUNLIN_MAIN_ADMIN_INTERRUPT_H
#define DUNLIN_MAIN_ADMIN_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

void admin_interrupt_watch(void);
bool admin_interrupted(void);

/* Waits, but no longer once interrupted. */
void admin_sleep(int64_t ms);

#endif
